"""What the operator decided, and what the servers can do, as plain values: inputs of every decision."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from syncd.core.contact import Capabilities, Instant, Side


class Flow(StrEnum):
    """Which way values go. `first_time` is for rows of the map: carried when records are first joined, never later."""

    BOTH = "both"
    TO_CRM = "to_crm"
    TO_GOOGLE = "to_google"
    FIRST_TIME = "first_time"


class Rule(StrEnum):
    """What a carried value may do to the one it meets."""

    REPLACE = "replace"
    FILL_EMPTY = "fill_empty"


class FirstLink(StrEnum):
    """Whose value stays when two records without a base say different things."""

    CRM = "crm"
    GOOGLE = "google"
    LATER = "later"


class ConflictRule(StrEnum):
    """The grain of "the later write wins": one unit, or (as Creatio itself does it) the whole record."""

    FIELD = "field"
    RECORD = "record"


class CompanyRule(StrEnum):
    """What becomes of a company name that no single CRM account bears; carried out by the adapter."""

    LINK = "link"
    CREATE = "create"
    TEXT = "text"


class MapRow(msgspec.Struct, frozen=True):
    """One more pair of slots: a CRM column and a Google key (a field name, or `userDefined:<key>`)."""

    crm: str
    google: str
    direction: Flow = Flow.BOTH
    rule: Rule = Rule.REPLACE


class Lens(msgspec.Struct, frozen=True):
    """How both sides are looked at now: region of phone numbers, what each side can hold, the extra slots."""

    region: str
    crm: Capabilities
    google: Capabilities
    map: tuple[MapRow, ...] = ()

    def capabilities(self, side: Side) -> Capabilities:
        return self.crm if side is Side.CRM else self.google


class Offset(msgspec.Struct, frozen=True):
    """The CRM's clock minus Google's, microseconds, somewhere in [lo, hi]."""

    lo: int
    hi: int

    @property
    def middle(self) -> int:
        return (self.lo + self.hi) // 2


class Policy(msgspec.Struct, frozen=True):
    """One account's rules, and the time by Google's clock.

    `place_unplaced` is set when rows of the CRM's lookups may have appeared: units the CRM could not place are offered
    to it once more.
    """

    lens: Lens
    first_link: FirstLink
    conflict: ConflictRule
    tie: Side
    direction: Flow
    company: CompanyRule
    offset: Offset
    now: Instant
    place_unplaced: bool = False


class Limit(msgspec.Struct, frozen=True):
    """Trips when a number exceeds both a count and a share of the whole."""

    count: int
    share: float

    def trips(self, number: int, total: int) -> bool:
        return number > max(self.count, self.share * total)


class Limits(msgspec.Struct, frozen=True):
    """The brake's limits; the defaults are those of the manual."""

    leavers: Limit = Limit(10, 0.10)
    changed: Limit = Limit(10, 0.50)
    emptied: Limit = Limit(10, 0.10)
