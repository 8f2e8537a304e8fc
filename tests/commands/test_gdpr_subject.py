import json
import re
import zipfile
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command

from gdpr_assist import Keep, Subject
from gdpr_assist.registry import registry
from tests.apps.people.models import Account, Chat, Profile, Sale, SaleLine
from tests.observing import changed, row, rows, unchanged
from tests.people import account, sale

pytestmark = pytest.mark.django_db


def run(*args, typed=()):
    out = StringIO()
    with mock.patch("builtins.input", side_effect=[*typed, EOFError]):
        call_command("gdpr_subject", *map(str, args), stdout=out)
    return out.getvalue()


def test_find_names_the_rows_and_no_value(ada):
    assert run("find", "--email", "ada@quill.example") == f"people.Account {ada.pk}\n"
    assert run("find", "--email", "-", typed=["ada@quill.example"]) == f"people.Account {ada.pk}\n"
    assert run("find", "--by", "email", typed=["ADA@quill.example"]) == f"people.Account {ada.pk}\n"
    assert run("find", "--by", "email", typed=[" ada@quill.example\r"]) == f"people.Account {ada.pk}\n"
    assert run("find", "--email", "ada@quill.example ") == f"people.Account {ada.pk}\n"
    assert run("find", "people.account", ada.pk) == f"people.Account {ada.pk}\n"


def test_a_guest_has_no_row(ada):
    sale(email="gil@quill.example")
    assert run("find", "--email", "gil@quill.example") == "somebody without a row of their own\n"


@pytest.mark.parametrize("on_erasure", ["anonymise", "delete"])
def test_what_points_at_a_row_that_is_known_by_a_value_alone_goes_with_its_guest(on_erasure, ada, tmp_path):
    lines = {
        name: SaleLine.objects.create(sale=sale(email=f"{name}@quill.example"), engraving=f"for {name}")
        for name in ("gil", "eve")
    }
    only_by_value = changed(Sale, subject=None, identifiers={"email": "email"})
    with only_by_value, changed(SaleLine, on_erasure=on_erasure):
        assert "people.SaleLine: 1 row, by email" in run("preview", "--email", "gil@quill.example")
        run("export", "--email", "gil@quill.example", "--output", tmp_path / "gil.zip")
        run("erase", "--email", "gil@quill.example", "--noinput")
    with zipfile.ZipFile(tmp_path / "gil.zip") as archive:
        assert "for gil" in archive.read("people-SaleLine.csv").decode()
        assert "eve" not in archive.read("people-SaleLine.csv").decode()
    left = {each["id"]: each["engraving"] for each in rows(SaleLine)}
    assert left.pop(lines["eve"].pk) == "for eve"
    assert list(left.values()) == ([] if on_erasure == "delete" else [""])


@pytest.mark.parametrize("args", [["preview"], ["erase", "--dry-run"]])
def test_what_would_be_done_is_shown_and_nothing_is_changed(args, ada):
    sale(ada)
    with unchanged(Account, Sale):
        printed = run(args[0], "people.Account", ada.pk, *args[1:])
    assert "people.Account: 1 row, is the person: anonymised: email" in printed
    assert "people.Sale (free): 1 row" in printed


def test_erase_asks(ada):
    for answer, message in (("no", "Cancelled. Nothing was changed."), ("y", "Only the answer yes")):
        with unchanged(Account), pytest.raises(CommandError, match=message):
            run("erase", "people.Account", ada.pk, typed=[answer])
    printed = run("erase", "people.Account", ada.pk, typed=["yes"])
    assert "people.Account: 1 anonymised\n" in printed
    assert row(ada)["email"] != "ada@quill.example"


def test_erase_as_json(ada):
    sale(ada)
    result = json.loads(run("erase", "people.Account", ada.pk, "--json", "--noinput"))
    assert result["erased"] == {"people.Account": 1, "people.Sale (free)": 1}
    assert list(result["operations"]) == ["default"]


def previewed(person):
    """Return the preview as values and in words."""
    args = ["preview", person._meta.label, person.pk]
    return json.loads(run(*args, "--json")), run(*args)


def test_preview_as_json_is_what_the_reference_shows(ada):
    page = (Path(__file__).parents[2] / "docs/reference/commands.rst").read_text(encoding="utf-8")
    documented = json.loads(re.search(r"code-block:: json\n\n((?: {12}.*\n)+)", page)[1])
    bob = account("bob")
    for _ in range(2):
        SaleLine.objects.create(sale=sale(ada), engraving="Ada")
    sale(email="ada@quill.example")
    sale(bob, email="ada@quill.example")
    Account.objects.filter(pk=bob.pk).update(brought_by=ada)
    seen, text = previewed(ada)
    assert seen.keys() == documented.keys()
    assert seen["person"] == {"database": "default", "rows": {"people.Account": [ada.pk]}}
    assert [(each["model"], each["does"], each["count"]) for each in seen["lines"]] == [
        ("people.Account", "anonymise", 1),
        ("people.Sale", "anonymise", 3),
        ("people.SaleLine", "delete", 2),
        ("people.Account", "leave", 1),
    ]
    assert seen["lines"][1] == documented["lines"][0]
    assert seen["lines"][3]["ways"] == {"only acted (brought_by)": 1}
    assert seen["uncertain"] == documented["uncertain"]
    assert (seen["obstacles"], seen["without_superuser"]) == ([], [])
    # It says as much as the words do, and no value of a row.
    assert len(text.splitlines()) == len(seen["lines"]) + len(seen["uncertain"])
    assert "Sale (free): 3 rows, 2 by buyer, 1 by email: anonymised: email, phone; recipient stays (tax)\n" in text
    assert "quill" not in json.dumps(seen)


