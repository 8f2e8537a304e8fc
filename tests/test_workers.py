"""``anonymise_db --workers`` and ``--enqueue``: several processes scrub at once, each row once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from io import StringIO
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.utils import timezone
from model_bakery import baker

from gdpr_assist import AnonymiseError
from gdpr_assist.log import identity
from gdpr_assist.log.identity import database_id
from gdpr_assist.models import PrivacyAnonymised, Scrub
from gdpr_assist.scrubbing import parts as of_parts
from gdpr_assist.scrubbing import spreading, workers
from gdpr_assist.scrubbing.parts import Done, Part, do_part, do_posted, parts
from gdpr_assist.scrubbing.run import prepare, scrub
from gdpr_assist.scrubbing.table import tally_of
from gdpr_assist.scrubbing.telling import Interrupted
from tests.apps.fields.models import TextKey, UUIDKey
from tests.apps.shop.models import Comment, Customer
from tests.apps.thirdparty.models import Device
from tests.long_work import environment
from tests.observing import changed, markers, queries, row, rows, updates
from tests.test_long_work_process import (  # fixtures among them
    PATIENCE,
    _queue_table,  # noqa: F401
    queue,  # noqa: F401
    wait_for,
    worker,  # noqa: F401
)

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[1]
MODELS = (Comment, Customer, TextKey, UUIDKey)
LABELS = [each._meta.label for each in MODELS]
SEVERAL = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer")


@pytest.fixture(autouse=True)
def copy(settings):
    settings.GDPR_CAN_ANONYMISE_DATABASE = True


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Let new processes use the databases of the tests."""
    settings = {"GDPR_CAN_ANONYMISE_DATABASE": True, "GDPR_TASK_BACKEND": None}
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.long_work.settings")
    for name, value in environment(tmp_path, settings=settings).items():
        monkeypatch.setenv(name, value)


def fill(number=25):
    """Make the same rows each time."""
    for model in MODELS:
        model._base_manager.all().delete()
    for key in range(1, number + 1):
        Customer.all_objects.create(pk=key, name=f"Ada {key}", email=f"ada{key}@quill.example", born="1990-01-01")
        baker.make(Comment, pk=key, author_id=key, display_name="Ada", body="a" * key)
        TextKey.objects.create(word=f"w{key:03}", name="Ada", email="ada@quill.example")
        UUIDKey.objects.create(pk=f"{key:032x}", name="Ada", unique_name=f"Ada {key}", email="ada@quill.example")


def held():
    return {model: [{**each, "posted": None, "number": None} for each in rows(model)] for model in MODELS}


def all_marked():
    return {model: len(markers(model)) for model in MODELS}


@pytest.fixture
def expected():
    """Return what one process leaves; the rows are there anew, as they were."""
    fill()
    scrub(prepare(["default"], only=LABELS, batch_size=4), compact=False)
    done = held()
    fill()
    assert held() != done
    return done


def spread(*models, number=2, **options):
    work = prepare(["default"], only=[each._meta.label for each in models], workers=number, **options)
    return work, scrub(work, compact=False, follow=options.get("follow", lambda step, steps, total: list(steps)))


