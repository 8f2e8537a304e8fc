"""Field classes of a project's own, as keys and as columns."""

import base64
import os
import uuid

import django
from django.core.exceptions import FieldError
from django.core.files.base import ContentFile
from django.db import models
from django.db.models.fields.files import FieldFile
from django.db.models.functions import Upper

import gdpr_assist
from gdpr_assist.tables import ExactCharField

# -- keys --------------------------------------------------------------------------------------


class CodeField(models.CharField):
    """A project's own class that stores what Python has."""

    def __init__(self, *args, **options):
        super().__init__(*args, **{"max_length": 50, **options})


class NumberField(models.IntegerField):
    """A project's own class: "C-7" in Python, 7 in the database."""

    def from_db_value(self, value, expression, connection):
        return None if value is None else f"C-{value}"

    def to_python(self, value):
        return value

    def get_prep_value(self, value):
        return None if value is None else int(str(value).removeprefix("C-"))


class Address:
    """Of mail; no str. Two are the same in whatever letters."""

    def __init__(self, text):
        self.text = text.lower()

    def __str__(self):
        return self.text

    def __len__(self):
        return len(self.text)

    def __eq__(self, other):
        return isinstance(other, Address) and other.text == self.text

    def __hash__(self):
        return hash(self.text)


class AddressField(models.CharField):
    """A project's own class: an object in Python, its text in the database."""

    def from_db_value(self, value, expression, connection):
        return self.to_python(value)

    def to_python(self, value):
        return Address(value) if isinstance(value, str) else value

    def get_prep_value(self, value):
        return value.lower() if isinstance(value, str) else getattr(value, "text", value)


class AddressKey(models.Model):
    address = AddressField(primary_key=True, max_length=50)
    name = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["name"]
        keep = ["address"]
        search_fields = ["name"]


class OwnKey(models.Model):
    code = CodeField(primary_key=True)
    name = models.CharField(max_length=50)
    email = models.EmailField()

    class PrivacyMeta:
        fields = ["name", "email"]
        keep = ["code"]
        search_fields = ["email"]


class ConvertedKey(models.Model):
    number = NumberField(primary_key=True)
    name = models.CharField(max_length=50)
    email = models.EmailField()

    class PrivacyMeta:
        fields = ["name", "email"]
        search_fields = ["email"]


class ExactKey(models.Model):
    """A key that tells "ada" from "Ada" on MariaDB too."""

    code = ExactCharField(primary_key=True, max_length=50)
    name = models.CharField(max_length=50)

    class PrivacyMeta:
        fields = ["name"]
        keep = ["code"]
        search_fields = ["name"]


# -- multi-table children with keys of their own -----------------------------------------------


class Account(models.Model):
    """Not registered, but for its children."""

    login = models.CharField(max_length=50, unique=True)
    nick = models.CharField(max_length=50)


class Reader(Account):
    number = models.BigAutoField(primary_key=True)
    account = models.OneToOneField(Account, models.CASCADE, parent_link=True, related_name="reader")

    class PrivacyMeta:
        fields = ["login", "nick"]
        search_fields = ["login"]


class Writer(Account):
    code = models.UUIDField(primary_key=True, default=uuid.uuid4)
    account = models.OneToOneField(Account, models.CASCADE, parent_link=True, related_name="writer")

    class PrivacyMeta:
        fields = ["login", "nick"]
        search_fields = ["login"]


class Editor(Account):
    number = models.BigAutoField(primary_key=True)
    account = models.OneToOneField(Account, models.CASCADE, parent_link=True, related_name="editor")

    class PrivacyMeta:
        fields = ["login", "nick"]
        search_fields = ["login"]


# -- keys that point at something personal ------------------------------------------------------


class Patron(models.Model):
    """Not registered. Tests register it to see it refused."""

    card = models.CharField(max_length=50, unique=True)


class Loan(models.Model):
    patron = models.ForeignKey(Patron, models.CASCADE, to_field="card", db_constraint=False, related_name="loans")
    guarantor = models.ForeignKey(Patron, models.CASCADE, to_field="card", null=True, related_name="+")


# -- what only some versions of Django have ----------------------------------------------------

if django.VERSION >= (5, 0):

    class Handle(models.Model):
        """Unique only through what the database makes of it."""

        name = models.CharField(max_length=50, blank=True)
        shout = models.GeneratedField(
            expression=Upper("name"), output_field=models.CharField(max_length=50), db_persist=True, unique=True
        )

        class PrivacyMeta:
            fields = ["name"]
            search_fields = ["name"]


# -- columns of a project's own class ----------------------------------------------------------


class ShoutedField(models.CharField):
    """With SQL of its own around what is written."""

    def get_placeholder(self, value, compiler, connection):
        return "UPPER(%s)"

    # Its name and result from Django 6.1 on
    def get_placeholder_sql(self, value, compiler, connection):
        sql, params = compiler.compile(value) if hasattr(value, "as_sql") else ("%s", [value])
        return f"UPPER({sql})", params


