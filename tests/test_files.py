"""Stored files: gone after COMMIT, in a scrub before it, unless a row still names them."""

import datetime
import logging
import re
import uuid
from pathlib import Path
from unittest import mock

import django
import pytest
from django.contrib import messages
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.db import OperationalError, connection, transaction
from django.db.models import Value
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.deconstruct import deconstructible
from model_bakery import baker

from gdpr_assist import Subject, receivers
from gdpr_assist.admin.done import level
from gdpr_assist.copies import files
from gdpr_assist.copies.files import Files
from gdpr_assist.copies.keeper import Retained, describe
from gdpr_assist.exceptions import AnonymiseError, EventLogError
from gdpr_assist.execution import claims
from gdpr_assist.execution.emptying import delete_in_ranges
from gdpr_assist.execution.ranges import execute_in_ranges
from gdpr_assist.planning.plans import plan
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.signals import pre_anonymise
from tests.apps.fields.models import VALUES, BlankFields, NullBlankFields, NullFields
from tests.apps.own.models import Contract, Document, Person, SignedDocument
from tests.apps.shop.models import Customer

from .observing import changed, listening, redeclared, row, unchanged

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]


EMPTY = (None, "")


def upload(column="file", name="passport.pdf", model=NullBlankFields, using="default"):
    instance = model(**required(model))
    getattr(instance, column).save(name, ContentFile(b"personal"), save=False)
    instance.save(using=using)
    return instance


def required(model):
    """Values for the columns of the one variant here that is not null."""
    if model is not BlankFields:
        return {}
    numbers = [name for name in VALUES if "integer" in name or name in ("decimal", "float")]
    return dict.fromkeys(numbers, 1) | {
        "date": datetime.date(2001, 2, 3),
        "date_time": timezone.now(),
        "time": datetime.time(4, 5),
        "duration": datetime.timedelta(days=6),
        "uuid": uuid.uuid4(),
        "boolean": True,
        "json": {"name": "Ada"},
    }


def stored(instance, column="file"):
    return Path(getattr(instance, column).path)


@pytest.fixture(params=["object", "set", "rows"])
def anonymise(request, django_capture_on_commit_callbacks):
    """Anonymise some rows of one model in each of the ways, up to the COMMIT."""

    def receiver(**kwargs):
        pass

    def run(*instances, force=False, commit=True):
        model, using = type(instances[0]), instances[0]._state.db
        queryset = model.objects.using(using).filter(pk__in=[each.pk for each in instances])
        with django_capture_on_commit_callbacks(using=using, execute=commit):
            if request.param == "object":
                for each in instances:
                    each.anonymise(force=force)
            elif request.param == "set":
                assert plan(queryset).way.kind == "set"
                queryset.anonymise(force=force)
            else:
                with listening(pre_anonymise, receiver, sender=model):
                    assert plan(queryset).way.kind == "rows"
                    queryset.anonymise(force=force)

    return run


@pytest.mark.parametrize("column", ["file", "image"])
@pytest.mark.parametrize("model", [NullBlankFields, NullFields, BlankFields])
def test_the_stored_file_goes_with_its_name(anonymise, model, column):
    instance = upload(column, model=model)
    path = stored(instance, column)
    assert path.exists()

    anonymise(instance)

    assert not path.exists()
    assert row(instance)[column] in EMPTY


@pytest.mark.parametrize("model", [NullBlankFields, NullFields, BlankFields])
def test_the_ways_agree_on_what_an_empty_file_is(model):
    """Django itself writes "" for a file field that is set to None."""

    def receiver(**kwargs):
        pass

    by_set, by_rows, by_itself = (upload(model=model, name=f"{n}.pdf") for n in range(3))
    model.objects.filter(pk=by_set.pk).anonymise()
    with listening(pre_anonymise, receiver, sender=model):
        model.objects.filter(pk=by_rows.pk).anonymise()
    by_itself.anonymise()

    assert row(by_set)["file"] == row(by_rows)["file"] == row(by_itself)["file"]


def test_each_file_of_a_row_goes(anonymise):
    instance = upload("file")
    instance.image.save("face.png", ContentFile(b"personal"))
    paths = [stored(instance, "file"), stored(instance, "image")]

    anonymise(instance)

    assert [path.exists() for path in paths] == [False, False]


def test_the_files_of_other_rows_stay(anonymise):
    instance, other = upload(name="a.pdf"), upload(name="b.pdf")
    path = stored(other)

    anonymise(instance)

    assert path.exists()
    assert row(other)["file"] == "files/b.pdf"


def test_the_file_stays_until_commit(django_capture_on_commit_callbacks):
    instance = upload()
    path = stored(instance)

    with django_capture_on_commit_callbacks() as callbacks:
        instance.anonymise()
    assert path.exists()

    for callback in callbacks:
        callback()
    assert not path.exists()


