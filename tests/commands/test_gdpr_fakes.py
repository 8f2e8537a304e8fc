"""gdpr_fakes: pools of invented values, as ``Pseudonym`` reads them."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from gdpr_assist.declaring.pools import pool
from gdpr_assist.management import fakes

pytestmark = pytest.mark.anywhere


def printed(*arguments):
    """Return what the command writes to stdout, and to stderr."""
    out, err = StringIO(), StringIO()
    call_command("gdpr_fakes", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_pools_of_what_most_sites_have():
    out, err = printed("--locale", "de_DE", "--rows", "20")
    made = json.loads(out)
    assert list(made) == list(fakes.FIELDS)
    assert {len(values) for values in made.values()} == {20}
    assert all(len(set(values)) == 20 and all(isinstance(each, str) for each in values) for values in made.values())
    assert err == ""


def test_the_file_is_what_a_pseudonym_reads(tmp_path, settings):
    settings.GDPR_PSEUDONYMS = tmp_path / "pools.json"
    out, _ = printed("--locale", "pl_PL", "--rows", "7", "--field", "first_name", "city", "--field", "job")
    settings.GDPR_PSEUDONYMS.write_text(out, encoding="utf-8")
    assert [len(pool(name, 5)) for name in ("first_name", "city", "job")] == [5, 5, 5]


def test_the_same_each_time_for_one_seed():
    arguments = ("--rows", "5", "--locale", "de_DE", "--seed")
    assert printed(*arguments, "7") == printed(*arguments, "7") != printed(*arguments, "8")


def test_a_provider_with_few_values_gives_what_it_has():
    out, err = printed("--rows", "30", "--field", "prefix_male", "--locale", "de_DE")
    count = len(json.loads(out)["prefix_male"])
    assert 0 < count < 30
    assert err == f"prefix_male: {count} different values, not 30: there are hardly more.\n"


@pytest.mark.parametrize("locale", ["xx_XX", "", "nowhere", "../.."])
def test_an_unknown_locale(locale):
    with pytest.raises(CommandError, match="Write one as de_DE, en_GB or pl_PL") as caught:
        printed("--locale", locale)
    assert repr(locale) in str(caught.value)


@pytest.mark.parametrize("name", ["nothing", "date_of_birth", "seed_instance", "unique", "enum", "binary", "__init__"])
def test_an_unknown_provider_or_one_that_gives_no_text(name):
    with pytest.raises(CommandError, match=f"Faker has no provider '{name}' that gives a text"):
        printed("--field", name, "--rows", "2")


@pytest.mark.parametrize("rows", ["0", "-1", "many"])
def test_rows_that_are_no_number(rows):
    with pytest.raises(CommandError, match="not a whole number of at least 1"):
        printed(f"--rows={rows}")


def test_without_faker_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(fakes, "faker", None)
    with pytest.raises(CommandError, match=r"pip install 'django-gdpr-assist\[fakes\]'"):
        printed()
