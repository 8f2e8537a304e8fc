"""Primary keys that are texts: the log has keyed digests of them, as one may be an address, or a token.

The secret is in the database of the rows (``DatabaseIdentity.key``): who has the log alone cannot try values. It
travels with backups, so that a replay knows the rows again.
"""

from __future__ import annotations

import hmac

PREFIX = "digest"

# What they make must stay the same: logs are kept for years.
FOR_KEYS, FOR_NAME = b"gdpr_assist: primary keys in the log", b"gdpr_assist: name of the secret"

# In hex digits: enough to tell the secrets of one log apart
NAME_LENGTH = 12


def is_hidden(text: str) -> bool:
    """Return whether ``text``, of the log, is a digest and no key."""
    return text.startswith(f"{PREFIX}:") and text.count(":") == 2


class Digests:
    """Of the primary keys of one database. Not printed."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, FOR_KEYS, "sha256")
        name = hmac.digest(secret, FOR_NAME, "sha256").hex()[:NAME_LENGTH]
        self.prefix = f"{PREFIX}:{name}:"
        """With which all of them begin, and none that was made with another secret."""

    def of(self, text: str, label: str) -> str:
        """Return the digest of a key, as text, of ``label``: "app.Model", as the log has it."""
        digest = hmac.digest(self._secret, f"{label}:{text}".encode(), "sha256")
        return f"{self.prefix}{digest.hex()}"

    def may_be(self, text: str) -> bool:
        """Return whether a digest was made with this secret; of another one nobody can tell of which row it is."""
        return text.startswith(self.prefix)
