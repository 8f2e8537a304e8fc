"""The site of the tests, with apps that hear of every model."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "easy_thumbnails",
    "imagekit",
    "taggit",
    "wagtail",
    "wagtail.users",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.admin",
    "wagtail.search",
]
WAGTAIL_SITE_NAME = "Shop"
WAGTAILADMIN_BASE_URL = "https://example.com"
