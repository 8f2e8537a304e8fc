"""System checks: one function for each id, in one module for each subject. Here is the list of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.checks import CheckMessage

from .admins import check_W036, check_W037
from .clashes import check_E036, check_W015
from .code import check_W026, check_W027
from .constraints import check_E017
from .coverage import check_W033, check_W034
from .declarations import (
    check_E002,
    check_E003,
    check_E004,
    check_E005,
    check_E006,
    check_E007,
    check_E008,
    check_E010,
    check_E016,
    check_E019,
    check_E022,
    check_E023,
    check_E029,
    check_E030,
    check_E031,
    check_E041,
    check_E052,
    check_E055,
    check_E057,
    check_W001,
    check_W003,
    check_W009,
    check_W010,
    check_W011,
    check_W012,
    check_W014,
)
from .deletions import check_E012, check_E013, check_E014, check_E015, check_E032, check_W024
from .deployment import check_deployed, check_E037, check_W016, check_W018, check_W019
from .inner_classes import check_E028, check_W013
from .leaving import check_E050, check_E051, check_E056, check_E058, check_W038
from .log import check_E009, check_E011, check_E020, check_E020_of_servers, check_E021, check_E024, check_W002
from .long_work import check_E053, check_E054
from .migrations import check_E001, check_E040
from .overrides import check_W020, check_W032
from .people import (
    check_E043,
    check_E044,
    check_E045,
    check_E046,
    check_E047,
    check_E048,
    check_E049,
    check_W028,
    check_W029,
    check_W030,
    check_W031,
)
from .routing import check_E027, check_W008, check_W023
from .searches import check_W006
from .watchers import check_E042, check_W025, check_W035

Check = Callable[..., Iterable[CheckMessage]]

SITE: list[Check] = [
    check_E009,
    check_E011,
    check_E020,
    check_E021,
    check_E024,
    check_E027,
    check_E037,
    check_W002,
    check_W008,
    check_W023,
    check_E042,
    check_W025,
    check_E049,
    check_E053,
    check_E054,
    check_E056,
    check_E058,
    check_W038,
]

MODELS: list[Check] = [
    check_E001,
    check_E002,
    check_E003,
    check_E004,
    check_E005,
    check_E006,
    check_E007,
    check_E008,
    check_E010,
    check_E012,
    check_E013,
    check_E014,
    check_E015,
    check_E016,
    check_E019,
    check_E022,
    check_E023,
    check_E028,
    check_E029,
    check_E030,
    check_E031,
    check_E032,
    check_E040,
    check_E041,
    check_E036,
    check_W001,
    check_W003,
    check_W006,
    check_W009,
    check_W010,
    check_W011,
    check_W012,
    check_W013,
    check_W014,
    check_W015,
    check_W024,
    check_E043,
    check_E044,
    check_E045,
    check_E046,
    check_E047,
    check_E048,
    check_E050,
    check_E051,
    check_E052,
    check_E055,
    check_E057,
    check_W028,
    check_W029,
    check_W030,
    check_W031,
    check_W032,
    check_W033,
    check_W034,
    check_W035,
    check_W036,
    check_W037,
]

TEMPLATES: list[Check] = [check_W020]

# Only by ``check --deploy``: every file of the project is read
CODE: list[Check] = [check_W026, check_W027]

# Asked only where a database is named
ROWS: list[Check] = [
    check_E017,
    check_E020_of_servers,
    check_W019,
    check_W016,
    check_W018,
]

# The same, and only by ``check --deploy``
DEPLOYMENT: list[Check] = [check_deployed]


def check_site(**kwargs: Any) -> list[CheckMessage]:
    return _all(SITE, kwargs)


def check_models(**kwargs: Any) -> list[CheckMessage]:
    return _all(MODELS, kwargs)


def check_templates(**kwargs: Any) -> list[CheckMessage]:
    return _all(TEMPLATES, kwargs)


def check_code(**kwargs: Any) -> list[CheckMessage]:
    return _all(CODE, kwargs)


def check_rows(**kwargs: Any) -> list[CheckMessage]:
    return _all(ROWS, kwargs)


def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    return _all(DEPLOYMENT, kwargs)


def _all(checks: list[Check], arguments: dict[str, Any]) -> list[CheckMessage]:
    return [message for check in checks for message in check(**arguments)]
