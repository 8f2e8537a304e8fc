"""What only a person's own rows say, read before they are erased, to be looked for afterwards. Writes nothing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import Error
from django.db.models import CharField, Count, Field, FileField, Model, TextField
from django.db.models.functions import Lower
from django.utils.translation import gettext_noop

from ..databases.rows import batch_size, chunks
from ..declaring.meta import all_rows
from ..paths import clauses_of, person_of
from ..phrases import Phrase
from ..registry import registry
from ..residue.looking import Residue, look
from ..residue.values import folded
from .shares import Share

# One word, as a first name or a town, and a short number: others have these too, in whatever table.
COMMON = re.compile(r"[^\W\d_]+([-'\u2019/][^\W\d_]+)*|\d{1,7}")

# Words in the names of columns that hold what many people have, however many words it is
SHARED = {
    *("city", "country", "county", "district", "place", "postcode", "province", "region", "state", "town", "zip"),
    *("kommune", "land", "ort", "plz", "stadt", "commune", "departement", "pays", "ville", "ciudad", "pais"),
    *("provincia", "citta", "comune", "paese", "gemeente", "plaats", "stad", "kraj", "miasto", "kommun", "postnummer"),
}

# How the names of the two columns end that hold one name, without "_"
FIRST = ("firstname", "givenname", "forename", "vorname", "prenom", "nombre", "nome", "voornaam", "imie", "fornamn")
LAST = (
    *("lastname", "familyname", "surname", "nachname", "familienname", "nomdefamille", "apellido", "apellidos"),
    *("cognome", "achternaam", "nazwisko", "efternamn"),
)

# In characters. So much of a note tells which one it is.
LONGEST = 200

# So many texts are looked for, the short ones first: addresses, names and numbers. Each takes time in each row.
MOST = 200
SHORTEST = gettext_noop("only the %(number)s shortest are looked for")


# {(model, alias, names of its columns): {texts of these: keys of her rows}}
Held = dict[Any, dict[tuple[str, ...], set[Any]]]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows by their keys: once they are erased, nothing else leads to them."""

    model: type[Model]
    using: str
    keys: list[Any]
    going: list[str]
    """The text columns that the erasure empties; of rows that it deletes, also the key."""

    def texts(self, names: list[str]) -> Iterator[tuple[Any, dict[str, str]]]:
        """Yield (key, {column: text}) of each row that is there."""
        for part in chunks(self.keys, batch_size(self.using)):
            for key, *values in all_rows(self.model, self.using).filter(pk__in=part).values_list("pk", *names):
                yield key, {name: str(value) for name, value in zip(names, values, strict=True) if value}


class Traces:
    """What is looked for: texts of a person that the erasure empties, and that stand in no row of anybody else."""

    def __init__(self, shared: Iterable[Share]) -> None:
        self._rows = [_pinned(each) for each in shared]
        self._texts = sorted(_texts_of(self._rows), key=len)

    def look(self) -> Residue:
        """Return where they still stand, but for what the person's own rows keep by declaration.

        The erasure is done by now, and no error of a database may say otherwise.
        """
        try:
            return self._look()
        except Error as error:
            return Residue(unread={"all tables": type(error).__name__})

    def _look(self) -> Residue:
        kept = {
            folded(text)
            for rows in self._rows
            for _, row in rows.texts([field.name for field in _text_columns(rows.model)])
            for text in row.values()
        }
        gone = [text for text in self._texts if folded(text) not in kept]
        residue = look(gone[:MOST])
        if more := len(gone[MOST:]):
            residue.unread[f"{more} of the person's texts"] = Phrase(SHORTEST, number=str(MOST))
        return residue


def _pinned(share: Share) -> Rows:
    model = share.found.model
    going = list(share.plan.fields if share.plan else ())
    if share.verb == "delete":
        going = [*(registry.declaration(model).fields if model in registry else ()), str(model._meta.pk.name)]
    return Rows(
        model=model,
        using=share.found.using,
        keys=list(share.found.rows.order_by().values_list("pk", flat=True)),
        going=[field.name for field in _text_columns(model) if field.name in going],
    )


