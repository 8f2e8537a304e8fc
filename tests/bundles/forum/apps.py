"""The forum has an app of this name itself."""

from django.apps import AppConfig


class RecipeConfig(AppConfig):
    name = "tests.bundles.forum"
    label = "recipe"
