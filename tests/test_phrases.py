"""Texts that are English where they are held, and in the active language where they are read."""

import copy
import json
import pickle

import pytest

from gdpr_assist.phrases import Phrase, listed, packed, translated, unpacked

GERMAN = {"by %(way)s": "über %(way)s", "%(count)s %(way)s": "%(count)s mal %(way)s", "100 %": "hundert Prozent"}


@pytest.fixture(autouse=True)
def _german(monkeypatch):
    monkeypatch.setattr("gdpr_assist.phrases._", lambda text: GERMAN.get(text, text))


def test_it_is_its_english_text():
    by = Phrase("by %(way)s", way="customer")
    assert by == "by customer"
    assert hash(by) == hash("by customer")
    assert json.dumps([by]) == '["by customer"]'


def test_it_is_said_in_the_active_language():
    by = Phrase("by %(way)s", way="customer")
    assert translated(by) == "über customer"
    assert translated(Phrase("%(count)s %(way)s", count="2", way=by)) == "2 mal über customer"
    assert translated(Phrase("100 %")) == "hundert Prozent"


def test_another_text_stays_as_it_is():
    assert translated("100 %") == "100 %"


def test_a_value_with_a_percent_sign():
    assert translated(Phrase("by %(way)s", way="5 %s")) == "über 5 %s"


def test_several_with_commas_between_them():
    by, there = Phrase("by %(way)s", way="customer"), "there"
    assert listed([by]) is by
    assert listed([by, there]) == "by customer, there"
    assert translated(listed([by, there])) == "über customer, there"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_is_said_so_too(again):
    assert translated(again(Phrase("by %(way)s", way="customer"))) == "über customer"


def test_json_holds_it():
    inner = Phrase("by %(way)s", way="customer")
    for text in (inner, Phrase("%(count)s %(way)s", count="2", way=inner), "plain"):
        held = unpacked(json.loads(json.dumps(packed(text))))
        assert held == text
        assert translated(held) == translated(text)
