"""What is drawn: models with keys of all kinds among them, what they declare, and rows. Knows no Django."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

# Ways to answer a deletion, of keys that may be empty and of others
NULLABLE = ("CASCADE", *("SET_NULL", "ANONYMISE") * 5, "CASCADE", "PROTECT", "RESTRICT", "DO_NOTHING")
FILLED = (*("CASCADE",) * 10, "PROTECT", "RESTRICT")

# What a model holds of people: {name of the column: kind of identifier}
PERSONAL = {"text": "", "note": "", "mail": "mail", "code": "code"}

# How far a path leads at most
LONGEST = 3

# Declarations that are wrong, one for each check; other mistakes come about by chance
MISTAKES = ("E012", "E014", "E043", "E044", "E045", "E046", "E047", "E048")


@dataclass(frozen=True)
class Key:
    name: str
    target: int
    is_unique: bool
    is_null: bool
    on_delete: str


@dataclass(frozen=True)
class Link:
    """A many-to-many relation; ``through`` is the number of the model between the two, None for one of Django's."""

    name: str
    target: int
    through: int | None = None


@dataclass(frozen=True)
class Said:
    """A declaration."""

    fields: tuple[str, ...]
    is_person: bool = False
    paths: tuple[str, ...] = ()
    parties: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    """{path: (what the party erases, what it sees)}"""

    identifiers: dict[str, tuple[tuple[str, ...], Any]] = field(default_factory=dict)
    """{kind: (lookups, True, False or "Q" for: where the column ``ok`` says so)}"""

    actors: tuple[str, ...] = ()
    on_erasure: Any = "anonymise"
    """Or ``"delete"``, ``"keep"``, or the names of the fields that stay."""

    @property
    def says_whose(self) -> bool:
        return self.is_person or bool(self.paths)

    def party_of(self, lookup: str) -> str:
        for path, (erases, _) in self.parties.items():
            if lookup in erases or lookup.startswith(f"{path}__"):
                return path
        return ""

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """{what is erased by itself: its columns}"""
        kept = self.on_erasure if isinstance(self.on_erasure, tuple) else ()
        if self.parties:
            return {
                path: tuple(each for each in erases if each not in kept)
                for path, (erases, _) in self.parties.items()
                if erases
            }
        return {"free": tuple(each for each in self.fields if each not in kept)} if kept else {}


@dataclass(frozen=True)
class Shape:
    """A model."""

    number: int
    parent: int | None = None
    keys: tuple[Key, ...] = ()
    links: tuple[Link, ...] = ()
    said: Said | None = None
    """A multi-table child without a declaration has that of its parent."""

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(f"{each}{self.number}" for each in (*PERSONAL, "fact", "ok"))


@dataclass(frozen=True)
class Step:
    """One relation as it is passed: a key forwards, or backwards, or a link."""

    name: str
    end: int
    kind: str
    """``"key"``, ``"back"``, ``"link"``, ``"back link"``; ``"up"``, ``"down"``: to a multi-table parent, or child."""

    owner: int
    what: Any = None

    @property
    def is_multiple(self) -> bool:
        return self.kind in ("link", "back link") or (self.kind == "back" and not self.what.is_unique)


