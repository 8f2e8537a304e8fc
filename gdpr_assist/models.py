"""What Django and existing code import from ``gdpr_assist.models``; defines nothing."""

from __future__ import annotations

from .declaring.meta import PrivacyMeta
from .managers import PrivacyManager, PrivacyModel, PrivacyQuerySet
from .tables import (
    DatabaseIdentity,
    Errand,
    EventLog,
    Job,
    Operation,
    Outcome,
    PersonalData,
    PrivacyAnonymised,
    Receipt,
    Scrub,
    Upgrade,
)

__all__ = [
    "DatabaseIdentity",
    "Errand",
    "EventLog",
    "Job",
    "Operation",
    "Outcome",
    "PersonalData",
    "PrivacyAnonymised",
    "PrivacyManager",
    "PrivacyMeta",
    "PrivacyModel",
    "PrivacyQuerySet",
    "Receipt",
    "Scrub",
    "Upgrade",
]
