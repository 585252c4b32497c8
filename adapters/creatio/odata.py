"""OData 4 as Creatio speaks it: literals, query texts, instants, error envelopes. Sends nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from syncd.core.contact import Instant
from syncd.core.errors import ContractBroken, MissingRight, NeedsHuman, RateLimited, SyncError, Unavailable

Row = dict[str, Any]

ZERO_GUID: Final = "00000000-0000-0000-0000-000000000000"
NULL_DATE: Final = "0001-01-01T00:00:00Z"
ROW_CAP: Final = 20_000
"""Rows of one answer after which Creatio cuts without a word."""

MAX_QUERY: Final = 2_040
"""Characters of a query string; IIS refuses more than 2,048."""

IDS_PER_LIST: Final = 31
"""Terms `Contact/Id eq …` that fit into one query."""

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?Z")
_COLUMN = re.compile(r"(?:property named '|[Cc]olumn by path )(\w+)")
_PLAIN = "$,'()/:"
_NOT_PLAIN = re.compile(rf"[^A-Za-z0-9_.~\-{_PLAIN}]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# ---------------------------------------------------------------------------------------------- literals


def is_guid(text: str) -> bool:
    """Whether the text is a GUID and nothing else."""
    return bool(_GUID.fullmatch(text.lower()))


def guid(text: str) -> str:
    """A GUID literal: bare, lower case. `ContractBroken` for anything else, so that no text can slip into a filter."""
    low = text.lower()
    if not _GUID.fullmatch(low):
        raise ContractBroken("an id of the CRM is not a GUID")
    return low


def link(value: Any) -> str:
    """The id a lookup column points at; "" for the null GUID."""
    text = str(value or "").lower()
    return "" if text == ZERO_GUID else text


def string(text: str) -> str:
    """A string literal, its quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def any_of(path: str, ids: Sequence[str]) -> str:
    """`path eq a or path eq b …`; `in` is not understood by every version."""
    return " or ".join(f"{path} eq {guid(one)}" for one in ids)


# ---------------------------------------------------------------------------------------------- queries


def _encoded(text: str) -> str:
    """`quote` with `_PLAIN` as it is; a list of ids has few other characters, and `quote` looks at each."""
    return _NOT_PLAIN.sub(lambda run: quote(run[0], safe=""), text)


@dataclass(frozen=True)
class Query:
    """One reading of a collection. Columns that are filtered by must be selected: some versions insist."""

    set: str
    select: tuple[str, ...]
    where: str = ""
    order: str = ""
    top: int | None = None
    skip: int = 0
    count: bool = True

    def __str__(self) -> str:
        """The path below the service root, encoded; spaces are `%20`, which every parser understands."""
        options = [("$select", ",".join(self.select)), ("$filter", self.where), ("$orderby", self.order)]
        options += [("$top", "" if self.top is None else str(self.top)), ("$skip", str(self.skip or ""))]
        options += [("$count", "true" if self.count else "")]
        return self.set + "?" + "&".join(f"{name}={_encoded(value)}" for name, value in options if value)


