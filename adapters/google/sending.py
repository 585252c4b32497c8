"""Writes as calls, and each call's outcome: one per write, found out with as few requests as the replies allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adapters.google.body import CannotSend, places_of
from adapters.google.client import PeopleClient
from adapters.google.denial import Denial, Denied, Lost
from adapters.google.posting import ITEM_KINDS, Creating, Moving, Parcel, Posting, Updating, outcome_of
from syncd.core.contact import ScopeId
from syncd.core.errors import ContractBroken, SyncError
from syncd.core.ports import Create, Done, Enter, Leave, Outcome, Refused, Unknown, Unsent, Update, Write

CREATE_BATCH = 200
UPDATE_BATCH = 200
MEMBER_BATCH = 1000
BISECTIONS = 10
"""How often one call may be halved to find the item for whose sake Google refused all of them without naming it."""


# ---------------------------------------------------------------------------------------------- splitting


def split(writes: Sequence[Write]) -> list[tuple[Write, ...]]:
    """Creates, then updates by mask, then group changes by group: the last make new versions of the contacts."""
    creates: list[Create] = []
    updates: dict[tuple[str, ...], list[Update]] = {}
    moves: dict[ScopeId, list[Enter | Leave]] = {}
    for write in writes:
        match write:
            case Create():
                creates.append(write)
            case Update():
                updates.setdefault(_mask_of(write), []).append(write)
            case Enter() | Leave():
                moves.setdefault(write.scope, []).append(write)
    calls = list(_batches(creates, CREATE_BATCH))
    for of_mask in updates.values():
        calls += _batches(of_mask, UPDATE_BATCH)
    for of_group in moves.values():
        calls += _batches(of_group, MEMBER_BATCH)
    return calls


def _mask_of(update: Update) -> tuple[str, ...]:
    try:
        return places_of(update.changes)
    except CannotSend:
        return ()


def _batches(writes: Iterable[Write], size: int) -> Iterable[tuple[Write, ...]]:
    """Batches in order; two writes about the same record never share one."""
    batch: dict[str, Write] = {}
    for write in writes:
        key = _about(write)
        if len(batch) == size or key in batch:
            yield tuple(batch.values())
            batch = {}
        batch[key] = write
    if batch:
        yield tuple(batch.values())


def _about(write: Write) -> str:
    match write:
        case Create():
            return write.anchor
        case Update():
            return write.record.id
        case _:
            return write.record


# ---------------------------------------------------------------------------------------------- sending


def send(client: PeopleClient, call: tuple[Write, ...], custom: tuple[str, ...]) -> tuple[Outcome, ...]:
    """One outcome per write. Raises only when nothing at all was applied."""
    parcels, outcomes = _packed(call)
    posting = _posting(client, call, custom)
    ready = [p for p in parcels if p is not None]
    sent = iter(_Delivery(client, posting).deliver(ready) if ready else ())
    return tuple(o if p is None else next(sent) for p, o in zip(parcels, outcomes, strict=True))


def _posting(client: PeopleClient, call: tuple[Write, ...], custom: tuple[str, ...]) -> Posting:
    kinds = {Moving if isinstance(w, (Enter, Leave)) else type(w) for w in call}
    groups = {w.scope for w in call if isinstance(w, (Enter, Leave))}
    if len(kinds) != 1 or len(groups) > 1:
        raise ContractBroken("a call mixes kinds of writes, or groups")
    if groups:
        return Moving(client, groups.pop())
    return Creating(client, custom) if kinds == {Create} else Updating(client, custom)


def _packed(call: tuple[Write, ...]) -> tuple[list[Parcel | None], list[Outcome]]:
    """What goes out; a write that cannot, or need not, has its outcome at once."""
    parcels: list[Parcel | None] = []
    outcomes: list[Outcome] = []
    for write in call:
        parcel, outcome = _pack(write)
        parcels.append(parcel)
        outcomes.append(outcome)
    return parcels, outcomes


def _pack(write: Write) -> tuple[Parcel | None, Outcome]:
    try:
        match write:
            case Create():
                return Creating.parcel(write), Unsent()
            case Update() if not write.changes:
                return None, Done(write.record)
            case Update():
                return Updating.parcel(write), Unsent()
            case _:
                return Moving.parcel(write), Unsent()
    except CannotSend as exc:
        return None, Refused(str(exc))


class _Delivery:
    """Delivers one call's parcels, halving them when they are refused whole and nobody says for whose sake."""

    def __init__(self, client: PeopleClient, posting: Posting) -> None:
        self._client, self._posting = client, posting
        self._bisections = BISECTIONS

    def deliver(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        try:
            return self._posting.post(parcels)
        except Lost as exc:
            return [Unknown(str(exc)) for _ in parcels]
        except Denied as exc:
            return self._after(exc.denial, parcels)

    def _after(self, denial: Denial, parcels: Sequence[Parcel]) -> list[Outcome]:
        if denial.kind not in ITEM_KINDS:
            raise self._client.error_of(denial)
        named = [denial.items.get(self._posting.key(at, p)) for at, p in enumerate(parcels)]
        if any(named):
            return [self._outcome(item) if item else Unsent() for item in named]
        if len(parcels) == 1:
            return [self._outcome(denial)]
        return self._halves(parcels)

    def _outcome(self, denial: Denial) -> Outcome:
        if denial.kind not in ITEM_KINDS:
            raise self._client.error_of(denial)
        return outcome_of(denial)

    def _halves(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """Nothing was applied, so each half may go on its own; what is beyond the budget is left for another call."""
        if self._bisections == 0:
            return [Unsent() for _ in parcels]
        self._bisections -= 1
        middle = len(parcels) // 2
        first = self.deliver(parcels[:middle])
        try:
            return first + self.deliver(parcels[middle:])
        except SyncError:
            return first + [Unsent() for _ in parcels[middle:]]