def test_the_file_stays_if_the_transaction_is_rolled_back(anonymise, django_capture_on_commit_callbacks):
    instance = upload()
    path = stored(instance)

    with django_capture_on_commit_callbacks(execute=True) as callbacks, transaction.atomic():
        anonymise(instance, commit=False)
        transaction.set_rollback(True)

    assert callbacks == []

    assert path.exists()
    assert row(instance)["file"] == "files/passport.pdf"


def test_the_file_stays_if_anonymising_fails(anonymise):
    def refuse(**kwargs):
        raise AnonymiseError("not today")

    instance = upload()
    path = stored(instance)
    with listening(pre_anonymise, refuse), pytest.raises(AnonymiseError):
        NullBlankFields.objects.anonymise()

    assert path.exists()
    assert instance.file.name == row(instance)["file"] == "files/passport.pdf"


@pytest.mark.django_db(transaction=True)
def test_a_real_commit_and_a_real_rollback():
    kept, gone = upload(name="kept.pdf"), upload(name="gone.pdf")
    kept_path, gone_path = stored(kept), stored(gone)

    with transaction.atomic():
        kept.anonymise()
        transaction.set_rollback(True)
    gone.anonymise()

    assert kept_path.exists()
    assert not gone_path.exists()


@pytest.mark.parametrize("column", ["file", "image"])
@pytest.mark.parametrize("model", [NullBlankFields, NullFields])
def test_a_file_that_another_row_names_stays(anonymise, model, column):
    """In the same column or another, of the same model or another."""
    instance = upload("file")
    path = stored(instance)
    other = baker.make(model, **{column: instance.file.name})

    anonymise(instance)

    assert path.exists()
    assert row(instance)["file"] in EMPTY
    assert row(other)[column] == "files/passport.pdf"


def test_a_shared_file_goes_with_the_last_row_that_names_it(anonymise):
    first = upload()
    path = stored(first)
    second = baker.make(NullBlankFields, file=first.file.name)

    anonymise(first)
    assert path.exists()
    anonymise(second)
    assert not path.exists()


def test_a_file_shared_by_rows_of_one_queryset_goes(anonymise):
    first = upload()
    path = stored(first)
    second = baker.make(NullBlankFields, file=first.file.name)

    anonymise(first, second)

    assert not path.exists()


def test_a_name_that_is_like_it_does_not_keep_a_file(anonymise):
    instance = upload(name="a.pdf")
    baker.make(NullBlankFields, file="files/a.pdf.bak")
    path = stored(instance)

    anonymise(instance)

    assert not path.exists()


def test_the_file_of_a_row_in_another_database(anonymise):
    instance = upload(using="other")
    path = stored(instance)

    anonymise(instance)

    assert not path.exists()


def test_a_file_that_is_missing_is_no_error(anonymise):
    instance = upload()
    stored(instance).unlink()

    anonymise(instance)

    assert row(instance)["file"] in EMPTY


def test_a_file_that_cannot_be_deleted_is_logged_and_does_not_keep_the_others(
    django_capture_on_commit_callbacks, monkeypatch, caplog
):
    """The rows are committed by then: the caller must not hear that it failed."""
    instances = [upload(name=f"{number}.pdf") for number in range(4)]
    paths = [stored(each) for each in instances]
    delete, refused = FileSystemStorage.delete, []

    def refuse_two(storage, name):
        if len(refused) < 2:
            refused.append(name)
            raise PermissionError("read-only")
        delete(storage, name)

    monkeypatch.setattr(FileSystemStorage, "delete", refuse_two)
    with django_capture_on_commit_callbacks(execute=True):
        NullBlankFields.objects.anonymise()

    assert [path for path in paths if path.exists()] == sorted(
        path for path in paths if f"files/{path.name}" in refused
    )
    assert len(refused) == 2
    assert logging.ERROR in {record.levelno for record in caplog.records}
    assert [row(each)["file"] in EMPTY for each in instances] == [True] * 4


def test_the_file_of_a_file_path_field_stays(anonymise, media_root):
    """It is one of a server's directory, which the row did not bring."""
    media_root.mkdir()
    path = media_root / "letterhead.pdf"
    path.write_bytes(b"of the firm")
    instance = baker.make(NullBlankFields, file_path=str(path))

    anonymise(instance)

    assert path.exists()
    assert row(instance)["file_path"] in EMPTY


def test_a_new_file_is_deleted_by_force(anonymise):
    instance = upload()
    anonymise(instance)
    instance.file.save("again.pdf", ContentFile(b"personal"))
    path = stored(instance)

    anonymise(instance)
    assert path.exists()
    anonymise(instance, force=True)
    assert not path.exists()


