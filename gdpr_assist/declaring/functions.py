"""SQL functions of the default rules, with what each database calls them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Func


class RandomUUID(Func):
    """A new UUID in every row."""

    template = "gen_random_uuid()"
    arity = 0
    output_field = models.UUIDField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="LOWER(HEX(RANDOMBLOB(16)))", **context)

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # A column of MariaDB's own type takes only what looks like a UUID: version 4, variant 8.
        template = "INSERT(INSERT(MD5(CONCAT(UUID(), RAND())), 13, 1, '4'), 17, 1, '8')"
        return self.as_sql(compiler, connection, template=template, **context)


class EmptyOfSameKind(Func):
    """``[]`` where the JSON value is an array, ``{}`` elsewhere."""

    output_field = models.JSONField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CASE JSON_TYPE(%(expressions)s) WHEN 'array' THEN '[]' ELSE '{}' END"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CASE JSONB_TYPEOF(%(expressions)s) WHEN 'array' THEN '[]'::jsonb ELSE '{}'::jsonb END"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CASE JSON_TYPE(%(expressions)s) WHEN 'ARRAY' THEN '[]' ELSE '{}' END"
        return self.as_sql(compiler, connection, template=template, **context)


class RandomDigits(Func):
    """32 hex digits, others in every row."""

    template = "REPLACE(gen_random_uuid()::text, '-', '')"
    arity = 0
    output_field = models.TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="LOWER(HEX(RANDOMBLOB(16)))", **context)

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="MD5(CONCAT(UUID(), RAND()))", **context)
