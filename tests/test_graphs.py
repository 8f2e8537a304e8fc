"""The laws of a person on small sites at random: models, keys, declarations and rows are drawn (``tests.graphs``).

No row of a stranger changes; what is hers is erased, deleted or kept as declared; a second call changes nothing; a
deletion of her row does the same to what stays; and after a restore, a replay gives the same rows.
"""

import io
import zipfile
from collections import Counter
from io import StringIO

import pytest
from django.apps import apps
from django.core.checks import ERROR
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.db.models import ProtectedError, RestrictedError
from django.test import modify_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gdpr_assist import AnonymiseError, Subject
from gdpr_assist.checks import check_models

from .graphs.drawing import graphs, sites
from .graphs.making import Backup, forget_all, made, markers, state_of, write
from .graphs.oracle import Oracle, as_state, mistakes
from .test_rules import EXAMPLES

# With one of these, whose rows are is not known, and nobody can be erased.
UNSOUND = {"E043", "E045", "E046"}

REFUSALS = (AnonymiseError, ProtectedError, RestrictedError, IntegrityError)

# What was drawn, and what became of it
COUNTS: Counter = Counter()


@pytest.fixture(scope="module", autouse=True)
def app(django_db_setup, django_db_blocker):
    """The app of the models, without any."""
    late = modify_settings(INSTALLED_APPS={"append": "tests.apps.drawn"})
    with django_db_blocker.unblock():
        late.enable()
    yield
    with django_db_blocker.unblock():
        late.disable()


def difference(expected, found):
    """Return {place: {column: (what it should hold, what it holds)}}; None stands for a row that is not there."""
    return {
        place: {name: (one.get(name), other.get(name)) for name in one if one.get(name) != other.get(name)}
        if (one := expected.get(place)) and (other := found.get(place))
        else (expected.get(place), found.get(place))
        for place in expected | found
        if expected.get(place) != found.get(place)
    }


def exported(person):
    file = io.BytesIO()
    person.export(file)
    with zipfile.ZipFile(file) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".csv")]
    return {
        word
        for text in texts
        for word in text.replace('"', ",").replace("\n", ",").replace("\r", ",").split(",")
        if word.startswith("token")
    }


class Trial:
    """One site, in the tables of its models."""

    def __init__(self, graph, classes, site):
        self.graph, self.classes, self.site = graph, classes, site
        forget_all()
        write(classes, as_state(graph, site.rows))
        self.erased = set()
        if site.before is not None:
            self.erase_somebody_before()
        self.backup = Backup(classes)
        self.oracle = Oracle(graph, self.backup.state, self.erased)
        self.hers = self.oracle.joined([self.oracle.person(*site.root)])
        COUNTS["rows"] += len(self.backup.state)
        COUNTS["sites"] += 1

    def erase_somebody_before(self):
        """Erase another person, or the same."""
        before = Oracle(self.graph, state_of(self.classes))
        people = before.joined([(0, self.site.before)])
        try:
            Subject(self.classes[0]._base_manager.get(pk=self.site.before)).erase()
        except REFUSALS:
            return
        self.erased = {each for each in people if self.graph.said(each[0]).on_erasure != "keep"}
        COUNTS["sites with somebody erased before"] += 1

    @property
    def row(self):
        number, key = self.site.root
        return self.classes[number]._base_manager.filter(pk=key).first()

    def refuses(self):
        """What is declared wrongly is refused, and nothing changes."""
        for action, errors in ((Subject(self.row).erase, AnonymiseError), (self.row.delete, REFUSALS)):
            with pytest.raises(errors):
                action()
            self.check_unchanged()

    def check_unchanged(self):
        assert difference(self.backup.state, state_of(self.classes)) == {}
        assert markers() == self.backup.markers

    def check(self):
        if self.row is None:
            return  # it went with somebody else's, by CASCADE
        assert exported(Subject(self.row)) == self.oracle.shown(self.hers)
        if self.tries(Subject(self.row).erase, self.oracle.erase(self.site.root), "erased"):
            self.is_replayed()
        self.backup.forget()
        if self.tries(self.row.delete, self.oracle.delete(self.site.root), "deleted"):
            self.is_replayed()

    def tries(self, action, expected, name):
        """Do it; return whether it was not refused."""
        try:
            action()
        except REFUSALS:
            # MariaDB checks keys row by row: Django cannot delete rows there that lead to one another.
            is_in_order = connection.features.can_defer_constraint_checks
            assert expected.may_refuse or (expected.gone and not is_in_order)
            self.check_unchanged()
            COUNTS[f"{name}: refused for rows that are protected"] += 1
            return False
        assert not expected.must_refuse
        assert difference(expected.after(), state_of(self.classes)) == {}
        COUNTS[name] += 1
        if name == "erased" and self.row is not None:
            self.is_done(expected)
        return True

    def is_done(self, expected):
        """A second call changes nothing. Where links went, it may: a way to somebody else may have led over them."""
        people = {each for each in self.hers if self.graph.said(each[0]).on_erasure != "keep"}
        then = Oracle(self.graph, expected.after(), self.erased | people).erase(self.site.root)
        again = Subject(self.row).erase()
        assert difference(then.after(), state_of(self.classes)) == {}
        if not expected.gone:
            assert (again.erased, again.deleted) == ({}, {})
            assert then.after() == expected.after()

    def is_replayed(self):
        after, marked = state_of(self.classes), markers()
        self.backup.restore()
        call_command("gdpr_rerun", "--noinput", stdout=StringIO())
        assert difference(after, state_of(self.classes)) == {}
        assert markers() == marked


@pytest.mark.django_db(transaction=True)
def test_the_laws_hold_on_a_random_site(record_property):
    """(A decorated test function cannot have fixtures of one test.)"""
    COUNTS.clear()

    @settings(
        max_examples=EXAMPLES,
        phases=(Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs().flatmap(lambda graph: st.tuples(st.just(graph), sites(graph), sites(graph))))
    def examples(drawn):
        graph, *every = drawn
        COUNTS["graphs"] += 1
        COUNTS["models"] += len(graph.shapes)
        with made(graph) as classes:
            assert [each for model in classes for each in model.check() if each.level >= ERROR] == []
            config = apps.get_app_config("drawn")
            red = {
                each.id.removeprefix("gdpr_assist.")
                for each in check_models(app_configs=[config])
                if each.level >= ERROR
            }
            assert red == mistakes(graph)
            COUNTS.update(f"refused by {each}" for each in red)
            COUNTS["accepted"] += not red
            for site in every:
                trial = Trial(graph, classes, site)
                if red & UNSOUND:
                    trial.refuses()
                else:
                    trial.check()

    try:
        examples()
    finally:
        lines = (f"{name:50} {count:8}" for name, count in sorted(COUNTS.items()))
        record_property("drawn", "\n".join([f"sites at random, on {connection.vendor}", *lines, ""]))