def test_many_files_are_looked_up_together(anonymise):
    instances = [upload(name=f"{number}.pdf") for number in range(30)]
    paths = [stored(each) for each in instances]
    kept = baker.make(NullFields, image=instances[7].file.name)

    anonymise(*instances)

    assert [path for path in paths if path.exists()] == [paths[7]]
    assert row(kept)["image"] == "files/7.pdf"


def test_a_file_that_another_column_names_through_a_storage_of_its_own_stays(anonymise, media_root, monkeypatch):
    """Each field made its own storage object, of one directory."""
    for model, column in ((NullBlankFields, "file"), (NullFields, "image")):
        monkeypatch.setattr(model._meta.get_field(column), "storage", FileSystemStorage(location=str(media_root)))
    shared, alone = upload(name="shared.pdf"), upload(name="alone.pdf")
    paths = stored(shared), stored(alone)
    baker.make(NullFields, image=shared.file.name)

    anonymise(shared, alone)

    assert [path.exists() for path in paths] == [True, False]


def test_a_file_of_the_same_name_in_another_directory_does_not_keep_a_file(anonymise, tmp_path, monkeypatch):
    elsewhere = FileSystemStorage(location=str(tmp_path / "elsewhere"))
    monkeypatch.setattr(NullFields._meta.get_field("image"), "storage", elsewhere)
    instance = upload()
    path = stored(instance)
    baker.make(NullFields, image=instance.file.name)

    anonymise(instance)

    assert not path.exists()


@pytest.mark.django_db(transaction=True)
def test_a_failing_look_up_of_other_names_is_logged_without_the_name_and_keeps_the_file(caplog):
    """The rows are committed by then: the caller must not hear that it failed."""
    instance = upload(name="passport-of-ada.pdf")
    path = stored(instance)

    def fail(execute, sql, params, many, context):
        if sql.startswith("SELECT") and NullFields._meta.db_table in sql:
            raise OperationalError("the connection has gone")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        instance.anonymise()

    assert row(instance)["file"] in EMPTY
    assert path.exists()
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.name for record in errors] == ["gdpr_assist.copies.files"]
    assert errors[0].getMessage().startswith("A file of fields.NullBlankFields.file could not be deleted (")
    assert "passport" not in caplog.text


def test_a_name_that_its_storage_cannot_read_keeps_no_other_file(anonymise, monkeypatch, caplog):
    """A storage of a project's own raises what it likes, with the name of the file in it."""
    instances = [upload(name=f"{number}-of-ada.pdf") for number in range(3)]
    paths = [stored(each) for each in instances]
    original = FileSystemStorage.path

    def path_of(storage, name):
        if name == "files/1-of-ada.pdf":
            raise ValueError(name)
        return original(storage, name)

    monkeypatch.setattr(FileSystemStorage, "path", path_of)
    anonymise(*instances)

    assert [path.exists() for path in paths] == [False, True, False]
    assert [row(each)["file"] in EMPTY for each in instances] == [True] * 3
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "A file of fields.NullBlankFields.file could not be deleted (ValueError)."
    ]
    assert "ada" not in caplog.text


# -- names of one file -------------------------------------------------------------------------


@pytest.mark.parametrize("model", [NullBlankFields, NullFields])
@pytest.mark.parametrize(
    "spelling",
    [
        "./files/a.pdf",
        "files//a.pdf",
        "files/./a.pdf",
        "files/../files/a.pdf",
        "files/a.pdf/",
        "x/../files/a.pdf",
    ],
)
def test_a_file_that_another_row_names_in_another_spelling_stays(anonymise, spelling, model):
    instance = upload(name="a.pdf")
    path = stored(instance)
    other = baker.make(model, image=spelling)

    anonymise(instance)

    assert path.exists()
    assert row(other)["image"] == spelling


def test_a_file_that_another_row_names_with_the_whole_path_stays(anonymise, media_root):
    instance = upload(name="a.pdf")
    path = stored(instance)
    baker.make(NullFields, file=str(media_root / "files" / "a.pdf"))

    anonymise(instance)

    assert path.exists()


@pytest.mark.parametrize("spelling", ["./files/a.pdf", "files//a.pdf", "x/../files/a.pdf"])
def test_a_file_under_an_unusual_name_of_its_own(anonymise, spelling):
    """It stays while another row has the usual name, and goes after that."""
    other = upload(name="a.pdf", model=NullFields)
    path = stored(other)
    instance, again = (baker.make(NullBlankFields, file=spelling) for _ in range(2))

    anonymise(instance)
    assert path.exists()
    anonymise(again)
    assert path.exists()
    anonymise(other)
    assert not path.exists()


def test_what_a_name_means_outside_of_the_storage_keeps_no_file_and_is_no_error(anonymise):
    instance = upload(name="a.pdf")
    path = stored(instance)
    baker.make(NullFields, file="../files/a.pdf", image="/etc/a.pdf")

    anonymise(instance)

    assert not path.exists()


