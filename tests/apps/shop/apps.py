from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "tests.apps.shop"

    def ready(self):
        from . import privacy  # noqa: F401 - registers
