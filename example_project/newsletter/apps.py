"""A mailing list that knows people by their e-mail address alone."""

from django.apps import AppConfig


class NewsletterConfig(AppConfig):
    name = "newsletter"