def by_ids(set_: str, select: tuple[str, ...], path: str, ids: Sequence[str]) -> Iterator[Query]:
    """Queries that read the rows whose `path` is one of `ids`, as many ids each as a query string takes."""
    room = MAX_QUERY - len(str(Query(set_, select)).partition("?")[2]) - len("&$filter=")
    link_ = len(quote(" or ", safe=""))
    term = len(quote(f"{path} eq ", safe="/")) + 36 + link_
    size = max(1, min(IDS_PER_LIST, (room + link_) // term))
    for start in range(0, len(ids), size):
        yield Query(set_, select, any_of(path, ids[start : start + size]))


# ---------------------------------------------------------------------------------------------- instants


def moment(raw: str) -> str:
    """An instant that compares as text: six digits of the second, cut, never rounded. Else `ContractBroken`."""
    match = _INSTANT.fullmatch(raw)
    if match is None:
        raise ContractBroken("an instant of the CRM is not ISO 8601 in UTC")
    return f"{match[1]}.{(match[2] or '').ljust(6, '0')[:6]}"


def instant(raw: str) -> Instant:
    """Microseconds since 1970; 0 for the null date."""
    if not raw or raw.startswith("0001-"):
        return Instant(0)
    return Instant((datetime.fromisoformat(moment(raw) + "+00:00") - _EPOCH) // timedelta(microseconds=1))


def earlier(raw: str, seconds: float) -> str:
    """The instant so many seconds before, as a literal."""
    if not raw or raw.startswith("0001-"):
        return NULL_DATE
    then = datetime.fromisoformat(moment(raw) + "+00:00") - timedelta(seconds=seconds)
    return then.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


# ---------------------------------------------------------------------------------------------- errors


@dataclass(frozen=True)
class Answer:
    """The reply to one request or one part of a batch; `body` is parsed JSON, or text where it was none."""

    status: int
    body: Any
    after: float | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def rows(self, what: Query) -> tuple[list[Row], int]:
        """The rows, and how many there are in all (the rows counted where the server was not asked)."""
        if not self.ok:
            raise fault(self, what.set)
        if not isinstance(self.body, dict) or not isinstance(self.body.get("value"), list):
            raise Unavailable(f"{what.set} was answered with something that is no list")
        rows: list[Row] = self.body["value"]
        total = self.body.get("@odata.count", len(rows))
        if what.count and "@odata.count" not in self.body:
            raise ContractBroken(f"{what.set} was answered without its count")
        return rows, int(total)


def message_of(body: Any) -> str:
    """The texts of an error: OData's envelope, Web API's, or a page's title. Not for logs: it may quote values."""
    if not isinstance(body, dict):
        return _title(str(body or ""))
    inner = body.get("error")
    if isinstance(inner, dict):
        deep = inner.get("innererror")
        rest = [str(deep.get(k) or "") for k in ("message", "type")] if isinstance(deep, dict) else []
        return " ".join([str(inner.get("message") or ""), *rest])
    names = ("Message", "ExceptionMessage", "ExceptionType", "MessageDetail")
    return " ".join(str(body.get(name) or "") for name in names)


def kind_of(body: Any) -> str:
    """The class name of the server's exception, which is safe to show; "" when it names none."""
    deep: Any = None
    if isinstance(body, dict):
        inner = body.get("error")
        deep = inner.get("innererror", {}).get("type") if isinstance(inner, dict) and inner.get("innererror") else None
        deep = deep or body.get("ExceptionType")
    text = str(deep or "").rpartition(".")[2]
    return text if text.isidentifier() else ""


def _title(page: str) -> str:
    match = re.search(r"<title>(.*?)</title>", page, re.IGNORECASE | re.DOTALL)
    return match[1].strip() if match else page[:200]


def fault(answer: Answer, what: str) -> SyncError:
    """What a refused reading of `what` means for the caller."""
    status, kind = answer.status, kind_of(answer.body)
    column = _COLUMN.search(message_of(answer.body))
    if status == 403:
        return MissingRight(
            f"the CRM login may not read {what}",
            f"Give it the operations “Access to OData” and “View any data”, or the right to read {what}.",
        )
    if status in (400, 500) and column:
        return NeedsHuman(
            f"the CRM has no column {column[1]} to read {what} by",
            f"Take {column[1]} out of the field map, or give the login the right to it.",
        )
    if status == 404:
        return NeedsHuman(f"the CRM has no {what} in its OData service", "Check its address, runtime and version.")
    if status == 429:
        return RateLimited("the CRM's quota is used up", answer.after)
    if status >= 500 or status == 408:
        return Unavailable(f"the CRM answered {status} {kind} when asked for {what}", answer.after)
    return ContractBroken(f"the CRM answered {status} {kind} when asked for {what}")
