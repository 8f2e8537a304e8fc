import django
from django.apps import AppConfig
from django.contrib.postgres.operations import CITextExtension, HStoreExtension, TrigramExtension
from django.db import connections
from django.db.models.signals import pre_migrate


def create_extensions(using, **kwargs):
    """Create what columns and indexes need: as there are no migrations, nothing else runs before them."""
    extensions = [HStoreExtension(), TrigramExtension()]
    if django.VERSION < (5, 1):
        extensions.append(CITextExtension())
    with connections[using].schema_editor() as editor:
        for extension in extensions:
            extension.database_forwards(PostgresConfig.label, editor, None, None)


class PostgresConfig(AppConfig):
    name = "tests.apps.postgres"
    # django.contrib.postgres has the label "postgres".
    label = "postgres_fields"

    def ready(self):
        pre_migrate.connect(create_extensions, sender=self)
