import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from gdpr_assist.log import reading
from gdpr_assist.log.identity import database_id
from gdpr_assist.log.reading import count_foreign, count_operations, hold_events, logged_operations
from gdpr_assist.models import Operation
from gdpr_assist.routing import here
from tests.test_replay import ANONYMISE, DELETE, event, log

pytestmark = pytest.mark.django_db


def read(**options):
    return list(logged_operations(here(), **options))


class TestOrder:
    def test_oldest_first(self):
        ids = [log(event(DELETE, "shop.Customer", age), age=age) for age in (1, 3, 2)]
        assert [each.id for each in read()] == [ids[1], ids[2], ids[0]]

    def test_of_the_same_moment(self, monkeypatch):
        """None is left out, and none comes twice, where the pages meet."""
        monkeypatch.setattr(reading, "OPERATIONS_PER_QUERY", 2)
        ids = {log(event(DELETE, "shop.Customer", key)) for key in range(1, 6)}
        Operation.objects.using("gdpr_log").update(started=timezone.now())
        found = [each.id for each in read()]
        assert (len(found), set(found)) == (5, ids)


class TestWhichOperations:
    def test_rolled_back_ones_are_left_out(self):
        log(event(DELETE, "shop.Customer", 1), outcome=False)
        undecided = log(event(DELETE, "shop.Customer", 1), outcome=None)
        assert [(each.id, each.is_committed) for each in read()] == [(undecided, False)]

    def test_those_of_other_databases_are_left_out_and_counted(self):
        ours, theirs = log(event(DELETE, "shop.Customer", 1), age=1), uuid.uuid4()
        also = log(event(DELETE, "shop.Customer", 1), database_id=theirs)
        assert [each.id for each in read()] == [ours]
        assert count_foreign(here()) == 1
        assert [each.id for each in logged_operations(here([theirs]))] == [ours, also]
        assert count_foreign(here([theirs])) == 0

    def test_the_database_id_counts_under_its_alias_only(self):
        log(event(DELETE, "shop.Customer", 1), using="other", database_id=database_id("default"))
        assert read() == []
        assert (count_foreign(here()), count_operations()) == (1, 1)

    def test_since(self):
        _, later = (log(event(DELETE, "shop.Customer", age), age=age) for age in (3, 1))
        moment = timezone.now() - timedelta(days=2)
        assert [each.id for each in read(since=moment)] == [later]
        assert count_operations(moment) == 1

    def test_are_counted(self):
        log(event(DELETE, "shop.Customer", 1), event(DELETE, "shop.Customer", 2))
        assert count_operations() == 1


class TestEvents:
    @pytest.fixture(params=[1, 20], ids=["read as they are needed", "held"])
    def operations(self, request, monkeypatch):
        monkeypatch.setattr(reading, "EVENTS_IN_MEMORY", request.param)
        log(
            event(DELETE, "shop.Order", 7), event(ANONYMISE, "shop.Customer", 2), event(DELETE, "shop.Order", 3), age=2
        )
        log(event(DELETE, "shop.Order", 9), age=1)
        found = read()
        hold_events(found)
        return found

    def test_what_is_anonymised_comes_first(self, operations):
        assert operations[0].kinds() == [(ANONYMISE, "shop.Customer", ""), (DELETE, "shop.Order", "")]

    def test_keys_in_the_order_of_writing(self, operations):
        assert list(operations[0].keys((DELETE, "shop.Order", ""))) == [["7", "3"]]
        assert list(operations[1].keys((DELETE, "shop.Order", ""))) == [["9"]]

    def test_only_small_operations_are_held(self, operations):
        assert [each.held is not None for each in operations] == [reading.EVENTS_IN_MEMORY == 20, True]
