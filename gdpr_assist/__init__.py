"""Public names, importable from any ``models.py``; loads no models."""

from .deletion import ANONYMISE
from .exceptions import AnonymiseError, EventLogError, PartlyErased
from .meta import PrivacyMeta
from .registry import registry as _registry
from .rules import Replacement, rule

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
