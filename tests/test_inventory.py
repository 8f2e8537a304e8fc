"""What is held, field by field, and what goes with what."""

import json
import re
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import User

import gdpr_assist
from gdpr_assist import AnonymiseError, Generic
from gdpr_assist.checks.declarations import check_E010
from gdpr_assist.declaring.replacing import replacement_for
from gdpr_assist.declaring.spelling import resembles
from gdpr_assist.inventory import cascade, drawing, formats
from gdpr_assist.inventory.cascade import Edge, Effect, edges
from gdpr_assist.inventory.held import inventory
from gdpr_assist.registry import registry
from tests.apps.people.models import Account, Chat, Circle, Event, Parcel, Reader, Remark, Sale, SaleLine, StaffAccount
from tests.apps.shop.models import Customer, Houseboat, Invoice, Order, Supplier
from tests.apps.thirdparty.models import Branch, Device
from tests.observing import changed

pytestmark = pytest.mark.anywhere


def held(model, field):
    (found,) = [each for each in inventory() if (each.model, each.field) == (model._meta.label, field)]
    return found


# -- what is held ---------------------------------------------------------------------------------


def test_each_personal_field_is_held_once_and_nothing_else():
    found = [(each.model, each.field) for each in inventory()]
    declared = {each.label: (*each.fields, *each.meta.clear) for each in registry}
    assert sorted(found) == sorted((label, name) for label, names in declared.items() for name in names)
    labels = [label for label, _ in found]
    assert labels == sorted(labels, key=str.lower)


def test_a_field_in_all_words():
    with changed(Sale, purpose="delivery", recipients=["carrier", "tax office"], search_fields=["email__istartswith"]):
        found = held(Sale, "email")
    assert vars(found) == {
        "model": "people.Sale",
        "field": "email",
        "field_class": "EmailField",
        "becomes": "[key]@anon.example.com, where it is not empty",
        "on_erasure": "anonymised",
        "path": "buyer (people.Account)",
        "known_by": "email (email); phone (phone)",
        "exported": "yes",
        "searched": "yes",
        "keepers": "",
        "purpose": "delivery",
        "recipients": "carrier; tax office",
    }


@pytest.mark.parametrize(
    ("model", "field", "becomes"),
    [
        (Account, "email", "[key]-[digits]@anon.example.com, where it is not empty"),
        (Sale, "phone", "empty"),
        (Sale, "recipient", "[key]"),
    ],
)
def test_what_a_field_becomes_is_what_its_rule_says(model, field, becomes):
    assert held(model, field).becomes == becomes


def test_a_password_becomes_an_unusable_one():
    assert replacement_for(User._meta.get_field("password")).words == "an unusable password"


class DeviceOfSomebody:
    fields = ["owner", "address"]

    def anonymise_owner(self, instance):
        return "nobody"


def test_what_an_anonymiser_gives():
    with registry.registered(Device, DeviceOfSomebody):
        assert held(Device, "owner").becomes == "anonymise_owner()"
        assert held(Device, "address").becomes == "0.0.0.0"


def test_links_that_are_cleared():
    with changed(Circle, clear=["members"]):
        found = held(Circle, "members")
    assert (found.field_class, found.becomes, found.exported) == ("ManyToManyField", "no links", "no")


def test_what_becomes_of_it_when_the_person_is_erased():
    said = {name: held(Sale, name).on_erasure for name in ("email", "recipient")}
    assert said == {"email": "anonymised", "recipient": "kept (tax)"}
    assert held(SaleLine, "engraving").on_erasure == "deleted with its row"
    assert held(Supplier, "contact_name").on_erasure == "no person leads to it"
    with changed(Sale, can_anonymise=False, on_erasure="anonymise"):
        assert (held(Sale, "phone").on_erasure, held(Sale, "phone").becomes) == ("stays", "")


@pytest.mark.parametrize(
    ("model", "field", "path"),
    [
        (Account, "email", "is a person (people.Account)"),
        (StaffAccount, "desk", "is a person (people.Account)"),
        (SaleLine, "engraving", "sale__buyer (people.Account)"),
        (Chat, "question", "asker (people.Account)"),
        (Chat, "answer", "answerer (people.Account)"),
        (Remark, "text", "content_type, object_id (anything)"),
        (Supplier, "contact_name", ""),
    ],
)
def test_the_path_to_the_person(model, field, path):
    assert held(model, field).path == path


