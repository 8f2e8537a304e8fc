"""What goes with what, as a drawing (SVG). The only module that knows pygraphviz, which the extra ``svg`` installs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from html import escape
from textwrap import wrap
from typing import Any

from django.db.models import Model

from ..declaring.clauses import DELETED, Keep
from ..exceptions import AnonymiseError
from ..paths import person_of
from ..registry import registry
from .cascade import Edge, Effect

try:
    import pygraphviz
except ImportError:
    pygraphviz = None

# Colours differ in lightness, too, and each effect has a line or an arrow of its own.
STYLES = {
    Effect.ERASED: {"color": "#1b7837", "penwidth": 2.2},
    Effect.KNOWN: {"color": "#1b7837", "penwidth": 1.6, "style": "dotted"},
    Effect.DELETED: {"color": "#b2182b", "penwidth": 1.4},
    Effect.ANONYMISED: {"color": "#2166ac", "penwidth": 1.4, "style": "dashed"},
    Effect.EMPTIED: {"color": "#555555", "penwidth": 1.6, "style": "dotted", "arrowhead": "empty"},
    Effect.REFUSED: {"color": "#555555", "penwidth": 1, "arrowhead": "tee"},
    Effect.COPIED: {"color": "#762a83", "penwidth": 1.4, "style": "dashed", "arrowhead": "odiamond"},
    Effect.SAME: {"color": "#222222", "penwidth": 1, "dir": "both", "arrowhead": "none", "arrowtail": "none"},
}
FONT = "Helvetica,Arial,sans-serif"
PERSON, ROW, OTHER = "#fff3c4", "#ffffff", "#f2f2f2"
PAGE = {
    "rankdir": "LR", "bgcolor": "white", "fontname": FONT, "fontsize": 13, "ranksep": 1.1, "nodesep": 0.25,
    "pad": 0.3, "labelloc": "b", "labeljust": "l",
}  # fmt: skip
NODE = {
    "shape": "box", "style": "filled,rounded", "fillcolor": ROW, "fontname": FONT, "fontsize": 12, "color": "#444444",
}  # fmt: skip
EDGE = {"fontname": FONT, "fontsize": 9, "arrowsize": 0.8}
ANYTHING = "anything"
# Of a line of text, in characters
WIDTH = 100


def drawing(edges: Iterable[Edge]) -> str:
    """Return an SVG of the models and of what goes with what, with a legend.

    Raises ``AnonymiseError`` if pygraphviz is not installed.
    """
    if pygraphviz is None:
        raise AnonymiseError(
            "The drawing needs pygraphviz. Install it with the extra svg: pip install 'django-gdpr-assist[svg]'."
        )
    edges = list(edges)
    graph = pygraphviz.AGraph(directed=True, strict=False, label=_legend(edges), **PAGE)
    graph.node_attr.update(NODE)
    graph.edge_attr.update(EDGE)
    for model in _ends(edges):
        graph.add_node(model._meta.label, **_node(model))
    for (cause, affected, effect), names in _merged(edges).items():
        style = STYLES[effect]
        graph.add_edge(_name(cause), _name(affected), label=", ".join(names), fontcolor=style["color"], **style)
    svg: bytes = graph.draw(format="svg", prog="dot")
    return svg.decode()


def _ends(edges: Iterable[Edge]) -> list[type[Model]]:
    ends = {model for edge in edges for model in (edge.cause, edge.affected) if model is not None}
    return sorted(ends, key=lambda model: model._meta.label)


def _merged(edges: Iterable[Edge]) -> dict[tuple[Any, Any, Effect], list[str]]:
    """Return {(cause, affected, effect): the keys and paths}: one line for those that say the same."""
    merged = defaultdict(list)
    for edge in edges:
        merged[edge.cause, edge.affected, edge.effect].append(edge.by)
    return merged


def _name(model: type[Model] | None) -> str:
    return ANYTHING if model is None else model._meta.label


def _node(model: type[Model]) -> dict[str, str]:
    if model not in registry:
        return {"label": _html(model, "not registered"), "fillcolor": OTHER, "style": "filled,rounded,dashed"}
    is_person = person_of(model) is not None
    return {"label": _html(model, _fate(model)), "fillcolor": PERSON if is_person else ROW}


def _html(model: type[Model], text: str) -> str:
    app, name = escape(model._meta.app_label), escape(str(model._meta.object_name))
    return f'<{app}.<B>{name}</B><BR/><FONT POINT-SIZE="9">{escape(text)}</FONT>>'


def _fate(model: type[Model]) -> str:
    """Return what is held, and what becomes of it when its person is erased, if that is not the usual."""
    declared = registry.declaration(model)
    fields = len(declared.fields)
    text = f"{fields} personal field{'' if fields == 1 else 's'}"
    if isinstance(declared.clauses.on_erasure, Keep):
        return f"{text}, kept: {declared.clauses.on_erasure.ground}"
    if declared.clauses.on_erasure == DELETED:
        return f"{text}, row deleted"
    return text if declared.can_anonymise else f"{text}, stays"


def _legend(edges: list[Edge]) -> str:
    """Return what each line means, and the registered models that are not drawn since no line leads to them."""
    effects, drawn = {edge.effect for edge in edges}, _ends(edges)
    rows = [
        f'<FONT COLOR="{STYLES[effect]["color"]}">{_line(effect)} {escape(effect.value)}</FONT>'
        for effect in Effect
        if effect in effects
    ]
    if alone := sorted(model._meta.label for model in registry.models if model not in drawn):
        rows += map(escape, wrap(f"On their own: {', '.join(alone)}", WIDTH))
    cells = "".join(f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows)
    return f'<<TABLE BORDER="0" CELLSPACING="0">{cells}</TABLE>>'


def _line(effect: Effect) -> str:
    """Return the line of an effect, drawn with letters."""
    style = STYLES[effect]
    line = {"dashed": "- - -", "dotted": "· · ·"}.get(str(style.get("style")), "———")
    return line + {"tee": "|", "empty": "▷", "odiamond": "◇", "none": ""}.get(str(style.get("arrowhead")), "▶")
