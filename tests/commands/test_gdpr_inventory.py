import csv
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from gdpr_assist.inventory import drawing
from gdpr_assist.inventory.held import inventory
from tests.apps.people.models import Reader, Sale
from tests.observing import changed


def run(*args):
    out = StringIO()
    call_command("gdpr_inventory", *args, stdout=out)
    return out.getvalue()


def test_it_prints_a_table_for_each_model():
    with changed(Sale, purpose="delivery"):
        printed = run()
    _, of_sale = printed.split("\npeople.Sale\n")
    purpose, known_by, head, *fields = of_sale.split("\n\n")[0].splitlines()
    assert purpose == "Purpose: delivery"
    assert known_by == "Known by: email (email); phone (phone)"
    assert head.split()[:3] == ["Field", "Class", "Becomes"]
    assert [line.split()[:2] for line in fields] == [
        ["email", "EmailField"],
        ["phone", "CharField"],
        ["recipient", "CharField"],
    ]


def test_a_table_on_a_terminal():
    printed = run("--force-color")
    assert "┃" in printed
    assert "people.Sale" in printed


@pytest.mark.parametrize("name", ["csv", "json"])
def test_a_format_has_all_fields(name):
    written = run("--format", name)
    found = json.loads(written) if name == "json" else list(csv.DictReader(StringIO(written)))
    assert found == [vars(each) for each in inventory()]


def test_a_drawing():
    assert "</svg>" in run("--format", "svg")


def test_a_drawing_without_the_extra(monkeypatch):
    monkeypatch.setattr(drawing, "pygraphviz", None)
    with pytest.raises(CommandError, match=r"^The drawing needs pygraphviz"):
        run("--format", "svg")
    assert run("--format", "csv")


def test_what_is_declared_wrongly_is_an_error():
    with changed(Sale, subject="nowhere"), pytest.raises(CommandError, match=r"^people\.Sale: PrivacyMeta\.subject"):
        run()


# -- compared with a file -------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path):
    def write(name, file):
        (tmp_path / file).write_text(run("--format", name), encoding="utf-8")
        return str(tmp_path / file)

    return write


@pytest.mark.parametrize(
    ("name", "file", "args"),
    [
        ("csv", "held.csv", []),
        ("json", "held.json", []),
        ("markdown", "held.md", []),
        ("json", "held", ["--format", "json"]),
    ],
)
def test_a_file_that_is_current_passes(name, file, args, written):
    assert run("--check", written(name, file), *args) == ""


def test_one_that_is_not_fails_with_what_differs(written):
    file = written("csv", "held.csv")
    out = StringIO()
    with changed(Reader, purpose="letters"), pytest.raises(CommandError) as caught:
        call_command("gdpr_inventory", "--check", file, stdout=out)
    assert str(caught.value) == (
        "held.csv is not what is held now: 2 lines of difference. If what is held is right, write the file anew: "
        "gdpr_inventory --format csv > held.csv"
    )
    old, new = out.getvalue().splitlines()
    assert old.startswith("-people.Reader,email,")
    assert new.startswith("+people.Reader,email,")
    assert "letters" in new
    assert "letters" not in Path(file).read_text()


@pytest.mark.parametrize(
    ("file", "args", "message"),
    [
        ("held.csv", [], r"^held\.csv cannot be read \(FileNotFoundError\)\.$"),
        ("held.txt", [], r"^held\.txt: say with --format which one of csv, json, markdown it is\.$"),
        ("held.svg", ["--format", "svg"], r"^held\.svg: say with --format which"),
        ("held.csv", ["--format", "table"], r"^held\.csv: say with --format which"),
    ],
)
def test_a_file_that_cannot_be_compared(file, args, message, tmp_path):
    with pytest.raises(CommandError, match=message):
        run("--check", str(tmp_path / file), *args)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "held.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match=r"^held\.csv cannot be read \(UnicodeDecodeError\)\.$"):
        run("--check", str(tmp_path / "held.csv"))
