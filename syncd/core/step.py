"""The vocabulary of decisions: links, cases, steps, holds. Made by `plan.py`, carried out by the engine."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from syncd.core.contact import AccountName, Base, Field, Instant, Record, RecordId, ScopeId, Side, Unit


class LinkState(StrEnum):
    """`creating`: one of its records was asked for and is not known to exist yet. `parked`: in no scope."""

    LIVE = "live"
    CREATING = "creating"
    PARKED = "parked"


class HoldReason(StrEnum):
    """Why a contact waits for a person."""

    SEVERAL_CANDIDATES = "several_candidates"
    CLAIMED_TWICE = "claimed_twice"
    SAME_EMAIL_OTHER_NAME = "same_email_other_name"
    SHARED_KEY = "shared_key"
    MERGED_AWAY = "merged_away"
    UNREADABLE = "unreadable"
    ANCHOR_CLASH = "anchor_clash"
    SUCCESSOR = "successor"
    REFUSED = "refused"


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """`candidates` are record ids on the other side; `detail` has no contact values in it."""

    reason: HoldReason
    candidates: tuple[RecordId, ...] = ()
    detail: str = ""


class Why(StrEnum):
    """Why a change was decided."""

    CHANGED = "changed"  # the other side alone changed it
    LATER = "later"  # both changed it; the other side's was later
    TIE = "tie"  # both changed it within the clocks' uncertainty
    RECORD = "record"  # both changed the contact; the later record wins whole
    FIRST_LINK = "first_link"  # no base: the rule of the first link
    FILL = "fill"  # empty yields to non-empty
    NEW = "new"  # the record is being created
    PLACED = "placed"  # the CRM had no row for it, and may have one now
    UNDO = "undo"  # a person put it back


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One unit to be written to one side: `old` as that side holds it (None: an addition), `new` (None: a removal).

    `stamp` is when the winning value was set, by the clock of the side it came from.
    """

    field: Field
    old: Unit | None
    new: Unit | None
    why: Why
    stamp: Instant = Instant(0)


class Conflict(msgspec.Struct, frozen=True, omit_defaults=True):
    """A unit both sides changed: who won, and the value that lost (None: the loser had removed it)."""

    field: Field
    winner: Side
    won: Unit | None
    lost: Unit | None
    why: Why


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """The two records of one contact in one account, and their bases (None: equals the mirror).

    `pairs` are the indexes of the account's tag-and-group pairs in which both sides agreed it is. `refused` is the
    digest of content that a server rejected: not tried again while it is the same.
    """

    id: int
    account: AccountName
    state: LinkState
    crm_id: RecordId | None = None
    google_id: RecordId | None = None
    crm_base: Base | None = None
    google_base: Base | None = None
    pairs: tuple[int, ...] = ()
    hold: Hold | None = None
    refused: str = ""
    unplaced: bool = False


class Presence(msgspec.Struct, frozen=True, omit_defaults=True):
    """One side of a case: its mirror body, the pairs it is in, and whether the server says it no longer exists.

    `rows` are the native membership row ids by pair index (CRM tag rows). `digest` is the mirror's content hash.
    """

    record: Record | None = None
    pairs: tuple[int, ...] = ()
    rows: dict[int, tuple[str, ...]] = {}
    gone: bool = False
    digest: str = ""


class Case(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is known of one contact of one account. Without a link it is a newcomer on exactly one side."""

    crm: Presence
    google: Presence
    link: Link | None = None


class ScopeMove(msgspec.Struct, frozen=True, omit_defaults=True):
    """Enter or leave one pair's tag or group on one side."""

    side: Side
    pair: int
    enter: bool


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One contact's decision.

    `create` is the side on which a record is made; its units are the `new`s of that side's changes. `partner` is set
    when an existing record of the other side was found for a newcomer. `pairs` are the agreed pairs once the step is
    done; empty parks the link. `crm_digest`, `google_digest` are the mirror contents it was planned against. With
    `quarantine` a twin moves out of scope.
    """

    link: int | None = None
    crm_id: RecordId | None = None
    google_id: RecordId | None = None
    create: Side | None = None
    partner: bool = False
    crm: tuple[Change, ...] = ()
    google: tuple[Change, ...] = ()
    moves: tuple[ScopeMove, ...] = ()
    pairs: tuple[int, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    hold: Hold | None = None
    quarantine: bool = False
    crm_digest: str = ""
    google_digest: str = ""
    crm_unholdable: bool = False

    @property
    def leaves(self) -> bool:
        return any(not m.enter for m in self.moves)

    @property
    def writes(self) -> bool:
        return bool(self.create or self.crm or self.google or self.moves or self.quarantine)

    def changes(self, side: Side) -> tuple[Change, ...]:
        return self.crm if side is Side.CRM else self.google


class Planned(msgspec.Struct, frozen=True):
    """A step with the case it was decided from: what the plan keeps and `apply` reads back."""

    case: Case
    step: Step


class PairOfScopes(msgspec.Struct, frozen=True):
    """One tag and one group that are kept in step, followed by id."""

    tag: ScopeId
    group: ScopeId