def test_a_copy_says_so():
    with changed(SaleLine, subject=None, on_erasure="anonymise", copy_of="sale"):
        found = held(SaleLine, "engraving")
    assert (found.path, found.on_erasure) == ("a copy, by sale", "anonymised")


@pytest.mark.parametrize(("search", "exported"), [([], "no"), (["engraving"], "if a search finds its row")])
def test_what_no_export_of_a_person_has_is_not_said_to_be_exported(search, exported):
    assert held(SaleLine, "engraving").exported == "yes"
    copy = {"subject": None, "on_erasure": "anonymise", "copy_of": "sale"}
    with changed(SaleLine, **copy, search_fields=search):
        assert held(SaleLine, "engraving").exported == exported
    with changed(SaleLine, **copy, search_fields=search, export_exclude=["engraving"]):
        assert held(SaleLine, "engraving").exported == "no"


def test_methods_of_its_own_are_named():
    with changed(Sale, search=lambda self, term: [], export=lambda self, instance: {}):
        assert (held(Sale, "email").searched, held(Sale, "email").exported) == ("as search() says", "as export() says")
    with changed(Sale, export_exclude=["email"]):
        assert held(Sale, "email").exported == "no"


def test_the_keeper_of_stored_files_is_named():
    with_files = {each.model for each in inventory() if "Files" in each.keepers.split("; ")}
    assert "fields.BlankFields" in with_files
    assert "people.Sale" not in with_files


def test_a_wrong_path_is_an_error_that_names_it():
    with changed(Sale, subject="nowhere"), pytest.raises(AnonymiseError, match=r"PrivacyMeta\.subject names nowhere"):
        inventory()


