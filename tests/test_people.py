"""Whose a row is: what is declared, what is wrong with it, and the ways from each model to its people."""

import re

import pytest
from django.db import models
from django.db.models import Q
from django.test.utils import isolate_apps

import gdpr_assist
from gdpr_assist import AnonymiseError, Generic, Identifier, Keep, Party
from gdpr_assist.checks import people as checks
from gdpr_assist.checks.coverage import check_W033
from gdpr_assist.conf import is_strict
from gdpr_assist.declaring.declaration import declare
from gdpr_assist.declaring.people_mistakes import LONGEST_PART
from gdpr_assist.declaring.spelling import resembles
from gdpr_assist.paths import keys_to_people, known_by, people, person_of, routes, unanswered
from gdpr_assist.planning.plans import plan
from gdpr_assist.registry import registry
from gdpr_assist.tables import LONGEST_PART as OF_THE_COLUMN
from tests.apps.own.models import Document, Letter, Person, SignedDocument
from tests.apps.people.models import (
    Account,
    Attachment,
    Chat,
    Counter,
    Event,
    Parcel,
    Profile,
    Reader,
    Remark,
    Sale,
    SaleLine,
    StaffAccount,
    Visit,
)
from tests.apps.shop.models import Customer, Order

from .observing import changed


def mistakes(model, **attributes):
    """Return [(number of the check, message)] of the mistakes about people."""
    meta = type("PrivacyMeta", (type(registry.declaration(model).meta),), attributes)
    found = declare(model, meta).mistakes
    return [(each.check, each.message) for each in found if each.check in {"E010", "E043", "E045", "E046"}]


