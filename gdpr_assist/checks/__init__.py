"""System checks: one function for each id, in one module for each subject. Here is the list of them."""

from __future__ import annotations

from typing import Any

from django.core.checks import Tags

from .clashes import check_E036, check_W015
from .constraints import check_E017
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
from .log import check_E009, check_E011, check_E020, check_E020_of_servers, check_E021, check_E024, check_W002
from .migrations import check_E001, check_E040
from .overrides import check_W020
from .routing import check_E027, check_W008, check_W023
from .searches import check_W006
from .watchers import check_E042, check_W025

CHECKS: list[tuple[Any, ...]] = [
    (check_E001, Tags.models),
    (check_E002, Tags.models),
    (check_E003, Tags.models),
    (check_E004, Tags.models),
    (check_E005, Tags.models),
    (check_E006, Tags.models),
    (check_E007, Tags.models),
    (check_E008, Tags.models),
    (check_E009,),
    (check_E010, Tags.models),
    (check_E011,),
    (check_E012, Tags.models),
    (check_E013, Tags.models),
    (check_E014, Tags.models),
    (check_E015, Tags.models),
    (check_E016, Tags.models),
    (check_E017, Tags.database),
    (check_E019, Tags.models),
    (check_E020,),
    (check_E020_of_servers, Tags.database),
    (check_E021,),
    (check_E022, Tags.models),
    (check_E023, Tags.models),
    (check_E024,),
    (check_E027,),
    (check_E028, Tags.models),
    (check_E029, Tags.models),
    (check_E030, Tags.models),
    (check_E031, Tags.models),
    (check_E032, Tags.models),
    (check_E040, Tags.models),
    (check_E041, Tags.models),
    (check_E036, Tags.models),
    (check_E037,),
    (check_W001, Tags.models),
    (check_W002,),
    (check_W003, Tags.models),
    (check_W006, Tags.models),
    (check_W008,),
    (check_W023,),
    (check_W019, Tags.database),
    (check_W020, Tags.templates),
    (check_W009, Tags.models),
    (check_W010, Tags.models),
    (check_W011, Tags.models),
    (check_W012, Tags.models),
    (check_W013, Tags.models),
    (check_W014, Tags.models),
    (check_W015, Tags.models),
    (check_W016, Tags.database),
    (check_W018, Tags.database),
    (check_W024, Tags.models),
    (check_E042,),
    (check_W025,),
]

# Asked for by ``check --deploy``, and only where a database is named
DEPLOY_CHECKS: list[tuple[Any, ...]] = [(check_deployed, Tags.database)]
