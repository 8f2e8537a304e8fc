"""A project with wagtail, and what its recipe says."""

from tests.bundles.settings import *  # noqa: F403
from tests.bundles.settings import INSTALLED_APPS, MIDDLEWARE, databases, media

DATABASES = databases("pages")
MEDIA_ROOT = media("pages")
ROOT_URLCONF = "tests.bundles.pages.urls"

INSTALLED_APPS = [
    "gdpr_assist",
    *INSTALLED_APPS,
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.contrib.search_promotions",
    "wagtail.snippets",
    "wagtail.users",
    "wagtail.sites",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.embeds",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "tests.bundles.pages",
]
MIDDLEWARE = [*MIDDLEWARE, "wagtail.contrib.redirects.middleware.RedirectMiddleware"]
ALLOWED_HOSTS = ["*"]
WAGTAIL_SITE_NAME = "Staff"
WAGTAILADMIN_BASE_URL = "https://example.com"

# What the recipe says of settings
WAGTAILREDIRECTS_AUTO_CREATE = False  # after the erasure wagtail would make one, from what the page was called
WAGTAILIMAGES_IMAGE_MODEL = "pages.Portrait"
GDPR_NOT_PERSONAL = [
    "wagtailcore.GroupPagePermission",
    "wagtailcore.Page",
    "wagtailcore.PageViewRestriction",
    "wagtailcore.Site",
    "wagtailcore.WorkflowPage",
    "wagtailsearchpromotions.SearchPromotion",
]
