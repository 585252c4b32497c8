"""Content hashes, and stamps that survive from reading to reading."""

from __future__ import annotations

import msgspec
import pytest

from syncd.core.contact import Instant, Record, Unit
from syncd.core.delta import REMOVED_KEPT, digest, inherit
from tests.core.model import SECOND, crm, email, google, name, notes

ANN = name("Ann", "Lee")


def test_digest_ignores_order_and_all_that_was_not_said() -> None:
    """Version, stamps, extra, anchors and groups are not content; nor is the order of anything."""
    one = crm(ANN, email("a@x.lv", native="r1"))
    other = Record(
        one.id, "9", (msgspec.structs.replace(one.units[1], stamp=Instant(5), extra={"x": 1}), ANN), one.mask[::-1]
    )
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    "other",
    [
        crm(ANN, email("A@x.lv", native="r1")),
        crm(ANN, email("a@x.lv", native="r2")),
        crm(ANN, email("a@x.lv", "work", native="r1")),
        crm(ANN),
        crm(ANN, email("a@x.lv", native="r1"), mask=("name",)),
    ],
)
def test_digest_tells_apart_what_was_said_differently(other: Record) -> None:
    """Nothing is folded: another spelling, row, label, or mask is another content."""
    assert digest(crm(ANN, email("a@x.lv", native="r1"))) != digest(other)


def _stamps(record: Record) -> list[int]:
    return [u.stamp // SECOND for u in record.units]


def test_unchanged_units_keep_their_time_and_changed_ones_take_the_new() -> None:
    """The row's own stamp first, the record's where the unit has none."""
    old = crm(ANN, email("a@x.lv", native="r1"), notes("Hi"), stamp=100)
    row = msgspec.structs.replace(email("b@x.lv", native="r1"), stamp=Instant(250 * SECOND))
    new = inherit(old, crm(ANN, row, notes("Bye"), stamp=300), Instant(200 * SECOND))
    assert _stamps(new) == [100, 250, 300]
    assert _stamps(inherit(new, crm(ANN, row, notes("Bye"), stamp=900), Instant(300 * SECOND))) == [100, 250, 300]


def test_first_reading_is_left_as_it_is() -> None:
    """There is nothing to inherit."""
    assert inherit(None, HEARD, Instant(1)) is HEARD


HEARD = google(ANN)


def test_vanished_unit_is_remembered_with_a_time_by_side() -> None:
    """Google's record was stamped by the removal; in the CRM it is at best as late as the reading before."""
    unit = email("a@x.lv")
    there = inherit(google(ANN, unit), google(ANN, stamp=300), Instant(200 * SECOND))
    here = inherit(crm(ANN, unit), crm(ANN, stamp=300), Instant(200 * SECOND))
    assert [u.stamp // SECOND for u in (*there.removed, *here.removed)] == [300, 200]


def test_unit_that_was_not_read_or_came_back_is_not_remembered() -> None:
    """Only what is known to be missing is."""
    unit = email("a@x.lv")
    assert inherit(crm(unit), crm(mask=("name",)), Instant(1)).removed == ()
    gone = inherit(crm(unit), crm(), Instant(1))
    assert inherit(gone, crm(unit), Instant(2)).removed == ()


def test_edited_row_or_single_value_is_not_remembered_as_removed() -> None:
    """It did not vanish, it changed."""
    was = crm(ANN, email("a@x.lv", native="r1"))
    assert inherit(was, crm(name("Eve"), email("b@x.lv", native="r1")), Instant(1)).removed == ()


def test_memory_of_the_vanished_is_bounded_newest_last() -> None:
    """The oldest are forgotten first."""
    record = google()
    for i in range(REMOVED_KEPT + 5):
        filled = google(email(f"{i}@x.lv"), stamp=2 * i)
        record = inherit(inherit(record, filled, Instant(0)), google(stamp=2 * i + 1), Instant(0))
    assert len(record.removed) == REMOVED_KEPT
    assert record.removed[-1].value == (f"{REMOVED_KEPT + 4}@x.lv",)
    assert all(isinstance(u, Unit) for u in record.removed)