def test_it_asks_no_database(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        assert inventory()
        assert edges()


# -- purpose and recipients -----------------------------------------------------------------------


@pytest.mark.parametrize("attribute", ["purpose", "recipients"])
@pytest.mark.parametrize("value", ["", "  ", 7, None, [7], ["newsletter", ""], {"newsletter": 1}])
def test_gdpr_assist_E010_of_what_is_no_text(attribute, value):
    with changed(Sale, **{attribute: value}):
        (found,) = check_E010()
    assert found.msg == f"people.Sale: PrivacyMeta.{attribute} is neither a text nor a list of texts."


@pytest.mark.parametrize("value", ["delivery", ["delivery", "complaints"], ("delivery",), ()])
def test_a_text_or_a_list_of_texts(value):
    with changed(Sale, purpose=value, recipients=value) as _:
        assert check_E010() == []
        given = (value,) if isinstance(value, str) else tuple(value)
        assert registry.declaration(Sale).purposes == registry.declaration(Sale).recipients == given


def test_an_inner_class_about_mails_is_no_declaration():
    assert resembles("Mailing", type("Mailing", (), {"recipients": ["staff"], "purpose": "news"}), Branch) == ""


# -- as text --------------------------------------------------------------------------------------


@pytest.fixture
def two():
    """Two fields, one with what a format has to escape."""
    with changed(Reader, purpose='a | b, "c"', recipients=["x", "y"]):
        return [held(Reader, "email"), held(SaleLine, "engraving")]


def test_csv_has_a_line_for_each_field(two):
    head, first, second = formats.as_csv(two).splitlines()
    assert head == (
        "model,field,field_class,becomes,on_erasure,path,known_by,exported,searched,keepers,purpose,recipients"
    )
    assert first.startswith("people.Reader,email,EmailField,")
    assert first.endswith(',"a | b, ""c""",x; y')
    assert second.startswith("people.SaleLine,engraving,CharField,empty,deleted with its row,sale__buyer")


def test_json_is_a_list_with_a_line_for_each_field(two):
    written = formats.as_json(two)
    assert [(each["model"], each["purpose"]) for each in json.loads(written)] == [
        ("people.Reader", 'a | b, "c"'),
        ("people.SaleLine", ""),
    ]
    assert len(written.splitlines()) == 4


def test_markdown_has_a_table_for_each_model_and_cites_the_article(two):
    written = formats.as_markdown(two)
    assert "Article 30(1)" in written
    assert re.findall("^## (.*)$", written, re.MULTILINE) == ["people.Reader", "people.SaleLine"]
    assert "* Recipients: x; y\n" in written
    assert "| engraving | CharField | empty | deleted with its row | sale\\_\\_buyer (people.Account) |" in written
    rows = [line for line in written.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {len(formats.COLUMNS) + 1}


def test_differences_are_lines():
    assert formats.differences("a\nb\n", "a\nc\n") == ["-b", "+c"]
    assert formats.differences("a\n", "a") == []


# -- what goes with what --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "edge",
    [
        Edge(cause=Account, affected=Sale, by="buyer", effect=Effect.ERASED),
        Edge(cause=Account, affected=Sale, by="buyer", effect=Effect.ANONYMISED),
        Edge(cause=StaffAccount, affected=Sale, by="packed_by", effect=Effect.EMPTIED),
        Edge(cause=Sale, affected=SaleLine, by="sale", effect=Effect.DELETED),
        Edge(cause=Sale, affected=Parcel, by="sale", effect=Effect.ERASED),
        Edge(cause=Account, affected=Event, by="guests", effect=Effect.ERASED),
        Edge(cause=Account, affected=Circle, by="members", effect=Effect.ERASED),
        Edge(cause=Account, affected=Reader, by="email", effect=Effect.KNOWN),
        Edge(cause=Account, affected=StaffAccount, by="account_ptr", effect=Effect.SAME),
        Edge(cause=None, affected=Remark, by="content_type, object_id", effect=Effect.ERASED),
        Edge(cause=Customer, affected=Invoice, by="customer", effect=Effect.REFUSED),
    ],
    ids=lambda edge: f"{edge.affected._meta.label} {edge.effect.name}",
)
def test_an_edge_for_each_way(edge):
    assert edge in edges()


def test_a_copy_goes_with_its_row():
    with changed(SaleLine, subject=None, on_erasure="anonymise", copy_of="sale"):
        found = [each for each in edges() if each.affected is SaleLine]
    assert Edge(cause=Sale, affected=SaleLine, by="sale", effect=Effect.COPIED) in found


def test_only_what_is_near_a_registered_model():
    near = {model for edge in edges() for model in (edge.cause, edge.affected) if model is not None}
    assert {Houseboat, Order} <= near
    assert Branch not in near
    assert all(edge.cause in registry or edge.affected in registry for edge in edges())


def test_the_end_of_each_effect_is_known():
    assert {edge.effect for edge in edges()} | {Effect.COPIED} == set(Effect) == set(drawing.STYLES)


# -- the drawing ----------------------------------------------------------------------------------


def parsed(svg):
    """Return the texts of an SVG, and the titles of its nodes and edges."""
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    titles = [
        (group.get("class"), group.find(f"{space}title").text)
        for group in root.iter(f"{space}g")
        if group.get("class") in ("node", "edge")
    ]
    return [text.text for text in root.iter(f"{space}text")], titles


def test_all_models_and_edges_are_drawn_and_explained():
    drawn = edges()
    texts, titles = parsed(drawing.drawing(drawn))
    ends = {model._meta.label for edge in drawn for model in (edge.cause, edge.affected) if model is not None}
    assert {name for kind, name in titles if kind == "node"} == ends | {"anything"}
    assert ("edge", "people.Account->people.Sale") in titles
    said = " ".join(texts)
    assert all(effect.value in said for effect in {edge.effect for edge in drawn})
    assert "asker, answerer" in texts
    assert "1 personal field, row deleted" in texts


def test_a_model_by_itself_is_named_below():
    texts, titles = parsed(drawing.drawing(edges()))
    assert "shop.Supplier" not in [name for _, name in titles]
    assert any("shop.Supplier" in text for text in texts)


def test_a_ground_is_text_and_no_markup():
    with changed(Sale, on_erasure=gdpr_assist.Keep("§ 147 <AO> & more")):
        texts, _ = parsed(drawing.drawing(edges()))
    assert "3 personal fields, kept: § 147 <AO> & more" in texts


def test_it_is_on_white():
    ground = ElementTree.fromstring(drawing.drawing(edges())).find(".//{http://www.w3.org/2000/svg}polygon")
    assert ground.get("fill") == "white"


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(drawing, "pygraphviz", None)
    with pytest.raises(AnonymiseError, match=r"pip install 'django-gdpr-assist\[svg\]'"):
        drawing.drawing([])


def test_a_wrong_path_is_not_drawn():
    with changed(Sale, subject=Generic("a", "b")), pytest.raises(AnonymiseError, match="is no generic key"):
        cascade.edges()