@dataclass(frozen=True)
class Graph:
    shapes: tuple[Shape, ...]

    def ancestors(self, number: int) -> list[int]:
        """Return the model and its multi-table parents, the nearest first."""
        parent = self.shapes[number].parent
        return [number, *([] if parent is None else self.ancestors(parent))]

    def descendants(self, number: int) -> list[int]:
        return [each.number for each in self.shapes if number in self.ancestors(each.number)[1:]]

    def said(self, number: int) -> Said | None:
        """Return what is declared of a model, by itself or by the nearest parent that does."""
        every = (self.shapes[each].said for each in self.ancestors(number))
        return next((each for each in every if each is not None), None)

    def person(self, number: int) -> int | None:
        """Return the topmost of the models of which the rows of this one are people."""
        every = [each for each in self.ancestors(number) if (said := self.said(each)) and said.is_person]
        return every[-1] if every else None

    def is_about_people(self, number: int) -> bool:
        said = self.said(number)
        return said is not None and (said.says_whose or bool(said.identifiers) or self.person(number) is not None)

    def steps(self, number: int) -> dict[str, Step]:
        """Return the relations of a model, those of its multi-table parents too."""
        return {step.name: step for owner in self.ancestors(number) for step in self._own_steps(owner, number)}

    def _own_steps(self, owner: int, number: int) -> Iterator[Step]:
        shape = self.shapes[owner]
        for key in shape.keys:
            yield Step(key.name, key.target, "key", owner, key)
        for link in shape.links:
            yield Step(link.name, link.target, "link", owner, link)
        if shape.parent is not None:
            yield Step(f"m{shape.parent}_ptr", shape.parent, "up", owner)
        for other in self.shapes:
            yield from (
                Step(f"b{each.name}", other.number, "back", other.number, each)
                for each in other.keys
                if each.target == owner
            )
            yield from (
                Step(f"b{each.name}", other.number, "back link", other.number, each)
                for each in other.links
                if each.target == owner
            )
            # No way leads from a child by way of its parent to a child.
            if other.parent == owner == number:
                yield Step(f"m{other.number}", other.number, "down", other.number)

    def along(self, number: int, path: str) -> list[Step]:
        found = []
        for name in path.split("__"):
            found.append(self.steps(number)[name])
            number = found[-1].end
        return found

    def end(self, number: int, path: str) -> int:
        return self.along(number, path)[-1].end

    def walks(self, number: int, longest: int = LONGEST) -> Iterator[tuple[str, int]]:
        """Yield (path, where it ends), the short ones first."""
        ways = [("", number)]
        for _ in range(longest):
            ways = [
                (f"{path}__{step.name}" if path else step.name, step.end)
                for path, end in ways
                for step in self.steps(end).values()
            ]
            yield from ways


@dataclass(frozen=True)
class Rows:
    """What is in the tables; the keys of rows begin with 1 in each."""

    of: dict[int, dict[int, dict[str, Any]]]
    """{model: {key: what its own table has}}"""

    links: dict[tuple[int, str], dict[int, tuple[int, int]]]
    """{(model, name of the link): {key: (from, to)}}, without those that have a model of their own"""


@dataclass(frozen=True)
class Site:
    rows: Rows
    root: tuple[int, int]
    """(model, key) of a row that is the person"""

    before: int | None
    """The key of a person of the same model who has been erased before, if any"""


# -- the models ---------------------------------------------------------------------------------


@st.composite
def graphs(draw: Any) -> Graph:
    shapes = [Shape(0)]
    for number in range(1, draw(st.integers(2, 6))):
        kind = draw(st.sampled_from(["plain", "plain", "plain", "child", "between"]))
        parent = draw(st.integers(0, number - 1)) if kind == "child" else None
        shapes.append(Shape(number, parent=parent, keys=() if kind != "between" else (Key("", 0, False, False, ""),)))
    size = len(shapes)
    for shape in list(shapes):
        keys = []
        if shape.keys:  # it stands between two others
            ends = [draw(st.sampled_from([each for each in range(size) if each != shape.number])) for _ in "ab"]
            # Between two rows there may be several of these, and a key of theirs may be empty.
            keys = [_key(draw, shape.number, place, end, in_between=True) for place, end in enumerate(ends)]
            link = Link(f"t{shape.number}", ends[1], through=shape.number)
            shapes[ends[0]] = replace(shapes[ends[0]], links=(*shapes[ends[0]].links, link))
        for _ in range(draw(st.integers(0 if keys or shape.number == 0 else 1, 2))):
            keys.append(_key(draw, shape.number, len(keys), draw(st.integers(0, size - 1))))
        links = shapes[shape.number].links
        if draw(st.integers(0, 3)) == 3:
            links = (*links, Link(f"l{shape.number}", draw(st.integers(0, size - 1))))
        shapes[shape.number] = replace(shapes[shape.number], keys=tuple(keys), links=links)
    return _declared(draw, Graph(tuple(shapes)))


def _key(draw: Any, number: int, place: int, target: int, *, in_between: bool = False) -> Key:
    is_null = draw(st.booleans()) and not in_between
    return Key(
        name=f"k{number}{place}",
        target=target,
        is_unique=not in_between and draw(st.integers(0, 3)) == 3,
        is_null=is_null,
        on_delete=draw(st.sampled_from(NULLABLE if is_null else FILLED)),
    )


