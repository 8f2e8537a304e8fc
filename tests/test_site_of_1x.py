"""A site as 1.x documented it, unchanged: ``check`` and ``migrate`` let it pass, and say what is to be decided."""

import os
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path

import pytest

SETTINGS = """
    SECRET_KEY = "only for tests"
    USE_TZ = True
    DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
    INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "gdpr_assist", "blog"]
    DATABASES = {
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"},
        "gdpr_log": {"ENGINE": "django.db.backends.sqlite3", "NAME": "gdpr-log.sqlite3"},
    }
    DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter"]
    GDPR_LOG_DATABASE_NAME = "gdpr_log"
    GDPR_CAN_ANONYMISE_DATABASE = False
"""

# A class for each thing that 1.x documented
MODELS = """
    import gdpr_assist
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.db import models
    from gdpr_assist.models import PrivacyManager, PrivacyMeta, PrivacyQuerySet


    class Author(models.Model):
        name = models.CharField(max_length=100)
        email = models.EmailField()
        born = models.DateField(null=True, blank=True)
        country = models.CharField(max_length=2, blank=True)

        class PrivacyMeta:
            fields = ["name", "email", "born"]
            search_fields = ["email", "name__icontains"]
            export_fields = ["name", "email", "country"]
            export_filename = "authors.csv"

            def anonymise_name(self, instance):
                instance.name = "Anonymous"

            def anonymise_email(self, instance):
                return f"{instance.pk}@anonymous.example.com"


    class Post(models.Model):
        author = models.ForeignKey(
            Author, null=True, blank=True, on_delete=gdpr_assist.ANONYMISE(models.SET_NULL), related_name="posts"
        )
        editor = models.ForeignKey(
            settings.AUTH_USER_MODEL, default=1, on_delete=gdpr_assist.ANONYMISE(models.SET_DEFAULT)
        )
        byline = models.CharField(max_length=100)

        class PrivacyMeta:
            fields = ["byline"]
            search_fields = ["author__email", "byline"]
            export_exclude = ["editor"]


    class Invoice(models.Model):
        address = models.TextField()

        class PrivacyMeta:
            can_anonymise = False
            fields = ["address"]
            search_fields = ["address__icontains"]


    class Everything(models.Model):
        # No fields: all of them are personal
        text = models.TextField(blank=True)
        number = models.IntegerField(null=True)

        class PrivacyMeta:
            pass


    class Found(models.Model):
        name = models.CharField(max_length=100)

        class PrivacyMeta:
            fields = ["name"]

            def search(self, term):
                return self.model.objects.filter(name__icontains=term)

            def export(self, instance):
                return {"name": instance.name}


    class VisitorQuerySet(PrivacyQuerySet):
        def here(self):
            return self.filter(name="")


    class Visitor(models.Model):
        name = models.CharField(max_length=100)

        objects = VisitorQuerySet.as_manager()

        class PrivacyMeta:
            fields = ["name"]


    class Guest(models.Model):
        name = models.CharField(max_length=100)

        objects = PrivacyManager()

        class PrivacyMeta(PrivacyMeta):
            fields = ["name"]


    class Person(models.Model):
        name = models.CharField(max_length=100)

        class Meta:
            abstract = True

        class PrivacyMeta:
            fields = ["name"]


    class Member(Person):
        pass


    class Registered(models.Model):
        name = models.CharField(max_length=100)


    class RegisteredPrivacy:
        fields = ["name"]
        search_fields = ["name"]


    gdpr_assist.register(Registered, RegisteredPrivacy)


    class UserPrivacy:
        fields = ["username", "first_name", "last_name", "email"]
        search_fields = ["email", "username"]

        def anonymise_username(self, instance):
            instance.username = f"user-{instance.pk}"


    gdpr_assist.register(User, UserPrivacy, gdpr_default_manager_name="objects_anonymised")
"""

