"""The methods and managers that a registered model gets: the only place that touches a project's model class."""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.apps import apps
from django.db import models, router
from django.db.models import Model, QuerySet
from django.db.models.manager import BaseManager
from django.utils.functional import classproperty

from .conf import privacy_class_name, privacy_instance_name
from .databases.placement import explained
from .declaring.meta import PrivacyMeta
from .exceptions import AnonymiseError
from .former import RELATION, NoRelation, warn
from .loading import at_first_call
from .marks import MARKED, Mark, with_marks
from .registry import declares_itself, registry
from .sensitive import sensitive
from .tables import EventLog
from .undocumented import (
    MANAGERS_OF_RELATION,
    all_managers,
    arguments,
    as_attribute,
    own_managers,
    renumber,
    set_managers,
)

if TYPE_CHECKING:
    from .execution.execute import Result, execute
    from .execution.logged import note_by_hand
    from .planning.markers import marked_keys
    from .planning.plans import plan
else:
    marked_keys = at_first_call("gdpr_assist.planning.markers.marked_keys")
    execute = at_first_call("gdpr_assist.execution.execute.execute")
    plan = at_first_call("gdpr_assist.planning.plans.plan")
    note_by_hand = at_first_call("gdpr_assist.execution.logged.note_by_hand")


class PrivacyQuerySet(QuerySet[Any]):
    """A queryset whose rows can be anonymised."""

    @sensitive
    def anonymise(self, force: bool = False, for_bulk: bool | None = None) -> Result:
        """Anonymise the rows: all of them in one transaction, or after an exception none.

        Rows that were anonymised before are left as they are, unless ``force``. Raises ``AnonymiseError``.
        ``for_bulk`` of 1.x is taken, and means nothing any more.
        """
        if for_bulk is not None:
            warn("anonymise(for_bulk=...)", "Leave it out: how rows are changed is decided by who watches them.")
        return execute(plan(self, force=force))

    anonymise.alters_data = True  # type: ignore[attr-defined]

    @sensitive
    async def aanonymise(self, force: bool = False) -> Result:
        return await sync_to_async(self.anonymise)(force=force)

    aanonymise.alters_data = True  # type: ignore[attr-defined]

    def with_anonymised(self) -> PrivacyQuerySet:
        """Return the same rows, read together with whether each was anonymised.

        ``is_anonymised()`` of these objects asks no database; it tells what was so when they were read. After
        ``anonymise()`` or ``refresh_from_db()`` it asks again.
        """
        return with_marks(self)  # type: ignore[return-value]

    def __reduce__(self) -> Any:
        # The classes made below cannot be found by name: pickle the class that they were made from.
        return _unpickled, (getattr(type(self), "_made_from", type(self)),), self.__getstate__()


def _unpickled(original: Any) -> Any:
    kind = queryset_class(original)
    return kind.__new__(kind)


