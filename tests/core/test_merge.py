"""The three-way merge, rule by rule."""

from __future__ import annotations

import msgspec
import pytest

from syncd.core.contact import Field, Instant, Record, Side, Unit
from syncd.core.merge import Merged
from syncd.core.policy import ConflictRule, Offset
from syncd.core.step import Why
from tests.core.model import (
    CRM_MASK,
    NOW,
    SECOND,
    address,
    agreed,
    birthday,
    crm,
    email,
    google,
    job,
    merged,
    name,
    notes,
    phone,
    policy,
    shown,
    url,
)

ANN = name("Ann", "Lee")
SILENCE = Merged()


# ------------------------------------------------------------------------------- one side changed


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (name("Ann", "Lee"), name("Ann", "Low")),
        (job("Acme", "CEO"), job("Acme", "CTO")),
        (birthday("1990", "5", "1"), birthday("1990", "5", "2")),
        (notes("Hi"), notes("Bye")),
        (email("a@x.lv"), email("b@x.lv")),
        (phone("+371 67111222"), phone("+371 67333444")),
        (address("Main 1", "Riga"), address("Main 2", "Riga")),
        (url("x.lv"), url("y.lv")),
    ],
    ids=lambda u: u.field.value if isinstance(u, Unit) else "",
)
@pytest.mark.parametrize("editor", list(Side), ids=str)
def test_value_edited_on_one_side_goes_to_the_other(was: Unit, now: Unit, editor: Side) -> None:
    """A unit changed on one side only is taken from that side, as one update and without a conflict."""
    before = agreed(was)
    after = list(before)
    side = 0 if editor is Side.CRM else 1
    unit = msgspec.structs.replace(now, native=before[side].units[0].native)
    after[side] = msgspec.structs.replace(before[side], units=(unit,))
    result = merged(before, (after[0], after[1]))
    told, quiet = (result.google, result.crm) if editor is Side.CRM else (result.crm, result.google)
    assert [(c.old, c.new.value if c.new else None, c.why) for c in told] == [
        (before[1 - side].units[0], now.value, Why.CHANGED)
    ]
    assert quiet == ()
    assert result.conflicts == ()


def test_edits_to_different_units_on_both_sides_both_survive() -> None:
    """A title changed here and a number added there are no conflict."""
    was = agreed(ANN, job("Acme", "CEO"))
    now = (crm(ANN, job("Acme", "CTO")), google(ANN, job("Acme", "CEO"), phone("26555666")))
    result = merged(was, now)
    assert shown(result.google) == [(("Acme", "CEO", ""), ("Acme", "CTO", ""))]
    assert shown(result.crm) == [(None, "26555666")]
    assert result.conflicts == ()


@pytest.mark.parametrize(
    ("field", "here", "there"),
    [
        ("case", email("Ann@X.lv", native="r0"), email("ann@x.lv")),
        ("format", phone("67111222", native="r0"), phone("+371 67 111-222")),
        ("html", notes("<p>Hi<br>there</p>"), notes("Hi\nthere")),
        ("space", name("Ann ", "Lee"), name("Ann", "Lee")),
        ("form", name("Zoe\u0308"), name("Zoë")),
        ("zero", birthday("1990", "05", "01"), birthday("1990", "5", "1")),
        ("unstorable", notes("H\0i"), notes("Hi")),
        ("scheme", url("x.lv", native="r0"), url("http://X.lv/")),
    ],
)
def test_equal_said_differently_is_silent(field: str, here: Unit, there: Unit) -> None:
    """Equality is of normalised values: with a base, and without one."""
    before = (crm(), google())
    assert merged(before, (crm(here), google(there))) == SILENCE
    assert merged(None, (crm(here), google(there))) == SILENCE


def test_html_notes_survive_until_their_text_changes() -> None:
    """A formatted note is not written over by its own text, and Google is told the text, not the tags."""
    was = (crm(notes("<p>Hi</p>")), google(notes("Hi")))
    assert merged(was, (crm(notes("<b>Hi</b>")), google(notes("Hi")))) == SILENCE
    result = merged(was, (crm(notes("<p>Bye &amp; <i>thanks</i></p>")), google(notes("Hi"))))
    assert shown(result.google) == [("Hi", "Bye & thanks")]


def test_value_removed_on_one_side_is_removed_on_the_other_with_all_its_twins() -> None:
    """Equal numbers in two rows are one element; when it goes, both rows go."""
    was = (crm(phone("67111222", native="r1"), phone("+37167111222", "work", native="r2")), google(phone("67111222")))
    result = merged(was, (was[0], google()))
    assert {c.old.native for c in result.crm if c.old} == {"r1", "r2"}
    assert all(c.new is None for c in result.crm)


def test_row_that_lost_its_twin_is_not_removed() -> None:
    """One of two equal rows deleted changes nothing that was said."""
    twins = crm(email("a@x.lv", native="r1"), email("A@x.lv", native="r2"))
    was = (twins, google(email("a@x.lv", "home")))
    assert merged(was, (crm(email("A@x.lv", native="r2")), was[1])) == SILENCE


