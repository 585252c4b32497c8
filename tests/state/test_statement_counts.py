"""How many statements a transaction takes: a matter of its kind, not of the contacts in it (up to the thousand)."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.core.contact import Instant, Side
from syncd.core.ports import CallItem, Create, Done, Member, Settled
from syncd.core.step import Link, LinkState, Step
from tests.state.world import ANN, GROUP, NOW, TAG, World, crm, google, rid, statements, update_of

FEW, MANY = 2, 150
SENT = Instant(7_000_000)


def _creates_on_google(tag: str, count: int) -> list[CallItem]:
    items = []
    for n in range(count):
        intent, crm_id = f"i-{tag}{n}", f"{tag}{n}"
        write = Create(intent, None, f"1/t/{crm_id}/{intent}", crm(crm_id).units, (GROUP,))
        items.append(CallItem(Step(crm_id=rid(crm_id), create=Side.GOOGLE, pairs=(0,)), write, 0))
    return items


def _made_on_google(tag: str, opened: Sequence[CallItem]) -> list[Settled]:
    settled = []
    for n, item in enumerate(opened):
        made = google(f"g-{tag}{n}", anchor=f"1/t/{tag}{n}/i-{tag}{n}")
        link = Link(item.link, ANN, LinkState.LIVE, rid(f"{tag}{n}"), made.id, pairs=(0,))
        settled.append(Settled(item, Done(made), link, made, (Member(GROUP, made.id),)))
    return settled


def _creates_on_crm(tag: str, count: int) -> list[CallItem]:
    items = []
    for n in range(count):
        write = Create(f"i-{tag}{n}", rid(f"c-{tag}{n}"), "", google(f"{tag}{n}").units, (TAG,))
        items.append(CallItem(Step(google_id=rid(f"{tag}{n}"), create=Side.CRM, pairs=(0,)), write, 0))
    return items


def test_a_reading_takes_as_many_statements_for_many_contacts_as_for_few(world: World) -> None:
    """Bodies, memberships and keys go in together."""
    lengths = []
    for tag, count in (("a", FEW), ("b", MANY)):
        with statements(world.store) as seen:
            world.read_crm(*(crm(f"{tag}{n}") for n in range(count)))
        lengths.append(len(seen))
    assert lengths[0] == lengths[1]


def test_opening_a_call_takes_as_many_statements_for_many_creates_as_for_few(world: World) -> None:
    """Claims, links, items and history go in together."""
    lengths = []
    for tag, count in (("a", FEW), ("b", MANY)):
        world.read_google(*(google(f"{tag}{n}") for n in range(count)))
        claims = {n: (f"email:{tag}{n}@example.com", f"phone:{tag}{n}") for n in range(count)}
        with statements(world.store) as seen:
            world.store.open_call(world.crm_lease, ANN, "r", Side.CRM, _creates_on_crm(tag, count), SENT, claims)
        lengths.append(len(seen))
    assert lengths[0] == lengths[1]


def test_settling_creates_takes_as_many_statements_for_many_as_for_few(world: World) -> None:
    """Bodies, keys, memberships, links, history and items are settled together, and nothing is left to do."""
    lengths = []
    for tag, count in (("a", FEW), ("b", MANY)):
        world.read_crm(*(crm(f"{tag}{n}") for n in range(count)))
        items = _creates_on_google(tag, count)
        call, opened = world.store.open_call(world.google_lease, ANN, "r", Side.GOOGLE, items, SENT)
        results = _made_on_google(tag, opened)
        with statements(world.store) as seen:
            world.store.settle_call(world.google_lease, call, results, NOW)
        lengths.append(len(seen))
    assert lengths[0] == lengths[1]
    assert world.work() == []
    told = world.store.history(ANN, run=None, record=None, limit=FEW + MANY + 1)
    assert {(row.kind, row.outcome, bool(row.link), bool(row.record)) for row in told} == {
        ("create", "done", True, True)
    }
    assert len(told) == FEW + MANY


def test_settling_updates_takes_as_many_statements_for_many_as_for_few(world: World) -> None:
    """A base that is written down before the mirror moves is not written link by link either."""
    lengths = []
    for tag, count in (("a", FEW), ("b", MANY)):
        names = [f"{tag}{n}" for n in range(count)]
        world.read_crm(*(crm(name) for name in names))
        world.read_google(*(google(name) for name in names))
        links = [world.link(name, name) for name in names]
        items = [CallItem(Step(link=x.id), update_of(google(str(x.google_id)), "2"), x.id) for x in links]
        call, opened = world.store.open_call(world.google_lease, ANN, "r", Side.GOOGLE, items, SENT)
        read_back = [google(name, "2", stamp=20) for name in names]
        joined = zip(opened, links, read_back, strict=True)
        results = [Settled(item, Done(record), link, record) for item, link, record in joined]
        with statements(world.store) as seen:
            world.store.settle_call(world.google_lease, call, results, NOW)
        lengths.append(len(seen))
    assert lengths[0] == lengths[1]


def test_joining_takes_as_many_statements_for_many_contacts_as_for_few(world: World) -> None:
    """Steps with nothing to write settle in one transaction."""
    lengths = []
    for tag, count in (("a", FEW), ("b", MANY)):
        names = [f"{tag}{n}" for n in range(count)]
        world.read_crm(*(crm(name) for name in names))
        world.read_google(*(google(name) for name in names))
        steps = [(Step(partner=True), Link(0, ANN, LinkState.LIVE, rid(n), rid(n), pairs=(0,))) for n in names]
        with statements(world.store) as seen:
            world.store.settle_steps(world.google_lease, ANN, steps)
        lengths.append(len(seen))
    assert lengths[0] == lengths[1]
    assert world.work() == []
