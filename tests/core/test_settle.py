"""What is remembered after a write, and whose time a carried value has."""

from __future__ import annotations

import msgspec

from syncd.core.contact import Instant, Record, Side, Unit, base_of
from syncd.core.policy import Offset
from syncd.core.settle import carry, settled
from syncd.core.step import Change, Why
from tests.core.model import SECOND, address, crm, email, google, job, name, notes, phone

ANN = name("Ann", "Lee")
AT = Instant(150 * SECOND)


def change(old: Unit | None, new: Unit | None) -> Change:
    """A carried change whose value was set at `AT` by the other side's clock."""
    unit = new or old
    assert unit is not None
    return Change(unit.field, old, new, Why.CHANGED, AT)


def test_base_equals_the_readback_when_only_we_wrote() -> None:
    """Then there is nothing to store."""
    changes = (change(ANN, name("Eve")), change(None, email("a@x.lv")))
    assert settled(google(ANN), changes, google(email("a@x.lv"), name("Eve"), stamp=300)) is None


def test_what_the_server_made_of_our_values_is_part_of_the_base() -> None:
    """Row ids, other spellings, a company and a city without a row: no edits of anybody."""
    changes = (
        change(None, phone("67 111 222")),
        change(None, job("Nowhere Ltd", "CEO")),
        change(None, address("Main 1", "Atlantis")),
        change(None, email("A@x.lv")),
    )
    after = crm(
        phone("+371 67111222", native="r1"),
        job("", "CEO"),
        address("Main 1", native="r2"),
        email("a@x.lv", native="r3"),
    )
    assert settled(crm(), changes, after) is None
    assert settled(None, changes, after) is None


def test_foreign_edit_between_plan_and_readback_stays_out_of_the_base() -> None:
    """So that the next plan sees it: another unit's, an added one, a removed one, and one over our own."""
    planned = crm(ANN, notes("Hi"), email("a@x.lv", native="r1"))
    after = crm(name("Eve"), notes("Foreign"), phone("67111222", native="r9"))
    base = settled(planned, (change(notes("Hi"), notes("Ours")),), after)
    assert base is not None
    assert set(base.units) == {ANN, notes("Ours"), email("a@x.lv", native="r1")}


def test_value_the_server_did_not_store_is_not_taken_for_removed() -> None:
    """A silently refused addition and a removal that did not happen leave the base as the server is."""
    kept = email("a@x.lv", native="r1")
    assert settled(crm(kept), (change(None, email("A@X.LV")), change(kept, None)), crm(kept)) is None


def test_primary_moved_by_our_write_is_no_edit() -> None:
    """A server that makes the newest row the primary one says nothing new."""
    old = msgspec.structs.replace(email("a@x.lv", native="r1"), primary=True)
    after = crm(
        msgspec.structs.replace(old, primary=False), msgspec.structs.replace(email("b@x.lv"), native="r2", primary=True)
    )
    assert settled(crm(old), (change(None, email("b@x.lv")),), after) is None


def test_side_that_was_not_written_keeps_what_was_planned_with() -> None:
    """Its base is the mirror, or the older content when the mirror has moved on."""
    planned = google(ANN)
    assert settled(planned, (), google(ANN, stamp=999)) is None
    assert settled(planned, (), google(ANN, notes("Hi"))) == base_of(planned)


def _stamps(record: Record) -> dict[str, int]:
    return {u.value[0]: u.stamp // SECOND for u in record.units}


def test_written_unit_carries_the_time_of_the_edit_it_came_from() -> None:
    """By the clock of the side it was written to; all else keeps its own time."""
    old = crm(ANN, email("a@x.lv", native="r1"), stamp=100)
    after = crm(ANN, email("b@x.lv", native="r1"), phone("67111222", native="r2"), stamp=500)
    changes = (change(old.units[1], email("b@x.lv", native="r1")), change(None, phone("67 111 222")))
    carried = carry(after, old, changes, Side.CRM, Offset(40 * SECOND, 60 * SECOND))
    assert _stamps(carried) == {"Ann": 100, "b@x.lv": 200, "67111222": 200}
    back = carry(google(notes("Hi"), stamp=500), google(), (change(None, notes("Hi")),), Side.GOOGLE, Offset(0, 0))
    assert _stamps(back) == {"Hi": 150}


def test_foreign_edit_in_the_readback_keeps_its_own_time() -> None:
    """Also where it was made over our write."""
    carried = carry(
        google(notes("Foreign"), stamp=500), google(stamp=9), (change(None, notes("Ours")),), Side.GOOGLE, Offset(0, 0)
    )
    assert _stamps(carried) == {"Foreign": 500}


def test_removal_carries_its_time_too() -> None:
    """What we took away is remembered as of the moment its user did."""
    old = google(email("a@x.lv"), stamp=100)
    carried = carry(google(stamp=500), old, (change(old.units[0], None),), Side.GOOGLE, Offset(0, 0))
    assert [u.stamp for u in carried.removed] == [AT]