@SEVERAL
class TestWorkers:
    @pytest.fixture(autouse=True)
    def idle(self, monkeypatch):
        """Let the command leave everything to its processes: with few rows it would be done before they have begun."""
        begin = workers.Workers.__init__

        def begin_idle(self, number):
            begin(self, number)
            self._are_starting = False

        monkeypatch.setattr(workers.Workers, "__init__", begin_idle)

    @pytest.mark.parametrize("options", [{}, {"batch_size": 4}, {"batch_size": 4, "marks": False}])
    def test_they_leave_what_one_process_leaves(self, elsewhere, expected, options):
        seen = []
        work = prepare(["default"], only=LABELS, workers=2, **options)

        def follow(step, counts, total):
            seen.append((step.label, total, list(counts)[-1], list(step.counts())))

        scrub(work, compact=False, follow=follow)
        assert held() == expected
        assert all_marked() == dict.fromkeys(MODELS, 25 if work.marks else 0)
        ((label, total, last, counts),) = seen
        assert (label, total, last) == ("4 tables", 100, 100)
        assert {plan.label: count for plan, count in counts} == dict.fromkeys(LABELS, 25)
        assert not Scrub.objects.exists()

    def test_where_a_process_is_killed_another_one_takes_its_part_again(
        self, elsewhere, expected, monkeypatch, record_property
    ):
        rng, kills = random.Random(1), []
        take = workers.Workers.take

        def kill_now_and_then(self, part):
            take(self, part)
            if len(kills) < int(os.environ.get("KILLS", "4")) and rng.random() < 1 / 3:
                time.sleep(rng.random() * 2)
                if pids := list(self._pool._processes or ()):
                    kills.append(rng.choice(pids))
                    with suppress(ProcessLookupError):
                        os.kill(kills[-1], signal.SIGKILL)

        monkeypatch.setattr(workers.Workers, "take", kill_now_and_then)
        monkeypatch.setattr(workers, "MOST_DEATHS", 1000)
        while len(kills) < int(os.environ.get("KILLS", "4")):
            fill()
            spread(*MODELS, batch_size=2)
            assert held() == expected
            assert all_marked() == dict.fromkeys(MODELS, 25)
        record_property("fault", f"{connection.vendor}: processes")
        record_property("numbers", [len(kills), len(kills), 0])

    def test_after_the_command_is_killed_the_next_one_goes_on(self, elsewhere, expected):
        models = [f"--model={label}" for label in LABELS]
        options = ["--noinput", "--database=default", "--no-compact", "--batch-size=1", "--workers=2", "-v0"]
        command = [sys.executable, "-W", "ignore", "-m", "django", "anonymise_db", *options, *models]
        with transaction.atomic():
            Customer.all_objects.select_for_update().get(pk=25)  # so that it cannot come to its end
            process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
            try:
                wait_for(PrivacyAnonymised.objects.exists, process)
            finally:
                process.kill()
                process.communicate()
        assert 0 < PrivacyAnonymised.objects.count() < 100
        work, _left = spread(*MODELS, batch_size=4)
        assert len(work.begun) == 4
        assert held() == expected
        assert all_marked() == dict.fromkeys(MODELS, 25)

    def test_processes_that_always_die_are_given_up(self, elsewhere, monkeypatch):
        fill(3)
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.no_such_settings")
        with pytest.raises(AnonymiseError) as error:
            spread(Customer)
        assert str(error.value) == (
            "shop.Customer: 4 processes, one after the other, have ended before they had done the same part. Is there "
            "memory for them, and does python manage.py check pass? Take fewer (--workers), or leave --workers out. "
            "shop.Customer on default: 0 of 3 rows are done; what was in the making was rolled back. Mend this. Run "
            "the command again, without --restart: it goes on where it stopped."
        )
        assert [row["name"] for row in rows(Customer)] == ["Ada 1", "Ada 2", "Ada 3"]

    def test_what_a_process_did_before_it_ended_is_counted(self, elsewhere, expected, monkeypatch):
        """Its part is taken again, where nothing is left to do, and is not taken for a first one any more."""
        submit, orders, seen = workers.Workers._submit, [], []

        def kill_after_the_first(self, part):
            submit(self, part)
            orders.append(part)
            if len(orders) == 1:
                wait(self._taken)
                (future,) = self._taken
                broken = type(future)()
                broken.set_exception(BrokenProcessPool())
                self._taken[broken] = self._taken.pop(future)

        def follow(step, counts, total):
            seen.append((total, list(counts)[-1], {plan.label: n for plan, n in step.counts()}))

        monkeypatch.setattr(workers.Workers, "_submit", kill_after_the_first)
        scrub(prepare(["default"], only=LABELS, batch_size=20, workers=2), compact=False, follow=follow)
        assert held() == expected
        assert seen == [(100, 100, dict.fromkeys(LABELS, 25))]
        assert [each.is_first for each in orders if each == orders[0]] == [True, False]

    def test_a_process_that_ends_without_marks_ends_the_run(self, elsewhere, monkeypatch):
        fill(3)
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.no_such_settings")
        with pytest.raises(AnonymiseError) as error:
            spread(Customer, marks=False)
        assert "a process has ended, and as no row is marked, nobody can tell what it has done." in str(error.value)
        assert str(error.value).endswith("Run the command again: it begins anew, as no row was marked.")

    def test_after_a_part_that_cannot_be_done_it_goes_on_where_it_stopped(self, elsewhere, expected):
        table = Customer._meta.db_table
        Customer.all_objects.filter(pk=21).update(country="XX")
        with connection.cursor() as cursor:
            cursor.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT no_21 CHECK (country <> 'XX' OR name LIKE 'Ada%%')", []
            )
        try:
            with pytest.raises(AnonymiseError, match="the database refused the new value") as error:
                spread(*MODELS, batch_size=4)
        finally:
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT no_21")
        assert "Ada" not in str(error.value)
        done = {model: len(markers(model)) for model in MODELS}
        assert done[Customer] < 25
        for model, number in done.items():
            assert f"{model._meta.label} on default: {number} of 25 rows are done;" in str(error.value)
        Customer.all_objects.update(country="")
        work, _left = spread(*MODELS, batch_size=4)
        assert work.begun
        assert held() == expected

    def test_rules_for_models_that_are_not_registered(self, elsewhere, settings, monkeypatch):
        more = {"GDPR_SCRUB_RULES": {"owner": "nobody"}, "GDPR_NOT_PERSONAL": []}
        given = json.loads(os.environ["LONG_WORK"])
        given["settings"].update(more)
        for name, value in more.items():
            setattr(settings, name, value)
        monkeypatch.setenv("LONG_WORK", json.dumps(given))
        Device.objects.bulk_create(Device(owner="Ada", address="192.0.2.1") for _ in range(9))
        work, _left = spread(Device, batch_size=2)
        assert [work.why_alone(each) for each in work.plans] == [""]
        assert {(each["owner"], each["address"]) for each in rows(Device)} == {("nobody", "192.0.2.1")}

    def test_ctrl_c_lets_what_is_begun_come_to_its_end(self, elsewhere, expected):
        def follow(step, counts, total):
            next(counts)
            raise KeyboardInterrupt

        with pytest.raises(Interrupted) as error:
            scrub(prepare(["default"], only=LABELS, batch_size=2, workers=2), compact=False, follow=follow)
        for model in MODELS:
            assert f"{model._meta.label} on default: {len(markers(model))} of 25 rows are done" in str(error.value)
        spread(*MODELS, batch_size=2)
        assert held() == expected

    def test_what_cannot_be_split_is_done_by_the_command(self, elsewhere):
        customer, word = baker.make(Customer, name="Ada"), baker.make(TextKey, name="Ada")
        with changed(Customer, bulk=False):
            work, _left = spread(Customer, TextKey)
        assert {plan.label: work.why_alone(plan) for plan in work.plans} == {
            "shop.Customer": "receivers are told of its rows",
            "fields.TextKey": "",
        }
        assert [row(each)["name"] for each in (customer, word)] == [str(customer.pk), str(word.pk)]


