from django.apps import AppConfig


class PagesConfig(AppConfig):
    name = "tests.others.pages"
    default_auto_field = "django.db.models.AutoField"

    def ready(self):
        from . import redirects  # noqa: F401
