"""Columns that other code owns: none is anonymised because nothing was said of it."""

import importlib.util
import sys
from types import ModuleType

import pytest
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test.utils import isolate_apps

from gdpr_assist import AnonymiseError
from gdpr_assist.declaring.declaration import declare
from gdpr_assist.declaring.owners import bystanders, owners
from gdpr_assist.registry import registry

from .others.alone import run_alone

TYPE = {"to": ContentType, "on_delete": models.CASCADE, "null": True, "related_name": "+"}


def base(path, /, **columns):
    """Make an abstract base that goes by this path, as the one of a package does that is not installed here."""
    module, name = path.rsplit(".", 1)
    return type(name, (models.Model,), {"__module__": module, "Meta": type("Meta", (), {"abstract": True}), **columns})


def model(*bases, **attributes):
    """Make a model with a name and a note."""
    columns = {"name": models.CharField(max_length=50), "note": models.TextField(null=True), **attributes}
    options = type("Meta", (), {"app_label": "shop"})
    with isolate_apps("tests.apps.shop"):
        return type("Made", bases or (models.Model,), {"__module__": __name__, "Meta": options, **columns})


def integers(*names):
    return {name: models.IntegerField(editable=False) for name in names}


def parent():
    return models.ForeignKey("self", models.CASCADE, null=True, related_name="+")


def written(**attributes):
    return type("PrivacyMeta", (), {"search_fields": ["name"], **attributes})


def found(model, **attributes):
    return [(each.check, each.message) for each in declare(model, written(**attributes)).mistakes]


# (path of the base, columns that it has, columns that the model has, names of those that rows depend on)
STRUCTURES = [
    ("mptt.models.MPTTModel", integers("lft", "rght", "tree_id", "level"), {"parent": parent()}, 5),
    ("treebeard.mp_tree.MP_Node", {**integers("depth", "numchild"), "path": models.CharField(max_length=9)}, {}, 3),
    ("treebeard.ns_tree.NS_Node", integers("lft", "rgt", "tree_id", "depth"), {}, 4),
    ("treebeard.al_tree.AL_Node", {}, {**integers("sib_order"), "parent": parent()}, 2),
    ("polymorphic.models.PolymorphicModel", {"polymorphic_ctype": models.ForeignKey(**TYPE)}, {}, 1),
    (
        "safedelete.models.SafeDeleteModel",
        {"gone": models.DateTimeField(null=True), "by_cascade": models.BooleanField(default=False)},
        {},
        2,
    ),
    ("model_utils.models.SoftDeletableModel", {"is_removed": models.BooleanField(default=False)}, {}, 1),
    ("shop.bases.OwnSoftDelete", {"is_gone": models.BooleanField(), "gone": models.DateField(null=True)}, {}, 2),
    ("trash.Trashable", {"is_deleted": models.BooleanField(), "deleted_at": models.DateTimeField(null=True)}, {}, 2),
]


@pytest.mark.parametrize(("path", "brought", "own", "count"), STRUCTURES, ids=[each[0] for each in STRUCTURES])
class TestWhatRowsDependOn:
    def made(self, path, brought, own):
        return model(base(path, **brought), **own), {**brought, **own}

    def test_unset_fields_are_an_error_that_names_them(self, path, brought, own, count):
        made, names = self.made(path, brought, own)
        [(check, message)] = found(made)
        assert check == "E030"
        assert message.startswith("shop.Made: PrivacyMeta.fields is unset, which stands for all columns; but ")
        assert all(name in message for name in names)
        assert path in message
        assert len(owners(made)) == count

    @pytest.mark.parametrize("fields", [{}, {"fields": "__all__"}], ids=["unset", "all"])
    def test_they_are_never_among_all_columns(self, path, brought, own, count, fields):
        made, _ = self.made(path, brought, own)
        declared = declare(made, written(**fields))
        assert declared.fields == ("name", "note")
        assert [change.field.name for change in declared.changes] == ["name", "note"]

    def test_said_in_a_word_they_are_no_question(self, path, brought, own, count):
        made, names = self.made(path, brought, own)
        assert found(made, fields="__all__") == []
        assert found(made, fields=["name", "note"]) == []
        assert [check for check, _ in found(made, keep=list(names))] == ["W010"]

    def test_named_as_personal_they_are_an_error(self, path, brought, own, count):
        made, names = self.made(path, brought, own)
        name = next(iter(names))
        [(check, message)] = found(made, fields=["name", "note", name])
        assert check == "E030"
        assert message == (
            f"shop.Made: PrivacyMeta.fields names {name} ({path}): with other values in them rows are lost, or come "
            "back."
        )

    def test_unless_the_project_has_an_anonymiser_for_them(self, path, brought, own, count):
        made, names = self.made(path, brought, own)
        name = next(iter(names))
        given = {"fields": ["name", "note", name], f"anonymise_{name}": lambda self, instance: None}
        assert found(made, **given) == []


def test_a_tree_whose_columns_have_other_names():
    options = type("Options", (), {"left_attr": "l", "right_attr": "r", "parent_attr": "mother", "level_attr": None})
    made = model(base("mptt.models.MPTTModel"), **integers("l", "r"), mother=parent())
    made._mptt_meta = options
    assert sorted(owners(made)) == ["l", "mother", "r"]
    assert declare(made, written(fields="__all__")).fields == ("name", "note")