# As 1.x wrote it
MIGRATION = """
    import django.db.models.deletion
    import gdpr_assist
    from django.conf import settings
    from django.db import migrations, models


    def table(name, *fields):
        key = models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
        return migrations.CreateModel(name, [("id", key), *fields])


    NAME = ("name", models.CharField(max_length=100))


    class Migration(migrations.Migration):
        dependencies = [
            ("gdpr_assist", "0002_privacyanonymised"),
            migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ]
        operations = [
            table(
                "Author",
                NAME,
                ("email", models.EmailField(max_length=254)),
                ("born", models.DateField(blank=True, null=True)),
                ("country", models.CharField(blank=True, max_length=2)),
            ),
            table(
                "Post",
                ("byline", models.CharField(max_length=100)),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=gdpr_assist.ANONYMISE(django.db.models.deletion.SET_NULL),
                        related_name="posts",
                        to="blog.Author",
                    ),
                ),
                (
                    "editor",
                    models.ForeignKey(
                        default=1,
                        on_delete=gdpr_assist.ANONYMISE(django.db.models.deletion.SET_DEFAULT),
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ),
            table("Invoice", ("address", models.TextField())),
            table("Everything", ("text", models.TextField(blank=True)), ("number", models.IntegerField(null=True))),
            *(table(name, NAME) for name in ("Found", "Visitor", "Guest", "Member", "Registered")),
        ]
"""

# What somebody has to decide
WARNINGS = {
    "W001": {"auth.User", "blog.Author", "blog.Post"},  # columns in neither fields nor keep
    "W003": {"blog.Everything", "blog.Guest", "blog.Member", "blog.Visitor"},  # not searched for
    "W010": {"blog.Everything"},  # no fields
    "W034": {"auth.User"},  # a password that stays when an account is erased
}


class Site:
    def __init__(self, folder):
        self.folder = folder
        self.write("settings.py", SETTINGS)
        self.write("blog/__init__.py", "")
        self.write("blog/models.py", MODELS)
        self.write("blog/migrations/__init__.py", "")
        self.write("blog/migrations/0001_initial.py", MIGRATION)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def manage(self, *args, status=0):
        """Run a command as a user does; return what it prints."""
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(Path(__file__).parent.parent)]),
            "PYTHONWARNINGS": "error::DeprecationWarning:blog",
        }
        command = [sys.executable, "-m", "django", *args]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr


def reported(printed):
    """Return {id of a check: labels of the models} of what is printed."""
    found = defaultdict(set)
    for label, check in re.findall(r"^(\S+): \(gdpr_assist\.([EW]\d+)\)", printed, re.MULTILINE):
        found[check].add(label)
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site_of_1x"))
    site.checked = site.manage("check")
    site.migrated = site.manage("migrate", "-v0") + site.manage("migrate", "--database=gdpr_log", "-v0")
    return site


def test_check_has_no_error_and_these_warnings(site):
    assert "ERRORS" not in site.checked
    assert reported(site.checked) == WARNINGS


def test_so_has_it_when_both_databases_are_migrated_and_asked(site):
    assert reported(site.manage("check", "--database=default", "--database=gdpr_log")) == WARNINGS


def test_there_is_nothing_to_migrate(site):
    assert "No changes detected" in site.manage("makemigrations", "--check", "--dry-run")


def test_code_of_1x_finds_nothing_that_is_no_more(site):
    assert "W02" not in site.manage("check", "--deploy", "--tag=compatibility")


def test_what_is_declared_does_what_it_did(site):
    printed = site.manage(
        "shell",
        "-c",
        textwrap.dedent(
            """
            from blog.models import *
            from gdpr_assist.registry import registry
            User.objects.create(pk=1, username="ed", email="ed@example.com")
            ada = Author.objects.create(name="Ada", email="ada@example.com", born="1815-12-10", country="GB")
            post = Post.objects.create(author=ada, byline="by Ada")
            [(model, rows), *others] = registry.search("ada@example.com")
            print("found", model.__name__, [each.__name__ for each, _ in others])
            ada.anonymise()
            print(*Author.objects.values_list("name", "email", "born", "country"))
            ada.delete()
            print(*Post.objects.values_list("author", "byline"), post.is_anonymised())
            for model in (Found, Visitor, Guest, Member, Registered):
                one = model.objects.create(name="Ada")
                model.objects.all().anonymise()
                print(model.__name__, *model.objects.values_list("name"))
            print("visitors", Visitor.objects.here().count(), hasattr(User.objects, "anonymise"))
            User.objects_anonymised.all().anonymise()
            print(*User.objects.values_list("username", "email"))
            print(Invoice.check_can_anonymise())
            """
        ),
    ).splitlines()
    assert printed[-11:] == [
        "found Author ['Post']",
        "('Anonymous', '1@anonymous.example.com', None, 'GB')",
        "(None, '1') True",
        *(f"{name} ('1',)" for name in ("Found", "Visitor", "Guest", "Member", "Registered")),
        "visitors 0 False",
        "('user-1', '1@anon.example.com')",
        "False",
    ]
