"""Collection queries: options in, matching rows in order out. Parses no URL path and writes no JSON."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from syncd.sandbox.creatio import filters
from syncd.sandbox.creatio.errors import Refused, bad_request, no_such_column
from syncd.sandbox.creatio.predicate import Compiler, first_steps
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.schema import Entity
from syncd.sandbox.creatio.shape import Expand, parse_expand, parse_select

OPTIONS = ("$select", "$filter", "$orderby", "$top", "$skip", "$count", "$expand")


@dataclass(frozen=True)
class Query:
    """The options of one collection request, checked against the schema."""

    select: tuple[str, ...] = ()  # empty: every column
    where: filters.Expr | None = None
    order: tuple[tuple[str, bool], ...] = ()  # (path, descending)
    top: int | None = None
    skip: int = 0
    count: bool = False
    expand: tuple[Expand, ...] = ()
    unselected: tuple[str, ...] = ()  # columns filtered by and not selected


def read_options(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The `$` options of a query string. Refused on an unknown or a repeated one."""
    options: dict[str, str] = {}
    for name, value in pairs:
        if not name.startswith("$"):
            continue
        if name not in OPTIONS:
            raise bad_request(f"The query parameter '{name}' is not supported.")
        if name in options:
            raise bad_request(f"Query option '{name}' was specified more than once.")
        options[name] = value
    return options


def parse_query(entity: Entity, options: dict[str, str], profile: Profile) -> Query:
    """The query the options ask for. Refused as the server refuses it, before any row is read."""
    select = parse_select(entity, options.get("$select"))
    where = _where(options.get("$filter"), profile)
    unselected = tuple(p for p in first_steps(where, entity) if select and p not in select) if where else ()
    if unselected and profile.select_what_you_filter == "error":
        raise no_such_column(unselected[0], entity.name)
    return Query(
        select=select,
        where=where,
        order=_order(options.get("$orderby")),
        top=_natural(options, "$top"),
        skip=_natural(options, "$skip") or 0,
        count=_flag(options.get("$count")),
        expand=parse_expand(entity, options.get("$expand"), profile),
        unselected=unselected,
    )


def _where(text: str | None, profile: Profile) -> filters.Expr | None:
    if text is None:
        return None
    try:
        return filters.parse(text)
    except filters.Unsupported as error:
        raise Refused(profile.unsupported_filter_status, str(error), "Microsoft.OData.ODataException") from error
    except ValueError as error:
        raise bad_request(str(error)) from error


def _order(text: str | None) -> tuple[tuple[str, bool], ...]:
    if text is None:
        return ()
    keys = []
    for part in text.split(","):
        words = part.split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
            raise bad_request(f"Syntax error in $orderby '{text}'.")
        keys.append((words[0], words[-1] == "desc"))
    return tuple(keys)


def _natural(options: dict[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise bad_request(f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _flag(text: str | None) -> bool:
    if text not in (None, "true", "false"):
        raise bad_request(f"Invalid value '{text}' for $count query option found.")
    return text == "true"


@dataclass(frozen=True)
class Page:
    """The ids of one answer in order, and how many rows match in all when that was asked for."""

    ids: Sequence[str]
    total: int | None
    more: bool = False  # the server's own limit cut it


def run_query(query: Query, compiler: Compiler, profile: Profile, rng: random.Random) -> Page:
    """The page of rows `query` asks for, among those the compiler's reader may see."""
    search = compiler.search(query.where)
    limit = profile.max_rows if query.top is None else min(query.top, profile.max_rows)
    end = query.skip + limit
    if query.order:
        found, total = search.ordered(query.order, None if query.count else end + 1)
    else:
        found = search.matching()
        total = len(found)
        if profile.shuffle:  # no order was asked for, so none is promised
            found = rng.sample(found, total)
    more = profile.max_rows == limit and len(found) > end and (query.top is None or query.top > limit)
    return Page(found[query.skip : end], total if query.count else None, more)