class DoubledField(models.CharField):
    """Takes twice the room of what Python has."""

    def get_prep_value(self, value):
        return value and 2 * value

    def from_db_value(self, value, expression, connection):
        return value and value[: len(value) // 2]


class LatinField(models.CharField):
    """A column that an older MariaDB left with an older character set."""

    def db_type(self, connection):
        kind = super().db_type(connection)
        return f"{kind} CHARACTER SET latin1" if connection.vendor == "mysql" else kind


class OwnColumns(models.Model):
    shouted = ShoutedField(max_length=50)
    doubled = DoubledField(max_length=10)
    latin = LatinField(max_length=50)

    class PrivacyMeta:
        fields = ["shouted", "doubled", "latin"]
        search_fields = ["latin"]

        def anonymise_shouted(self, instance):
            return ""

        anonymise_doubled = anonymise_latin = anonymise_shouted


# -- columns that encrypt, or that cannot be looked up -----------------------------------------


class SaltedField(models.CharField):
    """Encrypts: the same value is written in another way each time."""

    def get_prep_value(self, value):
        return base64.b64encode(os.urandom(6) + str(value).encode()).decode()

    def from_db_value(self, value, expression, connection):
        return base64.b64decode(value)[6:].decode()


class ClosedField(models.CharField):
    """Cannot be looked up, as the encrypting fields of several packages."""

    def get_lookup(self, lookup_name):
        raise FieldError(f"{lookup_name} is not supported")


class CodedField(models.CharField):
    """Converts, always in the same way."""

    def get_prep_value(self, value):
        return str(value)[::-1]

    def from_db_value(self, value, expression, connection):
        return value[::-1]


@gdpr_assist.rule(SaltedField, ClosedField, CodedField)
def secret(field):
    return "no secret"


class SecretPrivacy:
    fields = ["secret", "name"]
    search_fields = ["name"]


class SaltedRow(models.Model):
    secret = SaltedField(max_length=100)
    name = models.CharField(max_length=50)

    class PrivacyMeta(SecretPrivacy):
        pass


class ClosedRow(models.Model):
    secret = ClosedField(max_length=100)
    name = models.CharField(max_length=50)

    class PrivacyMeta(SecretPrivacy):
        pass


class CodedRow(models.Model):
    secret = CodedField(max_length=100)
    name = models.CharField(max_length=50)

    class PrivacyMeta(SecretPrivacy):
        pass


# -- stored files ------------------------------------------------------------------------------


class ThumbnailFile(FieldFile):
    """Makes a second file of each, and takes it away with the first; so do the fields of several packages."""

    def save(self, name, content, save=True):
        super().save(name, content, save)
        self.storage.save(f"{self.name}.small", ContentFile(b"personal too"))

    def delete(self, save=True):
        if self.instance.name is None:
            raise ValueError("of nobody")
        self.storage.delete(f"{self.name}.small")
        super().delete(save)


class ThumbnailField(models.FileField):
    attr_class = ThumbnailFile


@gdpr_assist.rule(ThumbnailField)
def no_file(field):
    return ""


class Person(models.Model):
    """The default of the portrait belongs to nobody."""

    name = models.CharField(max_length=50)
    portrait = ThumbnailField(upload_to="portraits", blank=True, default="portraits/nobody.png")

    class PrivacyMeta:
        fields = ["name", "portrait"]
        search_fields = ["name"]
        subject = "self"


class Document(models.Model):
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    scan = models.FileField(upload_to="scans", blank=True)
    form = models.FileField(upload_to="forms", blank=True)

    class PrivacyMeta:
        fields = ["scan"]
        keep = ["person", "form"]
        search_fields = ["person__name"]
        subject = "person"


class SignedDocument(Document):
    signature = models.FileField(upload_to="signatures", blank=True)

    class PrivacyMeta:
        fields = ["signature", "scan"]
        keep = ["person", "form"]
        search_fields = ["person__name"]
        subject = "person"


class Contract(models.Model):
    """Its files have to be kept for ten years."""

    person = models.ForeignKey(Person, null=True, on_delete=gdpr_assist.ANONYMISE(models.SET_NULL))
    scan = models.FileField(upload_to="contracts", blank=True)

    class PrivacyMeta:
        fields = ["scan"]
        keep = ["person"]
        search_fields = ["person__name"]
        subject = "person"
        delete_files = False


class Letter(models.Model):
    """It is about two people, and each owns a part of the row."""

    sender = models.ForeignKey(
        Person, null=True, on_delete=gdpr_assist.ANONYMISE(models.SET_NULL), related_name="letters_sent"
    )
    sender_name = models.CharField(max_length=50)
    sender_signature = models.FileField(upload_to="signatures", blank=True)
    recipient = models.ForeignKey(
        Person, null=True, on_delete=gdpr_assist.ANONYMISE(models.SET_NULL), related_name="letters_received"
    )
    recipient_name = models.CharField(max_length=50)
    recipient_address = models.TextField()
    posted = models.DateField(null=True)

    class PrivacyMeta:
        fields = ["sender_name", "sender_signature", "recipient_name", "recipient_address"]
        keep = ["sender", "recipient", "posted"]
        search_fields = ["sender_name", "recipient_name"]
        subject = {
            "sender": gdpr_assist.Party(erases=["sender_name", "sender_signature"]),
            "recipient": gdpr_assist.Party(erases=["recipient_name", "recipient_address"]),
        }
