"""What nothing is said of, and what stays as it is: columns, and models that are not registered. Asks no database."""

from __future__ import annotations

from django.db.models import Model

from .conf import looks_personal
from .declaring.declaration import Declaration
from .declaring.keys import telling_keys
from .declaring.meta import declarable, undeclared
from .exceptions import AnonymiseError
from .looks import personal_looks
from .paths import is_not_personal, project_models
from .registry import registry


def not_registered() -> list[type[Model]]:
    """Return the models of the project of which the rows are neither found nor erased."""
    return [model for model in project_models() if model not in registry]


def looking_personal() -> dict[type[Model], list[str]]:
    """Return {model of which nothing is said: the columns by which it looks personal}."""
    entries = looks_personal()
    looks = {model: personal_looks(model, entries) for model in not_registered() if not is_not_personal(model)}
    return {model: names for model, names in looks.items() if names}


def unanswered() -> dict[str, list[str]]:
    """Return {label of a model: columns of which it is not said whether they are personal}."""
    fields = {declared.label: _undeclared(declared) for declared in registry}
    models = {model._meta.label: names for model, names in looking_personal().items()}
    return {label: names for label, names in (fields | models).items() if names}


def check_answers() -> None:
    """Raise ``AnonymiseError`` if it is not said of a column, or of a model that looks personal, what it is."""
    if left := [f"{label} ({', '.join(names)})" for label, names in unanswered().items()]:
        raise AnonymiseError(
            f"GDPR_STRICT, and nothing is said of {'; '.join(left)}: they would stay as they are. Run manage.py "
            "check, and answer what it says of them (W001, W033)."
        )


def staying(declared: Declaration) -> list[str]:
    """Return the names of the columns that stay as they are when a row is anonymised: all but the personal ones.

    So does the primary key, which is named where it may say something: as a text, it may be an address, or a token.
    """
    changed = {change.field.name for change in declared.changes}
    keys = [f"{field.name} (primary key)" for field in telling_keys(declared.model)]
    return [*keys, *(field.name for field in declarable(declared.model) if field.name not in changed)]


def _undeclared(declared: Declaration) -> list[str]:
    is_unreadable = any(mistake.check == "E010" for mistake in declared.mistakes)
    return [] if is_unreadable else undeclared(declared.meta)