@SEVERAL
class TestWorkersThatStart:
    """Meanwhile the command does parts itself."""

    @pytest.mark.parametrize("options", [{"batch_size": 4}, {"batch_size": 4, "marks": False}])
    def test_all_of_them_leave_what_one_process_leaves(self, elsewhere, expected, monkeypatch, options):
        here, given = [], []
        do, submit = workers.Workers._done_here, workers.Workers._submit
        monkeypatch.setattr(workers.Workers, "_done_here", lambda self, part: here.append(part) or do(self, part))
        monkeypatch.setattr(workers.Workers, "_submit", lambda self, part: given.append(part) or submit(self, part))
        work, _left = spread(*MODELS, **options)
        assert held() == expected
        assert all_marked() == dict.fromkeys(MODELS, 25 if work.marks else 0)
        assert here
        assert len(given) >= 2
        assert not set(here) & set(given), "None is done twice."

    def test_once_one_has_done_something_they_do_the_rest(self, elsewhere, expected, monkeypatch):
        monkeypatch.setattr(workers.Workers, "_done_here", None)
        take = workers.Workers.take

        def take_when_idle(self, part):
            wait(self._taken)
            take(self, part)

        monkeypatch.setattr(workers.Workers, "take", take_when_idle)
        spread(*MODELS, batch_size=4)
        assert held() == expected

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL writes tables anew")
    def test_it_leaves_tables_that_are_written_anew_to_them(self, elsewhere, expected, monkeypatch):
        """One may take long, and nobody would get another part meanwhile."""
        here, do = [], workers.Workers._done_here
        monkeypatch.setattr(workers.Workers, "_done_here", lambda self, part: here.append(part) or do(self, part))
        spread(*MODELS)
        assert held() == expected
        assert [each.label for each in here if each.is_anew] == []

    def test_rows_that_come_before_the_turn_of_their_table_are_scrubbed(self, elsewhere, expected, monkeypatch):
        TextKey.objects.all().delete()
        submit = workers.Workers._submit

        def fill_then_submit(self, part):
            TextKey.objects.get_or_create(word="late", defaults={"name": "Ada", "email": "ada@quill.example"})
            submit(self, part)

        monkeypatch.setattr(workers.Workers, "_submit", fill_then_submit)
        spread(*MODELS)
        assert TextKey.objects.get().name == "late"
        assert markers(TextKey) == ["late"]

    def test_an_error_of_its_own_part_says_the_same(self, elsewhere, monkeypatch):
        fill(9)
        monkeypatch.setattr(workers.Workers, "_done_here", lambda self, part: Done(error=f"{part.label}: refused."))
        with pytest.raises(AnonymiseError, match=r"shop\.Customer: refused\. shop\.Customer on default: \d of 9 rows"):
            spread(Customer, batch_size=2)