# -- the values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Party(erases="body"), r"^Party\(erases=\.\.\.\) takes a list of names\.$"),
        (lambda: Party(sees=[7]), r"^Party\(sees=\.\.\.\) takes a list of names\.$"),
        (lambda: Identifier(None), r"^Identifier\(\.\.\.\) takes a list of names\.$"),
        (lambda: Identifier(""), r"^Identifier\(\.\.\.\) takes a list of names\.$"),
        (lambda: Identifier("email", verified="yes"), r"verified=\.\.\.\) takes True, False or a Q object\.$"),
        (lambda: Keep(""), r'^Keep\(\.\.\.\) takes the ground in words, as Keep\("tax"\)\.$'),
        (lambda: Keep(None), r"^Keep"),
    ],
)
def test_a_value_that_says_nothing_is_refused_where_it_is_written(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_the_values_are_frozen_and_equal_by_what_they_say():
    assert Party(erases=["a", "a"]) == Party(erases=("a",))
    assert Identifier("email").lookups == ("email",)
    assert Identifier(["email", "mail"]).lookups == ("email", "mail")
    for value, name in ((Party(), "erases"), (Identifier("email"), "lookup"), (Keep("tax"), "ground")):
        with pytest.raises(AttributeError):
            setattr(value, name, "other")


def test_a_party_is_as_long_as_the_column_that_names_it():
    assert LONGEST_PART == OF_THE_COLUMN


@pytest.mark.parametrize("name", ["Generic", "Identifier", "Keep", "Party"])
def test_they_are_names_of_the_package(name):
    assert name in gdpr_assist.__all__
    assert getattr(gdpr_assist, name).__module__ == "gdpr_assist.declaring.clauses"


# -- the declaration -----------------------------------------------------------------------------


def test_nothing_said_is_nothing_declared():
    clauses = registry.declaration(Customer).clauses
    assert (clauses.is_person, clauses.paths, clauses.identifiers, clauses.actors) == (False, (), None, ())
    assert (clauses.on_erasure, clauses.kept, clauses.knows_people) == ("anonymise", {}, False)


def test_all_of_it_is_read():
    clauses = registry.declaration(Sale).clauses
    assert clauses.paths == ("buyer",)
    assert clauses.identifiers == {"email": Identifier("email"), "phone": Identifier(["phone"])}
    assert clauses.actors == ("packed_by",)
    assert clauses.kept == {"recipient": Keep("tax")}
    assert registry.declaration(SaleLine).clauses.on_erasure == "delete"
    assert registry.declaration(Profile).clauses.is_person
    assert registry.declaration(Profile).clauses.paths == ("account",)


def test_each_party_has_its_columns_and_its_key():
    assert registry.declaration(Letter).parts == {
        "sender": {"sender", "sender_name", "sender_signature"},
        "recipient": {"recipient", "recipient_name", "recipient_address"},
    }


def test_a_party_that_has_only_seen_something_is_no_part():
    parties = {"asker": Party(erases=["question", "answer"]), "answerer": Party(sees=["answer"])}
    with changed(Chat, subject=parties):
        assert list(registry.declaration(Chat).parts) == ["asker"]


WRONG = [
    ({"subject": 7}, "E043", "people.Sale: PrivacyMeta.subject is no path to a person."),
    ({"subject": []}, "E043", "people.Sale: PrivacyMeta.subject is no path to a person."),
    ({"subject": {"buyer": ["email"]}}, "E043", "people.Sale: PrivacyMeta.subject is no path to a person."),
    ({"subject": {}}, "E043", "people.Sale: PrivacyMeta.subject is no path to a person."),
    (
        {"subject": "buyr"},
        "E043",
        "people.Sale: PrivacyMeta.subject names buyr, which leads to no model: it ends at people.Sale.",
    ),
    (
        {"subject": ["buyer__email"]},
        "E043",
        "people.Sale: PrivacyMeta.subject names buyer__email, which leads to no model: it ends at people.Account.",
    ),
    (
        {"subject": Generic("buyer", "email")},
        "E043",
        "people.Sale: PrivacyMeta.subject names Generic(buyer, email), which is no generic key of the model.",
    ),
    ({"identifiers": ["email"]}, "E043", "people.Sale: PrivacyMeta.identifiers is no dict of lookups by kind."),
    ({"identifiers": {"email": 7}}, "E043", "people.Sale: PrivacyMeta.identifiers is no dict of lookups by kind."),
    ({"identifiers": {7: "email"}}, "E043", "people.Sale: PrivacyMeta.identifiers is no dict of lookups by kind."),
    (
        {"identifiers": {"email": "mail"}},
        "E043",
        "people.Sale: PrivacyMeta.identifiers['email'] cannot be looked up.",
    ),
    (
        {"identifiers": {"email": Identifier("email", verified=Q(is_checked=True))}},
        "E043",
        "people.Sale: PrivacyMeta.identifiers['email'] cannot be looked up.",
    ),
    (
        {"identifiers": {"email": Identifier("email", verified=True)}},
        "E043",
        "people.Sale: PrivacyMeta.identifiers['email'] says whether it is verified, and no row is a person.",
    ),
    ({"actors": "packed_by"}, "E010", "people.Sale: PrivacyMeta.actors is not a list of names."),
    ({"actors": ["packer"]}, "E043", "people.Sale: PrivacyMeta.actors names packer, which is no key of the model."),
    ({"actors": ["email"]}, "E043", "people.Sale: PrivacyMeta.actors names email, which is no key of the model."),
    (
        {"actors": ["packed_by"], "subject": ["buyer", "packed_by"]},
        "E043",
        "people.Sale: packed_by is in PrivacyMeta.subject and in PrivacyMeta.actors.",
    ),
    ({"on_erasure": "keep"}, "E043", "people.Sale: PrivacyMeta.on_erasure says nothing that can be done."),
    (
        {"on_erasure": {"email": "delete"}},
        "E043",
        "people.Sale: PrivacyMeta.on_erasure says nothing that can be done.",
    ),
    (
        {"on_erasure": {"parcel": Keep("tax")}},
        "E043",
        "people.Sale: PrivacyMeta.on_erasure names parcel, which is not in PrivacyMeta.fields.",
    ),
    (
        {"subject": {"buyer": Party(erases=["email", "phone", "recipient"])}, "on_erasure": "delete"},
        "E043",
        "people.Sale: PrivacyMeta.on_erasure deletes rows that are about several people.",
    ),
    (
        {"actors": ["packed_by", "buyer"], "subject": "packed_by"},
        "E046",
        "people.Sale.buyer has on_delete=ANONYMISE, but leads to somebody who owns nothing of the row.",
    ),
]


@pytest.mark.parametrize(("attributes", "check", "message"), WRONG)
def test_what_is_wrong_is_named(attributes, check, message):
    assert (check, message) in mistakes(Sale, **attributes)


def hint(model, path):
    with changed(model, subject=path):
        hints = [each.hint for each in registry.declaration(model).mistakes if each.check == "E043"]
    return hints[0] if hints else ""


def test_a_key_without_a_way_back_is_named():
    [there] = re.findall(r"Without one there is (.*)\.$", hint(Account, "sale"))
    assert {"people.Sale.buyer", "people.Visit.account", "people.Event.guests"} <= set(there.split(", "))
    assert not {"people.Account.friends", "people.Profile.account"} & set(there.split(", "))
    assert "Without one there is" in hint(Account, "+")
    assert "Without one there is" not in hint(Parcel, "sail")


def test_a_name_for_queries_is_a_way_back():
    """Of a key that gives its target no attribute."""
    with changed(Profile, subject="hosted", identifiers={}):
        assert [(each.lookup, each.person) for each in routes(Profile)] == [("hosted__members", Account)]
        assert str(Profile.objects.filter(hosted__members__in=[1]).query)


@pytest.mark.parametrize("attributes", [each for each, *_ in WRONG])
def test_rows_of_a_model_that_says_something_wrong_are_not_anonymised(attributes):
    with changed(Sale, **attributes), pytest.raises(AnonymiseError):
        plan(Sale.objects.all())


@pytest.mark.parametrize(
    ("parties", "message"),
    [
        ({"asker": Party(erases=["question"])}, "people.Chat.answer is nobody's."),
        (
            {"asker": Party(erases=["question", "answer"]), "answerer": Party(erases=["answer"])},
            "people.Chat.answer is of several parties.",
        ),
        (
            {"asker": Party(erases=["question", "answer"]), "answerer": Party()},
            "people.Chat: the party answerer owns nothing of a row, and has seen nothing of it.",
        ),
        (
            {"asker": Party(erases=["question", "answer", "title"])},
            "people.Chat: the party asker names title, which is not in PrivacyMeta.fields.",
        ),
        (
            {"self": Party(erases=["question", "answer"])},
            "people.Chat: PrivacyMeta.subject has a party self, which cannot stand in the event log.",
        ),
    ],
)
def test_gdpr_assist_E045(parties, message):
    assert ("E045", message) in mistakes(Chat, subject=parties)


def test_gdpr_assist_E046_of_a_party_that_has_only_seen_something():
    parties = {"asker": Party(erases=["question", "answer"]), "answerer": Party(sees=["answer"])}
    assert [check for check, _ in mistakes(Chat, subject=parties)] == ["E046"]


@isolate_apps("tests.apps.shop")
def test_an_inner_class_of_another_purpose_may_have_a_subject():
    """A message has one too."""

    class Notice(models.Model):
        name = models.CharField(max_length=5)

        class Meta:
            app_label = "shop"

        class Message:
            subject = "Welcome"

    assert resembles("Message", Notice.Message, Notice) == ""


# -- the ways ------------------------------------------------------------------------------------


def ways(model):
    return [(each.lookup, each.person, each.party) for each in routes(model)]


def test_a_person_is_found_by_itself():
    assert ways(Account) == [("", Account, "")]


def test_a_multi_table_person_is_the_topmost_row():
    assert person_of(StaffAccount) is Account
    assert ways(StaffAccount) == [("", Account, "")]
    assert people() == [each for each in registry.models if each in {Account, Profile} or each.__name__ == "Person"]


def test_one_that_is_a_person_and_belongs_to_one_has_both_ways():
    assert ways(Profile) == [("", Profile, ""), ("account", Account, "")]


def test_a_path_goes_on_by_the_paths_of_the_row_at_its_end():
    assert ways(SaleLine) == [("sale__buyer", Account, "")]
    assert ways(Parcel) == [("sale__buyer", Account, "")]  # backwards


def test_each_party_has_its_way():
    assert ways(Chat) == [("asker", Account, "asker"), ("answerer", Account, "answerer")]


def test_over_many_to_many_and_generic_keys():
    assert ways(Event) == [("guests", Account, "")]
    [way] = routes(Remark)
    assert (way.lookup, way.person, way.generic) == ("", None, Generic("content_type", "object_id"))


def test_a_model_that_says_nothing_has_no_way():
    assert ways(Counter) == ways(Customer) == []


def test_rows_know_their_person_by_the_values_of_the_rows_they_lead_to():
    def values(model):
        return [(each.identifier, each.lookup) for each in known_by(model)]

    assert values(Sale) == [("email", "email"), ("phone", "phone")]
    assert values(SaleLine) == values(Parcel) == [("email", "sale__email"), ("phone", "sale__phone")]
    assert values(Reader) == [("email", "email")]
    assert values(Visit) == []  # what the account is known by is asked of the account
    assert values(Account) == [("email", "email")]


def test_a_circle_of_paths_comes_to_an_end():
    with changed(Account, subject=["self", "brought_by"], actors=()), changed(Sale, subject=["lines", "buyer"]):
        assert ways(SaleLine) == [("sale__buyer", Account, "")]
        assert ways(Account) == [("", Account, "")]


def test_every_way_can_be_looked_up():
    for model in registry.models:
        for way in routes(model):
            if way.lookup:
                str(model._base_manager.filter(**{f"{way.lookup}__in": [1]}).query)
        for known in known_by(model):
            str(model._base_manager.filter(**{known.lookup: "x"}).query)


# -- the proof -----------------------------------------------------------------------------------


def answers(model):
    return {key.name: key.answer for key in keys_to_people() if key.model is model}


def test_every_kind_of_key_is_seen():
    assert answers(Account) == {"brought_by": "acted", "friends": "acted"}
    assert answers(Sale) == {"buyer": "subject", "packed_by": "acted", "parcel": "subject"}
    assert answers(Event) == {"guests": "subject"}
    assert answers(Visit) == {"event": "subject", "account": "subject"}
    assert answers(Remark) == {"about": "subject"}
    assert answers(Counter) == {"account": "not personal"}
    assert answers(Reader) == {}
    assert answers(StaffAccount) == {}  # the pointer to the parent is the same row
    assert unanswered() == []


def test_gdpr_assist_W028():
    with changed(Sale, actors=()):
        [found] = checks.check_W028()
    assert found.msg == (
        "people.Sale.packed_by leads to people.StaffAccount, and nothing says what these rows are to that person."
    )
    assert found.obj is Sale
    assert found.id == "gdpr_assist.W028"
    with changed(Remark, subject=None):
        [found] = checks.check_W028()
    assert found.msg.startswith("people.Remark.about may lead to a person, and nothing says")


def test_gdpr_assist_W028_of_a_key_to_a_row_that_is_known_by_a_value_alone():
    """What points at a guest's order is the guest's, as what points at a customer's is the customer's."""
    with changed(Sale, subject=None, actors=["buyer", "packed_by"]):
        assert answers(SaleLine) == {"sale": "subject"}
        with changed(SaleLine, subject=None):
            [found] = checks.check_W028()
            assert found.msg == (
                "people.SaleLine.sale leads to people.Sale, and nothing says what these rows are to that person."
            )
        with changed(SaleLine, subject=None, actors=["sale"]):
            assert answers(SaleLine) == {"sale": "acted"}
        with changed(SaleLine, subject=None, identifiers={"email": "sale__email"}):
            assert answers(SaleLine) == {"sale": "known by"}
        with changed(SaleLine, subject=None, identifiers={"email": "engraving"}):
            assert answers(SaleLine) == {"sale": ""}  # it may be the line of somebody else
    with changed(SaleLine, subject=None, identifiers={"email": "sale__email"}):
        assert answers(SaleLine) == {"sale": ""}  # of a sale to a buyer, the address does not say it
    with changed(Sale, subject=None, identifiers={}, actors=["buyer", "packed_by"]), changed(SaleLine, subject=None):
        assert "sale" not in answers(SaleLine)  # nobody knows whose


def test_gdpr_assist_W028_of_a_child_that_knows_its_person_as_its_parent_does():
    """The rows of its parent are found by the value, and its own with them."""
    known = {"email": "name"}
    with changed(Document, subject=None, identifiers=known):
        with changed(SignedDocument, subject=None, identifiers={}):
            assert answers(SignedDocument)["document_ptr"] == ""
        for said in ({"subject": "document_ptr"}, {"subject": None, "identifiers": known}):
            with changed(SignedDocument, **said):
                assert "document_ptr" not in answers(SignedDocument)
    with changed(SignedDocument, subject=None, identifiers=known):
        assert answers(SignedDocument)["document_ptr"] == ""  # the parent is somebody's by key


def test_gdpr_assist_W028_of_a_child_that_does_not_say_whose_its_own_columns_are():
    """The rows of its parent are found without them."""
    with changed(SignedDocument, subject=None):
        [found] = checks.check_W028()
        assert found.msg == (
            "own.SignedDocument.document_ptr leads to own.Document, and nothing says what these rows are to that "
            "person."
        )
    with changed(SignedDocument, subject="document_ptr"):
        assert checks.check_W028() == []
        assert ways(SignedDocument) == [("document_ptr__person", Person, "")]
    with changed(Person, subject=None), changed(Document, subject=None), changed(SignedDocument, subject=None):
        assert checks.check_W028() == []  # the parent says nothing, either


@pytest.mark.parametrize("label", ["people.Counter", "PEOPLE.counter", "people.*"])
def test_a_model_without_a_declaration_is_answered_in_the_settings(label, settings):
    settings.GDPR_NOT_PERSONAL = []
    assert [key.label for key in unanswered()] == ["people.Counter.account"]
    settings.GDPR_NOT_PERSONAL = [label]
    assert unanswered() == []


def test_where_nobody_is_a_person_nothing_is_asked(settings):
    settings.GDPR_NOT_PERSONAL = []
    kept = {model: registry.declaration(model) for model in (Customer, Order)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_registrations", {each: registry._registrations[each] for each in kept})
        assert keys_to_people() == checks.check_W028() == checks.check_W029() == []


def test_a_warning_is_an_error_where_the_site_is_strict(settings):
    settings.GDPR_STRICT = True
    assert is_strict()
    with changed(Sale, actors=()):
        [found] = checks.check_W028()
    assert found.is_serious()


@pytest.mark.parametrize("value", ["people.Counter", 7, None, [7]])
def test_gdpr_assist_E049(value, settings):
    settings.GDPR_NOT_PERSONAL = value
    [found] = checks.check_E049()
    assert found.msg == "GDPR_NOT_PERSONAL is no list of labels of models."
    assert checks.check_W028() == check_W033() == []  # said once


@pytest.mark.parametrize("value", ["phone", 7, None, [7]])
def test_gdpr_assist_E049_of_what_looks_personal(value, settings):
    settings.GDPR_LOOKS_PERSONAL = value
    [found] = checks.check_E049()
    assert found.msg == "GDPR_LOOKS_PERSONAL is no list of names of fields and of their classes."
    assert found.hint.startswith('Write a list of texts, as [*PERSONAL, "member_number"].')
    assert check_W033() == []


def test_gdpr_assist_E044():
    with changed(Parcel, subject=None):
        assert checks.check_E044() == []
    with changed(Sale, subject="parcel"), changed(Parcel, subject=None):
        [found, *others] = checks.check_E044()
    assert found.msg == (
        "people.Sale: PrivacyMeta.subject names parcel, which ends at people.Parcel: that is neither a person nor "
        "says whose its rows are."
    )
    assert others == []


def test_a_path_to_a_multi_table_child_of_a_person_ends_at_a_person():
    with changed(StaffAccount, subject=None), changed(Sale, subject="packed_by", actors=[]):
        assert checks.check_E044() == []
        assert [each.person for each in routes(Sale)] == [Account]


def test_gdpr_assist_E045_of_a_multi_table_child_of_a_person():
    with changed(StaffAccount, subject={"brought_by": Party(erases=["desk"])}):
        [found] = checks.check_E045()
        with pytest.raises(AnonymiseError, match="has parties"):
            routes(StaffAccount)
    assert (found.obj, found.msg) == (
        StaffAccount,
        "people.StaffAccount: PrivacyMeta.subject has parties, and each row is a person, as people.Account says.",
    )


def test_gdpr_assist_E047():
    with changed(Reader, identifiers={"mail": "email"}):
        [found] = checks.check_E047()
    assert found.msg == "people.Reader: PrivacyMeta.identifiers has the kind mail, which no person has."
    assert "The kinds of these are email, phone." in found.hint


def test_a_kind_of_rows_with_a_key_to_a_person_is_offered_too():
    with changed(Profile, identifiers={}):
        assert checks.check_E047() == []  # the phone of a sale is its buyer's


def test_gdpr_assist_E048():
    with changed(Sale, on_erasure="delete"), changed(SaleLine, on_erasure={"engraving": Keep("warranty")}):
        [found] = checks.check_E048()
    assert found.msg == (
        'people.Sale: PrivacyMeta.on_erasure is "delete", which takes rows of people.SaleLine with it; these are kept '
        "(warranty)."
    )
    with changed(Sale, on_erasure="delete"), changed(SaleLine, on_erasure=Keep("tax")):
        assert [each.id for each in checks.check_E048()] == ["gdpr_assist.E048"]


def test_gdpr_assist_E048_of_rows_about_several_people():
    two = {"chat__asker": Party(erases=["title"]), "chat__answerer": Party(sees=["title"])}
    with changed(Chat, subject="asker", on_erasure="delete"), changed(Attachment, subject=two):
        [found] = checks.check_E048()
    assert found.msg == (
        'people.Chat: PrivacyMeta.on_erasure is "delete", which takes rows of people.Attachment with it; these are '
        "about several people."
    )
    with changed(Chat, subject="asker", on_erasure="delete"):
        assert checks.check_E048() == []  # they are about whom the chat is about


def test_gdpr_assist_E048_of_a_key_without_a_way_back():
    with changed(Event, on_erasure="delete"), changed(Visit, on_erasure=Keep("tax")):
        assert [each.obj for each in checks.check_E048()] == [Event]
    with changed(Account, on_erasure="delete"), changed(Visit, on_erasure=Keep("tax")):
        assert [each.obj for each in checks.check_E048()] == [Account]  # related_name="+"


def test_gdpr_assist_E048_of_a_child_whose_parent_is_kept():
    with changed(Document, on_erasure=Keep("law")), changed(SignedDocument, on_erasure="delete"):
        [found] = checks.check_E048()
    assert found.msg == (
        'own.SignedDocument: PrivacyMeta.on_erasure is "delete", which takes rows of own.Document with it; these are '
        "kept (law)."
    )


def missing_identifiers(model, **attributes):
    with changed(model, **attributes):
        return [each.msg for each in checks.check_W029() if each.obj is model]


def test_gdpr_assist_W029():
    assert missing_identifiers(Sale) == missing_identifiers(Sale, identifiers={}) == []
    [of_an_address] = missing_identifiers(Sale, identifiers=None)
    assert of_an_address == (
        "people.Sale: PrivacyMeta.identifiers is not there, and email is personal: rows without a key to a person are "
        "found by nobody."
    )
    [of_a_person] = missing_identifiers(Profile, identifiers=None)
    assert of_a_person == (
        "people.Profile: PrivacyMeta.identifiers is not there, and each row is a person: rows of hers without a key "
        "to her are found by nobody."
    )


def test_gdpr_assist_W029_where_other_values_are_named_and_no_address():
    [found] = missing_identifiers(Sale, identifiers={"phone": "phone"})
    assert found == (
        "people.Sale: PrivacyMeta.identifiers does not name email, which is personal: by it, rows without a key to a "
        "person are found by nobody."
    )
    for named in ({"email": "email"}, {"email": "buyer__email"}, {"phone": "phone", "email": []}):
        assert missing_identifiers(Sale, identifiers=named) == []


def test_gdpr_assist_W030():
    assert checks.check_W030() == []
    with changed(Account, identifiers={"email": "email"}):
        [found] = checks.check_W030()
    assert found.msg.startswith("people.Account: PrivacyMeta.identifiers['email'] does not say whether it is verified")
    with changed(Account, identifiers={"email": []}):
        assert checks.check_W030() == []


def test_gdpr_assist_W031():
    assert checks.check_W031() == []
    with changed(Parcel, subject=None):
        [found] = checks.check_W031()
    assert found.msg.startswith("people.Sale.parcel leads to people.Parcel, which is registered and does not say")
    assert found.hint.startswith('Give people.Parcel a subject, as a path backwards: subject = "sale".')


def test_gdpr_assist_W031_says_nothing_of_a_copy_which_goes_with_its_row():
    with changed(Parcel, subject=None, copy_of="sale"):
        assert checks.check_W031() == []


def test_gdpr_assist_W031_of_a_row_that_is_known_by_a_value_alone():
    with changed(Sale, subject=None, actors=["buyer", "packed_by"]), changed(Parcel, subject=None):
        [found] = checks.check_W031()
    assert found.msg.startswith("people.Sale.parcel leads to people.Parcel, which is registered and does not say")


def test_gdpr_assist_W031_of_a_key_without_a_way_back(monkeypatch):
    monkeypatch.setattr(Sale._meta.get_field("parcel").remote_field, "name", "+")
    with changed(Parcel, subject=None):
        [found] = checks.check_W031()
    assert found.hint.startswith(
        'Give people.Parcel a subject, as a path backwards: give people.Sale.parcel related_query_name="sale" beside '
        'its related_name="+", and write subject = "sale".'
    )