@pytest.mark.parametrize(
    ("below", "spelling"), [("files", "a.pdf"), ("files", "./a.pdf"), ("", "files/a.pdf"), (".", "files//a.pdf")]
)
def test_a_file_that_another_row_names_through_a_storage_of_a_directory_below_stays(
    anonymise, media_root, monkeypatch, below, spelling
):
    storage = FileSystemStorage(location=str(media_root / below))
    monkeypatch.setattr(NullFields._meta.get_field("image"), "storage", storage)
    shared, alone = upload(name="a.pdf"), upload(name="b.pdf")
    paths = stored(shared), stored(alone)
    baker.make(NullFields, image=spelling)

    anonymise(shared, alone)

    assert [path.exists() for path in paths] == [True, False]


def test_a_file_of_a_storage_below_that_another_row_names_from_above_stays(anonymise, media_root, monkeypatch):
    storage = FileSystemStorage(location=str(media_root / "private"))
    monkeypatch.setattr(NullBlankFields._meta.get_field("file"), "storage", storage)
    instance = upload(name="a.pdf")
    path = media_root / "private" / "files" / "a.pdf"
    assert path.exists()
    baker.make(NullFields, image="private/files/a.pdf")

    anonymise(instance)

    assert path.exists()


def test_a_directory_that_is_reached_by_another_way_is_the_same(anonymise, media_root, tmp_path, monkeypatch):
    media_root.mkdir()
    (tmp_path / "link").symlink_to(media_root)
    storage = FileSystemStorage(location=str(tmp_path / "link"))
    monkeypatch.setattr(NullFields._meta.get_field("image"), "storage", storage)
    instance = upload(name="a.pdf")
    path = stored(instance)
    baker.make(NullFields, image="files/a.pdf")

    anonymise(instance)

    assert path.exists()


class Cloud(Storage):
    """Not on this machine; ``location`` is the path under which it keeps its files, as several packages have it."""

    def __init__(self, bucket_name, location=""):
        super().__init__()
        self.bucket_name = bucket_name
        self.location = location
        self.deleted = []

    def delete(self, name):
        self.deleted.append(name)


class PrivateCloud(Cloud):
    pass


@pytest.mark.parametrize("kind", [Cloud, PrivateCloud])
@pytest.mark.parametrize(
    ("bucket", "location", "name", "goes"),
    [
        ("ours", "", "private/files/a.pdf", False),
        ("ours", "private", "files//a.pdf", False),
        ("ours", "private/files", "a.pdf", False),
        ("ours", "public", "files/a.pdf", True),
        ("theirs", "", "private/files/a.pdf", True),
    ],
)
def test_a_file_that_another_row_names_through_another_storage_of_the_same_bucket_stays(
    anonymise, monkeypatch, kind, bucket, location, name, goes
):
    storage = Cloud("ours", "private")
    monkeypatch.setattr(NullBlankFields._meta.get_field("file"), "storage", storage)
    monkeypatch.setattr(NullFields._meta.get_field("image"), "storage", kind(bucket, location))
    instance = baker.make(NullBlankFields, file="files/a.pdf")
    baker.make(NullFields, image=name)

    anonymise(instance)

    assert storage.deleted == (["files/a.pdf"] if goes else [])


class Server(Storage):
    """Elsewhere too, but has no bucket, and cannot say how it was made."""

    def __init__(self, location="", **options):
        super().__init__()
        self.location = location
        self.deleted = []

    def _save(self, name, content):
        return name

    def delete(self, name):
        self.deleted.append(name)


@deconstructible
class OpenServer(Server):
    """Says how it was made."""

    def _save(self, name, content):
        return super()._save(name, content)


class OtherServer(Storage):
    def _save(self, name, content):
        return name


@pytest.mark.parametrize(
    ("other", "name", "goes"),
    [
        (Server("private"), "files/a.pdf", False),
        (Server(), "private/files/a.pdf", False),
        (OpenServer("private"), "files/a.pdf", False),
        (OpenServer("private", timeout=9), "files/a.pdf", False),
        (Server("private"), "files/b.pdf", True),
        (Server("public"), "files/a.pdf", True),
        (OtherServer(), "private/files/a.pdf", True),
    ],
)
@pytest.mark.parametrize("kind", [Server, OpenServer])
def test_a_file_that_another_row_may_name_through_a_storage_made_anew_stays(
    anonymise, monkeypatch, kind, other, name, goes
):
    storage = kind("private")
    monkeypatch.setattr(NullBlankFields._meta.get_field("file"), "storage", storage)
    monkeypatch.setattr(NullFields._meta.get_field("image"), "storage", other)
    instance = baker.make(NullBlankFields, file="files/a.pdf")
    baker.make(NullFields, image=name)

    anonymise(instance)

    assert storage.deleted == (["files/a.pdf"] if goes else [])