class AnonymisingManager:
    """What is added to a manager's class: its querysets can be anonymised, and so can all its rows."""

    def get_queryset(self) -> Any:
        queryset = super().get_queryset()  # type: ignore[misc]
        if not isinstance(queryset, PrivacyQuerySet):
            queryset = recast(queryset, queryset_class(queryset.__class__))
        return queryset

    def anonymise(self, force: bool = False, for_bulk: bool | None = None) -> Result:
        result: Result = self.get_queryset().anonymise(force=force, for_bulk=for_bulk)
        return result

    anonymise.alters_data = True  # type: ignore[attr-defined]

    async def aanonymise(self, force: bool = False) -> Result:
        result: Result = await self.get_queryset().aanonymise(force=force)
        return result

    aanonymise.alters_data = True  # type: ignore[attr-defined]

    def with_anonymised(self) -> PrivacyQuerySet:
        queryset: PrivacyQuerySet = self.get_queryset().with_anonymised()
        return queryset

    def __eq__(self, other: object) -> bool:
        # Migrations compare the manager of the model with the one of the class that it was made from.
        return (
            isinstance(other, BaseManager)
            and getattr(type(self), "_made_from", type(self)) is getattr(type(other), "_made_from", type(other))
            and arguments(self) == arguments(other)  # type: ignore[arg-type]
        )

    def __hash__(self) -> int:
        return id(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        original = vars(type(self)).get("_made_from")
        if original is None:  # a class that can be found by name, or one that Django made for a relation
            return super().__reduce_ex__(protocol)
        return _unpickled_manager, (original,), dict(self.__dict__)


def _unpickled_manager(original: Any) -> Any:
    kind = manager_class(original)
    return kind.__new__(kind)


class _AnonymisingManagers(type):
    """The type of a class whose instances are the managers of all registered models, as in 1.x."""

    def __instancecheck__(cls, instance: object) -> bool:
        kind = AnonymisingManager if cls.__dict__.get("is_any") else cls
        return type.__instancecheck__(kind, instance)


class PrivacyManager(AnonymisingManager, models.Manager[Any], metaclass=_AnonymisingManagers):
    """A manager of all rows whose querysets can be anonymised."""

    is_any = True


@cache
def queryset_class(original: Any) -> Any:
    return original if issubclass(original, PrivacyQuerySet) else _made(PrivacyQuerySet, original)


@cache
def manager_class(original: Any) -> Any:
    return original if issubclass(original, AnonymisingManager) else _made(AnonymisingManager, original)


def _made(addition: type, original: type) -> Any:
    """A subclass that goes by the original's name, so that migrations write the original."""
    names = {"__module__": original.__module__, "__qualname__": original.__qualname__, "_made_from": original}
    own = {
        name: getattr(original, name)
        for name in ("anonymise", "aanonymise", "with_anonymised")
        if hasattr(original, name)
    }
    return type(original.__name__, (addition, original), {**names, **own})


def recast(instance: Any, kind: Any) -> Any:
    """Return ``instance`` as one of ``kind``, a subclass of its class: itself, where Python lets it.

    Not where typing.Generic is a base of the class: "object layout differs". Then another object has its attributes.
    """
    try:
        instance.__class__ = kind
    except TypeError:
        other = kind.__new__(kind)
        other.__dict__.update(instance.__dict__)
        return other
    return instance


class _RegisteredModels(type):
    """The type of a class whose subclasses are what the registry holds."""

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass in registry

    def __instancecheck__(cls, instance: object) -> bool:
        return type(instance) in registry


class PrivacyModel(metaclass=_RegisteredModels):
    """``issubclass(Model, PrivacyModel)`` holds for every registered model; nothing is inherited from it."""


# -- the methods of a registered model ---


@sensitive
def anonymise(self: Model, force: bool = False, for_bulk: bool | None = None) -> Result:
    """Anonymise this object and its row, once; ``force`` does it again.

    Raises ``AnonymiseError`` if the object is not saved, its row is gone, or an anonymiser fails; nothing was changed
    then. ``for_bulk`` of 1.x is taken, and means nothing any more.
    """
    if for_bulk is not None:
        warn("anonymise(for_bulk=...)", "Leave it out, and anonymise many objects with queryset.anonymise().")
    result = execute(plan(self, force=force))
    delattr(self, MARKED)
    return result


anonymise.alters_data = True  # type: ignore[attr-defined]


@sensitive
async def aanonymise(self: Model, force: bool = False) -> Result:
    """Anonymise this object, from asynchronous code."""
    return await sync_to_async(anonymise)(self, force=force)


aanonymise.alters_data = True  # type: ignore[attr-defined]


@sensitive
def is_anonymised(self: Model) -> bool:
    """Return whether this object was anonymised."""
    if self.pk is None:
        return False
    marked: bool | None = getattr(self, MARKED)
    if marked is not None:  # with_anonymised()
        return marked
    using = _alias(self)
    with explained(using):
        key = self._meta.pk.to_python(self.pk)  # in memory, it may be a text
        return bool(marked_keys(registry.declaration(type(self)), [key], using))


@sensitive
def _log_gdpr_anonymise(self: Model) -> None:
    """Log that this object was anonymised, by code that bypasses the app. Raises ``EventLogError``."""
    _record_by_hand(EventLog.EVENT_ANONYMISE, self)


@sensitive
def _log_gdpr_delete(self: Model) -> None:
    """Log that this object was deleted, by code that bypasses the app. Raises ``EventLogError``."""
    _record_by_hand(EventLog.EVENT_DELETE, self)


def _record_by_hand(event: str, instance: Model) -> None:
    if instance.pk is None:
        raise AnonymiseError(f"{instance._meta.label}: the object has no primary key to log.")
    note_by_hand(event, type(instance), instance.pk, _alias(instance))


def _alias(instance: Model) -> str:
    return router.db_for_write(type(instance), instance=instance)


@classmethod  # type: ignore[misc]
def anonymisable_manager(cls: type[Model]) -> PrivacyManager:
    """Return a manager of all rows, whatever the model's own managers leave out."""
    manager = PrivacyManager()
    manager.model = cls
    manager.name = "anonymisable_manager"
    return manager


@classmethod  # type: ignore[misc]
def check_can_anonymise(cls: type[Model]) -> bool:
    """Return whether objects of this model can be anonymised."""
    return registry.declaration(cls).can_anonymise


@classmethod  # type: ignore[misc]
def get_privacy_meta(cls: type[Model]) -> PrivacyMeta:
    """Return the instance of the model's PrivacyMeta."""
    return registry.declaration(cls).meta


METHODS = {
    "anonymise": anonymise,
    "aanonymise": aanonymise,
    "is_anonymised": is_anonymised,
    "anonymisable_manager": anonymisable_manager,
    "check_can_anonymise": check_can_anonymise,
    "get_privacy_meta": get_privacy_meta,
    "_log_gdpr_anonymise": _log_gdpr_anonymise,
    "_log_gdpr_delete": _log_gdpr_delete,
}

mark = Mark()
privacy_meta = classproperty(lambda cls: cls.get_privacy_meta())

# {model: (its managers, the names added to it, {name: manager that stood beside them})}, to undo it
_before: dict[type[Model], tuple[list[Any], list[str], dict[str, Any]]] = {}


def contribute(model: type[Model]) -> None:
    """Give ``model``, registered or a proxy of a registered one, its methods and managers.

    A method that the model has already is its own and stays, as with ``get_FOO_display``.
    """
    if model in _before:
        return  # the apps were set up anew, as for a test that sets INSTALLED_APPS
    names = {**METHODS, MARKED: mark, privacy_instance_name(): privacy_meta, RELATION: NoRelation()}
    # hasattr() would ask an attribute of a multi-table parent that declares the model, while others are still to come.
    there = {name for base in model.__mro__ for name in vars(base)}
    added = [name for name in names if name not in there]
    beside: dict[str, Any] = {name: each for name, each in vars(model).items() if isinstance(each, BaseManager)}
    _before[model] = (own_managers(model._meta), added, beside)
    for name in added:
        setattr(model, name, names[name])
    _set_managers(model, registry.manager_name(model), added)
    if registry.manager_name(model) is None:
        # As django-mptt keeps one, which makes the querysets of get_descendants().
        for name, manager in beside.items():
            setattr(model, name, recast(copy.copy(manager), manager_class(manager.__class__)))


def take_off_declaration(model: type[Model]) -> None:
    """Take the inner class off ``model``: from here on the registry is where to ask."""
    if declares_itself(model):
        delattr(model, privacy_class_name())


def withdraw(model: type[Model]) -> None:
    """Take off ``model`` what ``contribute`` gave it."""
    managers, added, beside = _before.pop(model)
    for name in added:
        delattr(model, name)
    for name, manager in beside.items():
        setattr(model, name, manager)
    set_managers(model._meta, managers)


def _set_managers(model: type[Model], name: str | None, added: list[str]) -> None:
    """Make the model's managers anonymising ones, or add one of the given name and leave them as they are.

    Inherited managers become the model's own, in the same order: those of the base are shared with models that are not
    registered. Renewed counters keep the order, on which the default manager depends.
    """
    managers = all_managers(model)
    if name is not None and name not in {each.name for each in managers}:
        managers.append(_named_manager(model, name))
        added.append(name)
    managers = [
        recast(manager, manager_class(manager.__class__)) if name in (None, manager.name) else manager
        for manager in managers
    ]
    for manager in managers:
        renumber(manager)
    set_managers(model._meta, managers)


def forget_related_managers(**kwargs: Any) -> None:
    """Drop the classes of related managers that Django has made from default managers, and keeps: they are made anew.

    For once after models were given their managers, whatever their number: it looks at all models.
    """
    for model in apps.get_models(include_auto_created=True):
        for descriptor in vars(model).values():
            if _makes_managers(descriptor.__class__):
                vars(descriptor).pop(MANAGERS_OF_RELATION, None)


@cache
def _makes_managers(kind: type) -> bool:
    return hasattr(kind, MANAGERS_OF_RELATION)


def _named_manager(model: type[Model], name: str) -> Any:
    manager: Any = copy.copy(model._default_manager)
    manager.name = name
    manager.use_in_migrations = False
    setattr(model, name, as_attribute(manager))
    return manager
