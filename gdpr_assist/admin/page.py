"""A page that shows personal data; it is rendered after the view has returned, and so guards itself."""

from __future__ import annotations

from typing import Any

from django.template.response import TemplateResponse

from ..sensitive import sensitive


class SensitivePage(TemplateResponse):
    """A ``TemplateResponse`` of which no error report has the variables."""

    @sensitive
    def render(self) -> Any:
        return super().render()
