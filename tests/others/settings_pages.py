"""The site of the tests, with pages and snippets of wagtail, and tags."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

WAGTAIL = [
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.snippets",
    "wagtail.users",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
]
INSTALLED_APPS = [*INSTALLED_APPS, *WAGTAIL, "modelcluster", "taggit", "tests.others.pages"]
# What they make at first is made by the tests.
MIGRATION_MODULES = dict.fromkeys(
    [
        "taggit",
        "wagtailadmin",
        "wagtailcore",
        "wagtaildocs",
        "wagtailembeds",
        "wagtailforms",
        "wagtailimages",
        "wagtailredirects",
        "wagtailsearch",
        "wagtailusers",
    ]
)
ROOT_URLCONF = "tests.others.pages.urls"
GDPR_CONTRIB = ["taggit", "wagtail"]
WAGTAIL_SITE_NAME = "Shop"
WAGTAILADMIN_BASE_URL = "https://example.com"
