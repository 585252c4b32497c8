"""Requests to one Creatio: the session around them, its death in every disguise, batches. Knows no contacts."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any, Final

from adapters.creatio.odata import Answer, Query, Row, fault, message_of
from adapters.creatio.parts import Part, Read, encoded_read
from adapters.creatio.session import Session
from adapters.creatio.settings import CreatioSettings
from adapters.http import NotSent, Reply, Transport, Unanswered, Unreadable, backoff, retry_after
from syncd.core.contact import Instant
from syncd.core.errors import MissingRight, NeedsHuman, Unavailable
from syncd.core.ports import ClockSample

READ_TIMEOUT: Final = 125.0
"""Seconds for a request: the server gives up after 120."""

TRIES: Final = 3
LONGEST_WAIT: Final = 20.0
"""Seconds that are waited for a server's wish inside a reading; a longer wish goes to the caller."""

BATCH_PARTS: Final = 100
READS_PER_BATCH: Final = 90

_JSON = {"accept": "application/json", "content-type": "application/json; charset=utf-8"}
_RUNTIMES = {"framework": "/0", "core": ""}


class LostReplyError(Exception):
    """A writing request that was, or may have been, carried out, without a usable reply."""


class _Death(Enum):
    EXPIRED = auto()  # refused before it was carried out
    MASKED = auto()  # a page where JSON was due: perhaps carried out


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    body: bytes | None = None
    headers: Mapping[str, str] | None = None
    harmless: bool = True  # carrying it out twice changes nothing


