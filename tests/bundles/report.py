"""Compares what stands where before and after each way, prints it, and gives the exit status."""

import shutil
import sys
from collections import Counter, defaultdict
from io import StringIO
from pathlib import Path
from textwrap import wrap
from time import perf_counter

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test.utils import setup_databases, setup_test_environment, teardown_databases

from .running import SCRUB, Bundle

WIDTH = 110
DOCS = Path(__file__).parents[2] / "docs"


def run(name, ways=(), record=False):
    """Return 0 if nothing is wrong, else 1. Then ``record`` writes all but the time over what the docs show."""
    start = perf_counter()
    setup_test_environment()
    call_command("check", fail_level="WARNING", stdout=StringIO())
    databases = setup_databases(verbosity=0, interactive=False)
    bundle = Bundle(name)
    try:
        bundle.fill()
        report = Report(bundle)
        for way in ways or bundle.ways:
            report.add(way, bundle.do(way))
        if not ways:
            report.add_unused()
        bundle.kept.drop()
    finally:
        teardown_databases(databases, verbosity=0)
        shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)
    text = "".join(f"{line}\n" for line in report.lines())
    sys.stdout.write(f"{text}{perf_counter() - start:.1f} s\n")
    for shown in _shown_in_the_docs(name) if record and not report.problems else ():
        shown.write_text(text, encoding="utf-8")
    return int(bool(report.problems))


def _shown_in_the_docs(name):
    """Return the file with the table, which a page includes; none if the docs do not have that of this database."""
    vendor = connections["default"].vendor
    return DOCS.rglob(f"_{name}.txt" if vendor == "sqlite" else f"_{name}_{vendor}.txt")


class Report:
    def __init__(self, bundle):
        self.bundle = bundle
        self.before = bundle.before.seen
        self.problems = [f"log in by {name}: {who} cannot, before anybody went" for name, who in self._locked_out()]
        # [(way, places left, those of them that are on the list)]
        self.ways = []
        # {reason: {place: {a way after which it is left: None}}}
        self.reasons = defaultdict(lambda: defaultdict(dict))
        # {(reason, a place as it is listed)}
        self.used = set()

    def add(self, way, done):
        left = self._of_the_gone(done)
        listed = {place for place in left if self._is_listed(self.bundle.rows.LEFT, place, way)}
        self.ways.append((way, left.total(), sum(left[place] for place in listed)))
        self.problems += [f"{way}: left in {place} ({left[place]})" for place in sorted(left.keys() - listed)]
        self.problems += [f"{way}: {each}" for each in self._of_logins(way, done.got_in)]
        self.problems += [f"{way}: {each}" for each in self._of_the_other(way, done.seen)]

    def _of_the_gone(self, done):
        """Return the places of their values: what stands there, what leads to the account, and what is encoded."""
        places = _places(done.seen, self.bundle.gone) + _keys(done.seen, self.bundle.account)
        for place, count in done.residue.items():
            places.setdefault(place.partition(" on ")[0].replace(str(settings.MEDIA_ROOT), "MEDIA_ROOT"), count)
        return places

    def add_unused(self):
        """Tell what makes a list longer than it has to be; after all ways."""
        for rule in (*self.bundle.rows.LEFT, *self.bundle.rows.CHANGED):
            unused = [place for place in rule.places if (rule.reason, place) not in self.used]
            self.problems += [f"listed, and nothing is there: {place} ({rule.reason})" for place in unused]

    def lines(self):
        """Yield what is printed."""
        bundle, before = self.bundle, self._of_the_gone(self.bundle.before)
        tables = len(self.before.keys)
        yield f"bundle {bundle.name} on {connections['default'].vendor}: {tables} tables, {len(self.before.rows)} rows"
        yield f"{len(bundle.gone.values)} values of who goes, in {before.total()} places, in {len(before)} columns"
        yield from wrap(f"ways to log in: {'; '.join(bundle.logins) or 'none'}", WIDTH, subsequent_indent="    ")
        yield f"{'way':30}{'places':>8}{'left':>8}{'listed':>8}"
        for way, left, listed in self.ways:
            yield f"{way:30}{before.total():8}{left - listed:8}{listed:8}"
        for reason, places in sorted(self.reasons.items()):
            yield f"{reason}:"
            by_ways = defaultdict(list)
            for place, ways in sorted(places.items()):
                by_ways[", ".join(ways)].append(place)
            for ways, found in by_ways.items():
                text = f"after {ways}: {', '.join(found)}"
                yield from wrap(text, WIDTH, initial_indent="    ", subsequent_indent="        ")
        yield from (f"WRONG {problem}" for problem in self.problems)

    def _is_listed(self, rules, place, way):
        for rule in rules:
            if pattern := rule.allows(place, way):
                self.reasons[rule.reason][place][way] = None
                self.used.add((rule.reason, pattern))
                return True
        return False

    def _locked_out(self):
        for name, got_in in self.bundle.before.got_in.items():
            yield from ((name, who) for who, could in zip(("who goes", "who stays"), got_in, strict=True) if not could)

    def _of_logins(self, way, got_in):
        """Yield who got in that should not, or the other way round; on a scrubbed copy nobody does."""
        for name, (gone, stays) in got_in.items():
            if gone:
                yield f"who is gone logs in by {name}"
            if stays == (way == SCRUB):
                yield f"who stays {'logs in' if stays else 'is refused'} by {name}"

    def _of_the_other(self, way, after):
        """Yield what became of rows that are not of who is gone."""
        if way == SCRUB:
            left = _places(after, self.bundle.stays)
            places = [place for place in left if not self._is_listed(self.bundle.rows.LEFT, place, way)]
            yield from (f"left of who stays in {place}" for place in sorted(places))
            return
        gone = self.before.rows_of(self.bundle.gone)
        stays = self.before.rows_of(self.bundle.stays)
        changed = Counter()
        for key, row in self.before.rows.items():
            if key not in gone or key in stays:
                names = [name for name, text in row.items() if key not in gone or not self.bundle.gone.are_in(text)]
                now = after.rows.get(key, {})
                changed[key[1]] += any(now.get(name) != row[name] for name in names)
        for table in +changed:
            if not self._is_listed(self.bundle.rows.CHANGED, table, way):
                yield f"changed of somebody else: {table} ({changed[table]})"
        new = _places(after, self.bundle.stays) - _places(self.before, self.bundle.stays)
        yield from (f"copied of who stays to {place}" for place in sorted(new))


def _keys(seen, account):
    """Return {"table.column": how many rows lead to the account}; ``account`` is where its key stands."""
    places = Counter()
    for (alias, table, _), row in seen.rows.items():
        keys = seen.keys[alias, table].items()
        places.update(f"{table}.{column}" for column, other in keys if (*other, row[column]) == account)
    return places


def _places(seen, person):
    """Return {"table.column", or a place outside of the databases: in how many rows a value of theirs stands}."""
    places = Counter()
    for (_, table, _), row in seen.rows.items():
        places.update(f"{table}.{column}" for column, text in row.items() if person.are_in(text))
    places.update(place for place, texts in seen.elsewhere.items() for text in texts if person.are_in(text))
    return places
