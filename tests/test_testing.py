"""What sites prove their declarations with: it fails where these are wrong, and only there."""

import json
import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.models.signals import post_save

from gdpr_assist import AnonymiseError, Generic, Subject
from gdpr_assist.testing import (
    assert_anonymises,
    assert_fully_declared,
    assert_model_anonymises,
    assert_no_trace,
    make_person,
    make_row,
    making,
    proving,
    registered_models,
)
from tests.apps.fields.models import NullFields
from tests.apps.people.models import (
    Account,
    Chat,
    Circle,
    Counter,
    Event,
    Parcel,
    Reader,
    Remark,
    Sale,
    SaleLine,
    Visit,
)
from tests.apps.shop.models import HOUSE_COMPANY, AuditEntry, Comment, Company, Customer, GiftOrder, Order, Reservation

from .logbook import customer
from .observing import changed, listening, row
from .people import account

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

# An anonymiser that fails, a key of which Django's own full_clean() cannot compare the values, a column that makes
# its values longer, and columns of which model_bakery cannot make a value
OUT_OF_ORDER = {"shop.Reservation", "own.ConvertedKey", "own.OwnColumns"}
OUT_OF_ORDER |= {f"postgres_fields.{name}" for name in ("PostgresFields", "NullPostgresFields")}


@pytest.fixture
def house_company(db):
    return Company.objects.create(pk=HOUSE_COMPANY, name="The house")


# -- each model of the tests -----------------------------------------------------------------------


@pytest.mark.usefixtures("house_company")
@pytest.mark.parametrize(
    "model",
    [each for each in registered_models() if each._meta.label not in OUT_OF_ORDER],
    ids=lambda model: model._meta.label,
)
def test_each_model_is_anonymised_as_it_is_declared(model):
    assert_model_anonymises(model)


def test_all_is_said_of_the_apps_of_the_tests():
    assert_fully_declared("people")


def test_a_person_leaves_no_trace():
    made = make_person(Account)
    Subject(made.person).erase()
    assert_no_trace(*made.tokens)


# -- assert_anonymises -----------------------------------------------------------------------------


def refusal(act, *args):
    """Return what the assertion says; it never holds a value."""
    with pytest.raises(AssertionError) as caught:
        act(*args)
    assert not re.search("Ada|kq[0-9a-f]{9}z|quill", str(caught.value))
    return str(caught.value)


def test_the_row_stays_anonymised():
    person = make_row(Customer)
    assert_anonymises(person)
    assert person.is_anonymised()


def test_a_field_that_the_project_writes_again():
    def write(instance, **kwargs):
        Customer.all_objects.filter(pk=instance.pk).update(notes="Ada")

    person = make_row(Customer)
    with listening(post_save, write, sender=Customer):
        assert refusal(assert_anonymises, person) == (
            "shop.Customer is not anonymised as it is declared: notes does not hold what its rule gives."
        )


def test_an_anonymiser_that_does_nothing():
    def anonymise_display_name(self, instance):
        return instance.display_name

    with changed(Comment, anonymise_display_name=anonymise_display_name):
        said = refusal(assert_anonymises, make_row(Comment))
    assert said.endswith("declared: the text of display_name is still in display_name.")


def test_a_text_that_stands_in_a_column_that_is_kept():
    person = make_row(Customer, name="Ada Quill", country="IT")
    comment = make_row(Comment, display_name="Ada Quill", body="by Ada Quill")
    with changed(Comment, fields=["display_name", "email"], keep=["body", "author", "posted"]):
        assert "the text of display_name is still in body." in refusal(assert_anonymises, comment)
    assert_anonymises(person)


def test_a_text_that_stands_in_the_table_of_a_child():
    order = make_row(GiftOrder, recipient="Ada Quill", greeting="Dear Ada Quill")
    with changed(GiftOrder, fields=["recipient", "email", "delivery_note"], keep=["greeting", "customer", "placed"]):
        assert "the text of recipient is still in greeting." in refusal(
            assert_anonymises, Order.objects.get(pk=order.pk)
        )


def test_a_short_text_may_stand_elsewhere():
    with changed(Comment, fields=["display_name", "email"], keep=["body", "author", "posted"]):
        assert_anonymises(make_row(Comment, display_name="Ada", body="by Ada"))


