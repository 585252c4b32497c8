"""What one run carries with it: its account, the two sides, the store, the clock, and what it has done so far."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from syncd.core.anchor import tenant_hash
from syncd.core.contact import AccountName, Instant, RecordId, ScopeId, Side, SourceId
from syncd.core.errors import Busy, RetryLater
from syncd.core.policy import Lens, Limits, Offset, Policy
from syncd.core.ports import AccountRow, Interest, Lease, Remote, ScopeWish, Store
from syncd.engine.report import Report

LEASE = 300.0
"""Seconds a lease lasts; renewed at every durable step. Longer than the longest request deadline (150 s)."""
TURN_WAIT = 600.0
"""Seconds a run waits for its turn on the CRM before it gives up for now."""
BEAT = 5.0
"""Seconds between two signs of life while waiting."""
MICRO = 1_000_000


class ProgressEvent(NamedTuple):
    """`done` of `total` (None: not known yet) in this phase of this account's run."""

    account: str
    phase: str
    done: int
    total: int | None
    message: str


@dataclass(frozen=True)
class Settings:
    """What the operator decided for one account; see the configuration reference. `full_every` in seconds."""

    name: AccountName
    tenant: str
    pairs: tuple[tuple[ScopeWish, ScopeWish], ...]
    lens: Lens
    limits: Limits
    policy: Mapping[str, Any]
    review_first: bool
    full_every: float
    owner: str
    custom_crm: tuple[str, ...]
    custom_google: tuple[str, ...]
    fingerprint: str

    def bound(self, offset: Offset, now: Instant) -> Policy:
        """The policy of one run: the operator's choices and what is known of the two clocks."""
        return Policy(lens=self.lens, offset=offset, now=now, **self.policy)


@dataclass
class Source:
    """One side's source as a run uses it. `turn` keeps the threads of this process from asking for one lease twice."""

    id: SourceId
    remote: Remote
    turn: threading.RLock = field(default_factory=threading.RLock)


class Offer(NamedTuple):
    """Unplaced values that are tried again: those of these names, folded (None: all)."""

    names: frozenset[str] | None


def _silence(_event: str, **_facts: object) -> None:
    """Where nobody listens."""


@dataclass
class Run:
    """One pass over one account. `tell` takes an event of the catalogue and its facts; `sleep` waits for a turn."""

    settings: Settings
    store: Store
    crm: Source
    google: Source
    now: Callable[[], float]
    sleep: Callable[[float], None] = time.sleep
    progress: Callable[[ProgressEvent], None] = lambda _event: None
    tell: Callable[..., None] = _silence
    fresh: bool = False
    stop: Callable[[], bool] = lambda: False
    beat: Callable[[], None] = lambda: None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    report: Report = field(init=False)
    google_lease: Lease = field(init=False)
    policy: Policy = field(init=False)
    replans: int = 0
    offer: Offer | None = None
    chosen: frozenset[RecordId] = frozenset()  # newcomers of which a person said that they are new
    gone: frozenset[tuple[Side, int]] | None = None  # tags and groups found missing; None: not looked for
    let_go: bool = False  # a person lets the contacts of what is gone go
    moved: dict[RecordId, tuple[ScopeId, bool]] = field(default_factory=dict)  # our own group changes
    crm_read_until: float = 0.0  # until when this run's last reading of the CRM serves,
    crm_epoch: int = -1  # and under which lease it last had it
    _kept: dict[SourceId, tuple[int, float]] = field(default_factory=dict)  # epoch and time of the last renewal
    rewritten: set[RecordId] = field(default_factory=set)  # Google contacts whose content we changed

    def __post_init__(self) -> None:
        self.report = Report(account=self.settings.name, run=self.id)

    @property
    def account(self) -> AccountName:
        return self.settings.name

    @property
    def tenant(self) -> str:
        return tenant_hash(self.settings.tenant)

    def row(self) -> AccountRow:
        row = self.store.account(self.account)
        if row is None:
            msg = f"account {self.account} is not in the state"
            raise LookupError(msg)
        return row

    def fingerprint(self, row: AccountRow | None = None) -> str:
        """What this sync is: the operator's choices, the Google identity, the scopes by id (as stored, or as given)."""
        row = row or self.row()
        facts = [self.settings.fingerprint, row.google, row.pairs]
        return hashlib.blake2b(msgspec.json.encode(facts), digest_size=8).hexdigest()

    def source(self, side: Side) -> Source:
        return self.crm if side is Side.CRM else self.google

    @cached_property
    def pairs(self) -> tuple[tuple[ScopeId, ScopeId], ...]:
        """Tag and group of each pair, as `prepare` found them; they do not change within a run."""
        return self.row().pairs

    def scope(self, side: Side, pair: int) -> ScopeId:
        return self.pairs[pair][0 if side is Side.CRM else 1]

    def show(self, phase: str, done: int = 0, total: int | None = None, message: str = "") -> None:
        self.beat()
        self.progress(ProgressEvent(self.account, phase, done, total, message))

    def keep(self, lease: Lease) -> None:
        """Push the end of the lease out, unless that was done a moment ago; called at each durable step."""
        self.beat()
        epoch, at = self._kept.get(lease.source, (lease.epoch - 1, 0.0))
        now = self.now()
        if epoch != lease.epoch or now - at >= LEASE / 20:
            self.store.renew(lease, now + LEASE)
            self._kept[lease.source] = (lease.epoch, now)


@contextlib.contextmanager
def turn(
    store: Store,
    source: Source,
    owner: str,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    beat: Callable[[], None] = lambda: None,
) -> Iterator[Lease]:
    """This source is ours alone inside the block: among threads by its lock, among processes by its lease.

    Waiting for it is a sign of life, too: `beat` is called meanwhile.
    """
    while not source.turn.acquire(timeout=BEAT):
        beat()
    try:
        lease = _wait_for(store, source, owner, now, sleep, beat)
        try:
            yield lease
        finally:
            store.release(lease)
    finally:
        source.turn.release()


def _wait_for(
    store: Store,
    source: Source,
    owner: str,
    now: Callable[[], float],
    sleep: Callable[[float], None],
    beat: Callable[[], None],
) -> Lease:
    deadline = now() + TURN_WAIT
    pause = 0.05
    while True:
        beat()
        try:
            return store.lease(source.id, owner, now() + LEASE, now())
        except Busy:
            if now() >= deadline:
                raise
        sleep(pause)
        pause = min(pause * 2, BEAT)


def interest_of(
    store: Store, source: SourceId, scopes: tuple[ScopeId, ...], custom: tuple[str, ...], *, fresh: bool
) -> Interest:
    """What the accounts of this source want read."""
    return Interest(
        scopes=scopes,
        known=lambda ids: store.known(source, ids),
        members=lambda: store.members(source),
        custom=custom,
        fresh=fresh,
    )


def gave_up(error: RetryLater) -> str:
    """One line for a person on why the run ended early."""
    wait = f" The server asks to wait {error.after:.0f} s." if error.after else ""
    return f"{error}{wait}"
