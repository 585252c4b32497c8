"""Values the CRM had no row for: once rows may have appeared, the links that wait for one are offered again, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from syncd.core.contact import Field, Side
from syncd.core.folding import folded
from syncd.core.ports import Ending
from syncd.core.step import Case
from syncd.engine.run import Offer, Run

KEPT = 200
"""New names that are remembered one by one; with more, everything that waits is tried."""


class _Names(NamedTuple):
    """How often names appeared so far, and which since it was the `since`th time (before that: any)."""

    times: int = 0
    since: int = 0
    texts: tuple[str, ...] = ()


def appeared(facts: Mapping[str, Any], ending: Ending) -> dict[str, Any]:
    """What a source has to remember of a reading: nothing unless names appeared in it."""
    if ending.names == ():
        return {}
    old = _names(facts)
    texts = sorted({*old.texts, *map(folded, ending.names or ())})
    whole = ending.names is None or len(texts) > KEPT
    times = old.times + 1
    return {"names": _Names(times, times if whole else old.since, () if whole else tuple(texts))._asdict()}


def _names(facts: Mapping[str, Any]) -> _Names:
    stored = facts.get("names") or {}
    return _Names(stored.get("times", 0), stored.get("since", 0), tuple(stored.get("texts", ())))


def times_named(run: Run) -> int:
    """How often names have appeared in this account's CRM."""
    return _names(run.store.source(run.crm.id, Side.CRM).facts).times


def offer_of(run: Run) -> Offer | None:
    """What may be placed since this account last tried; None: nothing waits, or nothing has appeared."""
    names, seen = _names(run.store.source(run.crm.id, Side.CRM).facts), run.row().facts.get("names", 0)
    if seen == names.times or not run.store.unplaced(run.account):
        return None
    return Offer(None if seen < names.since else frozenset(names.texts))


def offered(run: Run, case: Case) -> bool:
    """Whether this contact's unplaced value is tried again in this plan."""
    if run.offer is None or case.link is None or not case.link.unplaced:
        return False
    if run.offer.names is None:
        return True
    google = case.google.record
    return google is not None and any(
        unit.field is Field.JOB and unit.value and folded(unit.value[0]) in run.offer.names for unit in google.units
    )
