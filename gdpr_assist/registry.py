"""Which models are declared; changes no model class and writes nothing."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.db.models import Model, QuerySet

from . import signals
from .conf import privacy_class_name
from .databases.rows import takes_conditions
from .declaring.meta import PrivacyMeta, all_rows
from .declaring.search import Failed, Matches, check_term, noted
from .former import NoDict, warn
from .loading import at_first_call
from .sensitive import sensitive
from .undocumented import alias_and_hints, gives_values, links_to_parents, multi_table_parents

if TYPE_CHECKING:
    from .declaring.declaration import Declaration, declare
else:
    declare = at_first_call("gdpr_assist.declaring.declaration.declare")

# The models whose search method runs now: one that calls the registry's is not called again.
_searching: ContextVar[frozenset[type[Model]]] = ContextVar("_searching", default=frozenset())


class Registration(NamedTuple):
    meta_class: type
    manager_name: str | None
    where: str
    """Where it was registered, in words."""

    is_ready_made: bool = False
    """Whether it is one of ``contrib``: what the site says itself takes its place."""


class Registry:
    """The declared models: concrete classes, in the order in which they were registered."""

    def __init__(self) -> None:
        # {concrete model: what was written about it}
        self._registrations: dict[type[Model], Registration] = {}
        # {concrete model: the same, validated}; made when first asked for, since forward references need all models
        self._declarations: dict[type[Model], Declaration] = {}
        # proxies with a declaration of their own, which has no effect; a check reports them
        self.ignored: list[type[Model]] = []
        # {model whose declaration is no class: the class of what it is}; a check reports them
        self.unreadable: dict[type[Model], type] = {}

    @property
    def models(self) -> list[type[Model]]:
        # Of an app that a test added to INSTALLED_APPS for a while, classes stay behind.
        return NoDict(model for model in self._registrations if model._meta.app_label in apps.app_configs)

    def models_allowed_to_anonymise(self) -> list[type[Model]]:
        """Return the models that do not say ``can_anonymise = False``. Kept for existing code."""
        warn("registry.models_allowed_to_anonymise()", "Ask Model.check_can_anonymise() of registry.models.")
        return [declared.model for declared in self if declared.meta.can_anonymise]

    def __contains__(self, model: object) -> bool:
        return isinstance(model, type) and issubclass(model, Model) and concrete(model) in self._registrations

    def __iter__(self) -> Iterator[Declaration]:
        return map(self.declaration, self.models)

    def register(
        self,
        model: type[Model],
        PrivacyMeta: type | None = None,
        gdpr_default_manager_name: str | None = None,
    ) -> None:
        """Register ``model`` with the declaration ``PrivacyMeta``; without one, every field of it is personal.

        With ``gdpr_default_manager_name`` the model's managers stay as they are, and a manager of that name is added.
        Raises ``ValueError`` if the model is registered already, declares itself in an inner class, or has no rows;
        ``TypeError`` for what is no class; ``ImproperlyConfigured`` if the app is not installed.
        """
        _check_arguments(model, PrivacyMeta)
        model = concrete(model)
        if model in self and self._registrations[model].is_ready_made:
            self._withdraw(model)
        if PrivacyMeta is not None and PrivacyMeta is vars(model).get(privacy_class_name()):
            return  # its own declaration, which is found without this call
        if model in self or declares_itself(model):
            first = self._registrations[model].where if model in self else _inner_class(model)
            raise ValueError(
                f"Model {model._meta.label} already registered: by {first}. Leave out that, or this call."
            )
        registration = Registration(PrivacyMeta or type("PrivacyMeta", (), {}), gdpr_default_manager_name, _call())
        self._add(model, registration)

    def register_ready_made(self, model: type[Model], PrivacyMeta: type, where: str) -> None:
        """Register ``model`` as ``contrib`` declares it, unless the site declares it itself, by now or later."""
        model = concrete(model)
        if model not in self and not declares_itself(model):
            self._add(model, Registration(PrivacyMeta, None, where, is_ready_made=True))

    def ready_made_by(self, model: type[Model]) -> str | None:
        """Return which module of ``contrib`` has registered ``model``, None if none has."""
        found = self._registrations.get(concrete(model))
        return found.where if found and found.is_ready_made else None

    def withdraw_ready_made(self, model: type[Model]) -> None:
        """Take back what ``register_ready_made`` has registered, if it was that."""
        if model in self and self._registrations[concrete(model)].is_ready_made:
            self._withdraw(concrete(model))

    def _add(self, model: type[Model], registration: Registration) -> None:
        self._registrations[model] = registration
        if apps.models_ready:  # before that, proxies and children are still to come
            for member in self.family(model):
                self.collect(member)
                signals.model_registered.send(sender=member)

    def declaration(self, model: type[Model]) -> Declaration:
        """Return the declaration of ``model``. Raises ``KeyError`` if it has none."""
        model = concrete(model)
        if model not in self._declarations:
            self._declarations[model] = declare(model, self._registrations[model].meta_class)
        return self._declarations[model]

    def manager_name(self, model: type[Model]) -> str | None:
        return self._registrations[concrete(model)].manager_name

    def collect(self, model: type[Model]) -> None:
        """Register ``model`` if it, an abstract base or a multi-table parent declares personal data.

        Models of migrations and others outside the project's app registry are left alone.
        """
        opts = model._meta
        if opts.apps is not apps or opts.abstract or opts.swapped:
            return
        if opts.proxy and declares_itself(model):
            self.ignored.append(model)
        elif not opts.proxy and model not in self and (written := self._written_for(model)):
            if isinstance(written, type):
                self._registrations[model] = Registration(written, None, _inner_class(model))
            else:
                self.unreadable[model] = type(written)

    def family(self, model: type[Model]) -> list[type[Model]]:
        """Return ``model`` and the models that share its declaration: proxies, and children without their own."""
        registration = self._registrations[concrete(model)]
        return [concrete(model)] + [
            each
            for each in apps.get_models()
            if issubclass(each, concrete(model))
            and each is not concrete(model)
            and self._registrations.get(concrete(each), registration) is registration
        ]

    def children(self, model: type[Model]) -> list[tuple[type[Model], Any]]:
        """Return the registered direct multi-table children of ``model``, each with its link to the parent.

        Below one that is not registered there is none: each of them is a whole object by itself.
        """
        parent = concrete(model)
        if parent not in self._registrations or not parent.__subclasses__():
            return []
        links = ((each, links_to_parents(each).get(parent)) for each in self._registrations)
        return [(each, link) for each, link in links if link is not None]

    def parents(self, model: type[Model]) -> list[tuple[type[Model], Any]]:
        """Return the registered direct multi-table parents of ``model``, each with the link to it.

        Above one that is not registered there is none: its children would inherit the declaration.
        """
        links = links_to_parents(concrete(model))
        return [(parent, link) for parent, link in links.items() if parent in self._registrations]

    def relatives(self, model: type[Model]) -> list[type[Model]]:
        """Return ``model`` and every registered model that an object of it may have a part in."""
        relatives: list[type[Model]] = [concrete(model)]
        for each in relatives:
            relatives += [other for other, _ in (*self.children(each), *self.parents(each)) if other not in relatives]
        return relatives

    def log_label(self, model: type[Model]) -> str:
        """Return the label under which rows of ``model`` are logged: its own, unless ``log_label`` says another."""
        return self._labels(concrete(model))[0]

    def find(self, label: str) -> type[Model] | None:
        """Return the model that the log calls ``label``: by its log label, a former one, or today's.

        It is registered, or the parent of a registered multi-table child, or stands between the two ends of a
        many-to-many relation.
        """
        wanted = label.lower()
        labels = {model: [each.lower() for each in self._labels(model)] for model in self.models}
        for model, (current, *_) in labels.items():
            if wanted == current:
                return model
        for model, (_, *former) in labels.items():
            if wanted in former:
                return model
        try:
            model = concrete(apps.get_model(label))
        except (LookupError, ValueError):
            return self._renamed_link(wanted)
        return model if model in self or self.has_children(model) or is_link(model) else None

    def _renamed_link(self, wanted: str) -> type[Model] | None:
        """Return the model that Django made for a many-to-many relation of a model that had another label."""
        for model in self.models:
            for field in model._meta.local_many_to_many:
                through: Any = field.remote_field.through
                if through._meta.auto_created and wanted in {
                    f"{label}_{field.name}".lower() for label in self._labels(model)
                }:
                    return cast("type[Model]", through)
        return None

    def has_children(self, model: type[Model]) -> bool:
        """Return whether a registered model is a multi-table child of ``model``: its deletion may be logged then."""
        return any(concrete(model) in multi_table_parents(each) for each in self._registrations)

    def unregistered_parents(self, model: type[Model]) -> list[type[Model]]:
        """Return the multi-table parents of ``model`` that are not registered: they go when one of its rows goes."""
        return [parent for parent in multi_table_parents(concrete(model)) if parent not in self._registrations]

    def _labels(self, model: type[Model]) -> list[str]:
        """The label that is logged, and the former ones. Children do not take over those of a multi-table parent."""
        own = self._registrations.get(model)
        parents = [self._registrations.get(parent) for parent in multi_table_parents(model)]
        if own is None or any(own.meta_class is parent.meta_class for parent in parents if parent):
            return [model._meta.label]
        return self.declaration(model).log_labels

    def claims(self) -> Iterator[tuple[str, type[Model]]]:
        """Yield each label that finds a registered model in the log, in lower case, with that model."""
        for model in self.models:
            for label in {label.lower() for label in self._labels(model)}:
                yield label, model

    @sensitive
    def search(self, term: str) -> Matches:
        """Return the models with a row that matches ``term``, each with its matching rows.

        ``failed`` of the list names the models that could not be searched. Raises ``ValueError`` if ``term`` is
        longer than ``LONGEST_TERM``.
        """
        matches = Matches()
        for model, rows in self.candidates(term, failed=matches.failed):
            with noted(matches.failed, model, rows.db):
                # Every row is compared: exists() would stop before one with which that fails.
                if rows.count():
                    matches.append((model, rows))
        return matches

    @sensitive
    def candidates(
        self, term: str, models: Iterable[type[Model]] | None = None, failed: Failed | None = None
    ) -> Iterator[tuple[type[Model], QuerySet[Any]]]:
        """Yield each model, or each of ``models``, with the queryset of its rows that match ``term``, if any do.

        Asks no database by itself; a ``search`` method of the project's may. A model of which that raises is left out
        and noted in ``failed``; without ``failed``, the error is raised. ``ValueError``: ``term`` is too long.
        """
        check_term(term)
        if not term.strip() or "\0" in term:
            return  # the one would match what is blank, the other no database takes
        for model in self.models if models is None else models:
            if model in _searching.get():
                continue
            declared, matches = self.declaration(model), None
            is_own = type(declared.meta).search is not PrivacyMeta.search
            with noted(failed, model, router.db_for_read(model) if is_own else None):
                matches = _matches(declared, term)
            if matches is not None:
                yield model, matches

    @contextmanager
    def registered(
        self,
        model: type[Model],
        PrivacyMeta: type | None = None,
        gdpr_default_manager_name: str | None = None,
    ) -> Iterator[Declaration]:
        """Register ``model`` for the time of a ``with`` block: for tests."""
        self.register(model, PrivacyMeta, gdpr_default_manager_name)
        try:
            yield self.declaration(model)
        finally:
            self._withdraw(model)

    def _withdraw(self, model: type[Model]) -> None:
        for member in self.family(model):
            signals.model_unregistered.send(sender=member)
            self._registrations.pop(member, None)
            self._declarations.pop(member, None)

    def _written_for(self, model: type[Model]) -> Any:
        """The inner class of ``model`` or an abstract base, or else the declaration of its multi-table parent."""
        parents = (parent for parent in model.mro() if parent in self._registrations)
        inherited = next((self._registrations[parent].meta_class for parent in parents), None)
        return getattr(model, privacy_class_name(), inherited)


def _check_arguments(model: Any, meta_class: Any) -> None:
    if not (isinstance(model, type) and issubclass(model, Model)):
        raise TypeError(f"register() takes the class of a model, not {_described(model)}.")
    label = model._meta.label
    if apps.apps_ready and not apps.is_installed("gdpr_assist"):
        raise ImproperlyConfigured(
            f'{label} is registered, but "gdpr_assist" is not in INSTALLED_APPS: nothing would be found or erased.'
        )
    if model._meta.abstract:
        name = privacy_class_name()
        raise ValueError(
            f"{label} is abstract and has no rows. Write an inner class {name} in it, which the models that inherit "
            "from it then have, or register these."
        )
    if model._meta.swapped:
        raise ValueError(f"{label} is swapped for {model._meta.swapped} and has no rows. Register that.")
    if meta_class is not None and not isinstance(meta_class, type):
        raise TypeError(
            f"The declaration of {label} is not a class, but an object of the class {type(meta_class).__name__}. "
            "Write class Privacy: ..., with its entries as attributes, and register(Model, Privacy)."
        )


def _described(given: Any) -> str:
    if isinstance(given, Model):
        return f"an object. Write {type(given).__name__}"
    if isinstance(given, str):
        return f"a text. Import the class, or write apps.get_model({given!r}) in AppConfig.ready()"
    return (
        f"the class {given.__name__}" if isinstance(given, type) else f"an object of the class {type(given).__name__}"
    )


def _inner_class(model: type[Model]) -> str:
    return f"the inner class {privacy_class_name()} of {model._meta.label} or of a base of it"


def _call() -> str:
    """Say from where ``register`` was called."""
    frame = inspect.currentframe()
    while frame and frame.f_globals.get("__name__") in (__name__, "contextlib"):
        frame = frame.f_back
    return f"a call in {frame.f_globals.get('__name__')}, line {frame.f_lineno}" if frame else "a call"


def _matches(declared: Declaration, term: str) -> QuerySet[Any]:
    token = _searching.set(_searching.get() | {declared.model})
    try:
        return rows(declared, declared.meta.search(term))
    finally:
        _searching.reset(token)


def rows(declared: Declaration, matches: Any) -> QuerySet[Any]:
    """Return what a ``search`` method found as a queryset that can be narrowed down.

    Raises ``TypeError`` for anything but rows of the model: those of another one have primary keys that are other
    people's here.
    """
    using = None
    if isinstance(matches, QuerySet):
        using, _ = alias_and_hints(matches)
        is_ours = not gives_values(matches) and issubclass(matches.model, declared.model)
        if is_ours and takes_conditions(matches):
            return matches
    else:
        matches = list(matches)
        is_ours = all(isinstance(instance, declared.model) for instance in matches)
    if not is_ours:
        raise TypeError(f"{declared.label}: PrivacyMeta.search() must return rows of {declared.label}.")
    keys = [instance.pk for instance in matches]
    return all_rows(declared.model, using).filter(pk__in=keys)


def concrete(model: type[Model]) -> type[Model]:
    """Return the model whose table holds the rows: of a proxy, the one it is a proxy of."""
    return model._meta.concrete_model or model


def is_link(model: type[Model]) -> bool:
    """Return whether ``model`` stands between the two ends of a many-to-many relation."""
    relations = (field.remote_field for each in apps.get_models() for field in each._meta.local_many_to_many)
    return bool(model._meta.auto_created) or any(getattr(each, "through", None) is model for each in relations)


def declares_itself(model: type[Model]) -> bool:
    """Return whether ``model`` holds a declaration as an inner class of its own, not of a base."""
    return privacy_class_name() in model.__dict__


registry = Registry()