class Placeholder:
    """One file for all rows that have none of their own."""

    fields = ["file", "image"]

    def anonymise_file(self, instance):
        return "files/nobody.pdf"


def test_a_file_that_an_anonymiser_gives_to_all_rows_stays(media_root, django_capture_on_commit_callbacks):
    """Whatever the way, and again by force; and while another row names it, also if a row goes."""
    first, second = upload(name="a.pdf"), upload(name="b.pdf")
    personal = stored(first), stored(second)
    path = media_root / "files" / "nobody.pdf"
    path.write_bytes(b"nobody")
    rows = NullBlankFields.objects.filter(pk__in=[first.pk, second.pk])

    def done(action):
        with redeclared(NullBlankFields, Placeholder), django_capture_on_commit_callbacks(execute=True):
            action()
        assert path.exists()
        return list(rows.order_by("pk").values_list("file", flat=True))

    def scrub():
        for _ in range(2):
            list(execute_in_ranges(plan(rows, force=True)))

    assert done(first.anonymise) == ["files/nobody.pdf", "files/b.pdf"]
    assert done(rows.anonymise) == ["files/nobody.pdf"] * 2
    assert [each.exists() for each in personal] == [False, False]
    for again in (lambda: first.anonymise(force=True), lambda: rows.anonymise(force=True), scrub):
        assert done(again) == ["files/nobody.pdf"] * 2
    with listening(pre_anonymise, lambda **kwargs: None, sender=NullBlankFields):
        assert done(lambda: rows.anonymise(force=True)) == ["files/nobody.pdf"] * 2
    assert done(first.delete) == ["files/nobody.pdf"]


def test_a_file_that_new_rows_get_by_default_stays(django_capture_on_commit_callbacks, media_root):
    person = Person.objects.create(name="Ada")
    path = media_root / "portraits" / "nobody.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nobody")

    with django_capture_on_commit_callbacks(execute=True):
        person.anonymise()

    assert row(person)["portrait"] == ""
    assert path.exists()


@pytest.mark.skipif(django.VERSION < (5, 0), reason="no defaults of the database before Django 5.0")
@pytest.mark.parametrize("default", ["files/nobody.png", Value("files/nobody.png")], ids=["literal", "value"])
def test_a_file_that_the_database_gives_to_new_rows_stays(anonymise, monkeypatch, default):
    instance = upload(name="nobody.png")
    path = stored(instance)
    monkeypatch.setattr(NullFields._meta.get_field("image"), "db_default", default)

    anonymise(instance)

    assert path.exists()


def test_many_files_are_looked_up_in_statements_of_a_size_that_works(monkeypatch, django_capture_on_commit_callbacks):
    instances = [upload(name=f"{number}.pdf") for number in range(7)]
    paths = [stored(each) for each in instances]
    baker.make(NullFields, image=instances[4].file.name)
    monkeypatch.setattr(files, "batch_size", lambda using: 3)

    with django_capture_on_commit_callbacks(execute=True):
        NullBlankFields.objects.all().delete()

    assert [path for path in paths if path.exists()] == [paths[4]]


# -- what is derived from a file ---------------------------------------------------------------


def portrait(name="Ada"):
    person = Person(name=name)
    person.portrait.save("face.png", ContentFile(b"personal"))
    paths = Path(person.portrait.path), Path(f"{person.portrait.path}.small")
    assert [path.exists() for path in paths] == [True, True]
    return person, paths


@pytest.mark.parametrize("erase", ["anonymise", "delete", "queryset", "scrub"])
@pytest.mark.django_db(transaction=True)
def test_the_thumbnails_of_an_image_go_with_it(erase):
    person, paths = portrait()
    stays = portrait("Grace")[1]

    if erase == "scrub":
        assert list(execute_in_ranges(plan(Person.objects.filter(pk=person.pk)))) == [1]
    elif erase == "queryset":
        Person.objects.filter(pk=person.pk).anonymise()
    else:
        getattr(person, erase)()

    assert [path.exists() for path in paths] == [False, False]
    assert [path.exists() for path in stays] == [True, True]


def test_an_image_whose_size_is_in_other_columns_is_not_read(django_capture_on_commit_callbacks, monkeypatch):
    """Its row is not loaded again either, where it may be gone."""
    field = NullBlankFields._meta.get_field("image")
    instance = baker.make(NullBlankFields, image="files/no-image.png", integer=None)
    monkeypatch.setattr(field, "width_field", "integer")

    with django_capture_on_commit_callbacks() as callbacks:
        instance.anonymise()
    monkeypatch.setattr(FileSystemStorage, "open", lambda *args: pytest.fail("it was opened"))
    with CaptureQueriesContext(connection) as captured:
        for callback in callbacks:
            callback()

    assert not [each["sql"] for each in captured if ".integer" in re.sub('[`"]', "", each["sql"])]


