"""What the engine asks of the world: a `Remote` per source, and one `Store`. Systems differ in `Capabilities`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from syncd.core.contact import AccountName, Capabilities, Instant, Record, RecordId, ScopeId, Side, SourceId, Unit
from syncd.core.step import Case, Change, Hold, Link, Planned, Presence, Step

# ---------------------------------------------------------------------------------------------- reading


class KeyKind(StrEnum):
    """Kinds of match keys; see `match.py` for how their texts are folded."""

    EMAIL = "email"
    PHONE = "phone"
    NAME = "name"
    ANCHOR = "anchor"
    FORMER = "former"  # a Google id that Creatio's old built-in sync remembered for this contact


class KeyRow(msgspec.Struct, frozen=True):
    """`record` can be found under `text`. All keys of one (record, row) are replaced together; "" only removes."""

    record: RecordId
    row: str
    kind: KeyKind
    text: str


class Member(msgspec.Struct, frozen=True):
    """`record` is in `scope`; `rows` are the native ids of the membership rows (CRM tag rows), all of them."""

    scope: ScopeId
    record: RecordId
    rows: tuple[str, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """A piece of a reading. Nothing of it counts before the reading ended and was promoted."""

    records: tuple[Record, ...] = ()  # bodies, read whole
    keys: tuple[KeyRow, ...] = ()  # of records whose body is not given
    gone: tuple[RecordId, ...] = ()  # the server itself says: deleted
    renamed: tuple[tuple[RecordId, RecordId], ...] = ()  # (old, new)
    members: tuple[Member, ...] = ()  # membership that records do not tell of themselves (`Record.scopes is None`)


class ClockSample(msgspec.Struct, frozen=True):
    """Server time minus this machine's time, seconds, somewhere in [lo, hi]; `at` is this machine's time."""

    lo: float
    hi: float
    at: float


class Ending(msgspec.Struct, frozen=True):
    """How a reading ended: the cursor taken before it, and what it proves.

    `snapshot`: every record of the source was seen, so absence means something (once a point read agrees).
    `listed`: the scopes whose `members` are a complete listing.
    `server_now`: the server's clock when the reading began.
    `unseen`: scopes that were looked for and not shown: gone, or hidden.
    `names`: names that rows of the CRM's lookups newly bear, so that what could not be placed may be now; None: any.
    """

    cursor: dict[str, Any]
    snapshot: bool
    listed: tuple[ScopeId, ...] = ()
    server_now: Instant = Instant(0)
    clock: ClockSample | None = None
    unseen: tuple[ScopeId, ...] = ()
    names: tuple[str, ...] | None = ()


class Reading(Protocol):
    """Iterate the pages, then `ending` is there. An exception means the whole reading is void."""

    def __iter__(self) -> Iterator[Page]: ...

    @property
    def ending(self) -> Ending: ...


class Interest(msgspec.Struct, frozen=True):
    """What the accounts of a source want read.

    `scopes`: membership wanted. `known(ids)`: which of these have a stored body. `members()`: all that have one.
    `custom`: native keys of custom slots. `fresh`: a hint that something was removed is followed at once, not when
    the next sweep is due (a manual run).
    """

    scopes: tuple[ScopeId, ...]
    known: Callable[[Iterable[RecordId]], set[RecordId]]
    members: Callable[[], Iterator[RecordId]]
    custom: tuple[str, ...] = ()
    fresh: bool = False


# ---------------------------------------------------------------------------------------------- writing


class Create(msgspec.Struct, frozen=True):
    """Make a record. `id` is chosen by us where `own_ids`; `anchor` is our marker; `scopes` it is born into."""

    intent: str
    id: RecordId | None
    anchor: str
    units: tuple[Unit, ...]
    scopes: tuple[ScopeId, ...]
    owner: str = ""


class Update(msgspec.Struct, frozen=True):
    """Carry out `changes` on the record as planned against; where the server has moved on, the outcome is `Stale`."""

    record: Record
    changes: tuple[Change, ...]
    intent: str = ""


class Enter(msgspec.Struct, frozen=True):
    """Put a record into a scope. `intent` gives the membership row its id where ids are ours."""

    record: RecordId
    scope: ScopeId
    intent: str = ""


class Leave(msgspec.Struct, frozen=True):
    """Take a record out of a scope: only the tag rows, or the group membership. The record stays."""

    record: RecordId
    scope: ScopeId
    rows: tuple[str, ...] = ()


Write = Create | Update | Enter | Leave


class Done(msgspec.Struct, frozen=True):
    """It happened. `record` is the read-back (None where none was made); `rows` are membership rows that now exist."""

    record: Record | None = None
    rows: tuple[str, ...] = ()
    unholdable: bool = False  # something (a company without a row) could not be placed and was left out


class Refused(msgspec.Struct, frozen=True):
    """Not applied, and the same content will be refused again. `reason` has no contact values in it."""

    reason: str


class Stale(msgspec.Struct, frozen=True):
    """Not applied: the record is no longer what was planned against."""


class Missing(msgspec.Struct, frozen=True):
    """Not applied: the record does not exist any more."""


class Unsent(msgspec.Struct, frozen=True):
    """Not applied, through no fault of its own: another item of the same call was refused."""


class Unknown(msgspec.Struct, frozen=True):
    """Perhaps applied: the reply was lost or made no sense."""

    reason: str


Outcome = Done | Refused | Stale | Missing | Unsent | Unknown


class ScopeInfo(msgspec.Struct, frozen=True):
    """A tag or a group as the server knows it now."""

    id: ScopeId
    name: str
    members: int | None = None


class ScopeWish(msgspec.Struct, frozen=True):
    """What the operator named; `owner` is the CRM user whose private tag it is, by default the login."""

    name: str
    owner: str = ""


class Identity(msgspec.Struct, frozen=True):
    """Who we are on that side: `tenant` (the CRM's address, or "google"), `id` (user contact id, or OAuth `sub`)."""

    tenant: str
    id: str
    name: str = ""
    email: str = ""


class Remote(Protocol):
    """One CRM login or one Google identity. Every method may raise the classes of `errors.py`, and no others.

    Safe to use from one thread at a time. Mutating calls are sent exactly once. `requests` counts what was sent,
    sign-in apart.
    """

    side: Side
    capabilities: Capabilities
    requests: int

    def identity(self) -> Identity: ...

    def resolve(self, wish: ScopeWish, *, make: bool = True) -> ScopeId:
        """The scope of that name; made when it is missing and may be made (and `make`), else `TagMissing`."""

    def scope(self, scope: ScopeId) -> ScopeInfo | None:
        """The scope read by id; None when it is gone."""

    def read(self, cursor: Mapping[str, Any] | None, interest: Interest) -> Reading:
        """Everything (cursor None) or what changed since. `CursorExpired` may also come while iterating."""

    def fetch(self, ids: Sequence[RecordId]) -> dict[RecordId, Record | None]:
        """Point reads, every id answered; None: the server says it does not exist. Never guessed from a failure."""

    def split(self, writes: Sequence[Write]) -> list[tuple[Write, ...]]:
        """The writes as requests to be sent one after the other: one kind, one mask, one batch each."""

    def send(self, call: tuple[Write, ...]) -> tuple[Outcome, ...]:
        """One mutating request; one outcome per write, in order. Raises only when nothing at all was applied."""


# ---------------------------------------------------------------------------------------------- state


class Lease(msgspec.Struct, frozen=True):
    """The right to write for one source. `epoch` is checked in every transaction that writes under it."""

    source: SourceId
    owner: str
    epoch: int


class SourceRow(msgspec.Struct, frozen=True):
    """One source as stored. Times are seconds since 1970 by this machine. `revision` grows as the mirror changes."""

    id: SourceId
    side: Side
    cursor: dict[str, Any] | None
    revision: int
    read_at: float
    full_at: float
    next_due: float
    failures: int
    facts: dict[str, Any]  # identity, clock, probes: small, adapter- and engine-owned


class AccountRow(msgspec.Struct, frozen=True):
    """One account as stored. `pairs` are resolved scope ids; `planned` the two revisions at the last settled run."""

    name: AccountName
    crm: SourceId
    google: SourceId | None
    state: str  # new | ok | held | failed | needs_consent | needs_human
    message: str
    pairs: tuple[tuple[ScopeId, ScopeId], ...]
    fingerprint: str
    planned: tuple[int, int]
    next_due: float
    last_run: float
    failures: int
    facts: dict[str, Any]


class CallState(StrEnum):
    """How far a call has come: out, answered, or lost."""

    SENT = "sent"
    DONE = "done"
    UNKNOWN = "unknown"


class CallItem(msgspec.Struct, frozen=True):
    """One write of a call: the step it belongs to, and the write itself as sent."""

    step: Step
    write: Write
    link: int


class OpenCall(msgspec.Struct, frozen=True):
    """A call whose outcome is not known, with the items that wait for it."""

    id: str
    side: Side
    account: AccountName
    sent_at: Instant  # by the server's clock
    items: tuple[CallItem, ...]


class Settled(msgspec.Struct, frozen=True):
    """What one item's outcome changes: the mirror (`record`, `rows`, `left`), and the link (None: dropped)."""

    item: CallItem
    outcome: Outcome
    link: Link | None
    record: Record | None = None
    entered: tuple[Member, ...] = ()
    left: tuple[Member, ...] = ()


class Promoted(msgspec.Struct, frozen=True):
    """What a reading changed: records whose content moved, members that came and went, absentees to be point-read."""

    changed: int
    revision: int
    stale: int
    absent: tuple[RecordId, ...]
    entered: int
    left: int


class Staging(Protocol):
    """A reading on its way into the mirror. Nothing is visible before `promote`."""

    def add(self, page: Page) -> None: ...

    def promote(self, ending: Ending, scopes: Sequence[ScopeId], now: float) -> Promoted:
        """Take the reading over in one transaction.

        Old bodies go into the NULL bases, new bodies into the mirror; then membership, keys, cursor, revision. Accounts
        that were touched become due. Absent records of a snapshot are only reported, and rechecked.
        """


class Decision(msgspec.Struct, frozen=True):
    """What a person decided. kind: `approve` (subject: plan id), `resolve` (subject: link or record), `freeze`."""

    id: int
    account: AccountName
    subject: str
    kind: str
    value: dict[str, Any]
    made_at: float


class PlanRow(msgspec.Struct, frozen=True):
    """A plan that was kept: `reasons` say why the brake held it; `tally` counts what it would do."""

    id: str
    account: AccountName
    made_at: float
    digest: str
    state: str  # running | held | approved
    reasons: tuple[str, ...]
    tally: dict[str, int]


class HistoryRow(msgspec.Struct, frozen=True):
    """One value that was written over, or one move, and why."""

    run: str
    account: AccountName
    at: float
    side: Side
    record: RecordId | None
    link: int
    kind: str  # update | create | enter | leave | conflict
    field: str
    old: Unit | None
    new: Unit | None
    why: str
    outcome: str


class Store(Protocol):
    """The state. One call, one transaction, unless said otherwise. Times are seconds since 1970 by this machine."""

    # sources and leases
    def source(self, id: SourceId, side: Side) -> SourceRow: ...
    def lease(self, source: SourceId, owner: str, until: float, now: float) -> Lease: ...  # raises Busy
    def renew(self, lease: Lease, until: float) -> None: ...  # raises LeaseLost
    def release(self, lease: Lease) -> None: ...
    def note(
        self, source: SourceId, facts: Mapping[str, Any], *, next_due: float | None = None, failures: int | None = None
    ) -> None:
        """Merged into `SourceRow.facts` (None forgets one); and when to read the source next, if that is given."""

    # observation
    def stage(self, lease: Lease, side: Side) -> Staging: ...
    def known(self, source: SourceId, ids: Iterable[RecordId]) -> set[RecordId]: ...
    def members(self, source: SourceId) -> Iterator[RecordId]: ...
    def resolve_absent(self, lease: Lease, found: Mapping[RecordId, Record | None], now: float) -> int:
        """Point reads: None marks the record gone and ends its memberships. Returns how many changed.

        A CRM contact whose tag row is still listed is not gone: it cannot be read, and its body is forgotten.
        """

    def rechecks(self, source: SourceId, now: float) -> tuple[RecordId, ...]: ...

    # planning
    def snapshot(self) -> AbstractContextManager[Store]: ...  # one read transaction
    def work(self, account: AccountName, *, unplaced: bool = False) -> Iterator[Case]:
        """What a plan has to look at: links that moved, then members without a link, one case each.

        A link moved when a base of it is not NULL, when its membership differs from `pairs`, or when it waits for a
        decision. With `unplaced`, live links of which a value could not be placed are work, too. `creating` links and
        refused content are left out.
        """

    def unplaced(self, account: AccountName) -> bool: ...  # whether there is such a link at all
    def unread(self, account: AccountName) -> tuple[tuple[Side, RecordId], ...]:
        """Members without a link of which nothing could be read, although they are listed."""

    def case(self, account: AccountName, link: int) -> Case: ...
    def presence(self, account: AccountName, side: Side, ids: Iterable[RecordId]) -> dict[RecordId, Presence]: ...
    def cases(self, account: AccountName) -> Iterator[Case]: ...  # every link of the account
    def links_of(self, account: AccountName, side: Side, ids: Iterable[RecordId]) -> dict[RecordId, Link]: ...
    def candidates(
        self, source: SourceId, keys: Iterable[tuple[KeyKind, str]]
    ) -> dict[tuple[KeyKind, str], set[RecordId]]: ...
    def sharing(
        self, kind: KeyKind, source: SourceId, ids: Iterable[RecordId], other: SourceId
    ) -> dict[RecordId, set[RecordId]]:
        """The records of the other source that have a key of this kind in common with each of these."""

    def bodies(self, source: SourceId, ids: Iterable[RecordId]) -> dict[RecordId, Record]: ...
    def claims(self, source: SourceId, keys: Iterable[str]) -> dict[str, str]: ...  # claim key -> intent
    def counts(self, account: AccountName) -> dict[str, int]:
        """`live`, `creating`, `parked`: links; `holds`: links and newcomers; `crm.<pair>`, `google.<pair>`: members."""

    # plans and decisions
    def keep_plan(self, plan: PlanRow, steps: Iterable[Planned]) -> None: ...  # streamed; replaces the account's plan
    def kept_plan(self, account: AccountName) -> PlanRow | None: ...
    def kept_steps(self, plan: str) -> Iterator[Planned]: ...
    def mark_plan(self, plan: str, state: str, reasons: Sequence[str], tally: Mapping[str, int]) -> None: ...
    def drop_plan(self, account: AccountName) -> None: ...
    def decide(
        self, account: AccountName, subject: str, kind: str, value: Mapping[str, Any], now: float
    ) -> Decision: ...
    def decisions(self, account: AccountName) -> tuple[Decision, ...]: ...
    def forget_decision(self, id: int) -> None: ...
    def unpair(self, lease: Lease, account: AccountName, pair: int) -> None:
        """Nobody is agreed to be in that pair any more; links that are in no other one are parked."""

    # applying
    def settle_steps(
        self, lease: Lease, account: AccountName, steps: Sequence[tuple[Step, Link]], run: str = ""
    ) -> None:
        """`settle_step` for many at once: all of them, or none."""

    def settle_step(self, lease: Lease, account: AccountName, step: Step, link: Link, run: str = "") -> Link:
        """A step with nothing (more) to write: the link as given (inserted when its id is 0); its conflicts to history.

        Here and in `settle_call` the link's bases come as what was planned with; a base that equals the mirror body of
        that record at that moment is stored as NULL, in the same transaction, so a foreign edit that came meanwhile
        stays visible.
        """

    def open_call(
        self,
        lease: Lease,
        account: AccountName,
        run: str,
        side: Side,
        items: Sequence[CallItem],
        sent_at: Instant,
        claims: Mapping[int, Sequence[str]] | None = None,
    ) -> tuple[str, tuple[CallItem, ...]]:
        """Durable before the request goes out to `side`. Raises LeaseLost, and Claimed.

        The call, history rows of every value it overwrites, a `creating` link for each create (items come back with its
        id), and the claims of contacts about to be made.
        """

    def settle_call(self, lease: Lease, call: str, results: Sequence[Settled], now: float) -> None:
        """Durable after the reply: outcomes, mirror, membership, links. Items that are `Unknown` keep the call open."""

    def open_calls(self, source: SourceId) -> tuple[OpenCall, ...]: ...

    # accounts, runs, people
    def account(self, name: AccountName) -> AccountRow | None: ...
    def accounts(self) -> tuple[AccountRow, ...]: ...
    def put_account(self, row: AccountRow) -> None: ...
    def due(self, now: float, limit: int) -> tuple[AccountName, ...]: ...
    def due_sources(self, now: float, side: Side) -> tuple[SourceId, ...]: ...
    def set_due(self, source: SourceId, next_due: float, failures: int) -> None: ...
    def set_account_due(self, account: AccountName, next_due: float, seen: float, ran_at: float | None = None) -> None:
        """Set the account's next run, unless its `next_due` is no longer `seen`.

        Then somebody made it due meanwhile, and due it stays. `ran_at` becomes `last_run` in either case.
        """

    def put_run(self, run: str, account: AccountName, started: float, report: Mapping[str, Any]) -> None: ...
    def runs(self, account: AccountName | None, limit: int) -> tuple[dict[str, Any], ...]: ...
    def history(
        self, account: AccountName | None, *, run: str | None, record: RecordId | None, limit: int
    ) -> tuple[HistoryRow, ...]: ...
    def holds(
        self, account: AccountName | None
    ) -> tuple[tuple[AccountName, int, Hold, RecordId | None, RecordId | None], ...]: ...
    def hold_newcomer(
        self, lease: Lease, account: AccountName, side: Side, record: RecordId, hold: Hold | None, digest: str
    ) -> None:
        """Remember (or, with None, forget) that a newcomer waits; `digest` is the content it was judged by."""

    # secrets
    def secret(self, owner: str, name: str) -> bytes | None: ...
    def put_secret(self, owner: str, name: str, value: bytes | None) -> None: ...
