"""Observe one source: read what changed, stage it, promote it whole, and ask again for what was only missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from syncd.core.contact import Instant, Record, RecordId, ScopeId, Side
from syncd.core.errors import CursorExpired
from syncd.core.policy import Offset
from syncd.core.ports import ClockSample, Ending, Lease, Page, Promoted, SourceRow, Store
from syncd.engine.labels import Echo
from syncd.engine.placing import appeared
from syncd.engine.run import MICRO, Run, Source, interest_of

POINT_READS = 1_000
"""Ids asked for by one `fetch`; the adapter splits them into its own batches."""
UNKNOWN_OFFSET = Offset(-MICRO, MICRO)
DRIFT = 50e-6
"""How fast two clocks may drift apart, seconds a second: an old sample grows wider by it."""


class Wanted(msgspec.Struct, frozen=True):
    """What the accounts of one source together want: scopes, custom slots, and how old a full reading may be."""

    scopes: tuple[ScopeId, ...]
    custom: tuple[str, ...]
    full_every: float


def pull(
    store: Store,
    source: Source,
    lease: Lease,
    wanted: Wanted,
    now: float,
    *,
    fresh: bool = False,
    full: bool = False,
    each: Callable[[Page], None] = lambda _page: None,
) -> Promoted:
    """Bring the mirror of this source up to date. Reads everything when it must, otherwise what changed.

    `each` is called with every page, before the mirror knows of it.
    """
    row = store.source(source.id, source.remote.side)
    cursor = None if full or _full_due(row, wanted, now) else row.cursor
    try:
        ending, promoted = _read(store, source, lease, wanted, cursor, now, fresh, each)
    except CursorExpired:
        if cursor is None:
            raise
        ending, promoted = _read(store, source, lease, wanted, None, now, fresh, each)
    _remember(store, row, ending, wanted)
    doubtful = tuple(dict.fromkeys((*promoted.absent, *store.rechecks(source.id, now))))
    settled = point_read(store, source, lease, doubtful, now)
    return msgspec.structs.replace(promoted, changed=promoted.changed + settled)


def point_read(store: Store, source: Source, lease: Lease, ids: Sequence[RecordId], now: float) -> int:
    """Ask for these records one by one: a point read is final where a list was not. Returns how many it changed."""
    changed = 0
    for start in range(0, len(ids), POINT_READS):
        found: dict[RecordId, Record | None] = source.remote.fetch(ids[start : start + POINT_READS])
        changed += store.resolve_absent(lease, found, now)
    return changed


def covers(row: SourceRow, wanted: Wanted) -> bool:
    """Whether a complete reading of this source has seen all that is wanted of it."""
    covered = row.facts.get("covered", {})
    unread = set(wanted.scopes) - set(covered.get("scopes", ())) or set(wanted.custom) - set(covered.get("custom", ()))
    return row.cursor is not None and not unread


def _full_due(row: SourceRow, wanted: Wanted, now: float) -> bool:
    return not covers(row, wanted) or now - row.full_at >= wanted.full_every


def _read(
    store: Store,
    source: Source,
    lease: Lease,
    wanted: Wanted,
    cursor: dict[str, Any] | None,
    now: float,
    fresh: bool,  # noqa: FBT001 - passed straight through from `pull`
    each: Callable[[Page], None],
) -> tuple[Ending, Promoted]:
    interest = interest_of(store, source.id, wanted.scopes, wanted.custom, fresh=fresh)
    staging = store.stage(lease, source.remote.side)
    reading = source.remote.read(cursor, interest)
    for page in reading:
        staging.add(page)
        each(page)
    return reading.ending, staging.promote(reading.ending, wanted.scopes, now)


def _remember(store: Store, row: SourceRow, ending: Ending, wanted: Wanted) -> None:
    """Facts that change only when something did: what a snapshot covered, what was not shown, new names, the clock."""
    facts = appeared(row.facts, ending)
    old = set(row.facts.get("unseen", ()))
    unseen = (old - set(ending.listed)) | set(ending.unseen)
    if unseen != old:
        facts["unseen"] = sorted(unseen) or None
    if ending.snapshot:
        facts["covered"] = {"scopes": sorted(wanted.scopes), "custom": sorted(wanted.custom)}
    if ending.clock is not None and not _clock_known(row, ending.clock):
        facts["clock"] = msgspec.to_builtins(ending.clock)
    if facts:
        store.note(row.id, facts)


def _clock_known(row: SourceRow, sample: ClockSample) -> bool:
    """Whether the stored interval says as much as the new sample does (so that a no-op run writes nothing)."""
    old = clock_of(row)
    if old is None:
        return False
    lo, hi = _widened(old, sample.at)
    return lo >= sample.lo - 0.5 and hi <= sample.hi + 0.5 and lo <= sample.hi and hi >= sample.lo


def clock_of(row: SourceRow) -> ClockSample | None:
    """What was last seen of this source's clock."""
    stored = row.facts.get("clock")
    return None if stored is None else msgspec.convert(stored, ClockSample)


def _widened(sample: ClockSample, at: float) -> tuple[float, float]:
    slack = abs(at - sample.at) * DRIFT
    return sample.lo - slack, sample.hi + slack


def offset_between(crm: SourceRow, google: SourceRow, now: float) -> Offset:
    """CRM clock minus Google clock, microseconds, from what each was last seen to be against ours."""
    ours = clock_of(crm), clock_of(google)
    if ours[0] is None or ours[1] is None:
        return UNKNOWN_OFFSET
    (c_lo, c_hi), (g_lo, g_hi) = (_widened(s, now) for s in ours if s is not None)
    return Offset(int((c_lo - g_hi) * MICRO), int((c_hi - g_lo) * MICRO))


def server_now(row: SourceRow, now: float) -> Instant:
    """This source's clock at this moment, as well as it is known."""
    sample = clock_of(row)
    skew = 0.0 if sample is None else (sample.lo + sample.hi) / 2
    return Instant(int((now + skew) * MICRO))


def observe_google(run: Run, wanted: Wanted, *, full: bool = False) -> Promoted:
    """Google's changes, under the lease the run holds throughout."""
    run.show("reading Google")
    echo, full_at = Echo(run), run.store.source(run.google.id, Side.GOOGLE).full_at

    def each(page: Page) -> None:
        echo.look(page)
        run.keep(run.google_lease)

    promoted = pull(
        run.store,
        run.google,
        run.google_lease,
        wanted,
        run.now(),
        fresh=run.fresh,
        full=full,
        each=each,
    )
    after = run.store.source(run.google.id, Side.GOOGLE)
    echo.judge(server_now(after, run.now()), full=after.full_at != full_at)
    _tell_reading(run, Side.GOOGLE, promoted)
    return promoted


def _tell_reading(run: Run, side: Side, promoted: Promoted) -> None:
    if promoted.changed or promoted.entered or promoted.left:
        told = {"changed": promoted.changed, "entered": promoted.entered, "left": promoted.left}
        run.tell("SY116", side=side.value, **told)
