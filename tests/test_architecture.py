"""The laws of the design that can be read off the source."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils.module_loading import import_string

import gdpr_assist

from . import lengths

pytestmark = pytest.mark.anywhere

PACKAGE = Path(gdpr_assist.__file__).parent
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
}
# Written once, and never changed after a release
CODE = {name: tree for name, tree in MODULES.items() if not name.startswith("migrations/")}


def offenders(predicate, allowed=()):
    """Return where, outside of the allowed modules, there is a node of which ``predicate`` holds."""
    return [
        f"{module}:{node.lineno}"
        for module, tree in CODE.items()
        if not {module, room(module)} & set(allowed)
        for node in ast.walk(tree)
        if predicate(node)
    ]


def room(module):
    """Return the name under which a law speaks of a module: that of its package, where that is all of one kind."""
    package = module.split("/")[0]
    return package if package in {"databases", "declaring", "execution", "planning"} else module


def is_call(node, *methods):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods


# Of the ORM, each with its asynchronous twin
CREATES = ["create", "bulk_create", "bulk_update", "get_or_create", "update_or_create", "save_base"]


def is_write(node):
    """Whether it is a call of the ORM that writes rows.

    A dict's update(x), a storage's delete(name) and the delete(save=False) of a stored file are not.
    """
    if is_call(node, "delete", "adelete", "_raw_delete", "save", "asave"):
        return not node.args and [each.arg for each in node.keywords] != ["save"]
    if is_call(node, "update", "aupdate"):
        return not node.args and bool(node.keywords)
    return is_call(node, *CREATES, *(f"a{name}" for name in CREATES))


# execution: personal data; log: events, receipts, and which database it is; deletion: called by Django's Collector at
# its own UPDATE; upgrading: an operation of a migration; admin/history: Django's own history; errands: what users are
# at between two requests; jobs/keeping: and what a worker does for them; testing/people: a site's tests.
LOG = {"log/exports", "log/identity", "log/receipts", "log/writing"}
WRITERS = {"execution", *LOG, "deletion", "upgrading", "admin/history", "errands", "jobs/keeping", "testing/people"}


def test_only_execution_and_the_log_write_rows():
    assert offenders(is_write, WRITERS) == []


def test_that_law_is_about_something():
    assert {room(place.split(":")[0]) for place in offenders(is_write)} == WRITERS


# What each writer may write beside rows of a project: who writes personal data cannot invent an event, and the log no
# marker.
TABLES = {
    "errands": {"Errand"},
    "jobs": {"Job"},
    "execution": {"PrivacyAnonymised", "Scrub"},
    "log": {"DatabaseIdentity", "EventLog", "Export", "Operation", "Outcome", "Receipt", "Upgrade"},
    "upgrading": {"PrivacyAnonymised"},
}


def tables_in(function):
    """Return the tables of ours that a function names, not for a word of EventLog alone; or by ``markers``."""
    words = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Attribute) and node.attr.isupper()}
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and id(node) not in words}
    return names & set.union(*TABLES.values()) | ({"PrivacyAnonymised"} if "markers" in names else set())


def test_each_writer_has_its_own_tables():
    written = {}
    for module, tree in CODE.items():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and any(map(is_write, ast.walk(function))):
                written.setdefault(module.split("/")[0], set()).update(tables_in(function))
    assert {name: tables for name, tables in written.items() if tables} == TABLES


def test_the_admin_writes_nothing_but_its_history():
    writes = [ast.unparse(node.func) for node in ast.walk(CODE["admin/history"]) if is_write(node)]
    assert writes == ["LogEntry.objects.bulk_create"]


def test_only_what_writes_and_the_databases_hold_a_cursor():
    holders = {room(place.split(":")[0]) for place in offenders(lambda node: is_call(node, "cursor"))}
    assert holders == {"databases", "execution", "log/receipts", "log/writing"}


def test_planning_and_what_is_below_it_open_no_transaction():
    """A search has a savepoint of its own: PostgreSQL takes nothing after an error in a transaction."""
    below = {"declaring", "registry", "planning", "deletion", "checks", "export"}
    everywhere = [
        place
        for place in offenders(lambda node: is_call(node, "atomic", "on_commit"))
        if "declaring/search" not in place
    ]
    assert {re.split("[:/]", place)[0] for place in everywhere} & below == set()
    assert everywhere != []


def test_only_apps_connects():
    assert offenders(lambda node: is_call(node, "connect", "disconnect"), {"apps"}) == []
    decorators = offenders(
        lambda node: (
            isinstance(node, ast.FunctionDef) and any("receiver" in ast.dump(each) for each in node.decorator_list)
        )
    )
    assert decorators == []


# managers: a project's classes; execution: the objects that it anonymises; databases: an error
SETTERS = {"managers", "execution", "databases"}


def test_only_managers_touches_classes_of_others():
    def sets(node):
        return (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"setattr", "delattr"}
        )

    def touches(node):
        targets = node.targets if isinstance(node, ast.Assign) else []
        return any(
            isinstance(target, ast.Attribute) and target.attr in {"__class__", "local_managers"} for target in targets
        )

    assert {room(place.split(":")[0]) for place in offenders(sets)} == SETTERS
    assert {place.split(":")[0] for place in offenders(touches)} == {"managers", "undocumented"}


def test_no_bases_are_assigned():
    assert [name for name, tree in CODE.items() if "__bases__" in ast.dump(tree)] == []


def test_no_import_inside_a_function_but_ready():
    inside = [
        f"{module}:{node.lineno}"
        for module, tree in MODULES.items()
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (module, function.name) != ("apps", "ready")
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert inside == []


def first_calls(module):
    """Return the dotted names that are resolved when they are first called, and those imported for the types alone."""
    deferred = {
        node.args[0].value
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "at_first_call"
    }
    package = ["gdpr_assist", *module.split("/")[:-1]]
    typed = {
        f"{'.'.join(package[: len(package) + 1 - node.level])}.{node.module}.{each.name}"
        for block in MODULES[module].body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    return deferred, typed


# What is loaded when it is first called is named where it is used, and only here.
DEFERRING = {
    "admin/confirmation",
    "admin/erasures",
    "admin/exports",
    "admin/model_admin",
    "admin/operations",
    "admin/personal_data",
    "admin/refusals",
    "apps",
    "managers",
    "registry",
    "tasks",
}


def test_only_what_is_loaded_at_start_up_defers_to_a_first_call():
    assert {module for module in MODULES if first_calls(module)[0]} == DEFERRING


@pytest.mark.parametrize("module", sorted(DEFERRING))
def test_what_is_deferred_is_there(module):
    assert [name for name in first_calls(module)[0] if not callable(import_string(name))] == []


@pytest.mark.parametrize("module", sorted(DEFERRING - {"apps"}))
def test_the_contracts_and_mypy_see_what_is_deferred(module):
    """``apps`` is above all rooms; any other imports for the types what it calls by a dotted name."""
    deferred, typed = first_calls(module)
    assert deferred - typed == set()


def test_only_the_databases_know_a_vendor():
    """There the databases stand side by side, with a default. A column type asks in ``db_type``."""
    assert (
        offenders(lambda node: isinstance(node, ast.Attribute) and node.attr == "vendor", {"databases", "tables"})
        == []
    )
    sources = [path.read_text() for path in (PACKAGE / "databases").glob("*.py")]
    assert [text for text in sources if "if connection.vendor" in text] == []


def test_only_one_module_reads_our_settings():
    def reads(node):
        return isinstance(node, ast.Attribute) and node.attr.startswith("GDPR_")

    assert {place.split(":")[0] for place in offenders(reads)} == {"conf"}


# Of Django, and not documented, those of a model with their "_meta". What else is: see the module "undocumented".
UNDOCUMENTED = {
    "Collector",
    "ManagerDescriptor",
    "MigrationExecutor",
    "MigrationLoader",
    "_constructor_args",
    "_db",
    "_expire_cache",
    "_fields",
    "_hints",
    "_live_receivers",
    "_meta.managers",
    "_meta.parents",
    "_meta.private_fields",
    "_registry",
    "_set_creation_counter",
    "alias_refcount",
    "atomic_blocks",
    "clear_deferred_loading",
    "combinator",
    "disk_migrations",
    "distinct_fields",
    "fields_cache",
    "flatchoices",
    "forwards_plan",
    "get_ancestor_link",
    "get_compiler",
    "get_initial_alias",
    "get_parent_list",
    "integer_field_range",
    "is_sliced",
    "leaf_nodes",
    "load_disk",
    "local_managers",
    "migration_plan",
    "names_to_path",
}

# Not documented either, and in the package "databases", as all that depends on a vendor
UNDOCUMENTED_OF_VENDORS = {"OnConflict", "compose_sql", "features", "insert_statement", "on_conflict_suffix_sql"}

# In no module
UNDOCUMENTED_AND_NOT_NEEDED = {"managers_map", "names_digest"}


def names_used(node):
    """Return the names of an attribute, what is imported, and a text by which getattr() or import_string() asks."""
    if isinstance(node, ast.Attribute):
        return {node.attr, f"_meta.{node.attr}" if getattr(node.value, "attr", None) == "_meta" else node.attr}
    if isinstance(node, ast.ImportFrom):
        return {each.name for each in node.names if not node.level}
    return {node.value.split(".")[-1]} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


@pytest.mark.parametrize(
    ("names", "place"),
    [
        (UNDOCUMENTED, {"undocumented"}),
        (UNDOCUMENTED_OF_VENDORS, {"databases"}),
        (UNDOCUMENTED_AND_NOT_NEEDED, set()),
    ],
)
def test_only_one_module_uses_what_django_does_not_document(names, place):
    assert {room(each.split(":")[0]) for each in offenders(lambda node: names_used(node) & names)} == place


@pytest.mark.parametrize(("names", "place"), [(UNDOCUMENTED, "undocumented"), (UNDOCUMENTED_OF_VENDORS, "databases")])
def test_that_law_names_what_is_used(names, place):
    trees = [tree for module, tree in CODE.items() if room(module) == place]
    assert set().union(*(names_used(node) for tree in trees for node in ast.walk(tree))) >= names


def test_only_the_ways_ask_which_one_it_is():
    """Planning chooses a kind, and ``execution.ways`` has a class for each; all else asks what is true of a way."""
    asking = offenders(lambda node: isinstance(node, ast.Attribute) and node.attr == "kind")
    assert {place.split(":")[0] for place in asking} == {"execution/ways", "planning/ways"}


def test_a_long_module_has_its_reason():
    assert {path for path, number in lengths.lengths().items() if number > lengths.LONGEST} == lengths.REASONS.keys()


def test_a_command_is_a_door():
    commands = lengths.commands()
    assert {"anonymise_db", "gdpr_rerun"} < commands.keys()
    assert {name: number for name, number in commands.items() if number > lengths.LONGEST_COMMAND} == {}


def test_each_module_says_what_it_is():
    docs = {
        name: ast.get_docstring(tree)
        for name, tree in CODE.items()
        if not name.endswith("__init__") or name == "__init__"
    }
    assert [name for name, doc in docs.items() if not doc] == []


@pytest.mark.parametrize("word", ["anonymize", "anonymiz", "anonymization"])
def test_the_spelling_is_british(word):
    sources = {path: path.read_text().lower() for path in PACKAGE.rglob("*.py")}
    assert [path.name for path, text in sources.items() if word in text] == []


def test_the_names_for_a_models_module_load_no_models():
    """As a project's models.py does it: the app registry is not ready then."""
    script = (
        "import sys\n"
        "from django.conf import settings\n"
        "settings.configure()\n"
        "from gdpr_assist import ANONYMISE, AnonymiseError, EventLogError, PrivacyMeta\n"
        "from gdpr_assist import register, rule\n"
        "loaded = {'gdpr_assist.models', 'gdpr_assist.tables', 'gdpr_assist.execution'}\n"
        "print(sorted(loaded & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


# Part of the lint environment, not of every test environment.
if importlib.util.find_spec("importlinter"):

    def test_a_lower_room_never_imports_a_higher_one():
        done = subprocess.run(
            [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 broken" in done.stdout
