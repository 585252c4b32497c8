"""`$select` and `$expand`: which columns, lookups and reverse collections a reply has. Renders nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from syncd.sandbox.creatio.errors import bad_request, unknown_property
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.schema import SCHEMA, Entity

MAX_DEPTH = 2
_ITEM = re.compile(r"\s*(\w+)\s*(?:\((.*)\))?\s*", re.DOTALL)


@dataclass(frozen=True)
class Expand:
    """One expanded navigation property of an entity."""

    name: str
    target: str
    many: bool
    select: tuple[str, ...] = ()
    inner: tuple[Expand, ...] = ()


def parse_select(entity: Entity, text: str | None) -> tuple[str, ...]:
    """The columns named, in the order of the schema; empty for all."""
    if text is None or text.strip() == "*":
        return ()
    names = {name.strip() for name in text.split(",")}
    for name in names:
        if name not in entity.columns and name not in entity.navs:
            raise unknown_property(name, entity.name)
    return tuple(name for name in entity.columns if name in names) or ("Id",)


def parse_expand(entity: Entity, text: str | None, profile: Profile, depth: int = 1) -> tuple[Expand, ...]:
    """The expansions asked for. Refused when unknown, too deep, or nested where the server takes none."""
    if text is None:
        return ()
    if depth > MAX_DEPTH:
        raise bad_request(f"The $expand path is too deep. The maximum depth allowed is {MAX_DEPTH}.")
    return tuple(_one(entity, item, profile, depth) for item in _split(text, ","))


def _one(entity: Entity, item: str, profile: Profile, depth: int) -> Expand:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise bad_request(f"Term '{item}' is not valid in a $select or $expand expression.")
    name, nested = match.groups()
    if name in entity.navs:
        target, many = entity.navs[name].target, False
    elif name in entity.reverses and profile.reverse_expand:
        target, many = entity.reverses[name][0], True
    else:
        raise unknown_property(name, entity.name)
    if nested is None:
        return Expand(name, target, many)
    if profile.nested_expand == "400":
        raise bad_request(f"Nested query options of $expand={name} are not supported.")
    return _with_options(Expand(name, target, many), nested, profile, depth)


def _with_options(plain: Expand, nested: str, profile: Profile, depth: int) -> Expand:
    select: tuple[str, ...] = ()
    inner: tuple[Expand, ...] = ()
    for option in _split(nested, ";"):
        name, _, value = option.strip().partition("=")
        if name == "$select":
            select = parse_select(SCHEMA[plain.target], value)
        elif name == "$expand":
            inner = parse_expand(SCHEMA[plain.target], value, profile, depth + 1)
        else:
            raise bad_request(f"Term '{option}' is not valid in a $expand expression.")
    return Expand(plain.name, plain.target, plain.many, select, inner)


def _split(text: str, mark: str) -> list[str]:
    """The parts of a list, marks inside parentheses left alone."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == mark and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
