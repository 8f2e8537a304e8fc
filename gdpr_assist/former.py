"""What code that was written for 1.x is told: of a name that is kept, and of what has become another thing."""

from __future__ import annotations

import warnings
from typing import Any, NoReturn, TypeVar

Item = TypeVar("Item")

RELATION = "anonymised_relation"

DICT_OF_MODELS = (
    "Write: for model in registry.models. What stood behind each of them in 1.x is model.get_privacy_meta()."
)


def warn(name: str, cure: str) -> None:
    """Warn that ``name`` is kept for existing code only."""
    warnings.warn(f"{name} is kept for code that was written for 1.x. {cure}", DeprecationWarning, stacklevel=3)


class NoRelation:
    """In the place of the relation that 1.x put on registered models: who asks for it is told what to ask."""

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(
            f"{owner.__name__} has no {RELATION}, which 1.x put on it. Ask obj.is_anonymised(). In a lookup, ask "
            "gdpr_assist.models.PrivacyAnonymised for the keys."
        )


class NoDict(list[Item]):
    """A list that was a dict in 1.x: who uses it as one is told what to write."""

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, type):
            raise TypeError(f"registry.models is a list of models, and no dict as in 1.x. {DICT_OF_MODELS}")
        return super().__getitem__(at)

    def __getattr__(self, name: str) -> NoReturn:
        cure = f" It was a dict in 1.x. {DICT_OF_MODELS}" if hasattr(dict, name) else ""
        raise AttributeError(f"registry.models, a list of models, has no attribute {name!r}.{cure}")
