"""A plugin for pytest: fixtures that a site proves its declarations with. Loaded only by a site that names it.

It is no entry point: pytest would load that, and Django with it, in every project of the same environment, and before
there are settings.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.utils.module_loading import import_string


def pytest_generate_tests(metafunc: Any) -> None:
    """Run a test that takes ``registered_model`` once for each registered model that can be anonymised."""
    if "registered_model" in metafunc.fixturenames:
        models = import_string("gdpr_assist.testing.registered_models")()
        metafunc.parametrize("registered_model", models, ids=[model._meta.label for model in models])


@pytest.fixture
def make_person() -> Any:
    """``gdpr_assist.testing.make_person``."""
    return import_string("gdpr_assist.testing.make_person")