def test_field_not_read_whole_is_left_alone() -> None:
    """Absence from what was not read means nothing."""
    was = agreed(ANN, notes("Hi"))
    mask = tuple(key for key in CRM_MASK if key != "notes")
    assert merged(was, (crm(ANN, mask=mask), was[1])) == SILENCE


# ------------------------------------------------------------------------------- identity of elements


def test_swapped_rows_are_silent() -> None:
    """Two rows that exchanged their values still say the same together."""
    was = agreed(email("a@x.lv"), email("b@x.lv"))
    assert merged(was, (crm(email("b@x.lv", native="r0"), email("a@x.lv", native="r1")), was[1])) == SILENCE


def test_google_value_gone_and_come_under_one_label_is_one_edit() -> None:
    """Google has no row ids: one out, one in, same label, is the same element edited, and its CRM row is updated."""
    was = agreed(phone("67111222"), phone("67333444", "work"))
    result = merged(was, (was[0], google(phone("26555666"), phone("67333444", "work"))))
    assert [(c.old and c.old.native, c.new and c.new.native) for c in result.crm] == [("r0", "r0")]


def test_values_that_cannot_be_paired_are_removed_and_added() -> None:
    """Two out and one in is no edit of anything in particular."""
    was = agreed(phone("67111222"), phone("67333444"))
    result = merged(was, (was[0], google(phone("26555666"))))
    assert sorted(shown(result.crm), key=str) == [("67111222", None), ("67333444", None), (None, "26555666")]


def test_edit_to_what_the_other_side_added_leaves_one_of_them() -> None:
    """x became y here, y was added there: both end with y alone."""
    was = agreed(email("x@x.lv"))
    result = merged(was, (crm(email("y@x.lv", native="r0")), google(email("x@x.lv"), email("y@x.lv"))))
    assert shown(result.google) == [("x@x.lv", None)]
    assert result.crm == ()


def test_rows_shifted_by_one_become_one_edit_there() -> None:
    """Row 1 took the value of row 2, and row 2 a new one: the other side changes one value."""
    was = agreed(email("a@x.lv"), email("b@x.lv"))
    result = merged(was, (crm(email("b@x.lv", native="r0"), email("c@x.lv", native="r1")), was[1]))
    assert shown(result.google) == [("a@x.lv", "c@x.lv")]


def test_row_edited_while_its_old_value_comes_back_in_another_row_adds_one() -> None:
    """Row 1: a becomes b, and a new row says a. The other side gains b and loses nothing."""
    was = agreed(email("a@x.lv"))
    result = merged(was, (crm(email("b@x.lv", native="r0"), email("a@x.lv", native="r9")), was[1]))
    assert shown(result.google) == [(None, "b@x.lv")]


def test_row_whose_value_and_label_changed_is_still_the_same_row() -> None:
    """The CRM's row id says so; the other side gets one update."""
    was = agreed(phone("67111222", "work"))
    change = merged(was, (crm(phone("67333444", "home", "r0")), was[1])).google
    assert [(c.old and c.old.label, c.new and (c.new.value, c.new.label)) for c in change] == [
        ("work", (("67333444",), "home"))
    ]


# ------------------------------------------------------------------------------- conflicts


def both_edited(here: Unit, there: Unit, *, at: tuple[int, int]) -> tuple[Record, Record]:
    """Records that say this since then, by their own clocks, seconds."""
    stamped = msgspec.structs.replace(here, stamp=Instant(at[0] * SECOND))
    return crm(stamped, stamp=1), google(there, stamp=at[1])


@pytest.mark.parametrize(
    ("at", "winner", "why"),
    [((300, 200), Side.CRM, Why.LATER), ((200, 300), Side.GOOGLE, Why.LATER), ((200, 200), Side.CRM, Why.TIE)],
)
def test_element_edited_on_both_sides_ends_as_the_later_edit(at: tuple[int, int], winner: Side, why: Why) -> None:
    """A conflict, not two additions: the later write wins, a tie goes by the rule, the loser is named."""
    was = agreed(email("a@x.lv"))
    now = both_edited(email("c@x.lv", native="r0"), email("g@x.lv"), at=at)
    result = merged(was, now)
    told = result.google if winner is Side.CRM else result.crm
    values = ("g@x.lv", "c@x.lv") if winner is Side.CRM else ("c@x.lv", "g@x.lv")
    assert shown(told) == [values]
    assert told[0].stamp == at[0 if winner is Side.CRM else 1] * SECOND
    assert len(result.crm) + len(result.google) == 1
    assert [(c.winner, c.why, c.lost and c.lost.value) for c in result.conflicts] == [(winner, why, (values[0],))]


def test_both_edited_alike_is_silent() -> None:
    """Equal edits agree, whatever their times."""
    was = agreed(email("a@x.lv"), ANN)
    now = (crm(email("B@x.lv", native="r0"), name("Eve")), google(email("b@x.lv"), name("Eve")))
    assert merged(was, now) == SILENCE


