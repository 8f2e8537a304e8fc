"""Customers and their profiles."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from . import privacy  # noqa: F401  registers auth.User
