"""The lines that answer the keys which lead to a person; for a developer to paste, and to correct."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from django.db.models import Model

from ..declaring.clauses import Generic
from ..declaring.relations import generic_keys
from ..paths import Key, clauses_of, keys_to_people
from ..registry import registry

# Names of keys to somebody who did something to a row, rather than whom it is about
ACTORS = re.compile(r".*_by|actor|admin|approver|assignee|author|creator|editor|moderator|operator|reviewer|staff")


def proposals() -> Iterator[str]:
    """Yield the missing lines, those of one model together, also for what leads to rows that they make a person's."""
    proposed: dict[type[Model], list[Key]] = defaultdict(list)
    known = 0
    while known < (known := _ask(proposed)):
        pass
    for model, keys in proposed.items():
        yield from _lines(model, keys)


def _ask(proposed: dict[type[Model], list[Key]]) -> int:
    """Add to ``found`` the unanswered keys that lead to a person, or to a row that a proposal makes a person's."""
    about = [model for model, keys in proposed.items() if not all(map(_is_actor, keys))]
    for key in keys_to_people(about):
        if not key.answer and key not in proposed[key.model]:
            proposed[key.model].append(key)
    return sum(map(len, proposed.values()))


def _is_actor(key: Key) -> bool:
    return ACTORS.fullmatch(key.name) is not None


def _lines(model: type[Model], keys: list[Key]) -> Iterator[str]:
    label, clauses = model._meta.label, clauses_of(model)
    acting = [key for key in keys if clauses.parties or _is_actor(key)]
    subjects = [_path(key) for key in keys if key not in acting]
    actors = [repr(name) for name in (*clauses.actors, *(key.name for key in acting))]
    lines = []
    if clauses.parties:  # which columns are whose, nobody can tell from the name of a key
        lines.append("# Or, of whom a row is about too, in subject: gdpr_assist.Party(erases=[...], sees=[...])")
    if subjects:
        written = [*(['"self"'] if clauses.is_person else []), *map(_written, clauses.paths)]
        lines.append(f"subject = {_listed([*written, *subjects])}")
    if len(actors) > len(clauses.actors):
        lines.append(f"actors = [{', '.join(actors)}]".replace("'", '"'))
    if model in registry:
        yield f"# {label}: in its PrivacyMeta"
        yield from lines
    else:
        name = f"{model._meta.object_name}Privacy"
        columns = ", ".join(field.name for field in model._meta.concrete_fields if not field.primary_key)
        yield f"# {label}: in a module that is loaded once the models are"
        yield from ("import gdpr_assist", "from django.apps import apps", "")
        yield f"class {name}:"
        yield f"    # To decide: what is personal (fields), and what is not (keep), of {columns or 'nothing'}"
        yield from (f"    {line}" for line in ("fields = []", "keep = []", *lines))
        yield ""
        yield f'gdpr_assist.register(apps.get_model("{label}"), {name})'
    yield ""


def _path(key: Key) -> str:
    if key.target is not None:
        return f'"{key.name}"'
    generic = next(each for each in generic_keys(key.model) if each.name == key.name)
    return _written(Generic(generic.ct_field, generic.fk_field))


def _written(path: str | Generic) -> str:
    if isinstance(path, Generic):
        return f'gdpr_assist.Generic("{path.content_type}", "{path.object_id}")'
    return f'"{path}"'


def _listed(paths: list[str]) -> str:
    return paths[0] if len(paths) == 1 else f"[{', '.join(paths)}]"
