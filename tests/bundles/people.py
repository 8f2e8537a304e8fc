"""The two people of a bundle, what is looked for of them, and where it may stay."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

PASSWORD = "what nobody guesses 5"


@dataclass
class Left:
    """A place where something may stand that should have gone, or a table that may change, and why."""

    reason: str

    places: list
    """``table.column``, or a place outside of the databases; ``table`` in CHANGED. ``*`` is any text."""

    ways: tuple = ()
    """Names in ``running.WAYS``, if it is so after some of them only."""

    def allows(self, place, way):
        """Return which of ``places`` it is, or None."""
        fitting = (each for each in self.places if fnmatchcase(place, each))
        return next(fitting, None) if way in (self.ways or (way,)) else None


@dataclass
class Person:
    """Somebody with an account, who has a token of their own in each text that they give."""

    number: int

    values: dict = field(default_factory=dict)
    """{what is looked for, in small letters: None}"""

    knows: dict = field(default_factory=dict)
    """What they log in with: {a name of the bundle's: value}"""

    def __post_init__(self):
        self.username, self.email = self.token(), f"{self.token()}@quill.example"

    def token(self):
        return self.secret(f"kq{self.number:02x}{len(self.values):06x}z")

    def address(self):
        """Return an address of the net."""
        return self.secret(f"fd0c{':c0de' * 5}:{0x1000 + self.number:x}:{0x1000 + len(self.values):x}")

    def secret(self, value):
        """Look for a value that an app has made for this person, too; return it."""
        if len(value) < 6:
            raise ValueError("too short to be nobody else's")
        self.values[value.lower()] = None
        return value

    def are_in(self, text):
        """Return whether a text holds a value of theirs."""
        text = text.lower()
        return any(value in text for value in self.values)
