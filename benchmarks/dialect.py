"""What the three databases spell differently in the hand-written SQL."""

from django.db import connection

DIGEST = {
    "mysql": "SHA2({}, 256)",
    "postgresql": "ENCODE(SHA256(CONVERT_TO({}, 'UTF8')), 'hex')",
    "sqlite": "SHA256({})",  # Django's function
}

KEY_AS_TEXT = {
    "sqlite": "CAST(id AS TEXT)",
    "postgresql": "CAST(id AS TEXT)",
    "mysql": "CAST(id AS CHAR)",
}


def key_as_text() -> str:
    return KEY_AS_TEXT[connection.vendor]


def digest(text: str) -> str:
    """Return the hex SHA-256 of a text."""
    return DIGEST[connection.vendor].format(text)


def joined(*parts: str) -> str:
    """Return the texts one after the other. MariaDB's || is OR; SQLite has CONCAT since 3.44."""
    return f"CONCAT({', '.join(parts)})" if connection.vendor == "mysql" else " || ".join(parts)
