"""The law of an export: it has what would be erased, deleted or kept with a person, and what they have seen.

But for what its manifest says to be withheld, and never more.
"""

import io
import json
import zipfile
from collections import defaultdict

from django.apps import apps
from django.contrib.auth.models import User

from gdpr_assist import Subject

from .judging import whose
from .looking import tokens_in

MANIFEST = "manifest.json"
# It says so of columns that are somebody else's, in which nothing is this person's
OF_ANOTHER = "it belongs to another person"


class Exports:
    def __init__(self, site, module, before):
        self.site = site
        self.hidden = module.NOT_EXPORTED.union(*(rule.columns for rule in module.RULES if not rule.is_found))
        self.count = 0
        self.problems = []
        # {person: {(place, token)} of rows that are about them, alone or not}
        self._about = defaultdict(set)
        for place, token in before.tokens:
            for number in whose(site, place, token):
                self._about[number].add((place, token))

    def check(self, number, gone):
        """Hold the export of a person against what is theirs, as long as it is; ``gone`` are those who went before."""
        self.count += 1
        manifest, told, found = self._export(number)
        mine = self._hers(number, gone, self.hidden | _withheld(manifest))
        seen = {token for token in self.site.sees[number] if not self.site.owners[token] <= gone}
        self.problems += [f"not in the export: {mine[token]}" for token in mine.keys() - found.keys()]
        self.problems += ["not in the export: what they have seen" for _ in seen - found.keys()]
        others = found.keys() - mine.keys() - seen - self.site.public
        self.problems += [f"of others in the export: {found[token]}" for token in others]
        self.problems += ["of others in the manifest" for _ in told - mine.keys()]

    def _export(self, number):
        """Return the manifest, the tokens in it, and {token in a file: name of the file}."""
        file = io.BytesIO()
        Subject(User.objects.get(pk=self.site.users[number].pk)).export(file)
        with zipfile.ZipFile(file) as archive:
            text = archive.read(MANIFEST)
            names = [name for name in archive.namelist() if name != MANIFEST]
            found = {token: name for name in names for token in tokens_in(archive.read(name))}
        return json.loads(text), set(tokens_in(text)), found

    def _hers(self, number, gone, hidden):
        """Return {token: its column} of what goes with this person: it is nobody's else who is still there."""
        return {
            token: place.column_label
            for place, token in self._about[number]
            if whose(self.site, place, token) - gone == {number} and place.column_label not in hidden
        }


def _withheld(manifest):
    """Return the columns that the manifest says to be left out."""
    found = set()
    for each in manifest["files"]:
        model = apps.get_model(each["model"])._meta
        names = (name for name, reason in each["withheld"].items() if reason != OF_ANOTHER)
        found.update(f"{model.db_table}.{model.get_field(name).column}" for name in names)
    for label in manifest["copies"]:
        copy = apps.get_model(label)._meta
        found.update(f"{copy.db_table}.{field.column}" for field in copy.concrete_fields)
    return found