def test_a_file_that_stays(monkeypatch):
    made = make_row(NullFields)
    assert made.file.storage.exists(made.file.name)
    monkeypatch.setattr("gdpr_assist.copies.files.StoredFile.delete", lambda self, using: None)
    assert "the stored file of file is still there." in refusal(assert_anonymises, made)


def test_a_file_goes():
    made = make_row(NullFields)
    name, storage = made.file.name, made.file.storage
    assert_anonymises(made)
    assert not storage.exists(name)


@pytest.mark.parametrize("on_erasure", ["anonymise", "delete"])
def test_copies_that_stay(on_erasure, monkeypatch):
    with changed(Remark, subject=None, copy_of=Generic("content_type", "object_id"), on_erasure=on_erasure):
        for number in range(2):
            person = account(f"ada{number}")
            Remark.objects.create(about=person, text="Ada")
            if number:
                monkeypatch.setattr("gdpr_assist.execution.objects.copies", lambda *args: [])
                assert "copies in people.Remark are not" in refusal(assert_anonymises, person)
            else:
                assert_anonymises(person)


def test_what_full_clean_refuses():
    def anonymise_email(self, instance):
        return "no address"

    with changed(Comment, anonymise_email=anonymise_email):
        assert refusal(assert_anonymises, make_row(Comment)).endswith("declared: full_clean() refuses email.")


def test_what_full_clean_refused_before_is_no_matter():
    made = make_row(Customer)
    Customer.all_objects.update(country="Italy"[:2], email="no address")
    Order.objects.update(email="no address")
    with changed(
        Customer, fields=["name"], keep=["email", "number", "country", "is_deleted", "phone", "born", "notes"]
    ):
        assert_anonymises(made)


def test_two_rows_that_get_the_same_value():
    def anonymise_email(self, instance):
        return "nobody@anon.example.com"

    with changed(Customer, anonymise_email=anonymise_email):
        assert_anonymises(make_row(Customer))
        with pytest.raises(AnonymiseError, match="email"):
            assert_model_anonymises(Customer)


def test_what_cannot_be_anonymised_says_why():
    with pytest.raises(AnonymiseError, match="anonymise_phone raised RuntimeError"):
        assert_model_anonymises(Reservation)
    with pytest.raises(AnonymiseError, match="is not registered"):
        assert_anonymises(make_row(Company))


# -- assert_no_trace ---------------------------------------------------------------------------------


def test_a_trace():
    customer(notes="asked for Ada Quill")
    customer("other", notes="asked for ada quill")
    said = refusal(assert_no_trace, "Ada Quill")
    assert "shop_customer.notes on default: 1" in said
    assert "shop_customer.notes on other: 1" in said
    assert "on other" not in refusal(lambda: assert_no_trace("Ada Quill", using="default"))
    assert_no_trace("Ada Gander")


def test_more_values_than_one_statement_takes(monkeypatch):
    monkeypatch.setattr(proving, "MOST", 2)
    customer(notes="asked for Ada Quill")
    assert "shop_customer.notes" in refusal(assert_no_trace, "Bob Gander", "Eve Gander", "Ada Quill")


def test_a_value_that_is_too_short_to_be_looked_for():
    with pytest.raises(ValueError, match=r"^Value 2 is too short to be looked for: it needs 5 characters\.$"):
        assert_no_trace("Ada Quill", "Ada")


# -- assert_fully_declared ---------------------------------------------------------------------------


def test_a_column_of_which_nothing_is_said():
    with changed(Reader, fields=[]):
        assert (
            refusal(assert_fully_declared, "people") == "Not fully declared: people.Reader: nothing is said of email."
        )
        assert_fully_declared("shop")
        assert "people.Reader" in refusal(assert_fully_declared)


def test_a_key_without_an_answer(settings):
    assert_fully_declared("people")
    settings.GDPR_NOT_PERSONAL = []
    said = refusal(assert_fully_declared, "people")
    assert "people.Counter.account: it leads to a person, and has no answer (gdpr_paths)." in said


def test_a_model_that_looks_personal(settings):
    settings.GDPR_LOOKS_PERSONAL = ["species"]
    assert_fully_declared("people")
    settings.GDPR_LOOKS_PERSONAL = ["clicks"]
    settings.GDPR_NOT_PERSONAL = []
    assert "people.Counter: nothing is said of clicks." in refusal(assert_fully_declared, "people")


