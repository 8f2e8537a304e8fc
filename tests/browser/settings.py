"""The example site with what a site may have beside: a theme of its admin, all languages of Django, and a policy."""

import os

from django.conf import global_settings
from example.settings import *  # noqa: F403
from example.settings import INSTALLED_APPS, MIDDLEWARE

# An app that puts its own templates and styles in place of those of the admin
THEME = os.environ.get("EXAMPLE_THEME", "")

LANGUAGES = global_settings.LANGUAGES
INSTALLED_APPS = [*filter(None, [THEME]), *INSTALLED_APPS]
MIDDLEWARE = ["tests.browser.policy.no_inline", *MIDDLEWARE]
