"""The calls of the People API that syncd makes, mutations sent exactly once. An allow-list: none deletes anything."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import httplib2
from googleapiclient.discovery import build
from googleapiclient.model import JsonModel

from adapters.google.denial import TRANSIENT, Denial, Denied, Kind, Lost, denial_of, error_of
from adapters.google.leaves import partial_person, person_fields
from adapters.http import NotSent, Reply, Transport, Unanswered, Unreadable, backoff, parse_json
from syncd.core.errors import ContractBroken, RateLimited, SyncError, Unavailable
from syncd.core.ports import ClockSample

Json = dict[str, Any]

ENDPOINT = "https://people.googleapis.com/"
SOURCES = ["READ_SOURCE_TYPE_CONTACT"]
PAGE_SIZE = 1000
MOST_MEMBERS = 50_000
"""More than an address book can hold, so that a group's members always come whole."""

_GROUP_FIELDS = "name,groupType,memberCount,metadata"
_TRIES = 5
_AGENT = "syncd (gzip)"  # Google packs its replies only for agents that say so


class Tokens(Protocol):
    """Access tokens of one Google user. Raises the classes of `syncd.core.errors`."""

    def bearer(self) -> str: ...

    def renewed(self, refused: str) -> str:
        """A token other than the one that was refused."""


# ---------------------------------------------------------------------------------------------- the library


class _Api(NamedTuple):
    list_connections: Callable[..., Any]
    get_person: Callable[..., Any]
    get_people: Callable[..., Any]
    create_contacts: Callable[..., Any]
    update_contacts: Callable[..., Any]
    list_groups: Callable[..., Any]
    get_group: Callable[..., Any]
    create_group: Callable[..., Any]
    modify_members: Callable[..., Any]


class _Model(JsonModel):  # type: ignore[misc]  # the library has no types
    """The library's own model turns HTML and cut JSON into a text and goes on."""

    def deserialize(self, content: bytes) -> Any:
        return parse_json(content)


class _NoNetwork:
    def request(self, uri: str, **_: object) -> tuple[httplib2.Response, bytes]:
        raise NotSent(uri)


_apis: dict[str, _Api] = {}
_apis_lock = threading.Lock()


def _api(endpoint: str) -> _Api:
    """The API's methods at this endpoint: made once per process, for making them is what the library is slow at."""
    with _apis_lock:
        if endpoint not in _apis:
            _apis[endpoint] = _built(endpoint)
        return _apis[endpoint]


