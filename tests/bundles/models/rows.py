"""Two people are entered in the admin, with a value of their own in each column and pictures in their texts."""

from datetime import date, datetime, time, timezone
from io import BytesIO, StringIO
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import models
from django.test import Client
from django.urls import reverse
from PIL import Image

from tests.bundles.browsing import post
from tests.bundles.looking import FILES
from tests.bundles.people import PASSWORD, Left
from tests.bundles.running import WAYS as WAYS_OF_ALL
from tests.bundles.running import by_erasing

from .models import Member

DECRYPTED = "decrypted "
ENCRYPTED = [each for each in Member._meta.fields if each.name.startswith(("fernet_", "encrypting_", "encrypt_"))]

LEFT = [
    Left("a member stays, of an account that is nobody's any more", ["models_member.user_id"]),
    Left(
        "a tag stays for other rows; remove_orphaned_tags deletes it if none has it",
        ["taggit_tag.name", "taggit_tag.slug"],
        ways=tuple(WAYS_OF_ALL),
    ),
    Left(
        "what an editor of HTML has uploaded is a file without a row; the texts named it",
        [FILES, "names of files in MEDIA_ROOT"],
    ),
]
CHANGED = [Left("the link from a row that is erased to a tag that others have, too", ["taggit_taggeditem"])]


def fill(gone, stays):
    officer = Client()
    officer.force_login(get_user_model().objects.get(username="officer"))
    for person in (gone, stays):
        user = get_user_model().objects.create_user(person.username, person.email, PASSWORD)
        person.knows["pk"] = user.pk
        post(officer, reverse("admin:models_member_add"), _form(person, user, officer))
        _note_what_is_made(person, user)


def _form(person, user, officer):
    form = {
        "user": user.pk,
        "tags": f"{person.token()}, members",
        "phone": person.secret(f"+1202555{1000 + person.number}"),
        "country": "NZ",
        "countries": ["DE", "NZ"],
        "fee_0": person.secret(f"{912340 + person.number}.25"),
        "fee_1": "NZD",
        "status": "sent",
        "changed_0": "2001-02-03",
        "changed_1": "04:05:06",
        **{name: f"<p>{person.token()}</p>" for name in ("rich", "tiny")},
        **{name: f'<img src="{url}">' for name, url in _upload(person, officer).items()},
    }
    for field in ENCRYPTED:
        value = _value(field, person)
        if isinstance(field, models.DateTimeField):
            form |= {f"{field.name}_0": value.date(), f"{field.name}_1": value.time()}
        elif field.editable:
            form[field.name] = value
    return form


def _upload(person, officer):
    """Send pictures as the editors do; return {column: address of its picture}."""
    pages = {"uploading": "ckeditor_upload", "five": "ck_editor_5_upload_file"}
    return {
        name: officer.post(reverse(page), {"upload": _picture(person)}).json()["url"] for name, page in pages.items()
    }


def _picture(person):
    content = BytesIO()
    Image.new("RGB", (40, 40)).save(content, "PNG")
    return SimpleUploadedFile(f"{person.token()}.png", content.getvalue(), "image/png")


def _value(field, person):
    """Return a value for an encrypted column, which is looked for as ``decrypted`` shows it."""
    return next(make for kind, make in VALUES.items() if isinstance(field, kind))(field, person)


def _seen(field, person, value):
    """Look for a value that is no text, in this column alone."""
    person.secret(f"{field.name} {value!s}")
    return value


def _number(person):
    return 10_000 * person.number + len(person.values)


# {class: what makes a value of it}, the first that fits; a boolean is nobody's
VALUES = {
    models.EmailField: lambda field, person: f"{person.token()}@quill.example",
    models.URLField: lambda field, person: f"https://quill.example/{person.token()}",
    (models.CharField, models.TextField): lambda field, person: person.token(),
    models.JSONField: lambda field, person: f'{{"name": "{person.token()}"}}',
    models.UUIDField: lambda field, person: UUID(person.secret(str(UUID(int=(7 << 120) + _number(person))))),
    models.GenericIPAddressField: lambda field, person: person.address(),
    models.BooleanField: lambda field, person: True,
    models.DateTimeField: lambda field, person: _seen(
        field, person, datetime.fromordinal(690_000 + _number(person)).replace(tzinfo=timezone.utc)
    ),
    models.DateField: lambda field, person: _seen(field, person, date.fromordinal(690_000 + _number(person))),
    models.TimeField: lambda field, person: _seen(field, person, time(person.number, len(person.values) % 60, 7)),
    models.FloatField: lambda field, person: _seen(field, person, float(_number(person))),
    (models.IntegerField, models.DecimalField): lambda field, person: _seen(field, person, _number(person)),
    models.BinaryField: lambda field, person: None,
}


def _note_what_is_made(person, user):
    """Of what is in no form: the times and a token that the columns make, and what code of the site would write."""
    member = Member.objects.get(user=user)
    for name in ("created", "modified", "changed"):
        person.secret(f"{getattr(member, name):%Y-%m-%d %H:%M:%S.%f}")
    person.secret(member.token)
    member.encrypt_binary = person.token().encode()
    member.save(update_fields=["encrypt_binary"])


def decrypted():
    """Return what only Python reads: {place: [text]}."""
    return {
        f"{DECRYPTED}{Member._meta.db_table}.{field.column}": [
            f"{field.name} {bytes(value).decode() if isinstance(value, memoryview | bytes) else value}"
            for value in Member.objects.values_list(field.name, flat=True)
        ]
        for field in ENCRYPTED
    }


def by_erasing_and_tidying(bundle):
    by_erasing(bundle)
    call_command("remove_orphaned_tags", stdout=StringIO())


WAYS = {"erase(), unused tags removed": by_erasing_and_tidying}
