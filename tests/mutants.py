"""Takes out each line that says whose rows are, and each entry of one, in turn; what do the system checks say then?

``python -m tests.mutants APP...`` prints it for these apps of the project of ``DJANGO_SETTINGS_MODULE``, as JSON.
"""

import json
import re
import sys
from dataclasses import dataclass

import django
from django.conf import settings
from django.core import checks

# What an attribute is where nothing is said
NOTHING = {"subject": None, "actors": (), "identifiers": None}
# Of what the search of the admin finds, not of what is forgotten
OF_THE_SEARCH = "gdpr_assist.W003"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    model: type
    attribute: str
    left: object
    """What is left of the line."""

    entry: str
    """What was taken out; empty for all of it."""

    names: tuple[str, ...]
    """What a check has to name."""

    def __str__(self):
        return f"{self.model._meta.label} {self.attribute}{self.entry and f': {self.entry}'}"


def mutants(apps):
    """Yield the mutants of the declarations of ``apps``."""
    from gdpr_assist.registry import registry  # noqa: PLC0415  (models can be imported only now)

    for declared in registry:
        if declared.model._meta.app_label in apps:
            for attribute in NOTHING:
                yield from _of_line(declared.model, attribute, getattr(declared.meta, attribute))


def _of_line(model, attribute, line):
    if line == NOTHING[attribute]:
        return
    entries = list(line) if isinstance(line, (list, tuple, dict)) else [line]
    name = {"subject": _subject, "actors": _own, "identifiers": _line_of_identifiers}[attribute]
    names = [name(model, each) for each in entries or [line]]
    yield Mutant(model=model, attribute=attribute, left=NOTHING[attribute], entry="", names=tuple(names))
    for each, its in zip(entries, names, strict=True) if len(entries) > 1 else ():
        yield Mutant(model=model, attribute=attribute, left=_without(line, each), entry=str(each), names=(its,))


def _without(line, entry):
    if isinstance(line, dict):
        return {key: value for key, value in line.items() if key != entry}
    return [each for each in line if each != entry]


def _own(model, name):
    return f"{model._meta.label}.{name}"


def _line_of_identifiers(model, kind):
    return f"{model._meta.label}: PrivacyMeta.identifiers"


def _subject(model, path):
    """Return the label of the key that ``path`` begins with: backwards, that of another model."""
    if path == "self":
        return model._meta.label
    if not isinstance(path, str):
        return next(_own(model, key.name) for key in model._meta.private_fields if key.ct_field == path.content_type)
    relation = model._meta.get_field(path.partition("__")[0])
    if relation.auto_created:
        return _own(relation.related_model, relation.field.name)
    of_parent = model._meta.parents.get(relation.model)
    return _own(model, of_parent.name if of_parent else relation.name)


def said(mutant, before):
    """Return the errors that the checks find, besides those of ``before``, while the mutant is in place."""
    from tests.observing import changed  # noqa: PLC0415

    with changed(mutant.model, **{mutant.attribute: mutant.left}):
        return sorted(errors() - before)


def errors():
    """Return {message} of the errors for which ``manage.py check`` ends with one."""
    found = (each for each in checks.run_checks() if each.is_serious() and not each.is_silenced())
    return {f"{each.id}: {each.msg}" for each in found if each.id != OF_THE_SEARCH}


def named(mutant, messages):
    """Whether the messages name all that the mutant has taken out."""
    return all(any(re.search(rf"\b{re.escape(name)}\b", each) for each in messages) for name in mutant.names)


def main(apps):
    settings.GDPR_STRICT = True
    django.setup()
    before = errors()
    found = [(each, said(each, before)) for each in mutants(apps)]
    json.dump(
        {"before": sorted(before), "mutants": [[str(each), named(each, messages)] for each, messages in found]},
        sys.stdout,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