def _built(endpoint: str) -> _Api:
    service = build(
        "people", "v1", http=_NoNetwork(), static_discovery=True, cache_discovery=False,
        model=_Model(), client_options={"api_endpoint": endpoint, "universe_domain": "googleapis.com"},
    )  # fmt: skip
    people, groups = service.people(), service.contactGroups()
    return _Api(
        people.connections().list, people.get, people.getBatchGet, people.batchCreateContacts,
        people.batchUpdateContacts, groups.list, groups.get, groups.create, groups.members().modify,
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------- the wire


class _Wire:
    """What the library takes for httplib2: one account's token on each request, a 401 answered once by a new token.

    A 401 means that nothing was applied, so this is the one case in which a mutation is sent again. Any other error is
    raised here as `Denied`: the library would read it again, and stumbles over bodies that are not Google's own.
    """

    def __init__(self, transport: Transport, tokens: Tokens, timeout: float, wall: Callable[[], float]) -> None:
        self._transport, self._tokens, self._timeout, self._wall = transport, tokens, timeout, wall
        self.requests = 0

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> tuple[httplib2.Response, bytes]:
        token = self._tokens.bearer()
        raw = body.encode() if isinstance(body, str) else body
        reply = self._send(method, uri, headers or {}, raw, token)
        if reply.status == 401:
            reply = self._send(method, uri, headers or {}, raw, self._tokens.renewed(token))
        if reply.status >= 300:
            raise Denied(denial_of(reply.status, reply.headers, reply.body, self._wall()))
        return httplib2.Response({**reply.headers, "status": str(reply.status)}), reply.body

    def _send(self, method: str, uri: str, headers: Mapping[str, str], body: bytes | None, token: str) -> Reply:
        own = {k: v for k, v in headers.items() if k.lower() not in ("content-length", "accept-encoding")}
        own |= {"accept-encoding": "gzip", "user-agent": _AGENT, "authorization": f"Bearer {token}"}
        self.requests += 1
        return self._transport.send(method, uri, own, body or None, self._timeout)


# ---------------------------------------------------------------------------------------------- the calls


class PeopleClient:
    """One Google user's calls, from one thread at a time.

    Reads are tried up to five times, for at most `patience` seconds of waiting. Mutations are sent once: they raise
    `Denied` (nothing was applied) or `Lost` (nobody knows). Everything else raises the classes of `errors.py`.
    """

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        *,
        endpoint: str = ENDPOINT,
        timeout: float = 60.0,
        patience: float = 90.0,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self._transport, self._wire = transport, _Wire(transport, tokens, timeout, wall)
        self._api = _api(endpoint)
        self._patience, self._sleep, self._wall = patience, sleep, wall
        self._rng = rng or random.Random()  # noqa: S311 -- it only spreads retries
        self.timeout = timeout

    @property
    def requests(self) -> int:
        """What was sent so far, sign-in apart."""
        return self._wire.requests

    @requests.setter
    def requests(self, count: int) -> None:
        self._wire.requests = count

    @property
    def clock(self) -> ClockSample | None:
        return self._transport.clock

    def wall(self) -> float:
        """This machine's clock, seconds since 1970."""
        return self._wall()

    def by_server(self, wall: float) -> float:
        """What the server's clock showed at that time of ours, as well as it is known: never later than it did."""
        clock = self._transport.clock
        return wall + (clock.lo if clock else 0.0)

    # reading

    def list_connections(self, custom: tuple[str, ...], page_token: str | None, sync_token: str | None) -> Json:
        """One page of all contacts or, with a sync token, of what changed. Raises `Denied` for a 400."""
        person = partial_person(custom)
        return self._read(
            self._api.list_connections(
                resourceName="people/me", personFields=person_fields(custom), sources=SOURCES, pageSize=PAGE_SIZE,
                requestSyncToken=True, pageToken=page_token, syncToken=sync_token, prettyPrint=False,
                fields=f"connections({person}),nextPageToken,nextSyncToken,totalItems",
            )
        )  # fmt: skip

    def get_person(self, resource: str, custom: tuple[str, ...]) -> Json:
        """One contact, with all items of long fields. Raises `Denied` when there is none."""
        return self._read(
            self._api.get_person(
                resourceName=resource, personFields=person_fields(custom), sources=SOURCES, prettyPrint=False,
                fields=partial_person(custom),
            )
        )  # fmt: skip

    def get_people(self, resources: Sequence[str], custom: tuple[str, ...]) -> Json:
        """Up to 200 contacts, each with a status of its own."""
        return self._read(
            self._api.get_people(
                resourceNames=list(resources), personFields=person_fields(custom), sources=SOURCES, prettyPrint=False,
                fields=f"responses(requestedResourceName,httpStatusCode,status/code,person({partial_person(custom)}))",
            )
        )  # fmt: skip

    def list_groups(self, page_token: str | None) -> Json:
        return self._read(
            self._api.list_groups(
                pageSize=PAGE_SIZE, pageToken=page_token, groupFields=_GROUP_FIELDS, prettyPrint=False,
                fields="contactGroups(resourceName,groupType,name,memberCount,metadata/deleted),nextPageToken",
            )
        )  # fmt: skip

    def get_group(self, resource: str, *, members: bool = False) -> Json:
        """One group. Raises `Denied` when there is none."""
        return self._read(
            self._api.get_group(
                resourceName=resource, groupFields=_GROUP_FIELDS, maxMembers=MOST_MEMBERS if members else 0,
                prettyPrint=False,
            )
        )  # fmt: skip

    # writing

    def create_group(self, name: str) -> Json:
        return self._write(self._api.create_group(body={"contactGroup": {"name": name}}, prettyPrint=False))

    def create_contacts(self, persons: Sequence[Json], custom: tuple[str, ...]) -> Json:
        """Make up to 200 contacts, all or none."""
        body = {
            "contacts": [{"contactPerson": p} for p in persons],
            "readMask": person_fields(custom),
            "sources": SOURCES,
        }
        return self._write(self._api.create_contacts(body=body, prettyPrint=False))

    def update_contacts(self, persons: Sequence[Json], mask: Sequence[str], custom: tuple[str, ...]) -> Json:
        """Replace the masked fields of up to 200 contacts, all or none, each guarded by its etag."""
        body = {
            "contacts": {p["resourceName"]: p for p in persons},
            "updateMask": ",".join(mask),
            "readMask": person_fields(custom),
            "sources": SOURCES,
        }
        return self._write(self._api.update_contacts(body=body, prettyPrint=False))

    def modify_members(self, group: str, add: Sequence[str], remove: Sequence[str]) -> Json:
        """Put up to 1,000 contacts into a group or take them out. The reply names those that it skipped."""
        body = {"resourceNamesToAdd": list(add), "resourceNamesToRemove": list(remove)}
        return self._write(
            self._api.modify_members(resourceName=group, body={k: v for k, v in body.items() if v}, prettyPrint=False)
        )

    # sending

    def _once(self, request: Any) -> Json:
        reply = request.execute(http=self._wire, num_retries=0)
        if not isinstance(reply, dict):
            raise Unreadable("not an object")
        return reply

    def _write(self, request: Any) -> Json:
        try:
            return self._once(request)
        except NotSent as exc:
            raise Unavailable(f"Google cannot be reached: {exc}") from exc
        except (Unanswered, Unreadable) as exc:
            raise Lost(f"no readable answer: {exc}") from exc
        except Denied as exc:
            if exc.denial.kind is Kind.SERVER:
                raise Lost(f"answered {exc.denial.status}") from exc
            raise

    def _read(self, request: Any) -> Json:
        patience = self._patience
        for attempt in range(_TRIES):
            fault, wish = self._attempt(request)
            if isinstance(fault, dict):
                return fault
            wait = max(backoff(attempt, self._rng), wish)
            if attempt == _TRIES - 1 or wait > patience:
                raise fault
            patience -= wait
            self._sleep(wait)
        raise ContractBroken("no try was made")

    def _attempt(self, request: Any) -> tuple[Json | RateLimited | Unavailable, float]:
        """The reply, or why there is none yet and how long the server wants to be left alone."""
        try:
            return self._once(request), 0.0
        except (NotSent, Unanswered, Unreadable) as exc:
            return Unavailable(f"Google does not answer: {type(exc).__name__} {exc}"), 0.0
        except Denied as exc:
            if exc.denial.kind not in TRANSIENT:
                raise
            return self._refusal(exc.denial)

    def _refusal(self, denial: Denial) -> tuple[RateLimited | Unavailable, float]:
        if denial.kind is Kind.RATE:
            after = denial.after if denial.after is not None else self._to_next_minute()
            return RateLimited("Google's quota is used up", after), after
        return Unavailable(f"Google answered {denial.status}", denial.after), denial.after or 0.0

    def _to_next_minute(self) -> float:
        """Seconds until quotas that are counted by the minute start anew, by the server's clock."""
        return 61.0 - self.by_server(self._wall()) % 60.0

    def error_of(self, denial: Denial) -> SyncError:
        """The error for a call that was denied whole; a quota without a wish is asked again in the next minute."""
        if denial.kind is Kind.RATE and denial.after is None:
            return RateLimited("Google's quota is used up", self._to_next_minute())
        return error_of(denial)
