"""Whose the rows are and what becomes of them, worked out from what was drawn, row by row, without the package."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .drawing import Graph, Key, Rows, Said, Step

# By table and key: what each column holds
State = dict[tuple[str, Any], dict[str, Any]]

# (model, key) of a row; of one that Django's own table between two models has, ((model, name of the link), key)
Place = tuple[Any, Any]

# The way on from here says nothing of links.
SAME = ("same",)


def table(number: Any) -> str:
    return f"drawn_m{number}" if isinstance(number, int) else f"drawn_m{number[0]}_{number[1]}"


def key_column(graph: Graph, number: int) -> str:
    parent = graph.shapes[number].parent
    return "id" if parent is None else f"m{parent}_ptr_id"


def ends_of_link(graph: Graph, place: tuple[int, str]) -> tuple[str, str]:
    """Return the names of the two keys in the table that Django makes for a link."""
    number, name = place
    [link] = [each for each in graph.shapes[number].links if each.name == name]
    if link.target == number:
        return f"from_m{number}_id", f"to_m{number}_id"
    return f"m{number}_id", f"m{link.target}_id"


def as_state(graph: Graph, rows: Rows) -> State:
    """Return the rows as they stand in the tables."""
    state: State = {}
    for number, every in rows.of.items():
        for key, row in every.items():
            state[table(number), key] = {key_column(graph, number): key, **row}
    for place, pairs in rows.links.items():
        here, there = ends_of_link(graph, place)
        for key, (one, other) in pairs.items():
            state[table(place), key] = {"id": key, here: one, there: other}
    return state


def made(column: str, key: int, value: Any) -> Any:
    """Return what the rule of a column puts into a row."""
    if column.startswith("text"):
        return str(key)
    return f"{key}@anon.example.com" if column.startswith("mail") and value else ""


@dataclass
class Found:
    """A row of hers, or a party's part of it."""

    ends: set[tuple[Place, Any]]
    """(person, the link next to it on the way, if any)"""

    is_shared: bool
    is_herself: bool


@dataclass
class Outcome:
    """What becomes of the rows."""

    graph: Graph
    state: State
    gone: set[Place] = field(default_factory=set)
    may_refuse: bool = False
    """Whether a key speaks for a row that is to go."""

    must_refuse: bool = False

    def anonymise(self, number: int, key: int, columns: Iterable[str]) -> None:
        for column in columns:
            row = self.state[table(int(column[4:])), key]
            row[column] = made(column, key, row[column])

    def after(self) -> State:
        gone = {(table(number), key) for number, key in self.gone}
        return {place: row for place, row in self.state.items() if place not in gone}


