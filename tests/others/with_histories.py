"""What a history has is personal as in its model; the rest is asked. Run by tests/test_ready_made.py."""

import pytest
from django.core import checks

from gdpr_assist.coverage import unanswered
from gdpr_assist.registry import registry
from tests.others.histories.models import Card, Letter, Person, Tag, Tagged, Writer

pytestmark = pytest.mark.django_db(databases=["default", "other", "gdpr_log"])


def declared(model):
    return registry.declaration(model)


def kept(model):
    return sorted(declared(model).meta.keep)


def test_columns_of_the_site_are_asked_once_and_those_of_the_app_are_answered():
    found = [each.msg for each in checks.run_checks() if each.id == "gdpr_assist.W001" and "histories." in each.msg]
    assert sorted(found) == [
        "histories.Card: added: neither in PrivacyMeta.fields nor in PrivacyMeta.keep.",
        "histories.HistoricalLetter: address, browser: neither in PrivacyMeta.fields nor in PrivacyMeta.keep.",
    ]
    assert unanswered()["histories.HistoricalLetter"] == ["address", "browser"]


def test_what_the_app_writes_is_answered():
    assert declared(Letter.history.model).fields == ("text", "history_change_reason")
    assert kept(Letter.history.model) == ["history_date", "history_type", "history_user", "id", "number"]
    assert declared(Card.history.model).fields == ("text", "history_change_reason")
    assert kept(Card.history.model) == [
        "added",
        "history_date",
        "history_relation",
        "history_type",
        "history_user_id",
        "id",
    ]


class Answered:
    fields = ["text", "history_change_reason", "address", "browser"]
    keep = ["id", "number", "history_date", "history_type", "history_user"]
    copy_of = "history"
    actors = ["history_user"]


def test_what_the_site_answers_is_done():
    letter = Letter.objects.create(text="Ada Quill")
    letter.history.update(address="10.1.2.3", browser="Ada's")
    with_answer = Letter.history.model
    ready = registry._registrations[with_answer]
    registry._withdraw(with_answer)
    try:
        with registry.registered(with_answer, Answered):
            assert "histories.HistoricalLetter" not in unanswered()
            letter.anonymise()
            assert list(letter.history.values_list("text", "address", "browser")) == [("", None, "")]
    finally:
        registry._add(with_answer, ready)


def test_the_history_of_a_many_to_many_field_is_erased_with_its_through_rows():
    letter, tag = Letter.objects.create(), Tag.objects.create(word="ink")
    tagged = Tagged.objects.create(letter=letter, tag=tag, why="Ada Quill")
    letter.save()
    [past] = [model for model in registry.models if getattr(model, "instance_type", None) is Tagged]
    assert list(past.objects.values_list("why", flat=True)) == ["Ada Quill"]
    tagged.anonymise()
    assert list(past.objects.values_list("why", flat=True)) == [""]
    assert kept(past) == ["history", "id", "letter", "tag"]


def test_what_is_personal_in_a_parent_is_so_in_the_history_of_its_child():
    writer = Writer.objects.create(name="Ada Quill", pen_name="Quill")
    Person.objects.get(pk=writer.pk).anonymise()
    assert list(writer.history.values_list("name", "pen_name")) == [("", "")]