def _text_columns(model: type[Model]) -> list[Field[Any, Any]]:
    return [field for field in model._meta.concrete_fields if isinstance(field, (CharField, TextField, FileField))]


def _texts_of(every: list[Rows]) -> Iterator[str]:
    held: Held = defaultdict(lambda: defaultdict(set))
    for rows in every:
        for key, row in rows.texts(rows.going):
            for names in (*([name] for name in rows.going), _name_columns(rows.going)):
                if names and all(name in row for name in names) and _tells(rows.model, names, row[names[0]]):
                    held[rows.model, rows.using, tuple(names)][tuple(row[name] for name in names)].add(key)
    texts: set[tuple[str, ...]] = set()
    hers: set[tuple[str, ...]] = set()
    common: set[str] = set()
    for (model, using, names), mine in held.items():
        texts.update(mine)
        common.update(map(_joined, _of_others(model, using, names, mine)))
        hers.update(mine if _is_known_by(model, names) else ())
    words = {word for mine in _of_names(held) for each in mine for word in _joined(each).split()}
    for each in hers.union(each for each in texts if _joined(each) not in common):
        if _joined(each) not in words:
            yield from {_shortened(each), _shortened(each[::-1])}


def _of_names(held: Held) -> Iterator[dict[tuple[str, ...], set[Any]]]:
    """Yield the texts of the two columns of a name: one word of it, as a username, is a name of many."""
    return (mine for (_, _, names), mine in held.items() if len(names) > 1)


def _joined(texts: Iterable[str]) -> str:
    return folded(" ".join(texts))


def _shortened(texts: Iterable[str]) -> str:
    text = " ".join(texts)
    return text if len(text) <= LONGEST else text[:LONGEST].rpartition(" ")[0] or text


def _name_columns(names: list[str]) -> list[str]:
    """Return the two columns that hold one name; none where there are not both."""
    plain = {name: name.lower().replace("_", "") for name in names}
    last = next((name for name in names if plain[name].endswith(LAST)), None)
    first = next((name for name in names if plain[name].endswith(FIRST) and name != last), None)
    return [first, last] if first and last else []


def _tells(model: type[Model], names: list[str], text: str) -> bool:
    """Return whether the text of these columns may be one person's alone."""
    if len(names) > 1:
        return True
    [name] = names
    field: Any = model._meta.get_field(name)
    if name in _identifying(model) or (field.unique and not field.primary_key):
        return True
    return not (field.choices or SHARED & set(name.lower().split("_")) or COMMON.fullmatch(folded(text)))


def _identifying(model: type[Model]) -> set[str]:
    return {lookup for each in (clauses_of(model).identifiers or {}).values() for lookup in each.lookups}


def _is_known_by(model: type[Model], names: tuple[str, ...]) -> bool:
    """Whether it is what the person's own row is known by: wherever that stands, it may be of the person."""
    return person_of(model) is not None and len(names) == 1 and names[0] in _identifying(model)


def _of_others(
    model: type[Model], using: str, names: tuple[str, ...], mine: dict[tuple[str, ...], set[Any]]
) -> Iterator[tuple[str, ...]]:
    """Yield those texts of hers that more rows have than hers."""
    numbers = {_joined(each): len(keys) for each, keys in mine.items()}
    lowered = {f"gdpr_{name}": Lower(name) for name in names}
    every = all_rows(model, using).annotate(**lowered).order_by()
    for part in chunks(mine, batch_size(using) // (2 * len(names))):
        rows = every
        for at, name in enumerate(lowered):
            rows = rows.filter(**{f"{name}__in": {case for each in part for case in (each[at], each[at].lower())}})
        for *texts, number in rows.values(*lowered).annotate(gdpr_rows=Count("pk")).values_list(*lowered, "gdpr_rows"):
            if number > numbers.get(_joined(texts), 0):
                yield tuple(texts)
