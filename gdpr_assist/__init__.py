"""Public names, importable from any ``models.py``; loads no models."""

from .declaring.meta import PrivacyMeta
from .declaring.rules import Replacement, rule
from .deletion import ANONYMISE
from .exceptions import AnonymiseError, EventLogError, PartlyErased
from .registry import registry as _registry

__version__ = "2.0.0.dev0"

__all__ = [
    "ANONYMISE",
    "AnonymiseError",
    "EventLogError",
    "PartlyErased",
    "PrivacyMeta",
    "Replacement",
    "register",
    "rule",
]

register = _registry.register
