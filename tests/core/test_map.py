"""One-way accounts, and the slots an operator maps."""

from __future__ import annotations

import msgspec
import pytest

from syncd.core.contact import Field, Side, Unit
from syncd.core.merge import Merged
from syncd.core.policy import Flow, Lens, MapRow, Rule
from tests.core.model import (
    CRM,
    GOOGLE,
    agreed,
    crm,
    email,
    google,
    merged,
    name,
    notes,
    phone,
    policy,
)

ANN = name("Ann", "Lee")
SILENCE = Merged()


@pytest.mark.parametrize(("direction", "told"), [(Flow.TO_CRM, Side.CRM), (Flow.TO_GOOGLE, Side.GOOGLE)])
def test_one_way_account_writes_one_side_only(direction: Flow, told: Side) -> None:
    """And its source wins every conflict, however old its edit."""
    was = agreed(ANN, notes("Hi"))
    here = crm(name("Cee"), notes("Hi"), email("c@x.lv", native="r9"), stamp=500 if told is Side.CRM else 1)
    there = google(name("Gee"), notes("Bye"), stamp=1 if told is Side.CRM else 500)
    result = merged(was, (here, there), policy(direction=direction))
    assert not (result.google if told is Side.CRM else result.crm)
    assert (result.crm if told is Side.CRM else result.google)[0].new == (
        name("Gee") if told is Side.CRM else name("Cee")
    )
    assert [c.winner for c in result.conflicts] == [told.other]


def slot(value: str, side: Side) -> Unit:
    """The mapped slot as that side says it."""
    return Unit(Field.CUSTOM, (value,), "UsrLoyalty" if side is Side.CRM else "userDefined:Loyalty")


@pytest.mark.parametrize(
    ("flow", "rule", "to_crm", "to_google"),
    [
        (Flow.BOTH, Rule.REPLACE, True, True),
        (Flow.TO_CRM, Rule.REPLACE, True, False),
        (Flow.TO_GOOGLE, Rule.REPLACE, False, True),
        (Flow.FIRST_TIME, Rule.REPLACE, False, False),
        (Flow.BOTH, Rule.FILL_EMPTY, False, False),
    ],
)
def test_mapped_slot_obeys_its_direction_and_rule(flow: Flow, rule: Rule, *, to_crm: bool, to_google: bool) -> None:
    """A row of the map pairs a CRM column with a Google key as one value."""
    rules = policy(lens=Lens("LV", CRM, GOOGLE, (MapRow("UsrLoyalty", "userDefined:Loyalty", flow, rule),)))
    was = (crm(slot("gold", Side.CRM)), google(slot("gold", Side.GOOGLE)))
    to_there = merged(was, (crm(slot("red", Side.CRM)), was[1]), rules)
    to_here = merged(was, (was[0], google(slot("red", Side.GOOGLE))), rules)
    assert [c.new for c in to_there.google] == ([slot("red", Side.GOOGLE)] if to_google else [])
    assert [c.new for c in to_here.crm] == ([slot("red", Side.CRM)] if to_crm else [])


def test_first_time_and_fill_empty_rows_carry_into_nothing() -> None:
    """Both fill what is empty when two records are first joined."""
    for flow, rule in ((Flow.FIRST_TIME, Rule.REPLACE), (Flow.BOTH, Rule.FILL_EMPTY)):
        rules = policy(lens=Lens("LV", CRM, GOOGLE, (MapRow("UsrLoyalty", "userDefined:Loyalty", flow, rule),)))
        result = merged(None, (crm(slot("gold", Side.CRM)), google()), rules)
        assert [c.new for c in result.google] == [slot("gold", Side.GOOGLE)]


def test_update_keeps_what_only_the_native_item_knows() -> None:
    """Row id, primary flag and foreign attributes of the element written to are sent back with it."""
    rich = Unit(Field.PHONE, ("67111222",), "work", primary=True, native="r1", extra={"NonActual": False})
    was = (crm(rich), google(phone("67111222", "work")))
    change = merged(was, (was[0], google(phone("67333444", "work")))).crm[0]
    assert change.old == rich
    assert change.new == msgspec.structs.replace(rich, value=("67333444",))