@SEVERAL
class TestPart:
    """What a process, or a worker of a queue, does with a part; it may get one twice."""

    @pytest.fixture
    def begun(self):
        fill(12)
        (plan,) = prepare(["default"], only=["shop.Comment"], batch_size=4).plans
        tally_of(plan, marks=True).begin()
        return list(parts(plan, 4, marks=True))

    def test_it_says_nothing_personal(self, begun):
        run = database_id("default").hex
        assert [(each.label, each.run, each.lower, each.upper) for each in begun] == [
            ("shop.Comment", run, None, 4),
            ("shop.Comment", run, 4, 8),
            ("shop.Comment", run, 8, 12),
            ("shop.Comment", run, 12, None),
        ]

    def test_deliveries_at_once_change_each_row_once(self, begun):
        deliveries = int(os.environ.get("DELIVERIES", "6"))

        def deliver(part):
            try:
                return do_part(part).rows
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            done = list(pool.map(deliver, [each for each in begun for _ in range(deliveries)]))
        assert sum(done) == 12
        assert [each["body"] for each in rows(Comment)] == [f"[removed, {n} characters]" for n in range(1, 13)]

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL writes tables anew")
    def test_a_table_is_written_anew_once(self):
        fill(3)
        (plan,) = prepare(["default"], only=["shop.Customer"]).plans
        assert plan.way.is_anew
        tally_of(plan, marks=True).begin()
        (part,) = parts(plan, None, marks=True)
        assert [do_part(part).rows for _ in range(2)] == [3, 0]

    def test_only_what_may_be_done_twice_is_locked_and_looked_for(self):
        fill(12)
        (plan,) = prepare(["default"], only=["shop.Customer"], batch_size=4).plans
        tally_of(plan, marks=True).begin()
        first, *others = parts(plan, 4, marks=True, is_first=True)
        do_part(first)
        for part, looks in ((others[0], False), (replace(others[1], is_first=False), True)):
            sql = queries(partial(do_part, part))
            assert any("FOR UPDATE" in each for each in sql) is looks
            (update,) = updates(sql, Customer)
            assert ("gdpr_assist_privacyanonymised" in update) is looks
        assert len(markers(Customer)) == 12

    def test_after_the_run_it_does_nothing(self, begun):
        Scrub.objects.all().delete()
        assert do_part(begun[0]) == Done()
        assert not markers(Comment)

    def test_an_order_of_another_run_or_for_the_original_is_not_obeyed(self, begun, settings):
        scrub(prepare(["default"], only=["fields.TextKey"]), compact=False)
        assert "is not the one that is being scrubbed, or was scrubbed anew since" in do_part(begun[0]).error
        settings.GDPR_CAN_ANONYMISE_DATABASE = False
        assert "shop.Comment: this process may not anonymise a database." in do_part(begun[0]).error
        assert not markers(Comment)

    def test_a_process_with_another_declaration_does_not_do_it(self, begun):
        with changed(Comment, fields=["display_name"], keep=["author", "posted", "body", "email"]):
            assert "has another declaration of it than the command" in do_part(begun[0]).error
        assert not markers(Comment)

    def test_what_a_project_raises_is_told_without_its_text(self, begun):
        with mock.patch.object(of_parts, "_do", side_effect=ValueError("Ada")):
            done = do_posted(asdict(begun[0]))
        assert done == asdict(
            Done(
                error="shop.Comment: a process could not do a part of it (ValueError). Run the command without "
                "--workers and --enqueue to see where."
            )
        )

    def test_a_run_cannot_be_followed_by_another_one_before_its_part_ends(self, begun):
        with transaction.atomic():
            identity.hold("default")
            done = ThreadPoolExecutor(1).submit(self.renewed)
            time.sleep(0.3)
            assert not done.done()
        assert done.result(PATIENCE) != begun[0].run

    @staticmethod
    def renewed():
        try:
            identity.renew_database_id("default")
            return database_id("default").hex
        finally:
            connections.close_all()

    def test_busy_rows_are_tried_again(self, elsewhere, expected, monkeypatch):
        monkeypatch.setattr(spreading, "PAUSE", 0)
        finished, busy = workers.Workers.finished, []

        def sometimes_busy(self):
            results = finished(self)
            if len(busy) < 3:
                busy.append(results[0][0])
                results[0] = (results[0][0], Done(error="Locked.", is_busy=True))
            return results

        monkeypatch.setattr(workers.Workers, "finished", sometimes_busy)
        spread(*MODELS, batch_size=4)
        assert len(busy) == 3
        assert held() == expected


