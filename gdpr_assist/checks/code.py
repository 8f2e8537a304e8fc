"""Checks of the project's own code and templates: whether they use what 1.x had and is no more. Runs none of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage
from django.template import engines

from ..former import DICT_OF_MODELS, RELATION
from .messages import message

OURS = Path(__file__).parents[1]

# Below these is what the project has installed, and not its own.
INSTALLED = {"site-packages", "dist-packages"}

# In code, as an attribute, or a part of a lookup or of an ordering; and in a template
NAMED = re.compile(rf"-?(\w+__)?{RELATION}(__\w+)?")
WRITTEN = re.compile(rf"(?<!\w){RELATION}(?!\w)")


def check_W026(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Code, or a template, uses the relation that 1.x put on registered models."""
    return [
        message(
            "W026",
            f"{path}, line {line}: {RELATION} is no more on your models. In code it is an error, in a template it is "
            "empty.",
            "Ask obj.is_anonymised(). In a lookup, ask gdpr_assist.models.PrivacyAnonymised for the keys.",
        )
        for path, text in _files(app_configs, ".py", ".html", ".txt")
        if RELATION in text
        for line in (_naming(text) if path.suffix == ".py" else _lines(text))
    ]


def check_W027(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Code uses ``registry.models`` as the dict that it was in 1.x."""
    return [
        message("W027", f"{path}, line {line}: registry.models is a list of models, and no dict.", DICT_OF_MODELS)
        for path, text in _files(app_configs, ".py")
        if "gdpr_assist" in text and "registry" in text
        for line in _as_dict(text)
    ]


def _files(app_configs: Any, *suffixes: str) -> Iterator[tuple[Path, str]]:
    """Yield what the project has written, with its text: all of it, or that of the given apps."""
    folders = {Path(each.path) for each in app_configs or apps.get_app_configs()}
    if app_configs is None:
        folders |= {Path(each) for engine in engines.all() for each in engine.template_dirs} | _of_the_urls()
    paths = {path for folder in folders if _is_own(folder) for path in folder.rglob("*") if path.suffix in suffixes}
    for path in sorted(filter(_is_own, paths)):
        yield path, path.read_text(encoding="utf-8", errors="replace")


def _of_the_urls() -> set[Path]:
    """Return the folder of the project's URLs: what is no app is there, or below."""
    try:
        spec = find_spec(getattr(settings, "ROOT_URLCONF", ""))
    except (ImportError, ValueError):
        return set()  # the check of the URLs says so
    return {Path(spec.origin).parent} if spec and spec.origin else set()


def _is_own(path: Path) -> bool:
    return INSTALLED.isdisjoint(path.parts) and not path.is_relative_to(OURS)


def _nodes(text: str) -> list[Any]:
    try:
        return list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return []  # a template of code, as of startapp


def _naming(text: str) -> list[int]:
    """Lines of code, and not of comments, that name it: as an attribute, an argument, or in a text."""
    return sorted({node.lineno for node in _nodes(text) if NAMED.fullmatch(_name(node))})


def _name(node: Any) -> str:
    names = (getattr(node, part, None) for part in ("attr", "arg", "value"))
    return next((name for name in names if isinstance(name, str)), "")


def _lines(text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if WRITTEN.search(line)]


def _as_dict(text: str) -> list[int]:
    nodes = _nodes(text)
    models = {f"{name}.models" for name in _registries(nodes)}
    return sorted({node.lineno for node in nodes if _is_use_of_dict(node) and ast.unparse(node.value) in models})


def _is_use_of_dict(node: Any) -> bool:
    if isinstance(node, ast.Attribute):
        return hasattr(dict, node.attr) and not hasattr(list, node.attr)
    return isinstance(node, ast.Subscript) and not isinstance(node.slice, (ast.Slice, ast.Constant, ast.UnaryOp))


def _registries(nodes: list[Any]) -> Iterator[str]:
    """Yield the names that the registry has in this module."""
    yield "gdpr_assist.registry.registry"
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module in ("gdpr_assist", "gdpr_assist.registry"):
            for imported in node.names:
                if imported.name == "registry":
                    name = imported.asname or imported.name
                    yield name if node.module == "gdpr_assist.registry" else f"{name}.registry"
