"""A project with django-helpdesk, and what its recipe says."""

from tests.bundles.settings import *  # noqa: F403
from tests.bundles.settings import INSTALLED_APPS, databases, media

DATABASES = databases("desk")
MEDIA_ROOT = media("desk")
ROOT_URLCONF = "tests.bundles.desk.urls"

INSTALLED_APPS = [
    "gdpr_assist",
    *INSTALLED_APPS,
    "django.contrib.humanize",
    "django.contrib.sites",
    "rest_framework",
    "helpdesk",
    "tests.bundles.desk",
]
SITE_ID = 1
HELPDESK_TEAMS_MODE_ENABLED = False
LOGIN_URL = "/login/"

# What the recipe says of settings
GDPR_NOT_PERSONAL = ["helpdesk.KBItem", "helpdesk.Queue", "helpdesk.TicketDependency"]
