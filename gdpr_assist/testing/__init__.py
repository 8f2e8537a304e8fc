"""What a site's own tests need: proofs that its declarations do what they say. Imported by tests alone."""

from __future__ import annotations

from .making import make_row
from .people import Made, make_person
from .proving import (
    assert_anonymises,
    assert_fully_declared,
    assert_model_anonymises,
    assert_no_trace,
    registered_models,
)

__all__ = [
    "Made",
    "assert_anonymises",
    "assert_fully_declared",
    "assert_model_anonymises",
    "assert_no_trace",
    "make_person",
    "make_row",
    "registered_models",
]
