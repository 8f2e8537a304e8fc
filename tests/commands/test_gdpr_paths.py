import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from gdpr_assist import Party
from gdpr_assist.checks.people import check_E049, check_W028
from gdpr_assist.registry import registry
from tests.apps.people.models import Account, Chat, Profile, Remark, Sale, SaleLine
from tests.observing import changed


def run(*args):
    out = StringIO()
    call_command("gdpr_paths", *args, stdout=out)
    return out.getvalue()


def test_each_key_stands_in_the_table_with_its_answer():
    lines = [line.split() for line in run().splitlines()]
    assert lines[0] == ["KEY", "LEADS", "TO", "ANSWER"]
    assert ["people.Sale.packed_by", "people.StaffAccount", "acted"] in lines
    assert ["people.Remark.about", "anything", "subject"] in lines
    assert ["people.Counter.account", "people.Account", "not", "personal"] in lines


def test_a_key_without_an_answer_ends_it_with_an_error():
    out = StringIO()
    with changed(Sale, actors=()), pytest.raises(CommandError) as caught:
        call_command("gdpr_paths", stdout=out)
    assert str(caught.value) == (
        "Not well: Nothing is said of 1 key: people.Sale.packed_by. gdpr_paths --propose writes the lines."
    )
    assert ["people.Sale.packed_by", "people.StaffAccount", "-"] in [
        line.split() for line in out.getvalue().splitlines()
    ]


def test_where_nobody_is_a_person_it_refuses(monkeypatch):
    monkeypatch.setattr(registry, "_registrations", {})
    with pytest.raises(
        CommandError, match=r"^No model is declared as a person: no PrivacyMeta says subject = \"self\"\."
    ):
        run()


# -- proposals -----------------------------------------------------------------------------------


def test_nothing_is_proposed_where_all_is_said():
    assert run("--propose") == ""


def test_all_missing_lines_are_proposed_in_one_go(settings):
    """Also of what leads only to a row that a proposal makes a person's."""
    settings.GDPR_NOT_PERSONAL = []
    with changed(Sale, subject=None, actors=()), changed(SaleLine, subject=None):
        written = run("--propose")
    assert "# people.Sale: in its PrivacyMeta\n" in written
    assert 'subject = "buyer"\nactors = ["packed_by"]\n' in written
    assert '# people.SaleLine: in its PrivacyMeta\nsubject = "sale"\n' in written
    assert (
        "import gdpr_assist\nfrom django.apps import apps\n\nclass CounterPrivacy:\n"
        "    # To decide: what is personal (fields), and what is not (keep), of account, clicks\n"
        '    fields = []\n    keep = []\n    subject = "account"\n\n'
        'gdpr_assist.register(apps.get_model("people.Counter"), CounterPrivacy)\n'
    ) in written


def test_what_is_said_already_stays_in_the_line():
    with changed(Profile, subject="self"), changed(Account, actors=["friends"]):
        written = run("--propose")
    assert 'subject = ["self", "account"]\n' in written
    assert 'actors = ["friends", "brought_by"]\n' in written


def test_where_it_is_said_who_owns_which_column_that_stays():
    parties = {"asker": Party(erases=["question", "answer"])}
    with changed(Chat, subject=parties):
        lines = run("--propose").splitlines()
    at = lines.index("# people.Chat: in its PrivacyMeta")
    assert lines[at + 2 : at + 4] == ['actors = ["answerer"]', ""]
    with changed(Chat, subject=parties, actors=["answerer"]):
        run()


def test_what_is_proposed_is_python(settings):
    settings.GDPR_NOT_PERSONAL = []
    with changed(Sale, subject=None, actors=()), changed(Remark, subject=None):
        compile(run("--propose"), "proposed", "exec")


