"""From what was chosen to the person who is meant, if that is somebody whom the user may see. Reads only."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..databases.aliases import data_aliases
from ..declaring.meta import all_rows
from ..exceptions import AnonymiseError
from ..registry import registry
from ..subjects.subject import Subject
from .asked import Choice
from .links import value_of
from .people import has_rows, known_by, own_rows, seen_rows
from .permissions import may_view_all
from .selection import SelectionError, key_from_text, not_a_selection


def chosen(request: HttpRequest, site: AdminSite, choice: Choice) -> Subject:
    """Return the person who is meant: by a row that is one or leads to one, or by what a guest is known by.

    Raises ``SelectionError`` if that cannot be read, leads to nobody, or to nobody whom the user may see.
    """
    guest = choice.guest
    try:
        subject = _guest(request, site, choice) if guest else _behind(request, site, choice)
    except AnonymiseError:
        subject = None
    is_visible = has_rows if guest else own_rows
    if subject is None or not is_visible(request, site, subject):
        raise SelectionError(
            _("Whose this is is not known, or not for you to see. Please search for what the person is known by.")
        )
    return subject


def _guest(request: HttpRequest, site: AdminSite, choice: Choice) -> Subject | None:
    kind, _slash, row = choice.guest.partition("/")
    found = [each for each in known_by(request, site, kind, choice.term) if not each.keys]
    if row:
        found = [each for each in found if row in map(value_of, seen_rows(request, site, each))]
    return found[0] if len(found) == 1 else None


def _behind(request: HttpRequest, site: AdminSite, choice: Choice) -> Subject | None:
    using, _slash, value = choice.person.partition("/")
    number, _dash, text = value.partition("-")
    kinds = ContentType.objects.get_for_models(*registry.models)
    model = next((model for model, kind in kinds.items() if str(kind.pk) == number), None)
    if model is None or using not in data_aliases():
        raise SelectionError(not_a_selection())
    rows = all_rows(model, using).filter(pk=key_from_text(model, text))
    row = rows.first()
    if row is None or not may_view_all(request, site, rows):
        return None
    return Subject.of(row, choice.party) if choice.party else Subject(row)