@SEVERAL
class TestQueue:
    @pytest.fixture(autouse=True)
    def fast(self, queue, monkeypatch):  # noqa: F811
        monkeypatch.setattr(workers, "SHORTEST", 0.02)
        monkeypatch.setattr(workers, "LONGEST", 0.02)
        # It makes tasks of its functions where there is a backend by then.
        monkeypatch.delitem(sys.modules, "gdpr_assist.tasks", raising=False)
        self.queue = queue

    def run(self, *args):
        out = StringIO()
        labels = [f"--model={label}" for label in LABELS]
        call_command(
            "anonymise_db", "--noinput", "--database=default", "--no-compact", "--enqueue", *labels, *args, stdout=out
        )
        return out.getvalue()

    def test_workers_of_the_queue_scrub(self, expected, worker):  # noqa: F811
        several = [worker(batch=False, settings={"GDPR_CAN_ANONYMISE_DATABASE": True}) for _ in range(2)]
        said = self.run("--batch-size=4")
        assert all(each.poll() is None for each in several)
        assert held() == expected
        (line,) = (each for each in said.splitlines() if each.startswith("Done by the workers of the queue at once: "))
        assert "shop.Comment on default" in line
        assert "fields.TextKey on default" not in line
        assert "default: shop.Comment: 25 anonymised" in said
        assert self.queue.count() > 10
        assert set(self.queue.values_list("task_path", flat=True)) == {"gdpr_assist.tasks.scrub_part"}
        # Keys that may say who somebody is are not in the queue.
        assert not self.queue.filter(args_kwargs__icontains="fields.TextKey").exists()

    def test_what_no_worker_does_the_command_does_itself(self, expected, monkeypatch):
        monkeypatch.setattr(workers, "PATIENCE", 0)
        monkeypatch.setattr(workers, "PATIENCE_ANEW", 0)
        self.run()
        assert held() == expected

    def test_what_a_worker_could_not_tell_the_command_does_itself(self, expected, monkeypatch):
        enqueued = workers.Queue.take

        def fail(tasks, part):
            enqueued(tasks, part)
            self.queue.update(status="FAILED", finished_at=timezone.now())

        monkeypatch.setattr(workers.Queue, "take", fail)
        self.run()
        assert held() == expected

    def test_rows_that_are_busy_for_long_end_it_with_a_word(self, expected, monkeypatch):
        monkeypatch.setattr(workers, "PATIENCE", 0)
        monkeypatch.setattr(workers, "PATIENCE_ANEW", 0)
        monkeypatch.setattr(spreading, "PATIENCE", 0)
        monkeypatch.setattr(workers, "do_part", lambda part: Done(error="It is in use.", is_busy=True))
        with pytest.raises(CommandError, match="It is in use"):
            self.run("--batch-size=4")

    def test_after_ctrl_c_what_lies_in_the_queue_is_void(self, expected):
        (plan,) = prepare(["default"], only=["shop.Comment"]).plans
        tally_of(plan, marks=True).begin()
        part, *_others = parts(plan, 4, marks=True)
        tasks = workers.Queue()
        tasks.take(part)
        assert tasks.close() == []
        assert "is not the one that is being scrubbed" in do_posted(asdict(part))["error"]
        assert not markers(Comment)

    def test_a_queue_that_takes_nothing_is_told(self, expected, monkeypatch):
        monkeypatch.setattr(workers, "TASK", "gdpr_assist.tasks.no_such_task")
        with pytest.raises(CommandError, match=r"A task could not be enqueued .*\(ImportError\)"):
            self.run()


