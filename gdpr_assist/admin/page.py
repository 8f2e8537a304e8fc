"""What is put around the views of the admin: nothing of theirs in error reports, no transaction; knows no models."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import connections, transaction
from django.views.decorators.debug import sensitive_post_parameters

from ..sensitive import sensitive


def guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return a view such that no error report has its variables, those of its page, or what was posted to it."""

    @wraps(view)
    def guarding(*args: Any, **kwargs: Any) -> Any:
        response = view(*args, **kwargs)
        if hasattr(response, "render"):  # which is called after the view has returned
            response.render = sensitive(response.render)
        return response

    return sensitive_post_parameters()(sensitive(guarding))


def outside_transactions(view: Any) -> Any:
    """Return ``view`` without what ATOMIC_REQUESTS would put around it: an erasure ends its own transactions."""
    for using in connections:
        view = transaction.non_atomic_requests(using)(view)
    return view