class Oracle:
    def __init__(self, graph: Graph, state: State, erased: Iterable[Place] = ()) -> None:
        self.graph, self.state, self.erased = graph, state, set(erased)
        self.rows: dict[int, dict[int, dict[str, Any]]] = {each.number: {} for each in graph.shapes}
        self.links: dict[tuple[int, str], dict[int, tuple[int, int]]] = {}
        numbers = {table(number): number for number in self.rows}
        places = {
            table(place): place
            for place in ((each.number, link.name) for each in graph.shapes for link in each.links if not link.through)
        }
        for (name, key), row in state.items():
            if name in numbers:
                self.rows[numbers[name]][key] = row
            else:
                here, there = ends_of_link(graph, places[name])
                self.links.setdefault(places[name], {})[key] = (row[here], row[there])

    # -- ways -----------------------------------------------------------------------------------

    def pass_(self, step: Step, key: int) -> list[tuple[int, Any]]:
        """Return [(key of the row at the end, the link that was passed; None where a row of its own was)]."""
        if step.kind in ("up", "down"):
            return [(key, SAME)] if key in self.rows[step.end] else []
        if step.kind in ("link", "back link"):
            return [(there, place) for place, here, there in self.pairs(step) if here == key]
        rows, name = self.rows[step.owner], f"{step.what.name}_id"
        if step.kind == "key":
            return [] if rows[key][name] is None else [(rows[key][name], SAME)]
        passed = SAME if step.what.is_unique else None
        return [(other, passed) for other, row in rows.items() if row[name] == key]

    def pairs(self, step: Step) -> Iterator[tuple[Place, int, int]]:
        """Yield (the link, its near end, its far end)."""
        if (through := step.what.through) is None:
            where: Any = (step.owner, step.what.name)
            every = [((where, key), *ends) for key, ends in self.links.get(where, {}).items()]
        else:
            every = [
                ((through, key), row[f"k{through}0_id"], row[f"k{through}1_id"])
                for key, row in self.rows[through].items()
            ]
        yield from every if step.kind == "link" else ((place, there, here) for place, here, there in every)

    def walk(self, number: int, key: int, path: str) -> set[tuple[int, Any]]:
        ends: set[tuple[int, Any]] = {(key, SAME)}
        for step in self.graph.along(number, path):
            ends = {
                (end, link if passed is SAME else passed) for at, link in ends for end, passed in self.pass_(step, at)
            }
        return ends

    def people(self, number: int, key: int, party: str = "", passed: tuple[int, ...] = ()) -> set[tuple[Place, Any]]:
        """Return the people whom the paths of a row lead to, with the link next to each."""
        said, found = self.graph.said(number), set()
        for path in said.paths if said else ():
            end = self.graph.end(number, path)
            if (party and path != party) or end in (*passed, number):
                continue
            person = self.graph.person(end)
            for at, link in self.walk(number, key, path):
                if person is not None:
                    found.add(((person, at), link))
                else:
                    more = self.people(end, at, "", (*passed, number))
                    found |= {(who, link if later is SAME else later) for who, later in more}
        return found

    def joined(self, people: Iterable[Place]) -> set[Place]:
        """Return these people with those that a path joins to them."""
        pairs = [pair for each in self.registered() for pair in self._joins(each)]
        found, before = set(people), -1
        while before != len(found):
            before = len(found)
            for pair in pairs:
                if found & set(pair):
                    found |= set(pair)
        return found

    def _joins(self, number: int) -> Iterator[tuple[Place, Place]]:
        if (person := self.graph.person(number)) is not None:
            for key in self.rows[number]:
                yield from (((person, key), who) for who, _ in self.people(number, key))

    def registered(self) -> list[int]:
        return [each for each in self.rows if self.graph.said(each)]

    # -- values ---------------------------------------------------------------------------------

    def at(self, number: int, key: int, lookup: str) -> Iterator[str]:
        """Yield the values at the end of a lookup that no rule has made."""
        path, _, column = lookup.rpartition("__")
        for end in {at for at, _ in self.walk(number, key, path)} if path else {key}:
            value = self.rows[int(column[4:])][end][column]
            if value and value != made(column, end, value):
                yield value.casefold()

    def offers(self) -> Iterator[tuple[set[Place], str, str, bool, bool]]:
        """Yield (whose, kind, value, whether the row is a person, whether it is confirmed) of all values of people."""
        for number in self.registered():
            said: Any = self.graph.said(number)
            person = self.graph.person(number)
            for key in self.rows[number]:
                ways = {"": {(person, key)}} if person is not None else dict(self._straight(number, key))
                for path, whose in ways.items():
                    for kind, (lookups, verified) in said.identifiers.items():
                        ok = verified is True or (verified == "Q" and self._is_ok(lookups[0], key))
                        for lookup in lookups:
                            if said.party_of(lookup) == (path if said.parties else ""):
                                for value in self.at(number, key, lookup):
                                    yield whose, kind, value, person is not None, person is not None and ok

    def _straight(self, number: int, key: int) -> Iterator[tuple[str, set[Place]]]:
        said: Any = self.graph.said(number)
        for path in said.paths:
            end = self.graph.end(number, path)
            if (person := self.graph.person(end)) is not None and end != number:
                yield path, {(person, at) for at, _ in self.walk(number, key, path)}

    def _is_ok(self, lookup: str, key: int) -> bool:
        number = int(lookup[4:])
        return bool(self.rows[number][key][f"ok{number}"])

    def values(self, hers: set[Place]) -> set[tuple[str, str]]:
        """Return the values that are certain to be hers."""
        every = list(self.offers())
        confirmed_kinds = {
            kind
            for number in self.registered()
            if self.graph.person(number) is not None
            for kind, (_, verified) in self.graph.said(number).identifiers.items()  # type: ignore[union-attr]
            if verified
        }
        confirmed = {(kind, value) for whose, kind, value, _, ok in every if ok and whose & hers}
        taken: dict[bool, set[tuple[str, str]]] = defaultdict(set)
        for whose, kind, value, is_person, _ in every:
            if whose - hers:
                taken[False].add((kind, value))
                if is_person:
                    taken[True].add((kind, value))
        of_hers = {(kind, value) for whose, kind, value, *_ in every if whose & hers}
        return {
            each
            for each in of_hers
            if (each in confirmed and each not in taken[True])
            or (each[0] not in confirmed_kinds and each not in taken[False])
        }

    def known(
        self, number: int, key: int, party: str, passed: tuple[int, ...] = (), *, only_one: bool = True
    ) -> Iterator[tuple[str, str]]:
        """Yield the values by which a row knows its person: those with one answer, or all."""
        said = self.graph.said(number)
        if said is None or (passed and self.graph.person(number) is not None):
            return
        for kind, (lookups, _) in said.identifiers.items():
            for lookup in lookups:
                is_one = not only_one or self._is_one(number, lookup.rpartition("__")[0])
                if is_one and (passed or said.party_of(lookup) == party):
                    yield from ((kind, value) for value in self.at(number, key, lookup))
        for path in said.paths:
            end = self.graph.end(number, path)
            is_one = not only_one or self._is_one(number, path)
            if end not in (*passed, number) and is_one and (not party or path == party):
                for at, _ in self.walk(number, key, path):
                    yield from self.known(end, at, "", (*passed, number), only_one=only_one)

    def _is_one(self, number: int, path: str) -> bool:
        return not path or not any(step.is_multiple for step in self.graph.along(number, path))

    # -- what is hers ---------------------------------------------------------------------------

    def person(self, number: int, key: int) -> Place:
        return self.graph.person(number), key

    def found(self, hers: set[Place]) -> dict[tuple[int, int, str], Found]:
        """Return {(model, key, party): how it was found} of all rows about her."""
        values, found = self.values(hers), {}
        for number in self.registered():
            said: Any = self.graph.said(number)
            for key in self.rows[number]:
                for party in said.parties or [""]:
                    ends = self.people(number, key, party)
                    people = {who for who, _ in ends}
                    person = self.graph.person(number)
                    is_herself = person is not None and (person, key) in hers
                    is_known = person is None and not people and not values.isdisjoint(self.known(number, key, party))
                    if is_herself or people & hers or is_known:
                        others = people - hers - self.erased
                        found[number, key, party] = Found(ends, bool(others), is_herself)
        return found

    def shown(self, hers: set[Place]) -> set[str]:
        """Return the tokens that stand in her export: her own, what she has seen, and what is not personal."""
        tokens = set()
        for number, key, party in self.found(hers):
            said: Any = self.graph.said(number)
            erases, sees = said.parties.get(party, ((), ()))
            hidden = {name for names, _ in said.parties.values() for name in names} - {*erases, *sees}
            for each in self.graph.ancestors(number):
                row = self.rows[each][key]
                tokens |= {row[name] for name in self.graph.shapes[each].columns if name not in hidden}
        return {each for each in tokens if str(each).startswith("token")}

    # -- what becomes of it ---------------------------------------------------------------------

    def outcome(self) -> Outcome:
        return Outcome(self.graph, {place: dict(row) for place, row in self.state.items()})

    def erase(self, root: Place) -> Outcome:
        hers, outcome = self.joined([self.person(*root)]), self.outcome()
        found = self.found(hers)
        self._do(found, hers, outcome)
        outcome.may_refuse |= any(self._is_in_the_way(*each, found) for each in outcome.gone)
        return outcome

    def _is_in_the_way(self, number: Any, key: int, found: dict[tuple[int, int, str], Found]) -> bool:
        """Whether a row that would go with others is kept, or not hers alone."""
        if not isinstance(number, int) or (said := self.graph.said(number)) is None:
            return False
        of_hers = [found.get((number, key, party)) for party in said.parties or [""]]
        return _is_kept(said) or any(each is None or each.is_shared for each in of_hers)

    def delete(self, root: Place) -> Outcome:
        """Return what becomes of the rows when this row of a person is deleted."""
        outcome = self.outcome()
        self._take([root], outcome)
        gone = set(outcome.gone)
        people = {
            (number, key) for number, key in gone if isinstance(number, int) and self.graph.person(number) == number
        }
        # A profile that goes without its account is nobody.
        people = {each for each in people if all(end in gone for end in self._led_to(each))}
        if people:
            hers = self.joined(people)
            found = {
                place: each
                for place, each in self.found(hers).items()
                if not (each.is_herself and self.graph.person(place[0]) != place[0])
            }
            self._do(found, hers, outcome)
        return outcome

    def _led_to(self, person: Place) -> Iterator[Place]:
        number, key = person
        for each in (number, *self.graph.descendants(number)):
            if key in self.rows[each]:
                yield from (who for who, _ in self.people(each, key))

    def _do(self, found: dict[tuple[int, int, str], Found], hers: set[Place], outcome: Outcome) -> None:
        going: list[Place] = []
        for (number, key, party), each in found.items():
            said: Any = self.graph.said(number)
            if each.is_shared:
                links = {link for who, link in each.ends if who in hers and link not in (SAME, None)}
                going += [link for link in links if not self._says_whose(link)]
            elif said.on_erasure == "delete":
                going.append((number, key))
            elif said.on_erasure != "keep" and (not party or party in said.parts):
                for each_of in (party, *self._nobodies(number, key, party, found)):
                    self._anonymise(number, key, each_of, outcome)
        self._take(going, outcome)

    def _nobodies(self, number: int, key: int, party: str, found: dict[tuple[int, int, str], Found]) -> Iterator[str]:
        """Yield the other parties of a row who are nobody, if nobody is left who is somebody."""
        parties: Any = self.graph.said(number).parties if party else ()  # type: ignore[union-attr]
        others = [each for each in parties if each != party and each in self.graph.said(number).parts]  # type: ignore
        for other in others:
            is_nobody = not self.people(number, key, other) and not self.is_known(number, key, other)
            rest = [each for each in parties if each not in (party, other)]
            if is_nobody and not any(self._is_there(number, key, each, found) for each in rest):
                yield other

    def _is_there(self, number: int, key: int, party: str, found: dict[tuple[int, int, str], Found]) -> bool:
        """Whether a party is somebody who is not erased, and not now."""
        if (mine := found.get((number, key, party))) and not mine.is_shared:
            return False
        people = {who for who, _ in self.people(number, key, party)}
        return bool(people - self.erased) or (not people and self.is_known(number, key, party))

    def is_known(self, number: int, key: int, party: str) -> bool:
        """Whether a row has a value by which this party is known, also one of several."""
        return any(True for _ in self.known(number, key, party, only_one=False))

    def _says_whose(self, link: Place) -> bool:
        said = self.graph.said(link[0]) if isinstance(link[0], int) else None
        return said is not None and said.says_whose

    def _anonymise(self, number: int, key: int, party: str | None, outcome: Outcome) -> None:
        """Erase what goes with a person, or with ``None`` all. One object is all its tables."""
        said: Any = self.graph.said(number)
        outcome.anonymise(number, key, said.fields if party is None else _of_person(said, party))
        for each in (*self.graph.ancestors(number)[1:], *self.graph.descendants(number)):
            other = self.graph.said(each)
            if other is not None and key in self.rows[each]:
                outcome.anonymise(each, key, other.fields if party is None else _of_person(other, party))

    def _take(self, places: Iterable[Place], outcome: Outcome) -> None:
        """Delete these rows as Django does, with all that goes with them."""
        left = list(places)
        kept: list[Place] = []
        while left:
            place = left.pop()
            if place in outcome.gone:
                continue
            outcome.gone.add(place)
            number, key = place
            if not isinstance(number, int):
                continue
            left += [
                (each, key)
                for each in (*self.graph.ancestors(number), *self.graph.descendants(number))
                if key in self.rows[each]
            ]
            for where, pairs in self.links.items():
                [link] = [each for each in self.graph.shapes[where[0]].links if each.name == where[1]]
                left += [
                    (where, at)
                    for at, (here, there) in pairs.items()
                    if (where[0] == number and here == key) or (link.target == number and there == key)
                ]
            for other, at, to in self._pointing(number, key):
                if to.on_delete == "CASCADE":
                    left.append((other, at))
                elif to.on_delete in ("SET_NULL", "ANONYMISE"):
                    self._cut(other, at, to, outcome)
                else:
                    outcome.may_refuse = True
                    kept += [(other, at)] if to.on_delete == "DO_NOTHING" else []
        outcome.must_refuse |= any(each not in outcome.gone for each in kept)

    def _pointing(self, number: int, key: int) -> Iterator[tuple[int, int, Key]]:
        for shape in self.graph.shapes:
            for each in shape.keys:
                if each.target == number:
                    yield from (
                        (shape.number, at, each)
                        for at, row in self.rows[shape.number].items()
                        if row[f"{each.name}_id"] == key
                    )

    def _cut(self, number: int, key: int, by: Key, outcome: Outcome) -> None:
        said = self.graph.said(number)
        if by.on_delete == "ANONYMISE":
            if said is None or not by.is_null:
                outcome.may_refuse = True
                return
            parties = [path for path in said.paths if path.split("__")[0] == by.name]
            if not parties:
                self._anonymise(number, key, None, outcome)
            elif said.on_erasure != "keep":
                self._anonymise(number, key, parties[0] if said.parties else "", outcome)
        outcome.state[table(number), key][f"{by.name}_id"] = None