@pytest.mark.parametrize(("removal_at", "winner"), [(300, Side.CRM), (100, Side.GOOGLE)])
def test_removed_here_and_edited_there_goes_by_time(removal_at: int, winner: Side) -> None:
    """The stamp of a removal is the one kept with the vanished unit, not the record's."""
    was = agreed(email("a@x.lv"))
    gone = email("a@x.lv", native="r0")
    here = crm(stamp=999, removed=(msgspec.structs.replace(gone, stamp=Instant(removal_at * SECOND)),))
    result = merged(was, (here, google(email("b@x.lv"), stamp=200)))
    assert result.conflicts[0].winner is winner
    told = result.google if winner is Side.CRM else result.crm
    assert shown(told) == [("b@x.lv", None) if winner is Side.CRM else (None, "b@x.lv")]


def test_tie_between_a_value_and_nothing_keeps_the_value() -> None:
    """Non-empty beats empty before the preferred side is asked."""
    was = agreed(notes("Hi"))
    result = merged(was, (crm(stamp=200), google(notes("Bye"), stamp=200)))
    assert shown(result.crm) == [(None, "Bye")]
    assert result.conflicts[0].why is Why.TIE


@pytest.mark.parametrize("stamp", [1, 200, 9999])
def test_removed_here_and_only_relabelled_there_is_kept(stamp: int) -> None:
    """The removal of an element against an edit of its label: the edit wins, whenever it was."""
    was = agreed(phone("67111222", "work"))
    result = merged(was, (crm(stamp=5000), google(phone("67111222", "mobile"), stamp=stamp)))
    assert [(c.new and c.new.label) for c in result.crm] == ["mobile"]
    assert result.google == ()


def test_value_edited_here_and_label_there_both_survive() -> None:
    """The label is an attribute of the element: changing it is no claim about the value."""
    was = agreed(phone("67111222", "work"))
    now = (crm(phone("67333444", "work", native="r0")), google(phone("67111222", "mobile")))
    result = merged(was, now)
    assert [(c.new and (c.new.value, c.new.label)) for c in result.google] == [(("67333444",), "mobile")]
    assert [(c.new and (c.new.value, c.new.label)) for c in result.crm] == [(("67333444",), "mobile")]


@pytest.mark.parametrize(
    ("crm_at", "google_at", "offset", "winner"),
    [
        (3_800, 300, Offset(3600 * SECOND, 3600 * SECOND), Side.GOOGLE),
        (3_999, 300, Offset(3600 * SECOND, 3600 * SECOND), Side.CRM),
        (302, 300, Offset(-3 * SECOND, 3 * SECOND), None),
        (310, 300, Offset(-3 * SECOND, 3 * SECOND), Side.CRM),
        (301, 300, Offset(0, 0), None),
    ],
)
def test_times_are_compared_by_one_clock(crm_at: int, google_at: int, offset: Offset, winner: Side | None) -> None:
    """The clocks' difference is taken off; within its uncertainty, a second at least, it is a tie."""
    was = agreed(notes("Hi"))
    rules = policy(offset=offset, tie=Side.GOOGLE)
    conflict = merged(was, (crm(notes("C"), stamp=crm_at), google(notes("G"), stamp=google_at)), rules).conflicts[0]
    assert (conflict.winner, conflict.why) == (winner or Side.GOOGLE, Why.LATER if winner else Why.TIE)


def test_stamp_from_the_future_is_not_trusted() -> None:
    """A time a day ahead proves nothing: the rule for ties decides."""
    was = agreed(notes("Hi"))
    ahead = NOW // SECOND + 90_000
    conflict = merged(was, (crm(notes("C"), stamp=5), google(notes("G"), stamp=ahead))).conflicts[0]
    assert (conflict.winner, conflict.why) == (Side.CRM, Why.TIE)


def test_record_rule_lets_the_later_edited_record_win_whole() -> None:
    """Every unit the loser changed is taken back, and is named as a conflict."""
    was = agreed(ANN, notes("Hi"), job("Acme", "CEO"))
    now = (
        crm(ANN, notes("Bye"), job("Acme", "CTO"), stamp=200),
        google(name("Eve", "Lee"), notes("Hi"), job("Acme", "CFO"), email("e@x.lv"), stamp=300),
    )
    result = merged(was, now, policy(conflict=ConflictRule.RECORD))
    assert result.google == ()
    assert [c.new and c.new.value for c in result.crm] == [
        ("Eve", "", "Lee"),
        ("Acme", "CFO", ""),
        ("Hi",),
        ("e@x.lv",),
    ]
    assert [(c.field, c.winner, c.why) for c in result.conflicts] == [
        (Field.JOB, Side.GOOGLE, Why.RECORD),
        (Field.NOTES, Side.GOOGLE, Why.RECORD),
    ]