# -- of rows that are deleted ------------------------------------------------------------------


def scanned(person=None, model=Document, **names):
    document = model(person=person or Person.objects.create(name="Ada", portrait=""))
    for column in ("scan", "form", "signature"):
        if hasattr(document, column):
            getattr(document, column).save(f"{names.get('name', 'ada')}.pdf", ContentFile(b"personal"), save=False)
    document.save()
    return document


def paths_of(document):
    return {name: stored(document, name) for name in ("scan", "form", "signature") if hasattr(document, name)}


def gone(paths):
    return {name for name, path in paths.items() if not path.exists()}


def by_object(document):
    document.delete()


def by_queryset(document):
    type(document).objects.filter(pk=document.pk).delete()


def by_part(document):
    """The object does not know the name of its file."""
    type(document).objects.only("pk").get(pk=document.pk).delete()


def by_cascade(document):
    document.person.delete()


# By a replay: tests/test_replay.py
WAYS_TO_DELETE = [by_object, by_queryset, by_part, by_cascade]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("delete", WAYS_TO_DELETE)
def test_the_personal_files_of_a_deleted_row_go_after_the_commit(delete):
    document = scanned()
    other, paths = scanned(name="grace"), paths_of(document)

    with transaction.atomic():
        delete(document)
        assert gone(paths) == set()

    assert gone(paths) == {"scan"}
    assert gone(paths_of(other)) == set()
    assert not Document.objects.filter(pk=document.pk).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("delete", WAYS_TO_DELETE)
def test_those_of_a_multi_table_child_go_with_those_of_its_parent(delete):
    document = scanned(model=SignedDocument)
    paths = paths_of(document)

    delete(document)

    assert gone(paths) == {"scan", "signature"}


@pytest.mark.django_db(transaction=True)
def test_the_files_of_a_parent_that_is_kept_stay():
    document = scanned(model=SignedDocument)
    paths = paths_of(document)

    document.delete(keep_parents=True)

    assert gone(paths) == {"signature"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("delete", WAYS_TO_DELETE)
def test_a_file_of_a_deleted_row_that_another_row_names_stays(delete):
    document = scanned()
    paths = paths_of(document)
    baker.make(NullFields, image=f"./{document.scan.name}")

    delete(document)

    assert gone(paths) == set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("delete", WAYS_TO_DELETE)
def test_the_files_of_a_deletion_that_is_rolled_back_stay(delete):
    document = scanned()
    paths = paths_of(document)

    with transaction.atomic():
        delete(document)
        transaction.set_rollback(True)

    assert gone(paths) == set()
    assert Document.objects.get().scan.name == "scans/ada.pdf"


@pytest.mark.django_db(transaction=True)
def test_the_files_stay_if_the_deletion_cannot_be_logged(monkeypatch):
    document = scanned()
    paths = paths_of(document)
    monkeypatch.setattr(receivers.writing, "record", mock.Mock(side_effect=EventLogError("the log is down")))

    with pytest.raises(EventLogError):
        document.delete()

    assert gone(paths) == set()


@pytest.mark.django_db(transaction=True)
def test_the_file_that_the_row_names_goes_not_the_one_that_was_never_saved():
    document, other = scanned(), scanned(name="grace")
    paths = paths_of(document)
    document.scan = other.scan.name

    document.delete()

    assert gone(paths) == {"scan"}
    assert gone(paths_of(other)) == set()


@pytest.mark.django_db(transaction=True)
def test_of_a_multi_table_object_too():
    """Django makes its parent from what the object has in memory."""
    document, other = scanned(model=SignedDocument), scanned(name="grace")
    paths = paths_of(document)
    document.scan = other.scan.name
    other.scan = ""
    other.save()  # nobody names it now

    document.delete()

    assert gone(paths) == {"scan", "signature"}
    assert stored(document, "scan").name == "grace.pdf"
    assert stored(document, "scan").exists()


@pytest.mark.django_db(transaction=True)
def test_an_object_alone_costs_one_query_for_its_files_and_a_queryset_none(django_assert_num_queries):
    Person.objects.bulk_create(Person(name=f"{n}", portrait="") for n in range(12))

    def reads(action):
        with CaptureQueriesContext(connection) as captured:
            action()
        return len([each for each in captured if each["sql"].startswith("SELECT") and "portrait" in each["sql"]])

    # Once by Django, and once to see which people go.
    assert reads(Person.objects.filter(name__in=["1", "2"]).delete) == 2
    assert reads(Person.objects.exclude(name="0").delete) == 2
    person = Person.objects.get()
    assert reads(person.delete) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("erase", ["anonymise", "delete", "scrub", "related"])
def test_a_model_may_keep_its_files(erase):
    person = Person.objects.create(name="Ada", portrait="")
    contract = Contract(person=person)
    contract.scan.save("contract.pdf", ContentFile(b"to be kept"))
    path = stored(contract, "scan")

    if erase == "scrub":
        assert list(execute_in_ranges(plan(Contract.objects.all()))) == [1]
    elif erase == "related":
        person.delete()
    else:
        getattr(contract, erase)()

    assert path.exists()
    assert not Contract.objects.exclude(scan="").exists()
    assert Files.describe([plan(Contract.objects.all())]) == []


# -- in a scrub --------------------------------------------------------------------------------


def in_ranges(model=NullBlankFields, size=2):
    return list(execute_in_ranges(plan(model.objects.all(), force=True), size))


@pytest.mark.django_db(transaction=True)
def test_a_scrub_that_is_interrupted_leaves_no_file_that_no_row_names(monkeypatch):
    instances = [upload(name=f"{number}.pdf") for number in range(5)]
    paths = [stored(each) for each in instances]
    delete, deleted = FileSystemStorage.delete, []

    def interrupt_at_the_fourth(storage, name):
        if len(deleted) == 3:
            raise KeyboardInterrupt
        deleted.append(name)
        delete(storage, name)

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "delete", interrupt_at_the_fourth)
        with pytest.raises(KeyboardInterrupt):
            in_ranges()

    assert sorted(path.exists() for path in paths) == [False] * 3 + [True] * 2
    named = [row(each)["file"] for each in instances]
    assert named == ["", "", "files/2.pdf", "files/3.pdf", "files/4.pdf"]

    assert in_ranges()[-1] == 3
    assert [path.exists() for path in paths] == [False] * 5
    assert [row(each)["file"] for each in instances] == [""] * 5


