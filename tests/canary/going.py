"""Has people erased and deleted, one after the other, in random order. What it asks for is what a site would."""

from collections import Counter

from django.apps import apps
from django.contrib.auth.models import User

from gdpr_assist import Subject
from gdpr_assist.paths import clauses_of
from gdpr_assist.registry import registry

from .law import Exports

# {way: how many of 1,000 people go by it}
WAYS = {"erase()": 100, "Subject.delete()": 17, "user.delete()": 17, "queryset.delete()": 16}

# How many people one queryset has
AT_ONCE = 4


class Going:
    def __init__(self, site, module, before):
        self.site = site
        # {person: the way}
        self.gone = {}
        self.exports = Exports(site, module, before)
        self._problems = []

    @property
    def problems(self):
        return [*self.exports.problems, *self._problems]

    def run(self):
        for way, people in self._steps():
            for number in people:
                self.exports.check(number, self.gone.keys())
            users = User.objects.filter(pk__in=[self.site.users[number].pk for number in people])
            if way == "queryset.delete()":
                users.delete()
            elif way == "user.delete()":
                users.get().delete()
            else:
                person = Subject(users.get())
                result = person.erase() if way == "erase()" else person.delete()
                self._check_result(people[0], result)
            self.gone.update(dict.fromkeys(people, way))

    def check_strangers(self, count):
        """Hold the export of people who stay against their rows, too."""
        staying = [number for number in self.site.accounts if number not in self.gone]
        for number in self.site.chance.sample(staying, min(count, len(staying))):
            self.exports.check(number, self.gone.keys())

    def _steps(self):
        """Return [(way, people)] in random order."""
        people = self._chosen()
        steps = []
        for way in WAYS:
            mine = [people.pop() for _ in range(self._share(way))]
            at_once = AT_ONCE if way == "queryset.delete()" else 1
            steps += [(way, mine[start : start + at_once]) for start in range(0, len(mine), at_once)]
        self.site.chance.shuffle(steps)
        return steps

    def _chosen(self):
        """Return who goes, in random order: of one couple both are among them, of another one only the first."""
        both, (first, other), *_ = self.site.couples
        chosen = [*both, first]
        rest = [number for number in self.site.accounts if number not in (*chosen, other)]
        chosen += self.site.chance.sample(rest, sum(map(self._share, WAYS)) - len(chosen))
        self.site.chance.shuffle(chosen)
        return chosen

    def _share(self, way):
        return max(1, WAYS[way] * len(self.site.accounts) // 1000)

    def _check_result(self, number, result):
        """Rows that stay although they have an address of this person are told as uncertain, but for their copies."""
        copies = {model._meta.db_table for model in registry.models if clauses_of(model).copy_of}
        stay = Counter(
            table
            for (table, key), (_, people) in self.site.left.items()
            if table not in copies and number in people and self.site.whose[table, key] - self.gone.keys() - {number}
        )
        told = Counter()
        for each in result.uncertain:
            told[apps.get_model(each.label)._meta.db_table] += each.count
        self._problems += [f"a row that stays is not told as uncertain: {table}" for table in (stay - told).elements()]
        self._problems += [f"not erased: {reason}" for reason in result.left]
