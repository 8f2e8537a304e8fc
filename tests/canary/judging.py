"""Compares what stood in the databases before with what stands there now, and says what should not be so."""

from collections import Counter, defaultdict
from dataclasses import dataclass

NOT_PERSONAL = "declared as not personal (keep)"


@dataclass(frozen=True)
class Rule:
    """Why a token of somebody who is gone may stand in some columns."""

    reason: str
    columns: list
    """``table.column``"""

    is_found: bool = True
    """Whether the rows are found as rows of that person, and so exported."""

    ways: tuple = ()
    """By which people went, if it is so of some only."""

    def allows(self, ways):
        return not self.ways or not ways.isdisjoint(self.ways)


class Judgement:
    """``site`` says whose the tokens are, ``gone`` who was erased or deleted: {person: in which way}."""

    def __init__(self, site, rules, before, after, gone):
        self.site, self.before, self.after, self.gone = site, before, after, gone
        self.rules = {column: rule for rule in rules for column in rule.columns}
        # {reason: {column: tokens that were found there}}
        self.listed = defaultdict(Counter)
        self.problems = []

    def judge(self):
        for place, token in sorted(self.after.tokens):
            if self._should_go(place, token) or (place, token) not in self.before.tokens:
                self._is_left(place, token)
            elif self.site.owners[token] <= self.gone.keys():
                self._is_anothers(place)
        for place, token in sorted(self.before.tokens - self.after.tokens):
            if not self._should_go(place, token):
                self.problems.append(f"lost: a token of somebody who stays, in {place.column_label}")

    def _should_go(self, place, token):
        return whose(self.site, place, token) <= self.gone.keys()

    def _is_left(self, place, token):
        rule = self.rules.get(place.column_label)
        owners = whose(self.site, place, token)
        if rule and rule.allows({self.gone[number] for number in owners if number in self.gone}):
            self.listed[rule.reason][place.column_label] += 1
        elif owners <= self.gone.keys():
            self.problems.append(f"left: a token of somebody who is gone, in {place.column_label} ({place.alias})")
        else:
            self.problems.append(f"copied: a token of somebody who stays came to {place.column_label}")

    def _is_anothers(self, place):
        reason, _ = self.site.left.get((place.table, place.key), ("", ()))
        if reason:
            self.listed[reason][place.column_label] += 1
        else:
            self.problems.append(f"left: a token of somebody who is gone, in another's row of {place.column_label}")

    def unused(self):
        """Return the columns of rules in which nothing was found."""
        return sorted(self.rules.keys() - {column for columns in self.listed.values() for column in columns})


def whose(site, place, token):
    """Return whose a value is: the person's whose the row is; in a row that no project wrote, that of the token."""
    said = site.whose.get((place.table, place.key), site.owners[token])
    return said[place.column] if isinstance(said, dict) else said