def _of_person(said: Said, party: str) -> tuple[str, ...]:
    """Return what of a row goes with this party, or with the one person whom it is about (``""``)."""
    if said.on_erasure == "keep":
        return ()
    if party or said.parties:
        return said.parts.get(party, ())
    return said.parts.get("free", said.fields)


# -- what is wrong with a declaration -----------------------------------------------------------


def mistakes(graph: Graph) -> set[str]:
    """Return the numbers of the checks that have to be red."""
    if any(not _leads_on(graph, each.number) for each in graph.shapes):
        return {"E043"}
    offered = {
        kind for each in graph.shapes if _tells(graph, each.number) for kind in graph.said(each.number).identifiers
    }  # type: ignore[union-attr]
    found: set[str] = set()
    for shape in graph.shapes:
        said = graph.said(shape.number)
        for key in shape.keys:
            if key.on_delete == "ANONYMISE":
                found |= ({"E014"} if said is None else set()) | (set() if key.is_null else {"E012"})
        if said is not None:
            found |= set(_of_one(graph, shape.number, said))
            if not offered.issuperset(said.identifiers):
                found.add("E047")
    return found


def _leads_on(graph: Graph, number: int) -> bool:
    """Whether a model has the relations of its paths and values: a child inherits ways to itself, and has none."""
    if (said := graph.said(number)) is None:
        return True
    values = [lookup for lookups, _ in said.identifiers.values() for lookup in lookups if "__" in lookup]
    return all(path.split("__")[0] in graph.steps(number) for path in (*said.paths, *values))


