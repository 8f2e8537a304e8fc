"""A disk that gets full half-way through a scrub of many rows, and the run after there is room: nothing is simulated.

On a server, the table lies in a file system of its own that root mounts for a test. SQLite counts its pages.
"""

import os
import re
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Value

from gdpr_assist import AnonymiseError, Replacement
from gdpr_assist.databases.errors import DISK_FULL
from gdpr_assist.models import Scrub
from gdpr_assist.scrubbing.run import prepare, scrub
from tests.apps.shop.models import Message
from tests.observing import changed, markers, queries, updates
from tests.test_compaction import another, run, skip_if_remote, value
from tests.test_workers import elsewhere  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 2000
SIZE = 100
SECRET = "Ottoline Quéval lives in Quill Lane. "
TABLE = Message._meta.db_table

# Longer than what was there, so that SQLite and MariaDB need room too, which write a row in its place
LONG = "x" * 800
# In kilobytes: what is free, which is enough for some ranges and not for all
ROOM = {"sqlite": 400, "postgresql": 1000, "mysql": 300}
GROWING = {"text": Replacement(value=lambda row: LONG, expression=lambda: Value(LONG))}

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="about PostgreSQL")


@pytest.fixture(autouse=True)
def may_scrub(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True


# -- disks -----------------------------------------------------------------------------------------


class Mount:
    """A file system in memory."""

    def __init__(self, path):
        self.path = path

    def fill(self, room):
        """Leave so many kilobytes free."""
        stat = os.statvfs(self.path)
        self._resize((stat.f_blocks - stat.f_bfree) * stat.f_frsize // 1024 + room)

    def make_room(self):
        self._resize(64 * 1024)

    def _resize(self, kilobytes):
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", self.path], check=True)


@contextmanager
def mounted(data_directory):
    """Give a file system that belongs to the owner of the server's files."""
    skip_if_remote("default")
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    # Not among what the tests write elsewhere: that is nobody else's to read.
    path = tempfile.mkdtemp(prefix="gdpr_assist_disk_")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "gdpr_assist", path], check=True)
    try:
        os.chown(path, Path(data_directory).stat().st_uid, -1)
        yield Mount(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
        Path(path).rmdir()


@contextmanager
def of_postgresql():
    name = f"full_{uuid.uuid4().hex[:8]}"
    with mounted(value("default", "SHOW data_directory")) as mount:
        run("default", f"CREATE TABLESPACE {name} LOCATION '{mount.path}'")
        try:
            run(
                "default",
                f"ALTER TABLE {TABLE} SET TABLESPACE {name}",
                f"ALTER TABLE {TABLE} SET (autovacuum_enabled = off)",
                f"VACUUM FULL {TABLE}",  # what rows of other tests have freed is room, too
            )
            yield mount
        finally:
            run(
                "default",
                f"ALTER TABLE {TABLE} RESET (autovacuum_enabled)",
                f"ALTER TABLE {TABLE} SET TABLESPACE pg_default",
                f"DROP TABLESPACE {name}",
            )


@contextmanager
def of_mariadb():
    with mounted(value("default", "SELECT @@datadir")) as mount:
        run(
            "default",
            f"RENAME TABLE {TABLE} TO {TABLE}_kept",
            f"CREATE TABLE {TABLE} (id bigint AUTO_INCREMENT PRIMARY KEY, recipient_id bigint, text longtext NOT NULL)"
            f" ENGINE = InnoDB DATA DIRECTORY = '{mount.path}'",
        )
        try:
            yield mount
        finally:
            run("default", f"DROP TABLE {TABLE}", f"RENAME TABLE {TABLE}_kept TO {TABLE}")


class Pages:
    """How many pages the file of SQLite may have."""

    def fill(self, room):
        run("default", "VACUUM")  # as above
        pages = value("default", "PRAGMA page_count") + room * 1024 // value("default", "PRAGMA page_size")
        run("default", f"PRAGMA max_page_count = {pages}")

    def make_room(self):
        run("default", "PRAGMA max_page_count = 1073741823")


@contextmanager
def of_sqlite():
    pages = Pages()
    try:
        yield pages
    finally:
        pages.make_room()


DISKS = {"sqlite": of_sqlite, "postgresql": of_postgresql, "mysql": of_mariadb}


@pytest.fixture
def disk():
    """The one on which the table is, with rows in it."""
    with DISKS[connection.vendor]() as found:
        Message.objects.bulk_create(Message(text=f"{SECRET * 10} {number}") for number in range(ROWS))
        yield found


# -- tests -----------------------------------------------------------------------------------------


def scrubbed(**options):
    work = prepare(["default"], only=["shop.Message"], **options)
    scrub(work, compact=False)
    return work


def keys_of_done():
    """Return the keys of the rows that hold nothing old, as texts."""
    return sorted(map(str, Message.objects.exclude(text__startswith=SECRET).values_list("pk", flat=True)))


def broken_off(**options):
    """Scrub on a disk that is too small; return how many rows are done, by what is said."""
    with pytest.raises(AnonymiseError) as caught:
        scrubbed(**options)
    said = str(caught.value)
    refused = "shop.Message: the database 'default' does not let its rows be changed (OperationalError): "
    assert said.startswith(refused + DISK_FULL)
    assert said.endswith(" Mend this. Run the command again, without --restart: it goes on where it stopped.")
    assert "Ottoline" not in said
    assert LONG not in said
    done = re.search(
        r"shop\.Message on default: (\d+) of (\d+) rows are done; what was in the making was rolled", said
    )
    assert int(done[2]) == ROWS
    assert Scrub.objects.filter(label="shop.Message").exists()
    # The markers agree with the rows, and both with what is said.
    assert markers(Message) == keys_of_done()
    assert len(markers(Message)) == int(done[1])
    return int(done[1])


def goes_on(**options):
    """Scrub once more, on a disk with room."""
    work = scrubbed(batch_size=SIZE, **options)
    assert set(work.begun) == {("default", "shop.Message")}
    assert len(markers(Message)) == len(keys_of_done()) == ROWS
    assert not Scrub.objects.exists()


def test_by_ranges(disk):
    """As often as it gets full, it goes on from there."""
    with changed(Message, replace=GROWING):
        disk.fill(ROOM[connection.vendor])
        first = broken_off(batch_size=SIZE)
        assert 0 < first < ROWS
        assert first % SIZE == 0
        again = broken_off(batch_size=SIZE)
        assert again >= first
        disk.make_room()
        sql = queries(goes_on)
    # The last range may have no row.
    assert (ROWS - again) // SIZE <= len(updates(sql, Message)) <= (ROWS - again) // SIZE + 1
    assert set(Message.objects.values_list("text", flat=True)) == {LONG}


@only_postgresql
@pytest.mark.usefixtures("elsewhere")
def test_by_processes(disk):
    """These know the model as it is declared, which makes its rows shorter: other databases need no room for that.

    Nor would PostgreSQL, if nobody could read the old rows any more.
    """
    disk.fill(40)
    with another("default", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1"):
        assert 0 < broken_off(batch_size=SIZE, workers=2) < ROWS
    disk.make_room()
    goes_on(workers=2)


@only_postgresql
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.usefixtures("elsewhere")
def test_a_table_that_is_written_anew(disk, workers):
    (plan,) = prepare(["default"], only=["shop.Message"]).plans
    assert plan.way.is_anew
    before = value("default", f"SELECT pg_relation_filenode('{TABLE}')")
    disk.fill(16)
    assert broken_off(workers=workers) == 0
    assert value("default", f"SELECT pg_relation_filenode('{TABLE}')") == before
    disk.make_room()
    goes_on()
