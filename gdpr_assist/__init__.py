"""Public names, importable from any ``models.py``; loads no models."""

from typing import TYPE_CHECKING, Any

from django.utils.module_loading import import_string

from .declaring.meta import PrivacyMeta
from .declaring.rules import Replacement, rule
from .deletion import ANONYMISE
from .exceptions import AnonymiseError, EventLogError, PartlyErased
from .registry import registry as _registry

if TYPE_CHECKING:
    from .declaring.clauses import Generic, Identifier, Keep, Party
    from .declaring.pseudonyms import Pseudonym
    from .subjects.subject import Subject
    from .switches import register_switch

__version__ = "2.0.0.dev0"

__all__ = [
    "ANONYMISE",
    "AnonymiseError",
    "EventLogError",
    "Generic",
    "Identifier",
    "Keep",
    "PartlyErased",
    "Party",
    "PrivacyMeta",
    "Pseudonym",
    "Replacement",
    "Subject",
    "register",
    "register_switch",
    "rule",
]

register = _registry.register


# {name: where it is}: loaded by a site that says whose its rows are
_LATER = {
    **dict.fromkeys(["Generic", "Identifier", "Keep", "Party"], "gdpr_assist.declaring.clauses"),
    "Pseudonym": "gdpr_assist.declaring.pseudonyms",
    "Subject": "gdpr_assist.subjects.subject",
    "register_switch": "gdpr_assist.switches",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_string(f"{_LATER[name]}.{name}")
