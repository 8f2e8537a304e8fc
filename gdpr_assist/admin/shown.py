"""Whether what is confirmed is what the page has shown, and what of it has changed since. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from django.apps import apps
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.formats import localize
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from ..declaring.clauses import FREE
from ..declaring.declaration import Change
from ..planning.preview import Preview
from ..tables import stored_key
from .operations import Signed
from .selection import ChangedError

# Of so many rows of a model, none may go or come between the page and its confirmation; of more, the number counts.
MOST_STAMPED = 10_000


def stamp(texts: Iterable[str]) -> str:
    """Return what stands for ``texts``, from which nobody can tell them."""
    return salted_hmac("gdpr_assist.shown", "\n".join(texts), algorithm="sha256").hexdigest()


def stamp_of(previews: Iterable[Preview]) -> str:
    """Return what stands for the rows of some plans whose keys are read, and for what becomes of them."""
    return stamp(text for each in previews for text in _texts(each))


def _texts(found: Preview) -> Iterator[str]:
    plan = found.plan
    keys = list(map(stored_key, plan.keys or ()))
    yield f"{plan.described()} on {plan.using}: {found.rows}, {found.marked} {sorted(keys)[:MOST_STAMPED]}"
    yield from map(_rule, plan.changes)


def _rule(change: Change) -> str:
    how = change.replacement.words if change.replacement else getattr(change.anonymiser, "__qualname__", "")
    return f"{change.field.name}: {how}"


def counts_of(previews: Iterable[Preview]) -> dict[str, int]:
    """Return {label: how many rows are to be anonymised, on all databases}."""
    counts: Counter[str] = Counter()
    for each in previews:
        counts[each.plan.name] += each.unmarked
    return dict(counts)


def check_shown(signed: Signed | None, *, counts: Mapping[str, int], token: str) -> None:
    """Raise ``ChangedError`` unless the page has shown what ``token`` stands for; ``counts`` are its numbers now.

    ``signed`` is what the page has signed, None if nothing that a page has signed was sent.
    """
    if signed is None:
        raise ChangedError(_("This must be confirmed on the page that shows it. Nothing was changed."))
    if not constant_time_compare(signed.token, token):
        text = _("What is there now is not what was shown. Nothing was changed; please look at it again.")
        raise ChangedError(" ".join([text, *_changes(signed.counts, counts)]))


def _changes(before: Mapping[str, int], now: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for each model of which there are more or fewer rows than before."""
    for label in dict.fromkeys([*before, *now]):
        if before.get(label, 0) != now.get(label, 0):
            text = _("%(models)s: %(before)s when this was shown, %(now)s now.")
            numbers = {"before": localize(before.get(label, 0)), "now": localize(now.get(label, 0))}
            yield text % {"models": _named(label), **numbers}


def _named(label: str) -> str:
    """Return what a model is called, with what says which of its rows: a part, or how rows in doubt were found."""
    name, _space, rest = label.partition(" ")
    try:
        models = capfirst(apps.get_model(name)._meta.verbose_name_plural)
    except LookupError:  # it was removed after the page was shown
        models = name
    return models if rest in ("", f"({FREE})") else f"{models} {rest}"
