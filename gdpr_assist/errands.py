"""What users of the admin's tool are at between two requests, encrypted: no URL, cookie or readable session has it.

The key is in the path of the page and nowhere else: whoever has the tables, or a copy of them, reads nothing of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import router
from django.db.models import QuerySet
from django.utils import timezone

from .sensitive import sensitive
from .tables import Errand

VALID = timedelta(minutes=30)

BYTES_OF_AN_ID = 32

# What secrets.token_urlsafe() makes of them
ID = re.compile(r"[A-Za-z0-9_-]{43}")

# In bytes: the length of what is stored says little of that of a term.
BLOCK = 512


@sensitive
def store(
    content: dict[str, Any], *, user: Any, place: str, secret: str | None = None, valid: timedelta = VALID
) -> str:
    """Keep ``content``, what JSON can hold, for this user and place for half an hour; return the id to read it with.

    ``secret`` is an id that nobody else can know, and that was never used; by default a new one. What is over of
    others is deleted.
    """
    secret, now = secret or secrets.token_urlsafe(BYTES_OF_AN_ID), timezone.now()
    text = json.dumps(content).encode()
    Errand.objects.using(_using()).create(
        digest=_digest(secret),
        user=str(user.pk),
        content=_sealed(secret, text.ljust(-(-len(text) // BLOCK) * BLOCK), _context(user, place)),
        expires=now + valid,
    )
    Errand.objects.using(_using()).filter(expires__lt=now).delete()
    return secret


@sensitive
def read(secret: str, *, user: Any, place: str) -> dict[str, Any] | None:
    """Return what was stored under the id; None if it is over, another user's, of another place, or no id at all."""
    if not ID.fullmatch(secret):
        return None
    errand = _of([secret]).filter(user=str(user.pk), expires__gte=timezone.now()).first()
    text = _opened(secret, bytes(errand.content), _context(user, place)) if errand else None
    found: dict[str, Any] | None = None if text is None else json.loads(text)
    return found


@sensitive
def drop(ids: Iterable[str]) -> None:
    """Forget what was stored under these ids."""
    _of(ids).delete()


def heir(secret: str) -> str:
    """Return the id of what can be stored once an errand is dropped: known to who knows that of the errand alone."""
    return base64.urlsafe_b64encode(_derived(secret, "heir", BYTES_OF_AN_ID)).rstrip(b"=").decode()


def empty(using: str) -> None:
    """Forget all that is stored in a database: in a copy of it, nobody has an errand."""
    if router.allow_migrate_model(using, Errand):
        Errand.objects.using(using).all().delete()


def _using() -> str:
    """Whoever is led on reads at once what was written: a replica may not have it yet."""
    return router.db_for_write(Errand)


def _of(ids: Iterable[str]) -> QuerySet[Errand]:
    return Errand.objects.using(_using()).filter(digest__in=[_digest(each) for each in ids if ID.fullmatch(each)])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _context(user: Any, place: str) -> bytes:
    """What the content is bound to beside its id."""
    return json.dumps([str(user.pk), place]).encode() + b"\0"


def _sealed(secret: str, text: bytes, context: bytes) -> bytes:
    """Return ``text`` encrypted and authenticated: a one-time pad, as an id is random and encrypts one text only."""
    hidden = _padded(secret, text)
    return _tag(secret, context + hidden) + hidden


def _opened(secret: str, sealed: bytes, context: bytes) -> bytes | None:
    """Return the text; None unless these bytes were sealed with this id and context."""
    size = hashlib.sha256().digest_size
    tag, hidden = sealed[:size], sealed[size:]
    return _padded(secret, hidden) if hmac.compare_digest(tag, _tag(secret, context + hidden)) else None


def _padded(secret: str, text: bytes) -> bytes:
    """Return ``text`` with the key stream of the id laid over it: twice is once back."""
    stream = _derived(secret, "stream", len(text))
    return (int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(text), "big")


def _tag(secret: str, text: bytes) -> bytes:
    return hmac.digest(_derived(secret, "tag", BYTES_OF_AN_ID), text, "sha256")


def _derived(secret: str, label: str, size: int) -> bytes:
    """Return bytes that nobody can tell from random ones without the id: others for each label."""
    return hashlib.shake_256(f"gdpr_assist.errands {label} {secret}".encode()).digest(size)
