"""Writes rows with a token in each text column, and notes whose they are. Knows no model and nothing of erasing."""

from django.core.files.base import ContentFile
from django.db import models
from django.utils import timezone

# Whoever is in nobody's erasure: the shop itself, or a person who has confirmed nothing
NOBODY = 0

# What is as long as the longest word with a token, and room for no more than that
SHORTEST = 11


class Site:
    """The rows of a project, and whose each is. People are numbers; those up to ``people`` have an account."""

    def __init__(self, people, chance):
        self.chance = chance
        self.accounts = range(1, people + 1)
        self.guests = range(people + 1, people + people // 10 + 2)
        # Two accounts each, with one address
        self.couples = self.pairs()
        # {token: the people whose it is}
        self.owners = {}
        # {(table, key): the people whose the row is, or {column: people}}
        self.whose = {}
        # {(table, key): (why it may stay, the people whose address it has)}
        self.left = {}
        # {person: tokens in their export that are not theirs alone}
        self.sees = {number: set() for number in self.accounts}
        # Tokens that may stand in anybody's export, as names of products
        self.public = set()
        self._number = 0
        self._pending = []

    # -- tokens -----------------------------------------------------------------------------

    def token(self, *whose):
        self._number += 1
        return self._owned(f"kq{self._number:08x}z", whose)

    def address(self, *whose):
        """Return an address of the net, which is a token in itself."""
        self._number += 1
        high, low = divmod(self._number, 0x8000)
        return self._owned(f"fd0c{':c0de' * 5}:{0x1000 + high:x}:{0x1000 + low:x}", whose)

    def _owned(self, token, whose):
        self.owners[token] = frozenset(whose)
        return token

    def email(self, *whose):
        return f"{self.token(*whose)}@quill.example"

    def value(self, field, whose):
        """Return a value with a token for the column of ``field``."""
        if isinstance(field, models.GenericIPAddressField):
            return self.address(*whose)
        token = self.token(*whose)
        if isinstance(field, models.FileField):
            return field.storage.save(f"{field.upload_to}/{token}.txt", ContentFile(token))
        if isinstance(field, models.EmailField):
            return f"{token}@quill.example"
        if isinstance(field, models.URLField):
            return f"https://{token}.example/"
        return {"said": token} if isinstance(field, models.JSONField) else token

    # -- rows -------------------------------------------------------------------------------

    def row(self, model, *whose, left=(), shared=False, **values):
        """Return a row that is about ``whose``; it has their tokens in each text column that ``values`` leaves out.

        ``left``: why it stays although it has an address of somebody who goes, and who these people are. What is
        ``shared`` stands in the export of each.
        """
        for field in model._meta.concrete_fields:
            if field.name not in values and _holds_a_token(field):
                values[field.name] = self.value(field, whose)
            elif field.name not in values and isinstance(field, models.DateTimeField) and not field.null:
                values[field.name] = timezone.now()
        row = model(**values)
        self._pending.append((row, frozenset(whose), left, shared))
        return row

    def parts(self, model, columns, **values):
        """Return a row about several people: ``columns`` says whose each text is, {column: person}."""
        texts = {name: self.token(person) for name, person in columns.items()}
        row = model(**texts, **values)
        self._pending.append((row, {name: frozenset([person]) for name, person in columns.items()}, (), False))
        return row

    def save(self):
        """Write the rows that were made since, model by model, in the order in which they were made."""
        pending, self._pending = self._pending, []
        for model in dict.fromkeys(type(row) for row, *_ in pending):
            rows = [each for each in pending if type(each[0]) is model]
            model._base_manager.bulk_create([row for row, *_ in rows], batch_size=500)
            for row, whose, left, shared in rows:
                self._note(row, whose, left, shared)

    def _note(self, row, whose, left, shared):
        place = row._meta.db_table, str(row.pk)
        self.whose[place] = whose
        if left:
            self.left[place] = left
        if shared:
            texts = {getattr(row, each.attname) for each in row._meta.concrete_fields} & self.owners.keys()
            for person in whose:
                self.sees[person] |= texts

    # -- chance -----------------------------------------------------------------------------

    def pairs(self):
        """Return a few pairs of people with accounts."""
        some = iter(self.chance.sample(self.accounts, 2 * (len(self.accounts) // 40 + 2)))
        return list(zip(some, some, strict=True))

    def other(self, number):
        """Return another person with an account."""
        return next(each for each in self.chance.sample(self.accounts, 2) if each != number)

    def happens(self, likelihood):
        return self.chance.random() < likelihood


def _holds_a_token(field):
    texts = (models.CharField, models.TextField, models.GenericIPAddressField, models.JSONField, models.FileField)
    return isinstance(field, texts) and not field.choices and (field.max_length or SHORTEST) >= SHORTEST
