"""Looking into replies without trusting their shape: what is not of the shape it should have counts as absent."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def obj(value: object) -> Json:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def dicts(value: object) -> list[Json]:
    """The objects in the list."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """The texts in the list."""
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def text(value: object) -> str:
    """The text, or an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int:
    """The whole number, or 0."""
    return value if isinstance(value, int) else 0
