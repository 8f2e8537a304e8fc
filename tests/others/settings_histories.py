"""The site of the tests, with models of which django-simple-history keeps what was there."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "simple_history", "tests.others.histories"]
GDPR_CONTRIB = ["simple_history"]