class Clock:
    """A queue of which each answer takes ``answer`` seconds, and where parts are done at times that a test says."""

    def __init__(self, monkeypatch, answer=0.0):
        self.now, self.answer = 0.0, answer
        # When each look began, how often a part was asked for, and {part: when it is done}
        self.looks, self.asked, self.ends = [], 0, {}
        monkeypatch.setattr(workers, "time", self)
        monkeypatch.setattr(workers, "import_string", lambda path: self)
        monkeypatch.setattr(workers, "do_part", lambda part: Done(error="by the command"))
        self.queue = workers.Queue()
        for number in range(workers.IN_QUEUE):
            self.queue.take(Part(label="shop.Comment", using="default", run="", lower=number))

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now = round(self.now + seconds, 3)

    def using(self, backend):
        return self

    def enqueue(self, given):
        return Answer(self, given["lower"])

    def heard(self):
        [(part, done)] = self.queue.finished()
        assert not done.error
        return part.lower


class Answer:
    return_value = {"rows": 1}
    is_finished = False

    def __init__(self, clock, number):
        self.clock, self.number = clock, number

    def refresh(self):
        first = next(iter(self.clock.queue._taken)).lower
        if self.number == first:
            self.clock.looks.append(self.clock.now)
        self.is_finished = self.clock.ends.get(self.number, float("inf")) <= self.clock.now
        self.clock.asked += 1
        self.clock.now += self.clock.answer


