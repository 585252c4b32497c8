"""JSON bodies bound to their message the way Google's transcoder does: unknown keys and wrong types are refused."""

from __future__ import annotations

import json
import re
from typing import Any

from syncd.sandbox.google.problems import ApiError, Json, bad_payload
from syncd.sandbox.google.schema import MESSAGES, Leaf

_INT32 = 2**31
_TYPE_NAMES = {"string": "TYPE_STRING", "int": "TYPE_INT32", "bool": "TYPE_BOOL"}


def snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda m: "_" + m.group().lower(), name)


def parse(body: bytes) -> Json:
    """The JSON object in a body; no body is an empty one."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError as exc:
        raise bad_payload("Invalid JSON payload received. Unexpected token.") from exc
    if not isinstance(value, dict):
        raise bad_payload("Invalid JSON payload received. Root element must be a message.")
    return value


def bind(value: Json, message: str, at: str = "", *, keep_read_only: bool = False) -> Json:
    """A copy with only what may be written: nulls and output-only leaves are gone. Raises the transcoder's 400."""
    bound: Json = {}
    leaves = MESSAGES[message]
    for key, inner in value.items():
        leaf = leaves.get(key)
        if leaf is None:
            where = f" at '{at}'" if at else ""
            raise bad_payload(f'Invalid JSON payload received. Unknown name "{key}"{where}: Cannot find field.', at)
        path = f"{at}.{snake(key)}" if at else snake(key)
        if inner is None:
            continue
        checked = _field(inner, leaf, path)
        if keep_read_only or not leaf.read_only:
            bound[key] = checked
    return bound


def _field(value: Any, leaf: Leaf, path: str) -> Any:
    name = path.rpartition(".")[2]
    if leaf.mapped:
        if isinstance(value, list):
            raise bad_payload(f"Invalid JSON payload received. Cannot bind a list to map for field '{name}'.", path)
        if not isinstance(value, dict):
            raise _wrong(value, leaf, path)
        return {key: _single(inner, leaf, f"{path}[{json.dumps(key)}].value") for key, inner in value.items()}
    if leaf.repeated:
        if not isinstance(value, list):
            raise _wrong(value, leaf, path)
        return [_single(inner, leaf, f"{path}[{i}]") for i, inner in enumerate(value)]
    if isinstance(value, list):
        text = f'Invalid JSON payload received. Unknown name "{name}": Proto field is not repeating, cannot start list.'
        raise bad_payload(text, path)
    return _single(value, leaf, path)


def _single(value: Any, leaf: Leaf, path: str) -> Any:
    if leaf.kind in MESSAGES:
        if not isinstance(value, dict):
            raise _wrong(value, leaf, path)
        return bind(value, leaf.kind, path)
    if leaf.kind == "string" and isinstance(value, str):
        return _text(value, path)
    if leaf.kind == "enum" and value in leaf.choices:
        return value
    if leaf.kind == "bool" and isinstance(value, bool):
        return value
    if leaf.kind == "int":
        number = _int32(value)
        if number is not None:
            return number
    raise _wrong(value, leaf, path)


def _int32(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,10}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    in_range = isinstance(value, int) and not isinstance(value, bool) and -_INT32 <= value < _INT32
    return value if in_range else None


def _text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as exc:  # half of a surrogate pair cannot be stored as UTF-8
        raise bad_payload(f"Invalid value at '{path}' (TYPE_STRING), Invalid UTF-8 encoding", path) from exc
    return value


def _wrong(value: Any, leaf: Leaf, path: str) -> ApiError:
    kind = _TYPE_NAMES.get(leaf.kind, f"type.googleapis.com/google.people.v1.{leaf.kind}")
    shown = json.dumps(value) if isinstance(value, str | int | float | bool) else "not a value of this type"
    return bad_payload(f"Invalid value at '{path}' ({kind}), {shown}", path)
