"""Pools of invented values, made with Faker. The only module that knows it, which the extra ``fakes`` installs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..exceptions import AnonymiseError

try:
    import faker
except ImportError:
    faker = None

# What most sites have of people
FIELDS = ("first_name", "last_name", "name", "street_address", "postcode", "city", "phone_number", "company")

# A provider may have fewer different values than are asked for: how often one more is tried, for each
TRIES = 50


def pools(locale: str, rows: int, fields: Iterable[str] = FIELDS, seed: int | None = None) -> dict[str, list[str]]:
    """Return {name of a provider of Faker: up to ``rows`` different texts}, the same each time for one ``seed``.

    Raises ``AnonymiseError`` if Faker is not installed, or knows no such locale, or no such provider of texts.
    """
    if faker is None:
        raise AnonymiseError(
            "Invented values need Faker, where they are made. Install it with the extra fakes: "
            "pip install 'django-gdpr-assist[fakes]'."
        )
    try:
        fake = faker.Faker(locale or "none")  # an empty one would be its default
    except (AttributeError, ImportError, ValueError):
        raise AnonymiseError(f"Faker has no locale {locale!r}. Write one as de_DE, en_GB or pl_PL.") from None
    if seed is not None:
        fake.seed_instance(seed)
    return {name: _values(fake, name, rows) for name in fields}


def _values(fake: Any, name: str, rows: int) -> list[str]:
    found: dict[str, None] = {}  # in their order
    for _ in range(rows * TRIES):
        found[_value(fake, name)] = None
        if len(found) == rows:
            break
    return list(found)


def _value(fake: Any, name: str) -> str:
    try:
        value = getattr(fake, name)()
    except (AttributeError, TypeError):
        value = None
    if not isinstance(value, str) or not value:
        raise AnonymiseError(
            f"Faker has no provider {name!r} that gives a text without being asked for more. Its providers are listed "
            "at https://faker.readthedocs.io/en/stable/providers.html."
        )
    return value
