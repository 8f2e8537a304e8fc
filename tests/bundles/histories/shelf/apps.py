from django.apps import AppConfig


class ShelfConfig(AppConfig):
    name = "tests.bundles.histories.shelf"

    def ready(self):
        from . import keepers  # noqa: F401
