"""Runs a canary on databases of its own, prints what came of it, and gives the exit status."""

import random
import shutil
import sys
from collections import Counter
from importlib import import_module
from io import StringIO
from time import perf_counter

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test.utils import setup_databases, teardown_databases

from .going import Going
from .judging import Judgement
from .looking import FILES, look

STRANGERS = 20

# In these tables nobody writes of people
STATIC = ("auth_permission", "django_content_type", "django_migrations", "gdpr_assist_", "sqlite_sequence")

# Of each kind of problem, no more are printed
MOST = 20


def run(project, people, seed):
    """Return 0 if nothing is wrong, else 1."""
    call_command("check", fail_level="WARNING", stdout=StringIO())
    module = import_module(f"tests.canary.{project}")
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        return _run(module, project, module.Filled(people, random.Random(seed)), seed)
    finally:
        teardown_databases(databases, verbosity=0)
        shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)


def _run(module, project, site, seed):
    start = perf_counter()
    site.fill()
    before = look()
    filled = perf_counter()
    going = Going(site, module, before)
    going.run()
    going.check_strangers(STRANGERS)
    gone = perf_counter()
    judgement = Judgement(site, module.RULES, before, look(), going.gone)
    judgement.judge()
    problems = [*going.problems, *judgement.problems, *_wrong_lists(module, before, judgement)]
    title = f"canary of {project}: {len(site.accounts)} people on {connections['default'].vendor}, seed {seed}"
    took = f"{gone - filled:.1f} s for erasing and exporting, {perf_counter() - start:.1f} s in all"
    lines = [title, *_looked(site, before), *_came_of_it(going, judgement, problems), took]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(bool(problems))


def _wrong_lists(module, before, judgement):
    """Yield what makes a list of the project longer than it has to be, or shorter."""
    empty = _without_token(before)
    yield from (f"no token is in {each}" for each in sorted(empty - module.WITHOUT))
    yield from (f"said to have no token, and has: {each}" for each in sorted(module.WITHOUT - empty))
    yield from (f"said to keep tokens, and keeps none: {each}" for each in judgement.unused())


def _without_token(seen):
    """Return the text columns without a token, but for those of tables in which nobody writes of people."""
    filled = {(place.alias, place.table, place.column) for place, _ in seen.tokens}
    return {f"{table}.{column}" for _, table, column in seen.texts - filled if not table.startswith(STATIC)}


def _looked(site, before):
    filled = {(place.alias, place.table, place.column) for place, _ in before.tokens if place.alias != FILES}
    yield f"looked in {len(before.columns)} columns of {len(before.tables)} tables, and in {before.files} files"
    yield f"found {len(site.owners)} tokens in {len(before.tokens)} places, in {len(filled)} columns"


def _came_of_it(going, judgement, problems):
    yield "gone: " + ", ".join(f"{count} by {way}" for way, count in Counter(going.gone.values()).items())
    yield f"exports held against the rows: {going.exports.count}"
    yield "tokens of those who are gone that stay, and why:"
    for reason, columns in sorted(judgement.listed.items()):
        yield f"  {columns.total():6}  {reason}: {', '.join(sorted(columns))}"
    for problem, count in Counter(problems).most_common(MOST):
        yield f"WRONG {count:6}  {problem}"
