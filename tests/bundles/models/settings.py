"""A project with models of which the columns are of field classes of other packages, at their newest releases."""

from tests.bundles.settings import *  # noqa: F403
from tests.bundles.settings import INSTALLED_APPS, SILENCED_SYSTEM_CHECKS, databases, media

DATABASES = databases("models")
MEDIA_ROOT = media("models")
ROOT_URLCONF = "tests.bundles.models.urls"

INSTALLED_APPS = [
    "gdpr_assist",
    *INSTALLED_APPS,
    "ckeditor",
    "ckeditor_uploader",
    "django_ckeditor_5",
    "django_countries",
    "djmoney",
    "encrypted_model_fields",
    "phonenumber_field",
    "taggit",
    "tinymce",
    "tests.bundles.models",
]

FIELD_ENCRYPTION_KEY = "c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXMhISE="
SALT_KEY = "salt of the tests"
CURRENCIES = ["EUR", "NZD"]  # else all that there are stand in the migration
TIME_ZONE = "UTC"  # of times that are typed
CKEDITOR_UPLOAD_PATH = "uploads/"

# The editor of django-ckeditor is an old one.
SILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, "ckeditor.W001"]