class TestLooks:
    def test_a_short_part_is_heard_of_soon(self, monkeypatch):
        clock = Clock(monkeypatch)
        clock.ends = {0: 0.01}
        assert clock.heard() == 0
        assert clock.looks == [0.1]

    def test_the_longer_nothing_is_heard_the_less_it_asks(self, monkeypatch):
        clock = Clock(monkeypatch)
        clock.ends = {5: 11}
        assert clock.heard() == 5
        assert clock.looks == [0.1, 0.3, 0.7, 1.5, 3.1, 5.1, 7.1, 9.1, 11.1]

    def test_once_something_is_heard_it_asks_soon_again(self, monkeypatch):
        clock = Clock(monkeypatch)
        clock.ends = {5: 3, 6: 3.2}
        assert (clock.heard(), clock.heard()) == (5, 6)
        assert clock.looks == [0.1, 0.3, 0.7, 1.5, 3.1, 3.2]

    def test_a_tenth_of_the_time_at_most_goes_into_asking(self, monkeypatch):
        clock = Clock(monkeypatch, answer=0.005)
        clock.ends = {number: number * 0.1 for number in range(workers.IN_QUEUE)}
        while clock.queue._taken:
            assert not any(done.error for _, done in clock.queue.finished())
        asked = clock.asked - workers.IN_QUEUE  # without the first look, before which nobody knows how long it takes
        assert asked * clock.answer <= 0.1 * clock.now

    def test_a_slow_queue_is_asked_all_the_same(self, monkeypatch):
        clock = Clock(monkeypatch, answer=0.1)
        clock.ends = {5: 10.9}
        assert clock.heard() == 5
        assert clock.looks == [0.1, 5.3, 10.5]


class TestCommand:
    def run(self, *args):
        out = StringIO()
        call_command("anonymise_db", "--dry-run", "--model=shop.Comment", "--database=default", *args, stdout=out)
        return out.getvalue()

    def test_the_plan_says_who_does_what(self):
        said = self.run("--workers", "3")
        alone = "the command alone, as its database has one writer at a time"
        who = alone if connection.vendor == "sqlite" else "3 processes at once"
        assert f"Done by {who}: shop.Comment on default." in said
        assert "Done by" not in self.run()

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["--workers", "0"], "not a whole number of at least 1"),
            (["--workers", "2", "--enqueue"], "not allowed with argument"),
            (["--enqueue"], "there is no queue. Set GDPR_TASK_BACKEND, or take --workers."),
            (["--enqueue", "--no-marks"], "--enqueue needs the markers"),
        ],
    )
    def test_what_is_refused(self, args, said):
        with pytest.raises(CommandError, match=said.replace(".", r"\.")):
            self.run(*args)

    def test_a_backend_that_cannot_be_used_is_told(self, settings):
        settings.GDPR_TASK_BACKEND = "nowhere"
        with pytest.raises(CommandError, match="the backend 'nowhere' of GDPR_TASK_BACKEND cannot be used"):
            self.run("--enqueue")

    def test_tenants(self, monkeypatch):
        monkeypatch.setattr("django.apps.apps.is_installed", lambda name: name == "django_tenants")
        with pytest.raises(CommandError, match="not for django_tenants"):
            self.run("--workers", "2")


def test_processes_end_with_a_command_that_is_killed(elsewhere):
    script = (
        "import os, time\n"
        "from gdpr_assist.scrubbing.process import begin\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "if __name__ == '__main__':\n"
        "    pool = ProcessPoolExecutor(1, mp_context=get_context('spawn'), initializer=begin)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    path = Path(os.environ["TEST_SCRATCH"]) / "killed_command.py"
    path.write_text(script)
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = subprocess.Popen([sys.executable, str(path)], env=variables, stdout=subprocess.PIPE, text=True)
    other = int(command.stdout.readline())
    command.kill()
    command.communicate()
    wait_for(lambda: _is_gone(other))


def _is_gone(pid):
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except (FileNotFoundError, ProcessLookupError):
        return True
