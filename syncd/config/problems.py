"""From a validator's errors to sentences: the dotted key, what is wrong, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from syncd.config.values import PROBLEM
from syncd.core.errors import Problem

PLAIN_WORDS = {
    "missing": "is required",
    "string_type": "must be a text in quotes",
    "string_too_short": "must not be empty",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
}


def problems(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """The errors in the order of the file's sections, one problem each."""
    for detail in error.errors(include_url=False):
        yield _problem(detail, model)


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> Problem:
    kind, key, context = detail["type"], dotted(detail["loc"]), detail.get("ctx", {})
    if kind == PROBLEM:
        return Problem(key, context["message"], context["suggestion"])
    if kind == "extra_forbidden":
        return _unknown_key(detail["loc"], model)
    if kind == "enum":
        allowed = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        return Problem(key, f"must be {one_of(allowed)}", did_you_mean(detail.get("input"), allowed))
    if kind in ("dict_type", "mapping_type", "model_type") and len(detail["loc"]) == 2:
        section, name = detail["loc"]
        return Problem(key, "must be a table", f"a section has a name: [{section}.NAME], then {name} = …")
    words = PLAIN_WORDS.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
    return Problem(key, words.format(**context) if kind in PLAIN_WORDS else words)


def dotted(loc: Iterable[int | str]) -> str:
    """`account.anna.map[0].crm`; names that TOML would quote are quoted."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        plain = part.replace("-", "").replace("_", "").isalnum() and part.isascii()
        text += ("." if text else "") + (part if plain else f'"{part}"')
    return text


def one_of(words: Iterable[str]) -> str:
    """The words in quotes, with commas and an `or`."""
    quoted = [f'"{word}"' for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def did_you_mean(given: object, words: Iterable[str]) -> str:
    """A question when one of the words is near, else nothing."""
    near = difflib.get_close_matches(str(given).lower(), list(words), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else ""


def _unknown_key(loc: tuple[int | str, ...], model: type[BaseModel]) -> Problem:
    known = _keys_at(loc[:-1], model)
    given = str(loc[-1])
    near = did_you_mean(given.replace("-", "_"), known)
    what = "section" if len(loc) == 1 else "key"
    return Problem(dotted(loc), f"is not a {what} that syncd knows", near or f"there are {', '.join(known)}")


def _keys_at(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """The keys a table may have: walks the model along the location."""
    here: Any = model
    for part in loc:
        here = _inside(here, part)
    return [field.alias or name for name, field in here.model_fields.items()]


def _inside(kind: Any, part: int | str) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _bare({field.alias or name: field.annotation for name, field in kind.model_fields.items()}[str(part)])
    return _bare(get_args(kind)[0 if get_origin(kind) is tuple else 1])


def _bare(kind: Any) -> Any:
    """The type without `| None` and annotations."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(inner for inner in get_args(kind) if inner is not type(None))
    return kind
