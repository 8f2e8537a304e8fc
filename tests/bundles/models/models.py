"""A person with a column of each field class that has a ready rule, and with tags.

What becomes of columns that may be blank or NULL, or are unique, is for tests/others/fields.
"""

import encrypted_fields.fields as fernet
import encrypted_model_fields.fields as encrypting
from ckeditor.fields import RichTextField
from ckeditor_uploader.fields import RichTextUploadingField
from django.conf import settings
from django.db import models
from django_ckeditor_5.fields import CKEditor5Field
from django_countries.fields import CountryField
from django_cryptography.fields import encrypt
from djmoney.models.fields import MoneyField
from model_utils import fields as utils
from phonenumber_field.modelfields import PhoneNumberField
from taggit.managers import TaggableManager
from tinymce.models import HTMLField


class Member(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    tags = TaggableManager()

    phone = PhoneNumberField()
    country = CountryField(blank=True)
    countries = CountryField(multiple=True, blank=True)
    fee = MoneyField(max_digits=9, decimal_places=2, default_currency="EUR")
    rich = RichTextField()
    uploading = RichTextUploadingField()
    five = CKEditor5Field()
    tiny = HTMLField()

    STATUS = [("new", "new"), ("sent", "sent")]
    status = utils.StatusField(blank=True)
    created = utils.AutoCreatedField()
    modified = utils.AutoLastModifiedField()
    changed = utils.MonitorField(monitor="status")
    # Of its UUIDField no migration can be made but as a primary key, which stays.
    token = utils.UrlsafeTokenField(max_length=20)

    fernet_char = fernet.EncryptedCharField(max_length=50)
    fernet_text = fernet.EncryptedTextField()
    fernet_email = fernet.EncryptedEmailField()
    fernet_integer = fernet.EncryptedIntegerField()
    fernet_float = fernet.EncryptedFloatField()
    fernet_boolean = fernet.EncryptedBooleanField()
    fernet_date = fernet.EncryptedDateField()
    fernet_date_time = fernet.EncryptedDateTimeField()
    fernet_json = fernet.EncryptedJSONField()

    # No integers: this package cannot save them on PostgreSQL, and the next one fails in Django's checks there.
    encrypting_char = encrypting.EncryptedCharField(max_length=50)
    encrypting_text = encrypting.EncryptedTextField()
    encrypting_email = encrypting.EncryptedEmailField()
    encrypting_boolean = encrypting.EncryptedBooleanField()
    encrypting_date = encrypting.EncryptedDateField()
    encrypting_date_time = encrypting.EncryptedDateTimeField()

    encrypt_char = encrypt(models.CharField(max_length=50))
    encrypt_slug = encrypt(models.SlugField())
    encrypt_text = encrypt(models.TextField())
    encrypt_email = encrypt(models.EmailField())
    encrypt_url = encrypt(models.URLField())
    encrypt_decimal = encrypt(models.DecimalField(max_digits=9, decimal_places=2))
    encrypt_float = encrypt(models.FloatField())
    encrypt_boolean = encrypt(models.BooleanField())
    encrypt_date = encrypt(models.DateField())
    encrypt_date_time = encrypt(models.DateTimeField())
    encrypt_time = encrypt(models.TimeField())
    encrypt_binary = encrypt(models.BinaryField(default=b""))  # in no form
    encrypt_address = encrypt(models.GenericIPAddressField())
    encrypt_uuid = encrypt(models.UUIDField())
    encrypt_json = encrypt(models.JSONField())

    class PrivacyMeta:
        fields = "__all__"
        keep = ["user"]
        subject = "user"
        identifiers = {}  # nobody can look for what is encrypted

    def __str__(self):
        return str(self.phone)