class Client:
    """One login. `requests` counts what was sent, sign-in apart. `batch_get` says whether GETs work in `$batch`."""

    def __init__(
        self,
        settings: CreatioSettings,
        transport: Transport,
        session: Session,
        *,
        sleep: Callable[[float], None] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._settings, self._transport, self._session = settings, transport, session
        self._sleep, self._rng = sleep, rng or random.Random()  # noqa: S311  jitter
        self.runtime: str = "" if settings.runtime == "auto" else settings.runtime
        self.batch_get: bool | None = None
        self.requests = 0
        self.server_seconds = 0.0

    @property
    def clock(self) -> ClockSample | None:
        return self._transport.clock

    @property
    def server_now(self) -> Instant:
        """The server's clock when it last answered, by its `Date` header; 0 where it sent none."""
        return Instant(int(self.server_seconds * 1_000_000))

    def close(self) -> None:
        self._session.close()

    # reading

    def rows(self, query: Query) -> tuple[list[Row], int]:
        """One page, and how many rows match in all."""
        return self.read([query])[0].rows(query)

    def read(self, reads: Sequence[Read]) -> list[Answer]:
        """The answers in order: one request where GETs work in `$batch`, else one request each."""
        if len(reads) < 2 or self.batch_get is False:
            return [self._get(one) for one in reads]
        answers: list[Answer] = []
        for start in range(0, len(reads), READS_PER_BATCH):
            answers += self._read_batch(reads[start : start + READS_PER_BATCH])
        return answers

    def _read_batch(self, reads: Sequence[Read]) -> list[Answer]:
        if self.batch_get is False:
            return [self._get(one) for one in reads]
        encoded = [encoded_read(str(n), read) for n, read in enumerate(reads)]
        whole = self._retried(self._batch_request(encoded, harmless=True))
        found = answers_of(whole) if whole.ok else {}
        refused = all(_refused(found[str(n)]) if str(n) in found else True for n in range(len(reads)))
        if self.batch_get is None and refused and whole.status not in (401, 403, 429):
            answers = [self._get(one) for one in reads]  # had it been something else, this would have raised
            self.batch_get = False
            return answers
        if not whole.ok:
            raise fault(whole, "$batch")
        if len(found) < len(reads):
            raise Unavailable("the CRM left out parts of a batch")
        self.batch_get = True
        return [found[str(n)] for n in range(len(reads))]

    def _get(self, read: Read) -> Answer:
        return self._retried(_Request("GET", f"odata/{read}"))

    def ask_service(self, path: str) -> Answer:
        """A question put to one of the platform's own services, which take only POST."""
        return self._retried(_Request("POST", path, b"{}", harmless=True))

    def _retried(self, request: _Request) -> Answer:
        """A harmless request, tried again while the server is merely away."""
        problem: Unavailable | None = None
        for attempt in range(TRIES):
            if attempt:
                self._sleep(self._pause(attempt, problem))
            try:
                reply = self._exchange(request)
            except (NotSent, Unanswered) as exc:
                problem = Unavailable(f"the CRM does not answer: {exc}")
                continue
            after = retry_after(reply.headers, self.server_seconds)
            if reply.status in (502, 503, 504):
                problem = Unavailable(f"the CRM answered {reply.status}", after)
            elif 200 <= reply.status < 300 and not _readable(reply):
                problem = Unavailable("the CRM's answer is cut short or no JSON")
            else:
                return Answer(reply.status, _body(reply), after)
            if after is not None and after > LONGEST_WAIT:
                break
        raise problem or Unavailable("the CRM does not answer")

    def _pause(self, attempt: int, problem: Unavailable | None) -> float:
        wish = problem.after if problem is not None and problem.after is not None else 0.0
        return max(wish, backoff(attempt, self._rng))

    # writing

    def write(self, parts: Sequence[Part], reads: Sequence[tuple[str, Read]] = ()) -> Answer:
        """One `$batch`, sent once: the parts in order, then the reads. The outer answer, as it came.

        `Unavailable` when it was not sent; `LostReplyError` when it may have been carried out.
        """
        encoded = [*(part.encoded() for part in parts), *(encoded_read(name, read) for name, read in reads)]
        self._fetch_csrf_token()
        try:
            reply = self._exchange(self._batch_request(encoded, harmless=False))
        except NotSent as exc:
            raise Unavailable(f"the CRM cannot be reached: {exc}") from exc
        except Unanswered as exc:
            raise LostReplyError(f"no answer: {exc}") from exc
        return Answer(reply.status, _body(reply), retry_after(reply.headers, self.server_seconds))

    def _fetch_csrf_token(self) -> None:
        """Some builds give the CSRF cookie only with the first GET."""
        self._dressed()
        if self._session.wants_token:
            self._probe(self.base())

    def _batch_request(self, encoded: Sequence[Mapping[str, Any]], *, harmless: bool) -> _Request:
        body = json.dumps({"requests": encoded}, ensure_ascii=False).encode("utf-8", "replace")
        return _Request("POST", "odata/$batch", body, {"prefer": "continue-on-error"}, harmless)

    # one request

    def base(self) -> str:
        """The address below which the service lies; found out once where it is not configured."""
        if not self.runtime:
            self.runtime = self._detect()
        return self._settings.root + _RUNTIMES[self.runtime]

    def _detect(self) -> str:
        for name, prefix in _RUNTIMES.items():
            reply = self._probe(self._settings.root + prefix)
            if _death(reply, "GET") is _Death.EXPIRED:
                self._session.drop()
                reply = self._probe(self._settings.root + prefix)
            if reply.status == 403 or (reply.status == 200 and _is_json(reply)):
                return name
            if reply.status >= 500 or reply.status == 429:
                raise Unavailable(f"the CRM answered {reply.status}", retry_after(reply.headers, 0.0))
            if "access denied" in message_of(_text(reply)).lower():
                raise _denied()
        raise NeedsHuman("there is no OData service at the CRM's address", "Check the CRM's url and runtime.")

    def _probe(self, base: str) -> Reply:
        url = f"{base}/odata/{Query('Contact', ('Id',), top=1, count=False)}"
        try:
            reply = self._transport.send("GET", url, {**_JSON, **self._dressed()}, None, READ_TIMEOUT)
        except (NotSent, Unanswered) as exc:
            raise Unavailable(f"the CRM does not answer: {exc}") from exc
        self._session.absorb(reply)
        return reply

    def _dressed(self) -> dict[str, str]:
        return self._session.headers()

    def _exchange(self, request: _Request) -> Reply:
        """The reply. A dead session is renewed once, and the request sent again where that is surely harmless."""
        reply = self._once(request)
        death = _death(reply, request.method)
        if death is None or (death is _Death.MASKED and not request.harmless):
            return reply
        self._session.drop()
        if request.method != "GET":
            self._fetch_csrf_token()
        again = self._once(request)
        final = _death(again, request.method)
        if final is None:
            return again
        if again.status == 403:
            raise MissingRight("the CRM refuses the login's requests", "Give it the operation “Access to OData”.")
        raise Unavailable("the CRM does not accept the session it has just given")

    def _once(self, request: _Request) -> Reply:
        url = f"{self.base()}/{request.url}"
        headers = {**_JSON, **(request.headers or {}), **self._dressed()}
        self.requests += 1
        reply = self._transport.send(request.method, url, headers, request.body, READ_TIMEOUT)
        self._session.absorb(reply)
        self.server_seconds = _date(reply) or self._undated()
        return reply

    def _undated(self) -> float:
        """The time of a reply without a `Date`: that of the last one with, else our own."""
        return self.server_seconds or time.time()


# ---------------------------------------------------------------------------------------------- replies


def answers_of(whole: Answer) -> dict[str, Answer]:
    """The answers of a batch by the ids of their parts; `Unavailable` when the body is no batch."""
    responses = whole.body.get("responses") if isinstance(whole.body, dict) else None
    if not isinstance(responses, list):
        raise Unavailable("the CRM answered a batch with something else")
    found: dict[str, Answer] = {}
    for one in responses:
        if isinstance(one, dict) and isinstance(one.get("status"), int):
            found[str(one.get("id"))] = Answer(one["status"], one.get("body"))
    return found


def _death(reply: Reply, method: str) -> _Death | None:
    """How, if at all, the reply says that the session is over. A page that denies access is a missing right."""
    if reply.status == 401:
        return _Death.EXPIRED
    if 300 <= reply.status < 400:
        if "/login/" in reply.headers.get("location", "").lower():
            return _Death.EXPIRED
        raise Unavailable("the CRM, or something before it, redirects to another address")
    if reply.status in (200, 403) and not _is_json(reply) and "access denied" in message_of(_text(reply)).lower():
        raise _denied()
    if reply.status == 403 and method != "GET" and not _is_json(reply):
        return _Death.EXPIRED  # the CSRF token of a session that is no more
    if 200 <= reply.status < 300 and reply.status != 204 and not _is_json(reply):
        return _Death.MASKED
    return None


def _denied() -> MissingRight:
    return MissingRight("the CRM denies the login access to OData", "Give it the operation “Access to OData”.")


def _is_json(reply: Reply) -> bool:
    return "json" in reply.headers.get("content-type", "").lower()


def _text(reply: Reply) -> str:
    return reply.body[:4000].decode("utf-8", "replace")


def _readable(reply: Reply) -> bool:
    if reply.status == 204:
        return True
    try:
        reply.json()
    except Unreadable:
        return False
    return True


def _body(reply: Reply) -> Any:
    try:
        return reply.json()
    except Unreadable:
        return _text(reply)


def _refused(answer: Answer) -> bool:
    return answer.status in (400, 404, 405, 501)


def _date(reply: Reply) -> float:
    try:
        return parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        return 0.0