def test_a_declaration_that_is_wrong():
    with changed(Reader, search_fields=["nope"]):
        assert "people.Reader: " in refusal(assert_fully_declared, "people")


@pytest.mark.parametrize("function", [assert_fully_declared, registered_models])
def test_an_app_that_there_is_not(function):
    with pytest.raises(LookupError, match="nowhere"):
        function("nowhere")


# -- rows and people ---------------------------------------------------------------------------------


def test_the_models_of_an_app():
    assert {model._meta.app_label for model in registered_models("shop", "people")} == {"shop", "people"}
    assert AuditEntry not in registered_models()
    assert Customer in registered_models("shop")


# -- columns of JSON of which only some is personal ----------------------------------------------------

PATHS = ["contact.email", "items[*].name", "first[1]", 'meta["a name"]']


def within(paths=PATHS, **more):
    return changed(NullFields, fields=["char"], json_fields={"json": paths}, **more)


def test_a_token_stands_at_each_path_and_one_beside():
    with within():
        made = make_row(NullFields).json
    assert re.fullmatch("kq[0-9a-f]{9}z", made["contact"]["email"])
    assert [list(each) for each in made["items"]] == [["name"]]
    assert made["first"][0] is None
    assert len({made["contact"]["email"], made["items"][0]["name"], made["first"][1], made["meta"]["a name"]}) == 4
    assert set(made) == {"contact", "items", "first", "meta", "said"}


def test_what_cannot_stand_together_or_is_too_far_is_left_out():
    with within(["a.b", "a[0]", "many[123456789]"]):
        made = make_row(NullFields).json
        assert_model_anonymises(NullFields)
    assert (set(made), made["many"]) == ({"a", "many", "said"}, None)
    assert set(made["a"]) == {"b"}


def test_a_column_of_text_that_holds_json():
    with changed(
        NullFields, fields=["email"], json_fields={"text": ["name"], "char": ["a.b"], "slug": ["one", "two", "three"]}
    ):
        made = make_row(NullFields)
        assert set(json.loads(made.text)) == {"name", "said"}
        assert made.slug == "{}"  # no room
        assert_model_anonymises(NullFields)


def test_a_declaration_within_json_that_is_right():
    with within():
        assert_model_anonymises(NullFields)
        written = {"contact": {"email": "ada@quill.example"}, "items": [{"name": ""}, {"name": "Ada Quill"}]}
        assert_anonymises(make_row(NullFields, json={**written, "first": ["one"], "meta": None}))


@pytest.mark.parametrize(
    ("path", "json"),
    [
        ("contact.emial", {"contact": {"email": "ada@quill.example"}}),
        ("contct.email", {"contact": {"email": "ada@quill.example"}}),
        ("contact[*].email", {"contact": {"email": "ada@quill.example"}}),
        ("contact.email", {"contact": [{"email": "ada@quill.example"}]}),
        ("contact.email", {"contact": "ada@quill.example"}),
        ("contact[*].email", {"contact": [{"mail": "ada@quill.example"}]}),
    ],
)
def test_a_path_that_is_misspelt(path, json):
    made = [make_row(NullFields, json=json) for _ in range(3)]
    with within([path]):
        said = refusal(assert_anonymises, made[0])
        assert said.endswith(f"nothing stands at {path} in json: is it misspelt, or has the row not got it?")
        assert "nothing stands" in refusal(assert_model_anonymises, NullFields, lambda model: made.pop())


@pytest.mark.parametrize("json", [None, {}, [], {"contact": None}, {"contact": {}}, {"contact": []}])
def test_what_is_empty_says_nothing_of_a_path(json):
    with within(["contact.email"]):
        assert_anonymises(make_row(NullFields, json=json))


def test_one_row_that_has_it_is_enough():
    rows = [{"a": "Ada Quill"}, {"b": 1}, {"a": "Ada Quill"}]
    with within(["a"]):
        assert_model_anonymises(NullFields, lambda model: make_row(NullFields, json=rows.pop()))


def test_a_text_at_a_path_that_stands_elsewhere_too():
    made = make_row(NullFields, json={"a": "Ada Quill", "b": {"label": "for Ada Quill"}})
    with within(["a"]):
        assert "the text of a in json is still in json." in refusal(assert_anonymises, made)


