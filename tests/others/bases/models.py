"""Models on the bases of other packages, declared in one line as somebody who is new to it would."""

from django.db import models
from model_utils.managers import InheritanceManager
from model_utils.models import SoftDeletableModel, TimeStampedModel
from mptt.models import MPTTModel, TreeForeignKey
from polymorphic.models import PolymorphicModel
from safedelete.models import SafeDeleteModel
from treebeard.mp_tree import MP_Node

NAME = {"max_length": 50}


class Everything:
    fields = "__all__"


class Member(MPTTModel):
    """In a tree: who brought whom."""

    name = models.CharField(**NAME)
    parent = TreeForeignKey("self", models.CASCADE, null=True, blank=True)

    PrivacyMeta = Everything


class Officer(MP_Node):
    name = models.CharField(**NAME)

    PrivacyMeta = Everything


class Contact(PolymorphicModel):
    name = models.CharField(**NAME)

    PrivacyMeta = Everything


class Company(Contact):
    manager_name = models.CharField(**NAME)

    PrivacyMeta = Everything


class Patient(SafeDeleteModel):
    name = models.CharField(**NAME)

    PrivacyMeta = Everything


class Reader(SoftDeletableModel, TimeStampedModel):
    name = models.CharField(**NAME)

    PrivacyMeta = Everything


class Place(models.Model):
    name = models.CharField(**NAME)

    objects = InheritanceManager()

    PrivacyMeta = Everything


class Home(Place):
    tenant = models.CharField(**NAME)

    PrivacyMeta = Everything


class Unset(MPTTModel):
    """As the others, but that it does not say which columns."""

    name = models.CharField(**NAME)
    parent = TreeForeignKey("self", models.CASCADE, null=True, blank=True)

    class PrivacyMeta:
        search_fields = ["name"]
