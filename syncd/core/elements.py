"""Which elements of two lists are one and the same: through time on one side, and across the sides. No decisions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from syncd.core.contact import Field, Side, Unit
from syncd.core.fields import Canon, canon, is_blank, project
from syncd.core.policy import Lens


class Cell(NamedTuple):
    """One element at one time on one side; `twins` say the same again."""

    unit: Unit
    canon: Canon
    twins: tuple[Unit, ...] = ()


class Thread(NamedTuple):
    """One element of one side through time."""

    base: Cell | None
    now: Cell | None


class Row(NamedTuple):
    """One element on both sides; a side that never had it has an empty thread."""

    crm: Thread
    google: Thread

    def on(self, side: Side) -> Thread:
        return self.crm if side is Side.CRM else self.google


NOTHING = Thread(None, None)
_L = TypeVar("_L")
_R = TypeVar("_R")


def cells(units: Sequence[Unit], lens: Lens) -> list[Cell]:
    """The elements in an order of their own; blank ones are none, equal ones collapse into one that both sides hold."""
    if not units:
        return []
    grouped: defaultdict[Canon, list[Unit]] = defaultdict(list)
    for unit in units:
        if not is_blank(unit):
            grouped[canon(unit, lens.region)].append(unit)
    found = []
    for said in sorted(grouped):
        equals = grouped[said]
        if len(equals) > 1:
            equals.sort(key=lambda unit: (not _is_shared(unit, lens), *_rank(unit)))
        found.append(Cell(equals[0], said, tuple(equals[1:])))
    return found


def threads(base: Sequence[Cell], now: Sequence[Cell]) -> list[Thread]:
    """What became of each element: the same row, else the same value, else one gone and one come under one label."""
    joined: list[Thread] = []
    gone, come = list(base), list(now)
    for key in (_native, _canon):
        pairs, gone, come = _joined(gone, come, key, key)
        joined += (Thread(b, n) for b, n in pairs)
    pairs, gone, come = _joined(gone, come, _tag, _tag)
    joined += (Thread(b, n) for b, n in pairs)
    return joined + [Thread(b, None) for b in gone] + [Thread(None, n) for n in come]


def rows(crm: Sequence[Thread], google: Sequence[Thread], lens: Lens) -> list[Row]:
    """The threads of both sides, joined: bases with bases, what came with what came, then by what is there now."""
    joined: list[Row] = []
    left, right = list(crm), list(google)
    for at, fits in _ROUNDS:
        if not left or not right:
            break
        pairs, left, right = _matched(left, right, at, fits, lens)
        joined += (Row(c, g) for c, g in pairs)
    return joined + [Row(c, NOTHING) for c in left] + [Row(NOTHING, g) for g in right]


def same(crm: Cell, google: Cell, lens: Lens) -> bool:
    """Equal values, or equal to what one side can hold of the other's."""
    return crm.canon == google.canon or _projected(crm, google, lens)


def agree(crm: Unit, google: Unit, lens: Lens) -> bool:
    """Labels that mean the same to at least one side."""
    if crm.label == google.label:
        return True
    there, here = project(crm, lens.google), project(google, lens.crm)
    return (there is not None and there.label == google.label) or (here is not None and here.label == crm.label)


def _rank(unit: Unit) -> tuple[bool, str, tuple[str, ...], str]:
    return (not unit.primary, unit.label, unit.value, unit.native)


def _is_shared(unit: Unit, lens: Lens) -> bool:
    return project(unit, lens.crm) is not None and project(unit, lens.google) is not None


def _native(cell: Cell) -> object:
    return cell.unit.native or None


def _canon(cell: Cell) -> object:
    return cell.canon


def _tag(cell: Cell) -> object:
    return ("label", cell.unit.label)


def _joined(
    left: list[_L], right: list[_R], left_key: Callable[[_L], object], right_key: Callable[[_R], object]
) -> tuple[list[tuple[_L, _R]], list[_L], list[_R]]:
    """Pairs with the same key, where exactly one on each side has it, and what is left over."""
    if not left or not right:
        return [], left, right
    by_left: defaultdict[object, list[_L]] = defaultdict(list)
    by_right: defaultdict[object, list[_R]] = defaultdict(list)
    for one in left:
        by_left[left_key(one)].append(one)
    for other in right:
        by_right[right_key(other)].append(other)
    shared = [k for k in by_left if k is not None and len(by_left[k]) == 1 and len(by_right.get(k, ())) == 1]
    pairs = [(by_left[k][0], by_right[k][0]) for k in shared]
    taken = set(shared)
    return (
        pairs,
        [one for one in left if left_key(one) not in taken],
        [other for other in right if right_key(other) not in taken],
    )


_At = Callable[[Thread], Cell | None]
_Fits = Callable[[Cell, Cell, Lens], bool]


def _matched(
    left: list[Thread], right: list[Thread], at: _At, fits: _Fits, lens: Lens
) -> tuple[list[tuple[Thread, Thread]], list[Thread], list[Thread]]:
    """Pairs that fit, where neither could be taken for another, and what is left over."""
    crm = [(t, cell) for t in left if (cell := at(t))]
    google = [(t, cell) for t in right if (cell := at(t))]
    hits = [(i, j) for i, (_, c) in enumerate(crm) for j, (_, g) in enumerate(google) if fits(c, g, lens)]
    lefts, rights = Counter(i for i, _ in hits), Counter(j for _, j in hits)
    pairs = [(crm[i][0], google[j][0]) for i, j in hits if lefts[i] == rights[j] == 1]
    taken = {id(t) for pair in pairs for t in pair}
    return pairs, [t for t in left if id(t) not in taken], [t for t in right if id(t) not in taken]


def _base(thread: Thread) -> Cell | None:
    return thread.base


def _new(thread: Thread) -> Cell | None:
    return thread.now if thread.base is None else None


def _now(thread: Thread) -> Cell | None:
    return thread.now


def _equal(crm: Cell, google: Cell, _lens: Lens) -> bool:
    return crm.canon == google.canon


def _projected(crm: Cell, google: Cell, lens: Lens) -> bool:
    here, there = project(google.unit, lens.crm), project(crm.unit, lens.google)
    return (here is not None and canon(here, lens.region) == crm.canon) or (
        there is not None and canon(there, lens.region) == google.canon
    )


def _compatible(crm: Cell, google: Cell, lens: Lens) -> bool:
    """One address, of which a side left parts out: no part contradicts, one is shared, and the labels agree."""
    if crm.unit.field is not Field.ADDRESS or not agree(crm.unit, google.unit, lens):
        return False
    parts = list(zip(crm.canon, google.canon, strict=True))
    return all(c == g or not c or not g for c, g in parts) and any(c == g != "" for c, g in parts)


_ROUNDS: tuple[tuple[_At, _Fits], ...] = (
    (_base, _equal),
    (_base, _projected),
    (_base, _compatible),
    (_new, _equal),
    (_new, _projected),
    (_new, _compatible),
    (_now, _equal),
    (_now, _projected),
)
