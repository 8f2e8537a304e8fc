from django.apps import AppConfig


class KioskConfig(AppConfig):
    name = "tests.canary.kiosk"
    default_auto_field = "django.db.models.BigAutoField"
