"""The site of the tests, with models of which the columns are of field classes of other packages."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_countries", "djmoney", "tests.others.fields"]
GDPR_CONTRIB = [
    "ckeditor",
    "django_ckeditor_5",
    "django_countries",
    "django_cryptography",
    "djmoney",
    "encrypted_fields",
    "encrypted_model_fields",
    "model_utils",
    "phonenumber_field",
    "tinymce",
]
FIELD_ENCRYPTION_KEY = "c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXMhISE="
SALT_KEY = "salt of the tests"
