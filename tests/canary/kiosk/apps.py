from django.apps import AppConfig


class KioskConfig(AppConfig):
    name = "tests.canary.kiosk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from . import privacy  # noqa: F401  (it registers)
