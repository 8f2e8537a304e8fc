"""Whether ``--log-role`` does what it says: without this, the other tests would prove nothing with it."""

import pytest
from django.db import DatabaseError, transaction

from gdpr_assist.log import writing
from tests.logbook import anonymised, customer, logged, operations


@pytest.mark.django_db
def test_the_app_can_add_to_the_log_and_no_more(request):
    if not request.config.getoption("--log-role"):
        pytest.skip("only with --log-role")
    person = customer()
    person.anonymise()
    for change in (lambda ids: writing.decide(ids, committed=False), writing.remove_operations):
        with pytest.raises(DatabaseError, match="denied"), transaction.atomic(using="gdpr_log"):
            change(list(operations()))
    assert logged() == [("default", {anonymised(person)}, None)]
