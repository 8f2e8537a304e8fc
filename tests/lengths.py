"""How long the modules of the package are, and why some are longer than others: ``python -m tests.lengths``."""

import ast
import sys
from pathlib import Path

import gdpr_assist

PACKAGE = Path(gdpr_assist.__file__).parent

# In lines. A longer module has a reason below, and it is not that nobody has cut it in two yet.
LONGEST = 250

# In lines of code, besides imports, docstrings and ``add_arguments``: a command parses, calls, and prints.
LONGEST_COMMAND = 60

REASONS = {
    "admin/person.py": "one page: what it shows of a person, and what the user may do with whom",
    "admin/personal_data.py": "the pages of the tool: its form, a view for each, and what each button does",
    "copies/files.py": "one keeper: which name means which file, on whatever storage, and whether another row has it",
    "databases/compaction.py": "three databases side by side, each with its own statements",
    "log/writing.py": "the protocol, in the order of its steps",
    "managers.py": "all that touches a project's class, so that it can be read at once",
    "paths.py": "from a model to its people, and the proof that no key is forgotten: they read the same relations",
    "planning/plans.py": "the plan and how it is made: one value",
    "receivers.py": "a deletion as Django tells of it, from its first row to its last, and what goes with it",
    "registry.py": "one object: what is declared, looked up in each direction",
    "replay/applying.py": "one transaction of a replay, from its receipts to its last row, and why it may fail",
    "replay/replay.py": "one loop over the log, with what it does about each kind of refusal",
    "subjects/subject.py": "one object: a person, and what is asked of one, each in asynchronous code too",
    "tables.py": "all tables of the app",
    "undocumented.py": "all that Django does not document, so that a new version is looked at in one place",
}


def lengths():
    """Return {path below the package: lines}, the longest first; migrations are written once."""
    found = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
        if "migrations" not in path.parts
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def commands():
    """Return {module of a command: lines of code}, without what only says what it is and what it takes."""
    paths = (PACKAGE / "management/commands").glob("*.py")
    return {path.stem: _code(path.read_text(encoding="utf-8")) for path in paths}


def _code(text):
    rest = filter(_is_no_code, ast.walk(ast.parse(text)))
    left_out = {number for node in rest for number in range(node.lineno, node.end_lineno + 1)}
    lines = enumerate(text.splitlines(), start=1)
    return sum(1 for number, line in lines if number not in left_out and line.strip() and line.strip()[0] != "#")


def _is_no_code(node):
    if isinstance(node, ast.FunctionDef):
        return node.name == "add_arguments"
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return is_text or isinstance(node, ast.Import | ast.ImportFrom)


def report():
    for path, number in lengths().items():
        if number > LONGEST:
            yield f"{number:5}  {path}: {REASONS.get(path, 'no reason is given')}"
    rest = [number for number in lengths().values() if number <= LONGEST]
    yield f"{len(rest)} others, up to {max(rest)} lines; the one in the middle has {sorted(rest)[len(rest) // 2]}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(report()) + "\n")
