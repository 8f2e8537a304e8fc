"""Whether a table is there is for the database to say, not for its list of tables."""

import pytest
from django.db import DatabaseError, connection, transaction

from gdpr_assist.databases.presence import has_table
from tests.apps.shop.models import Customer
from tests.apps.thirdparty.models import Letter
from tests.databases import database_is, refused

pytestmark = pytest.mark.django_db

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="about PostgreSQL's schemas and roles")


def run(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_one_that_is_there():
    assert has_table(Customer, "default")


def test_one_that_is_not_and_the_transaction_goes_on():
    with transaction.atomic():
        assert not has_table(Letter, "default")
        assert has_table(Customer, "default")


def test_a_view(monkeypatch):
    run("CREATE VIEW of_customers AS SELECT * FROM shop_customer")
    try:
        monkeypatch.setattr(Letter._meta, "db_table", "of_customers")
        assert has_table(Letter, "default")
    finally:
        run("DROP VIEW of_customers")


def test_a_database_that_cannot_be_reached_is_no_absence():
    with database_is("default", refused), pytest.raises(DatabaseError):
        has_table(Customer, "default")


@only_postgresql
def test_a_table_in_another_schema():
    run("CREATE SCHEMA archive")
    assert not has_table(Letter, "default")
    run("CREATE TABLE archive.letter (id serial PRIMARY KEY, sender text)")
    assert has_table(Letter, "default")


@only_postgresql
def test_a_table_that_may_not_be_read_is_no_absence():
    run("CREATE ROLE without_rights", "SET ROLE without_rights")
    with pytest.raises(DatabaseError, match="permission denied"):
        has_table(Customer, "default")
