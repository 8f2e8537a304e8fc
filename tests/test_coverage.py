"""Models of which nothing is said, and what they look like."""

import os
import subprocess
import sys
import textwrap

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.core.checks import Error, Warning
from django.db import models
from django.test.utils import isolate_apps

from gdpr_assist import checks, coverage
from gdpr_assist.looks import PERSONAL, personal_looks
from gdpr_assist.registry import registry
from tests.apps.shop.models import Invoice
from tests.apps.thirdparty.models import Device

from .observing import changed
from .test_ready_made import taken


def looks(entries=PERSONAL, **fields):
    with isolate_apps("tests.apps.shop"):
        meta = type("Meta", (), {"app_label": "shop"})
        return personal_looks(type("Made", (models.Model,), {"__module__": __name__, "Meta": meta, **fields}), entries)


def text():
    return models.CharField(max_length=50)


# -- what looks personal --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "first_name", "firstName", "firstname", "buyer_first_name", "surname", "phone", "phone_number", "phone2",
        "date_of_birth", "birthdate", "billing_address", "address_line_1", "iban", "username", "home_telephone",
        "vorname", "strasse", "straße", "telefonnummer", "geburtsdatum", "plz",
        "prenom", "prénom", "date_naissance", "code_postal", "courriel",
        "apellidos", "telefono", "teléfono", "fecha_nacimiento", "direccion",
        "cognome", "data_di_nascita", "codice_fiscale", "indirizzo",
        "voornaam", "achternaam", "geboortedatum", "huisnummer",
        "imie", "imię", "nazwisko", "data_urodzenia", "pesel",
        "phonenumber", "emailaddress", "ipaddress", "emails", "addresses", "dateofbirth", "dob", "customer_name",
        "guest_name", "remote_addr", "userAgent", "kundenname", "mailadresse", "telefonnr", "tel_nr",
        "fornamn", "förnamn", "efternamn", "födelsedatum", "personnummer",
    ],
)  # fmt: skip
def test_a_name_looks_personal_in_each_language(name):
    assert looks(**{name: text()}) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "title",
        "zip_file",
        "hotel",
        "model_name",
        "app_name",
        "agent",
        "skip",
        "recipe",
        "streetwise",
        "codename",
        "object_repr",
        "password",
        "country",
        "body",
    ],
)
def test_a_name_that_says_nothing_of_a_person(name):
    assert looks(**{name: text()}) == []


class WorkEmailField(models.EmailField):
    pass


@pytest.mark.parametrize("field", [models.EmailField(), WorkEmailField(), models.GenericIPAddressField()])
def test_a_class_looks_personal_whatever_the_name(field):
    assert looks(contact=field) == ["contact"]


def test_what_holds_no_value_of_a_person_does_not():
    key = models.ForeignKey(Device, models.CASCADE, related_name="+")
    fields = {"email_confirmed": models.BooleanField(), "phone_checked": models.DateTimeField(), "address": key}
    assert looks(**fields) == []
    assert looks(birth_date=models.DateField(), phone=models.BigIntegerField()) == ["birth_date", "phone"]


def test_a_list_of_its_own():
    fields = {"member_number": text(), "phone": text(), "mail": models.EmailField()}
    assert looks(**fields) == ["phone", "mail"]
    assert looks([*PERSONAL, "member_number"], **fields) == ["member_number", "phone", "mail"]
    assert looks(["EmailField"], **fields) == ["mail"]
    assert looks(["Member_Number".lower()], **fields) == ["member_number"]
    assert looks([], **fields) == []


def test_of_djangos_own_models_the_user_does():
    found = {model: personal_looks(model, PERSONAL) for model in (User, Group, Permission, Session)}
    assert found.pop(User) == ["username", "first_name", "last_name", "email"]
    assert set(map(tuple, found.values())) == {()}


ACCESS = ["password", "is_active", "is_staff", "is_superuser"]


def account(**attributes):
    return changed(User, **{"fields": ["username", "email"], "keep": [], **attributes})


def test_gdpr_assist_W034(settings):
    with account(fields=["username", *ACCESS]):
        assert checks.check_W034() == []
    with account(fields=["username", "password", "is_staff"]):
        [found] = checks.check_W034()
    assert (found.id, found.obj) == ("gdpr_assist.W034", User)
    assert found.msg.startswith("auth.User: is_active, is_superuser stay as they are when an account is erased: ")
    with account(fields=["username", *ACCESS[1:]], keep=["password"]):
        assert checks.check_W034()[0].msg.startswith("auth.User: password stays as it is ")


@pytest.mark.parametrize("attributes", [{"can_anonymise": False}, {"on_erasure": "delete"}], ids=["kept", "deleted"])
def test_gdpr_assist_W034_is_not_asked_where_no_account_is_left_or_all_are(attributes):
    with account(**attributes):
        assert checks.check_W034() == []


