import io
import json
import sys
from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from tests.apps.thirdparty.models import Device
from tests.databases import database_is, refused, untouched

WELL = "All is well.\n"

PLACE = "thirdparty_device.owner on default"


@pytest.fixture
def run(monkeypatch):
    """Run it with these lines as its input; return what it printed, and the error."""

    def run(lines, *args):
        binary = lines if isinstance(lines, bytes) else lines.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(binary)))
        out, errors, error = StringIO(), StringIO(), None
        try:
            call_command("gdpr_residue", *args, stdout=out, stderr=errors)
        except CommandError as caught:
            error = str(caught)
        assert "quill" not in (out.getvalue() + errors.getvalue() + (error or "")).lower()
        return out.getvalue(), errors.getvalue(), error

    return run


@pytest.mark.django_db
class TestCommand:
    def test_places_and_numbers(self, run):
        for owner in ("Ada QUILL", "to ada@quill.example", "Bob"):
            Device.objects.create(owner=owner, address="::1")
        with untouched():
            assert run("ada@quill.example\nAda Quill\n\n") == (f"{PLACE}: 2\n", "", "Not well: Found in 1 place.")

    def test_nothing_found(self, run):
        Device.objects.create(owner="Bob Quill", address="::1")
        assert run("Ada Quill\n") == (WELL, "", None)

    def test_as_json(self, run):
        Device.objects.create(owner="Ada Quill", address="::1")
        out, _, error = run("Ada Quill\n", "--json")
        assert json.loads(out) == {
            "is_well": False,
            "wrong": ["Found in 1 place."],
            "found": {PLACE: 1},
            "unread": {},
        }
        assert error == "Not well: Found in 1 place."

    def test_one_database(self, run):
        Device.objects.create(owner="Ada Quill", address="::1")
        assert run("Ada Quill\n", "--database=other") == (WELL, "", None)
        assert "nowhere" in run("Ada Quill\n", "--database=nowhere")[2]

    def test_media(self, run, media_root):
        default_storage.save("ada_quill.txt", ContentFile(b""))
        assert run("Ada Quill")[2] is None
        assert run("Ada Quill", "--media")[0] == f"names of files in {media_root}: 1\n"

    def test_short_values_are_left_out(self, run):
        assert run("Ada\nBob Quill\nbob  quill\n")[1] == (
            "Left out: 2 lines, shorter than 5 characters or given twice.\n"
        )

    @pytest.mark.parametrize("lines", ["", "\n \n", "Ada\n"])
    def test_nothing_to_look_for_is_an_error(self, run, lines):
        assert run(lines)[2] == (
            "There is nothing to look for: give values of at least 5 characters on the standard input, one a line."
        )

    @pytest.mark.parametrize(
        "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "latin-1", "cp1252"]
    )
    def test_an_input_that_is_not_utf_8_is_an_error(self, run, encoding):
        """Also if the values are ASCII, which is UTF-8 in the last two."""
        name = "Ada Quill" if encoding.startswith("utf") else "Zoë Quill"
        Device.objects.create(owner=name, address="::1")
        out, errors, error = run(f"{name}\r\n".encode(encoding))
        assert (out, errors) == ("", "")
        assert error == (
            "The standard input is not UTF-8, so that its values would be found nowhere. Save the file as UTF-8: > of "
            "older versions of PowerShell writes UTF-16."
        )

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_an_input_of_utf_8_with_a_mark_or_without(self, run, encoding):
        Device.objects.create(owner="Zoë Quill", address="::1")
        assert run("Zoë Quill\r\n".encode(encoding))[0] == f"{PLACE}: 1\n"

    def test_what_cannot_be_read_is_no_proof(self, run):
        with database_is("other", refused):
            out, _, error = run("Ada Quill")
        assert out.startswith("Not looked at: other: ")
        assert error == "Not well: Found nowhere, but not everything could be looked at."


class TestProcess:
    def test_the_exit_status(self, site):
        done = site.run("gdpr_residue", input="2@quill.example\n")
        assert (done.returncode, done.stdout) == (1, "shop_customer.email on default: 1\n")
        assert "quill" not in done.stderr
        assert site.run("gdpr_residue", input="9@quill.example\n").returncode == 0

    def test_the_encoding_of_the_terminal_does_not_matter(self, site):
        done = site.run("gdpr_residue", input="Zo\xeb Quill\n", encoding="latin-1")
        assert (done.returncode, done.stdout) == (1, "")
        assert "not UTF-8" in done.stderr