def test_what_already_held_what_the_path_gets():
    made = make_row(NullFields, json={"a": "nobody", "b": "nobody"})
    with within({"a": "nobody"}):
        assert_anonymises(made)


def test_a_person_with_json_leaves_no_trace_and_what_stands_beside_stays():
    with changed(Remark, fields=[], json_fields={"text": ["contact.email", "items[*].name"]}):
        made = make_person(Account)
        note = json.loads(made.rows[Remark].text)
        assert {note["contact"]["email"], note["items"][0]["name"]} <= set(made.tokens)
        assert note["said"] in made.kept_tokens
        Subject(made.person).erase()
        assert_no_trace(*made.tokens)
    left = json.loads(row(made.rows[Remark])["text"])
    assert left == {"contact": {"email": ""}, "items": [{"name": ""}], "said": note["said"]}


def test_a_row_of_a_person_with_values():
    note = '{"contact": {"email": "sold@quill.example"}}'
    with changed(Remark, fields=[], json_fields={"text": ["contact.emial"]}):
        made = make_person(
            Account,
            values_of={Remark: {"text": note}, Account: {"email": "ada@quill.example"}},
            email="bea@quill.example",
        )
        assert (made.rows[Remark].text, made.person.email) == (note, "bea@quill.example")
        Subject(made.person).erase()
        assert "people_remark.text" in refusal(assert_no_trace, "sold@quill.example")


def test_values_for_a_row_that_is_not_made():
    with pytest.raises(ValueError, match=r": no row of people\.Counter leads to the person\.$"):
        make_person(Account, values_of={Counter: {}})


def test_every_text_column_has_a_token():
    made = make_row(NullFields)
    for name in ("char", "slug", "text", "email", "url"):
        assert re.search("kq[0-9a-f]{9}z", getattr(made, name)), name
    assert re.search("kq[0-9a-f]{9}z", made.json["said"])


def test_a_row_on_another_database():
    assert make_row(Customer, using="other")._state.db == "other"


def test_values_go_before_tokens():
    assert make_row(Customer, name="Ada").name == "Ada"


def test_the_rows_around_a_person():
    made = make_person(Account, email="ada@quill.example")
    assert made.person.email == "ada@quill.example"
    assert made.rows[Sale].buyer == made.person
    assert made.rows[SaleLine].sale == made.rows[Sale]
    assert made.rows[Sale].parcel == made.rows[Parcel]
    assert made.rows[Visit].account == made.person
    assert made.rows[Visit].event == made.rows[Event]
    assert made.rows[Remark].about == made.person
    assert made.rows[Reader].email == "ada@quill.example"
    assert made.person in made.rows[Circle].members.all()
    assert made.rows[Chat].asker == made.person != made.rows[Chat].answerer
    assert Counter not in made.rows


def test_what_stays_of_a_person_is_told_apart():
    made = make_person(Account)
    Subject(made.person).erase()
    assert_no_trace(*made.tokens)
    recipient = row(made.rows[Sale])["recipient"]  # kept for the tax office
    assert recipient in made.kept_tokens
    assert made.rows[Chat].answer in made.kept_tokens
    with pytest.raises(AssertionError, match=r"people_sale\.recipient"):
        assert_no_trace(*made.kept_tokens)


def test_a_path_that_was_forgotten_leaves_a_trace():
    """The row is found no more, and its token is looked for nevertheless."""
    made = make_person(Account)
    with changed(Sale, subject=None, identifiers={}):
        Subject(made.person).erase()
    assert "people_sale.email" in refusal(assert_no_trace, *made.tokens)


def test_which_person():
    with pytest.raises(AnonymiseError, match=r"say of which model; people are .*people\.Account, people\.Profile"):
        make_person()
    with pytest.raises(AnonymiseError, match=r"people\.Sale: its rows are no people"):
        make_person(Sale)


def test_without_model_bakery(monkeypatch):
    monkeypatch.setattr(making, "baker", None)
    with pytest.raises(ImproperlyConfigured, match=r"django-gdpr-assist\[testing\]"):
        make_row(Customer)


# -- the plugin ----------------------------------------------------------------------------------------


def test_the_plugin_gives_each_model_a_test_of_its_own(registered_model):
    assert registered_model in registered_models()