@pytest.mark.parametrize("model", ["thirdparty.Device", "nowhere.User"], ids=["not declared", "not there"])
def test_gdpr_assist_W034_asks_nothing_of_a_user_model_of_which_nothing_is_known(model, settings):
    settings.AUTH_USER_MODEL = model
    assert checks.check_W034() == []


def test_the_ready_declaration_lets_no_account_work(settings):
    with taken(settings, ["auth"]):
        assert checks.check_W034() == []


# -- models without an answer ---------------------------------------------------------------------


def test_gdpr_assist_W033(settings):
    settings.GDPR_NOT_PERSONAL = ["fields.CompositeKey"]
    [found] = checks.check_W033()
    assert type(found) is Warning
    assert (found.id, found.obj) == ("gdpr_assist.W033", Device)
    assert found.msg == "thirdparty.Device looks personal (address), and nothing is said of it."
    assert "GDPR_NOT_PERSONAL" in found.hint


def test_gdpr_assist_W033_is_an_error_where_the_site_is_strict(settings):
    settings.GDPR_STRICT, settings.GDPR_NOT_PERSONAL = True, ["fields.*"]
    assert [type(each) for each in checks.check_W033()] == [Error]


@pytest.mark.parametrize("answer", ["thirdparty.Device", "thirdparty.*", "THIRDPARTY.device"])
def test_gdpr_not_personal_is_an_answer(answer, settings):
    settings.GDPR_NOT_PERSONAL = ["fields.*", answer]
    assert checks.check_W033() == []


def test_a_declaration_is_an_answer(settings):
    settings.GDPR_NOT_PERSONAL = ["fields.*"]
    with registry.registered(Device):
        assert checks.check_W033() == []


def test_the_setting_says_what_looks_personal(settings):
    settings.GDPR_LOOKS_PERSONAL = ["total"]
    assert coverage.looking_personal() == {Invoice: ["total"]}


def test_only_models_of_the_apps_that_are_asked_for(settings):
    settings.GDPR_NOT_PERSONAL = []
    assert [each.obj for each in checks.check_W033(app_configs=[Device._meta.app_config])] == [Device]


# -- a site in which a column is added ------------------------------------------------------------

SETTINGS = """
    SECRET_KEY = "only for tests"
    DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
    INSTALLED_APPS = [
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages",
        "django.contrib.sessions", "django.contrib.sites", "django.contrib.flatpages", "django.contrib.redirects",
        "gdpr_assist", "club",
    ]
    SITE_ID = 1
    GDPR_TOOL_PERMISSIONS = True
    MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
    TEMPLATES = [{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]},
    }]
    DATABASES = {
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"},
        "gdpr_log": {"ENGINE": "django.db.backends.sqlite3", "NAME": "gdpr-log.sqlite3"},
    }
    DATABASE_ROUTERS = ["gdpr_assist.routers.EventLogRouter"]
    GDPR_STRICT = True
"""

MODELS = """
    from django.db import models


    class Member(models.Model):
        email = models.EmailField()

        class PrivacyMeta:
            fields = ["email"]
            search_fields = ["email"]


    class Venue(models.Model):
        title = models.CharField(max_length=50)
"""

# So that all is answered before a column is added. A site registers its users.
ANSWER = '    GDPR_NOT_PERSONAL = ["auth.User"]\n'


@pytest.fixture
def site(tmp_path):
    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def manage(*args):
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "django", *args]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    write("settings.py", SETTINGS + ANSWER)
    write("club/__init__.py", "")
    write("club/models.py", MODELS)
    return write, manage


def test_of_a_plain_project_the_user_alone_is_named(site):
    write, manage = site
    write("settings.py", SETTINGS)
    status, said = manage("check")
    assert status == 1
    assert said.count("(gdpr_assist.W033)") == said.count("(gdpr_assist.") == 1
    assert "auth.User looks personal (username, first_name, last_name, email)" in said


@pytest.mark.parametrize(
    ("model", "column", "said"),
    [
        ("Member", "about = models.TextField(blank=True)", "club.Member: about: neither in PrivacyMeta.fields nor"),
        ("Venue", "phone = models.CharField(max_length=20, blank=True)", "club.Venue looks personal (phone)"),
    ],
)
def test_the_migration_that_adds_a_column_turns_the_check_red(model, column, said, site):
    """In the same commit: before it is run anywhere."""
    write, manage = site
    assert manage("makemigrations", "club")[0] == 0
    assert manage("check")[0] == 0
    changed = textwrap.dedent(MODELS).replace(
        f"class {model}(models.Model):\n", f"class {model}(models.Model):\n    {column}\n"
    )
    write("club/models.py", changed)
    # The check runs before the command, so that the migration is not even written without an answer.
    for command in (["makemigrations", "club"], ["check"]):
        status, printed = manage(*command)
        assert status == 1
        assert said in printed
    assert manage("makemigrations", "club", "--skip-checks")[0] == 0
    assert manage("check")[0] == 1