def _declared(draw: Any, graph: Graph) -> Graph:
    """Return the graph with what its models say. Model 0 is a person; who else is, or leads to one, is drawn first."""
    kinds = [
        "person",
        *(
            draw(st.sampled_from(["whose", "whose", "whose", "whose", "person", "value", "registered", "nothing"]))
            for _ in graph.shapes[1:]
        ),
    ]
    wrong = draw(st.sampled_from(MISTAKES)) if draw(st.integers(0, 3)) == 3 else ""
    where = draw(st.integers(0, len(kinds) - 1)) if wrong else None
    about = {each for each, kind in enumerate(kinds) if kind in ("person", "whose")}
    about |= {each for one in about for each in graph.descendants(one)}
    for each in graph.shapes:
        kind, own = kinds[each.number], wrong if where == each.number else ""
        shape = _with_answers(draw, each, kind != "nothing" or own == "E014", own)
        said = None if kind == "nothing" else _said(draw, graph, shape, kind, about, own)
        shapes = list(graph.shapes)
        shapes[shape.number] = replace(shape, said=said)
        graph = Graph(tuple(shapes))
    return graph


def _with_answers(draw: Any, shape: Shape, is_registered: bool, wrong: str) -> Shape:
    """Return it without ANONYMISE on its keys where nothing is registered; with one that may not be empty if wrong."""
    keys = list(shape.keys)
    if not is_registered:
        keys = [
            replace(each, on_delete="SET_NULL" if each.on_delete == "ANONYMISE" else each.on_delete) for each in keys
        ]
    if keys and wrong == "E012":
        keys[-1] = replace(keys[-1], on_delete="ANONYMISE", is_null=False)
    if keys and wrong in ("E014", "E046"):
        keys[-1] = replace(keys[-1], on_delete="ANONYMISE", is_null=True)
    return replace(shape, keys=tuple(keys))


def _said(draw: Any, graph: Graph, shape: Shape, kind: str, about: set[int], wrong: str) -> Said | None:
    number = shape.number
    if (shape.parent is not None and draw(st.integers(0, 2)) == 0) or wrong == "E014":
        return None
    fields = shape.columns[:4]
    above = graph.said(shape.parent) if shape.parent is not None else None
    if above and draw(st.integers(0, 4)) == 4:
        fields = (*fields, above.fields[0])
    is_person = kind == "person"
    is_one = is_person or (shape.parent is not None and graph.person(shape.parent) is not None)
    paths: tuple[str, ...] = ()
    if kind == "whose" or (is_person and draw(st.integers(0, 3)) == 3):
        paths = _paths(draw, graph, number, about, 1 if is_person else draw(st.sampled_from([1, 1, 2, 3])))
    if wrong == "E044":
        paths = (
            tuple(
                draw(
                    st.lists(
                        st.sampled_from([*graph.walks(number, 2)]).map(lambda each: each[0]),
                        min_size=1,
                        max_size=2,
                        unique=True,
                    )
                )
            )
            if graph.steps(number)
            else ()
        )
    parties = {}
    if paths and not is_person and (wrong == "E045" or (not is_one and draw(st.integers(0, 3)) == 3)):
        parties = _parties(draw, paths, fields, wrong == "E045")
    identifiers = _identifiers(draw, graph, number, kind, is_person, wrong)
    on_erasure = draw(st.sampled_from(["anonymise"] * 4 + ["delete", "keep", fields[:1], fields[1:3]]))
    if on_erasure == "delete" and (parties or is_person) and wrong != "E043":
        on_erasure = "anonymise"
    # Who has a key, and is not the one the row is about
    firsts = {path.split("__")[0] for path in paths}
    actors = tuple(
        each.name
        for each in shape.keys
        if graph.person(each.target) is not None
        and (wrong == "E043" or each.name not in firsts)
        and (wrong == "E046" or each.on_delete != "ANONYMISE")
    )
    if is_one and on_erasure == "delete":
        on_erasure = "anonymise"
    return Said(fields, is_person, paths, parties, identifiers, actors, on_erasure)


def _paths(draw: Any, graph: Graph, number: int, about: set[int], most: int) -> tuple[str, ...]:
    good = [path for path, end in graph.walks(number) if end in about]
    short = [path for path in good if path.count("__") == min(each.count("__") for each in good)]
    if not good:
        return ()
    return tuple(
        draw(st.lists(st.sampled_from(short) | st.sampled_from(good), min_size=1, max_size=most, unique=True))
    )


def _parties(draw: Any, paths: tuple[str, ...], fields: tuple[str, ...], is_wrong: bool) -> dict[str, Any]:
    owner = {name: draw(st.sampled_from([*paths, *(["nobody"] if is_wrong else [])])) for name in fields}
    erases = {path: tuple(name for name in fields if owner[name] == path) for path in paths}
    sees = {path: tuple(name for name in fields if owner[name] != path and draw(st.booleans())) for path in paths}
    if not is_wrong:
        sees = {path: names or (() if erases[path] else fields[:1]) for path, names in sees.items()}
    return {path: (erases[path], sees[path]) for path in paths}


