"""A project with django-machina, and what its recipe says."""

from machina import MACHINA_MAIN_TEMPLATE_DIR

from tests.bundles.settings import *  # noqa: F403
from tests.bundles.settings import INSTALLED_APPS, MIDDLEWARE, TEMPLATES, databases, media

DATABASES = databases("forum")
MEDIA_ROOT = media("forum")
ROOT_URLCONF = "tests.bundles.forum.urls"

INSTALLED_APPS = [
    "gdpr_assist",
    *INSTALLED_APPS,
    "mptt",
    "haystack",
    "widget_tweaks",
    "machina",
    "machina.apps.forum",
    "machina.apps.forum_conversation",
    "machina.apps.forum_conversation.forum_attachments",
    "machina.apps.forum_conversation.forum_polls",
    "machina.apps.forum_feeds",
    "machina.apps.forum_moderation",
    "machina.apps.forum_search",
    "machina.apps.forum_tracking",
    "machina.apps.forum_member",
    "machina.apps.forum_permission",
    "tests.bundles.forum",
]
MIDDLEWARE = [*MIDDLEWARE, "machina.apps.forum_permission.middleware.ForumPermissionMiddleware"]
(TEMPLATE,) = TEMPLATES
OPTIONS = TEMPLATE["OPTIONS"]
PROCESSORS = [*OPTIONS["context_processors"], "machina.core.context_processors.metadata"]
TEMPLATES = [
    {**TEMPLATE, "DIRS": [MACHINA_MAIN_TEMPLATE_DIR], "OPTIONS": {**OPTIONS, "context_processors": PROCESSORS}}
]
CACHES = {
    name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}
    for name in ("default", "machina_attachments")
}
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
LOGIN_URL = "/login/"
MACHINA_DEFAULT_AUTHENTICATED_USER_FORUM_PERMISSIONS = [
    "can_see_forum",
    "can_read_forum",
    "can_start_new_topics",
    "can_reply_to_topics",
    "can_edit_own_posts",
    "can_post_without_approval",
    "can_create_polls",
    "can_vote_in_polls",
    "can_attach_file",
    "can_download_file",
]

# What the recipe says of settings
GDPR_NOT_PERSONAL = ["forum.Forum"]