def _tells(graph: Graph, number: int) -> bool:
    said = graph.said(number)
    ends = [graph.end(number, path) for path in (said.paths if said else ()) if "__" not in path]
    return said is not None and any(graph.person(each) is not None for each in (number, *ends))


def _of_one(graph: Graph, number: int, said: Said) -> Iterator[str]:
    keys = {key.name: key for each in graph.ancestors(number) for key in graph.shapes[each].keys}
    if any(verified for _, verified in said.identifiers.values()) and not said.is_person:
        yield "E043"
    if set(said.actors) & set(said.paths) or (said.parties and said.on_erasure == "delete"):
        yield "E043"
    if said.parties and graph.person(number) is not None:
        yield "E045"
    owned = [name for erases, _ in said.parties.values() for name in erases]
    if said.parties and (
        sorted(owned) != sorted(said.fields)
        or any(not erases and not sees for erases, sees in said.parties.values())
        or any(not said.party_of(lookup) for lookups, _ in said.identifiers.values() for lookup in lookups)
    ):
        yield "E045"
    strangers = (*said.actors, *(path for path, (erases, _) in said.parties.items() if not erases))
    if any(name in keys and keys[name].on_delete == "ANONYMISE" for name in strangers):
        yield "E046"
    if any(not graph.is_about_people(graph.end(number, path)) for path in said.paths):
        yield "E044"
    if said.on_erasure == "delete" and any(_is_kept(graph.said(each)) for each in _taken(graph, number)):
        yield "E048"


def _is_kept(said: Said | None) -> bool:
    return said is not None and (said.on_erasure == "keep" or isinstance(said.on_erasure, tuple))


def _taken(graph: Graph, number: int) -> set[int]:
    """Return the models of which rows go when one of this model does."""
    found, left = {number}, [number]
    while left:
        at = left.pop()
        more = {*graph.ancestors(at), *graph.descendants(at)}
        more |= {
            shape.number
            for shape in graph.shapes
            for key in shape.keys
            if key.target in graph.ancestors(at) and key.on_delete == "CASCADE"
        }
        left += more - found
        found |= more
    return found - {number}