def _identifiers(draw: Any, graph: Graph, number: int, kind: str, is_person: bool, wrong: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    verified = st.sampled_from([False, True, True, "Q"]) if is_person or wrong == "E043" else st.just(False)
    for name in ("mail", "code"):
        if kind != "registered" and (number == 0 or draw(st.booleans())):
            lookups = [f"{name}{number}"]
            if draw(st.integers(0, 5)) == 5 and (others := list(graph.walks(number, 1))):
                path, end = draw(st.sampled_from(others))
                lookups.append(f"{path}__{name}{end}")
            found[name] = (tuple(lookups), draw(verified))
    if wrong == "E047":
        found["shoe"] = ((f"code{number}",), False)
    return found


# -- the rows -----------------------------------------------------------------------------------

MAILS = ("", "", "p@quill.example", "q@quill.example", "P@Quill.example", "r@quill.example")
CODES = ("", "", "55", "77", "99")


@st.composite
def sites(draw: Any, graph: Graph) -> Site:
    keys: dict[int, list[int]] = {}
    taken: dict[int, set[int]] = {}
    for shape in graph.shapes:
        if shape.parent is None:
            keys[shape.number] = list(range(1, draw(st.integers(2, 4)) + 1))
        else:
            # A row of a parent is one of at most one child: Django forgets the others when it deletes one.
            free = [each for each in keys[shape.parent] if each not in taken.setdefault(shape.parent, set())]
            keys[shape.number] = sorted(draw(st.permutations(free))[: draw(st.integers(1, 2))])
            taken[shape.parent].update(keys[shape.number])
    of: dict[int, dict[int, dict[str, Any]]] = {}
    for shape in graph.shapes:
        of[shape.number] = {key: _row(draw, shape, key) for key in keys[shape.number]}
        for each in shape.keys:
            _lead(draw, each, of[shape.number], keys[each.target])
    _take_off_what_leads_nowhere(graph, of)
    keys = {number: list(rows) for number, rows in of.items()}
    links = {
        (shape.number, link.name): _linked(draw, keys[shape.number], keys[link.target])
        for shape in graph.shapes
        for link in shape.links
        if link.through is None
    }
    people = [
        (shape.number, key)
        for shape in graph.shapes
        if graph.person(shape.number) is not None
        for key in keys[shape.number]
    ]
    assume(people)
    before = draw(st.sampled_from([None, None, *keys[0]]))
    return Site(Rows(of, links), draw(st.sampled_from(people)), before)


def _row(draw: Any, shape: Shape, key: int) -> dict[str, Any]:
    text, note, mail, code, fact, ok = shape.columns
    return {
        text: f"token-{text}-{key}-",
        note: f"token-{note}-{key}-",
        mail: draw(st.sampled_from(MAILS)),
        code: draw(st.sampled_from(CODES)),
        fact: f"token-{fact}-{key}-",
        ok: draw(st.booleans()),
    }


def _lead(draw: Any, key: Key, rows: dict[int, dict[str, Any]], targets: list[int]) -> None:
    free = list(targets)
    for row in rows.values():
        value = None
        if free and not (key.is_null and draw(st.integers(0, 2)) == 2):
            value = draw(st.sampled_from(free))
            if key.is_unique:
                free.remove(value)
        row[f"{key.name}_id"] = value


def _take_off_what_leads_nowhere(graph: Graph, of: dict[int, dict[int, dict[str, Any]]]) -> None:
    """Take off rows without what a key of theirs must lead to, as long as there are any."""
    before = -1
    while before != (now := sum(map(len, of.values()))):
        before = now
        for shape in graph.shapes:
            for pk, row in list(of[shape.number].items()):
                for key in shape.keys:
                    if row[f"{key.name}_id"] not in of[key.target]:
                        row[f"{key.name}_id"] = None
                is_whole = all(key.is_null or row[f"{key.name}_id"] is not None for key in shape.keys)
                if not is_whole or (shape.parent is not None and pk not in of[shape.parent]):
                    del of[shape.number][pk]


def _linked(draw: Any, here: list[int], there: list[int]) -> dict[int, tuple[int, int]]:
    if not here or not there:
        return {}
    pairs = draw(st.lists(st.tuples(st.sampled_from(here), st.sampled_from(there)), max_size=4, unique=True))
    return dict(enumerate(pairs, 1))