def asking_a_table_that_is_not_there(execute, sql, params, many, context):
    """Break what asks NullFields for names."""
    if " IN (" in sql and NullFields._meta.db_table in sql:
        sql, params = "SELECT name FROM there_is_no_such_table", ()
    return execute(sql, params, many, context)


@pytest.mark.django_db(transaction=True)
def test_a_model_without_a_table_names_no_file(monkeypatch):
    """PostgreSQL takes no statement after the failing one, unless there is a savepoint."""
    instances = [upload(name=f"{number}.pdf") for number in range(3)]
    paths = [stored(each) for each in instances]
    monkeypatch.setattr(files, "has_table", lambda model, using: model is not NullFields)

    with connection.execute_wrapper(asking_a_table_that_is_not_there):
        assert in_ranges()[-1] == 3

    assert [row(each)["file"] for each in instances] == [""] * 3
    assert [path.exists() for path in paths] == [False] * 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", ["storage", "look-up"])
def test_a_scrub_ends_where_a_file_cannot_be_deleted(fault, caplog):
    """Else it would stay, and no row would name it any more."""
    instances = [upload(name=f"{number}-of-ada.pdf") for number in range(3)]
    paths = [stored(each) for each in instances]

    def refuse(storage, name):
        raise PermissionError(name)

    broken = {
        "storage": mock.patch.object(FileSystemStorage, "delete", refuse),
        "look-up": connection.execute_wrapper(asking_a_table_that_is_not_there),
    }
    with (
        broken[fault],
        unchanged(NullBlankFields),
        pytest.raises(AnonymiseError, match=r"^A stored file of fields\.NullBlankFields\.file could not be deleted"),
    ):
        in_ranges()

    assert "of-ada" not in caplog.text
    assert in_ranges()[-1] == 3
    assert [path.exists() for path in paths] == [False] * 3


@pytest.mark.django_db(transaction=True)
def test_a_range_has_no_more_rows_than_a_statement_takes_keys(monkeypatch):
    for number in range(5):
        upload(name=f"{number}.pdf")
    monkeypatch.setattr(claims, "batch_size", lambda using: 2)

    assert in_ranges(size=1000) == [2, 4, 5]


def left_by_scrub(model, size=None):
    """Scrub its table, and return what is said of the files that stay."""
    work = prepare(["default"], only=[model._meta.label], batch_size=size)
    said = scrub(work, compact=False)
    return [text for text in said if "stored file" in text]


@pytest.fixture
def deleted_documents():
    with changed(Document, on_erasure="delete"), changed(SignedDocument, on_erasure="delete"):
        yield


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("deleted_documents")
def test_a_scrub_deletes_the_files_of_a_multi_table_object_that_it_deletes():
    """Django says that the child's row is gone while that of its parent, which names a file, is there."""
    paths = paths_of(scanned(model=SignedDocument))

    assert list(delete_in_ranges(plan(Document.objects.all(), force=True))) == [1]

    assert not Document.objects.exists()
    assert gone(paths) == {"scan", "signature"}