def test_a_column_of_a_base_that_only_sounds_like_a_flag_is_owned_by_none():
    made = model(base("shop.bases.Base", deleted_by=models.CharField(max_length=9), removed=models.TextField()))
    assert owners(made) == {}


def test_a_class_of_the_same_name_from_elsewhere_owns_nothing():
    made = model(base("shop.trees.MPTTModel", **integers("lft", "rght")))
    assert owners(made) == {}
    assert [check for check, _ in found(made)] == ["W010"]


class TestGenericKeys:
    def made(self):
        return model(
            kind=models.ForeignKey(**TYPE),
            number=models.TextField(null=True),
            target=GenericForeignKey("kind", "number"),
        )

    def test_both_columns_are_left_out(self):
        assert declare(self.made(), written(fields="__all__")).fields == ("name", "note")
        [(check, message)] = found(self.made())
        assert (check, "kind, number (the generic key target)" in message) == ("E030", True)

    def test_to_name_them_is_to_forget_what_the_row_is_about(self):
        made = self.made()
        assert found(made, fields=["name", "note", "kind", "number"]) == []
        assert declare(made, written(fields=["name", "number"])).fields == ("name", "number")

    def test_a_key_to_content_type_by_itself(self):
        made = model(kind=models.ForeignKey(**TYPE))
        assert declare(made, written(fields="__all__")).fields == ("name", "note")
        assert "kind (contenttypes.ContentType, as a key to it)" in found(made)[0][1]

    def test_whether_they_are_personal_is_a_question(self):
        assert [check for check, _ in found(self.made(), fields=["name", "note"])] == ["W001"]


class TestRecords:
    """Times and states that a base keeps."""

    def made(self):
        times = {name: models.DateTimeField(editable=False) for name in ("created", "modified")}
        return model(base("model_utils.models.TimeStampedModel", **times))

    def test_they_are_left_out_too(self):
        assert declare(self.made(), written(fields="__all__")).fields == ("name", "note")
        assert [check for check, _ in found(self.made())] == ["E030"]

    def test_a_project_may_say_that_they_are_personal(self):
        assert found(self.made(), fields=["name", "note", "created"], keep=["modified"]) == []

    def test_whether_they_are_is_a_question(self):
        assert [check for check, _ in found(self.made(), fields=["name", "note"])] == ["W001"]


class TestBystanders:
    """Columns without a form, of a base that a package manager installed, and that nobody here knows."""

    @pytest.fixture
    def made(self, monkeypatch):
        module = ModuleType("unheard_of.models")
        module.__file__ = "/usr/lib/python3/dist-packages/unheard_of/models.py"
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return model(
            base("unheard_of.models.Ranked", rank=models.IntegerField(editable=False), city=models.TextField())
        )

    @pytest.mark.parametrize("fields", [{}, {"fields": "__all__"}], ids=["unset", "all"])
    def test_they_stay_in_with_a_warning(self, made, fields):
        messages = dict(found(made, **fields))
        assert messages["W012"] == (
            "shop.Made: all columns are anonymised, also rank (unheard_of.models.Ranked), which no form may edit."
        )
        assert "rank" in declare(made, written(**fields)).fields

    def test_an_answer_in_either_list_will_do(self, made):
        assert found(made, fields="__all__", keep=["rank"]) == []
        assert found(made, fields=["name", "note", "city", "rank"]) == []

    def test_a_base_of_the_projects_own_is_known_to_it(self):
        assert bystanders(model(base("shop.bases.Ranked", **integers("rank")))) == {}


class TestUnset:
    def test_it_is_a_warning(self):
        [(check, message)] = found(model())
        assert check == "W010"
        assert message == "shop.Made: PrivacyMeta.fields is unset, which stands for all columns, also those to come."

    def test_not_where_nothing_is_anonymised(self):
        assert found(model(base("mptt.models.MPTTModel", **integers("lft"))), can_anonymise=False) == []

    def test_all_said_in_a_word(self):
        assert found(model(), fields="__all__") == []
        assert declare(model(), written(fields="__all__", keep=["note"])).fields == ("name",)

    def test_the_word_in_a_list_is_no_field(self):
        assert "__all__, which is no field" in dict(found(model(), fields=["__all__"]))["E002"]

    @pytest.mark.parametrize("fields", ["all", "*", "name"])
    def test_another_word_is_no_list(self, fields):
        assert [check for check, _ in found(model(), fields=fields)] == ["E010"]


def test_what_would_be_lost_is_not_erased():
    """The check may be silenced; then the erasure says it."""
    made = model(base("mptt.models.MPTTModel", **integers("lft", "rght")))
    with registry.registered(made, written()) as declared, pytest.raises(AnonymiseError, match="lft, rght"):
        declared.require_can_anonymise()


# Not part of every test environment: see tests/others/requirements.txt.
if importlib.util.find_spec("polymorphic"):

    def test_with_the_packages_themselves():
        run_alone("settings_bases", "with_bases")