def test_what_stands_in_the_way_as_json(ada):
    SaleLine.objects.create(sale=sale(ada), engraving="Ada")
    with changed(Sale, on_erasure="delete"), changed(SaleLine, on_erasure=Keep("tax")):
        seen, text = previewed(ada)
    kept, going = (each for each in seen["lines"] if each["model"] == "people.SaleLine")
    assert (kept["does"], kept["ground"], kept["count"], kept["is_cascade"]) == ("keep", "tax", 1, False)
    assert (going["does"], going["ways"], going["is_cascade"]) == ("delete", {"by cascade": 1}, True)
    assert seen["obstacles"] == [
        {"model": "people.SaleLine", "count": 1, "deleted": "people.Sale", "why": "kept (tax)"}
    ]
    assert "Nothing can be erased: people.SaleLine: 1 row would go with people.Sale, and is kept (tax)" in text


def test_what_was_erased_before_as_json(ada):
    Subject(ada).erase()
    Account.objects.filter(pk=ada.pk).update(email="ada@quill.example")
    [line] = previewed(ada)[0]["lines"]
    assert (line["does"], line["marked"], line["refilled"]) == ("anonymise", 1, 1)


def test_a_guest_as_json():
    sale(email="gil@quill.example")
    guest = {"database": "default", "rows": {}}
    assert json.loads(run("find", "--email", "gil@quill.example", "--json")) == [guest]
    assert json.loads(run("preview", "--email", "gil@quill.example", "--json"))["person"] == guest


def test_what_is_asked_and_shown_before_it_is_stays_out_of_the_json(ada, capsys):
    err = StringIO()
    with mock.patch("builtins.input", side_effect=["ada@quill.example", "yes"]):
        call_command("gdpr_subject", "erase", "--by", "email", "--json", stderr=err)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["erased"] == {"people.Account": 1}
    assert printed.err == "email: Type 'yes' to go on: "
    assert err.getvalue() == "people.Account: 1 row, is the person: anonymised: email\n"


@pytest.mark.parametrize("args", [["--include", "ada@quill.example"], ["--party", "ada@quill.example"]])
def test_no_error_repeats_what_was_typed_in_a_wrong_place(args, ada):
    chat = Chat.objects.create(asker=ada, answerer=account("bob"), question="?", answer="!")
    party = [] if "--party" in args else ["--party", "asker"]
    for typed in (["people.Chat", chat.pk, *party, *args], ["ada@quill.example", 7], ["--by", "ada@quill.example"]):
        with unchanged(Account, Chat), pytest.raises(CommandError) as caught:
            run("erase", *typed, "--noinput", typed=["5"])
        assert "quill" not in str(caught.value)


def test_rows_in_doubt_are_erased_if_somebody_says_so(ada):
    bob = account("bob")
    for each in (ada, bob):
        Profile.objects.create(account=each, phone="555")
    guest = sale(phone="555")
    name = "people.Sale by phone"
    assert "1 anonymised" not in run("erase", "people.Account", bob.pk, "--include", name, "--dry-run")
    printed = run("erase", "people.Account", ada.pk, "--noinput", "--include", name)
    assert "people.Sale (free): 1 anonymised\n" in printed
    assert Sale.objects.get(pk=guest.pk).phone != "555"
    with pytest.raises(CommandError, match=r"^There are no such rows in doubt; there are none\.$"):
        run("erase", "people.Account", ada.pk, "--noinput", "--include", "people.Sale by fax")


def test_what_is_left_is_printed(ada):
    sale(account("bob"), email="ada@quill.example")
    printed = run("erase", "people.Account", ada.pk, "--noinput")
    assert "Left as they are: people.Sale: 1 row, by email, but about somebody else\n" in printed


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "^Name a row"),
        (["people.Account"], "^Name a row"),
        (["people.Account", "1", "--email", "x"], "^Name a row"),
        (["--email", "x", "--by", "phone"], "^Name a row"),
        (["people.Nope", "1"], r"^There is no such model; name it as APP\.MODEL\.$"),
        (["people", "1"], r"^There is no such model; name it as APP\.MODEL\.$"),
        (["people.Account", "77"], r"^people\.Account has no row with this key on default\.$"),
        (["people.Account", "seven"], r"^people\.Account has no row with this key on default\.$"),
        (["--email", "nobody@quill.example"], r"^Nobody was found\.$"),
        (["--email", " "], r"^The value of email is empty"),
        (["--by", "email"], r"^The input ended before there was a value of email\.$"),
        (["people.Account", "77", "--database", "nope"], r"^There is no database nope; rows are on default, other\.$"),
        (["people.Account", "77", "--database", "gdpr_log"], r"^There is no database gdpr_log; rows are on default"),
    ],
)
def test_what_names_nobody_is_an_error(args, message, ada):
    with unchanged(Account), pytest.raises(CommandError, match=message):
        run("erase", *args, "--noinput")