def test_the_proposed_lines_answer_every_key():
    taken = {Sale: {"subject": "buyer", "actors": ["packed_by"]}, SaleLine: {"subject": "sale"}}
    with changed(Sale, subject=None, actors=()), changed(SaleLine, subject=None):
        with pytest.raises(CommandError):
            run()
        with changed(Sale, **taken[Sale]), changed(SaleLine, **taken[SaleLine]):
            run()


# -- the baseline --------------------------------------------------------------------------------


def test_a_baseline_lets_pass_what_was_there_and_only_gets_shorter(tmp_path):
    file = tmp_path / "paths.json"
    with changed(Sale, actors=()), changed(SaleLine, subject=None):
        assert run("--baseline", str(file)).endswith("paths.json: 2 keys without an answer.\nAll is well.\n")
        assert json.loads(file.read_text()) == ["people.Sale.packed_by", "people.SaleLine.sale"]
        assert run("--baseline", str(file)).endswith("Known from paths.json: 2 without an answer.\nAll is well.\n")
    with changed(Sale, actors=()):
        run("--baseline", str(file))
        assert json.loads(file.read_text()) == ["people.Sale.packed_by"]
    with changed(Sale, actors=()), changed(SaleLine, subject=None), pytest.raises(CommandError) as caught:
        run("--baseline", str(file))
    assert str(caught.value).startswith("Not well: Nothing is said of 1 key: people.SaleLine.sale. ")
    assert json.loads(file.read_text()) == ["people.Sale.packed_by"]


def test_a_strict_site_starts_green_and_only_gets_better(tmp_path, settings):
    file = tmp_path / "paths.json"
    settings.GDPR_STRICT, settings.GDPR_PATHS_BASELINE = True, str(file)
    with changed(Sale, actors=()):
        [missing] = check_E049()
        assert (missing.msg, missing.hint.split(" See ")[0]) == (
            "paths.json is not there.",
            "Run manage.py gdpr_paths, which writes it.",
        )
        run()
        assert json.loads(file.read_text()) == ["people.Sale.packed_by"]
        [known] = check_W028()
        assert (known.is_serious(), check_E049()) == (False, [])
        with changed(SaleLine, subject=None):
            assert {each.obj: each.is_serious() for each in check_W028()} == {Sale: False, SaleLine: True}
            with pytest.raises(CommandError, match=r"^Not well: Nothing is said of 1 key: people\.SaleLine\.sale\."):
                run()
    run()
    assert json.loads(file.read_text()) == []
    with changed(Sale, actors=()):
        assert [each.is_serious() for each in check_W028()] == [True]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, "GDPR_PATHS_BASELINE is no path."),
        ("no json", "paths.json cannot be read (JSONDecodeError)."),
        ('{"a": 1}', "paths.json is no baseline: it holds no list of keys."),
    ],
)
def test_a_setting_that_names_no_baseline_is_an_error(value, message, tmp_path, settings):
    file = tmp_path / "paths.json"
    if isinstance(value, str):
        file.write_text(value)
        value = file
    settings.GDPR_PATHS_BASELINE = value
    [found] = check_E049()
    assert found.msg == message
    assert check_W028() == []  # said once
    with pytest.raises(CommandError, match=re.escape(message)):
        run()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", r"^paths\.json cannot be read \(JSONDecodeError\)\. Remove it to begin anew\.$"),
        ('{"a": 1}', r"^paths\.json is no baseline: it holds no list of keys\. Remove it to begin anew\.$"),
        ("[7]", r"^paths\.json is no baseline"),
    ],
)
def test_a_file_that_is_no_baseline_is_left_as_it_is(text, message, tmp_path):
    file = tmp_path / "paths.json"
    file.write_text(text)
    with pytest.raises(CommandError, match=message):
        run("--baseline", str(file))
    assert file.read_text() == text


def test_a_folder_that_there_is_not(tmp_path):
    with pytest.raises(CommandError, match=r"^paths\.json cannot be written \(FileNotFoundError\)\.$"):
        run("--baseline", str(tmp_path / "nowhere" / "paths.json"))