@pytest.mark.django_db(transaction=True)
def test_a_scrub_deletes_the_files_of_a_row_with_which_others_go():
    document = scanned()
    document.person.portrait.save("ada.png", ContentFile(b"personal"))
    paths = {**paths_of(document), "portrait": stored(document.person, "portrait")}

    with changed(Person, on_erasure="delete", subject=None):
        assert list(delete_in_ranges(plan(Person.objects.all(), force=True))) == [1]

    assert not Person.objects.exists()
    assert not Document.objects.exists()
    assert gone(paths) == {"scan", "portrait"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("erasure", ["delete", "anonymise"])
def test_a_scrub_says_which_files_other_rows_have_kept(erasure):
    document = scanned()
    paths = paths_of(document)
    baker.make(NullFields, image=document.scan.name)

    with changed(Document, on_erasure=erasure):
        [said] = left_by_scrub(Document)
    assert said == (
        "own.Document.scan: 1 stored file of erased rows is still there: another row names it. Delete what says who "
        "somebody is by hand."
    )

    assert gone(paths) == set()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("deleted_documents")
def test_a_file_goes_with_the_last_row_of_a_scrub_that_names_it_in_a_column_that_is_not_personal():
    document, other = scanned(), scanned(name="grace")
    paths = paths_of(document)
    other.form = document.scan.name
    other.save()

    assert left_by_scrub(Document, size=1) == []

    assert gone(paths) == {"scan"}


@pytest.mark.django_db(transaction=True)
def test_a_scrub_says_nothing_of_a_file_that_is_a_default(media_root):
    (media_root / "portraits").mkdir(parents=True)
    (media_root / "portraits/nobody.png").write_bytes(b"nobody")
    Person.objects.create(name="Ada")

    assert left_by_scrub(Person) == []

    assert (media_root / "portraits/nobody.png").exists()


# -- where they are, for a question ------------------------------------------------------------


class Bucket(Storage):
    bucket_name = "uploads-of-the-shop"


def test_the_places_of_the_files_with_the_fields_that_name_them(media_root):
    plans = [plan(model.objects.all()) for model in (BlankFields, NullFields, Customer)]
    (place,) = describe(plans)
    assert place == (
        f"stored files in {media_root} (fields.BlankFields.file, fields.BlankFields.image, fields.NullFields.file, "
        "fields.NullFields.image)"
    )


def test_a_place_that_is_no_directory(media_root, monkeypatch):
    monkeypatch.setattr(NullFields._meta.get_field("image"), "storage", Bucket())
    assert Files.describe([plan(NullFields.objects.all())]) == [
        f"stored files in {media_root} (fields.NullFields.file)",
        f"stored files in {__name__}.Bucket uploads-of-the-shop (fields.NullFields.image)",
    ]


def test_a_plan_that_deletes_no_files():
    assert Files.describe([plan(Customer.objects.all())]) == []


# -- what stays, and why -----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_result_says_what_stays_and_why():
    first, second = upload(name="both.pdf"), upload(name="own.pdf")
    NullBlankFields.objects.create(file=first.file.name)

    result = NullBlankFields.objects.filter(pk__in=[first.pk, second.pk]).anonymise()

    assert result.retained == [Retained(what="fields.NullBlankFields.file", count=1, reason="another row names it")]
    assert not stored(second).exists()


@pytest.mark.django_db(transaction=True)
def test_the_result_says_what_could_not_be_deleted(monkeypatch):
    def refuse(storage, name):
        raise PermissionError(name)

    monkeypatch.setattr(FileSystemStorage, "delete", refuse)
    (kept,) = upload(name="of-ada.pdf").anonymise().retained
    assert (kept.what, kept.count) == ("fields.NullBlankFields.file", 1)
    assert kept.reason == "could not be deleted (PermissionError)"


@pytest.mark.django_db(transaction=True)
def test_what_stays_is_known_once_it_is_committed():
    first = upload(name="both.pdf")
    NullBlankFields.objects.create(file=first.file.name)
    with transaction.atomic():
        result = first.anonymise()
        assert result.retained == []
    assert [each.count for each in result.retained] == [1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("erasure", ["anonymise", "delete"])
def test_the_result_of_a_person_names_the_files_that_are_still_there(erasure, monkeypatch):
    """One that could not be deleted is left; one that another row names is kept."""
    document, shared = scanned(), scanned(name="grace")
    Document.objects.update(person=document.person)
    baker.make(NullFields, image=shared.scan.name)
    delete = FileSystemStorage.delete

    def refuse(storage, name):
        if name == document.scan.name:
            raise PermissionError(name)
        delete(storage, name)

    monkeypatch.setattr(FileSystemStorage, "delete", refuse)
    with changed(Document, on_erasure=erasure):
        result = Subject(document.person).erase()

    assert [str(each) for each in result.left] == ["own.Document: 1 row, scan: could not be deleted (PermissionError)"]
    assert [str(each) for each in result.kept] == ["own.Document: 1 row, scan: another row names it"]
    assert level(result) == messages.WARNING