def test_a_kind_that_there_is_not(ada):
    with pytest.raises(CommandError, match=r"^No model has this kind of identifier\."):
        run("find", "--by", "fax", typed=["5"])


def test_several_people_are_never_erased_at_once(ada):
    bob = account("bob")
    for each in (ada, bob):
        sale(each, phone="555")
    with unchanged(Account, Sale), pytest.raises(CommandError) as caught:
        run("erase", "--by", "phone", "--noinput", typed=["555"])
    assert str(caught.value) == (
        f"This finds 2 people: people.Account {ada.pk}, people.Account {bob.pk}. Name the row of one."
    )


def test_several_guests_are_never_erased_at_once():
    one, other = (sale(email=f"{name}@quill.example", phone="555") for name in ("eve", "gil"))
    with unchanged(Sale), pytest.raises(CommandError) as caught:
        run("erase", "--by", "phone", "--noinput", typed=["555"])
    assert str(caught.value) == (
        f"This finds 2 people: somebody without a row of their own (people.Sale {one.pk}), somebody without a row of "
        f"their own (people.Sale {other.pk}). Look for what only one of them is known by."
    )
    run("erase", "--email", "gil@quill.example", "--noinput")
    assert (row(one)["phone"], row(other)["phone"]) == ("555", "")


def test_a_row_of_several_people_needs_a_party(ada):
    chat = Chat.objects.create(asker=ada, answerer=account("bob"), question="?", answer="!")
    assert run("find", "people.Chat", chat.pk, "--party", "asker") == f"people.Account {ada.pk}\n"
    with pytest.raises(CommandError, match=r"^people\.Chat is about several people\."):
        run("find", "people.Chat", chat.pk)


def test_find_and_export_as_json(ada, tmp_path):
    file = tmp_path / "ada.zip"
    assert json.loads(run("find", "people.Account", ada.pk, "--json")) == [
        {"database": "default", "rows": {"people.Account": [ada.pk]}}
    ]
    counts = json.loads(run("export", "people.Account", ada.pk, "--output", file, "--json"))
    assert counts == {"people-Account.csv": 1}
    assert file.stat().st_mode & 0o777 == 0o600


def test_export(ada, tmp_path):
    sale(ada)
    file = tmp_path / "ada.zip"
    assert run("export", "people.Account", ada.pk, "--output", file) == "people-Account.csv: 1\npeople-Sale.csv: 1\n"
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["people-Account.csv", "people-Sale.csv", "manifest.json"]
    before = file.read_bytes()
    with pytest.raises(CommandError, match=r"could not be written to .*ada\.zip: FileExistsError$"):
        run("export", "people.Account", ada.pk, "--output", file)
    assert file.read_bytes() == before
    with pytest.raises(CommandError, match=r"^Say where the zip is to be written: --output FILE\.$"):
        run("export", "people.Account", ada.pk)


def test_export_in_another_format(ada, tmp_path):
    sale(ada)
    file = tmp_path / "ada.zip"
    lines = run("export", "people.Account", ada.pk, "--output", file, "--format", "json")
    assert lines == "people-Account.json: 1\npeople-Sale.json: 1\n"
    with zipfile.ZipFile(file) as archive:
        assert json.loads(archive.read("people-Account.json"))[0]["email"] == "ada@quill.example"
    with pytest.raises(CommandError, match=r"invalid choice: 'xml' \(choose from .*csv.*json"):
        run("export", "people.Account", ada.pk, "--output", tmp_path / "other.zip", "--format", "xml")


def test_a_complete_export(ada, tmp_path):
    file = tmp_path / "ada.zip"
    lines = run("export", "people.Account", ada.pk, "--output", file, "--format", "complete")
    assert lines == "csv/people-Account.csv: 1\njson/people-Account.json: 1\n"
    with zipfile.ZipFile(file) as archive:
        assert "ada@quill.example" in archive.read("index.html").decode()


def test_export_for_spreadsheets(ada, tmp_path):
    file = tmp_path / "ada.zip"
    run("export", "people.Account", ada.pk, "--output", file, "--bom")
    with zipfile.ZipFile(file) as archive:
        assert archive.read("people-Account.csv").startswith(b"\xef\xbb\xbf")


def test_an_export_that_breaks_off_leaves_nothing_that_opens(ada, tmp_path, monkeypatch):
    def fail(self, instance):
        raise RuntimeError("ada@quill.example")

    file = tmp_path / "ada.zip"
    monkeypatch.setattr(type(registry.declaration(Account).meta), "export", fail)
    with pytest.raises(CommandError) as caught:
        run("export", "people.Account", ada.pk, "--output", file)
    assert "people.Account: the export broke off: RuntimeError" in str(caught.value)
    assert "ada@" not in str(caught.value)
    assert not file.exists()
