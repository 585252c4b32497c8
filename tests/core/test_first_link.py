"""Two records that have no base: nothing is known of what either said before."""

from __future__ import annotations

import pytest

from syncd.core.contact import Base, Side, base_of
from syncd.core.merge import Arm, Merged, merge
from syncd.core.policy import FirstLink
from syncd.core.step import Why
from tests.core.model import (
    CRM_MASK,
    address,
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
)

ANN = name("Ann", "Lee")
SILENCE = Merged()


def test_lists_unite_where_there_is_no_base() -> None:
    """Nothing is removed at the first link; what is equal is there once."""
    result = merged(None, (crm(email("a@x.lv"), phone("67111222")), google(email("A@x.lv", "home"), email("b@x.lv"))))
    assert shown(result.crm) == [(None, "b@x.lv")]
    assert shown(result.google) == [(None, "67111222")]
    assert result.conflicts == ()


def test_empty_yields_to_non_empty() -> None:
    """A value that only one side has goes to the other."""
    result = merged(None, (crm(ANN, notes("Hi")), google(ANN, birthday("1990", "5", "1"))))
    assert shown(result.crm) == [(None, ("1990", "5", "1"))]
    assert shown(result.google) == [(None, "Hi")]


@pytest.mark.parametrize(
    ("rule", "winner"),
    [(FirstLink.CRM, Side.CRM), (FirstLink.GOOGLE, Side.GOOGLE), (FirstLink.LATER, Side.GOOGLE)],
)
def test_two_values_without_a_base_go_by_the_first_link_rule(rule: FirstLink, winner: Side) -> None:
    """The other value goes to the conflict list."""
    result = merged(
        None, (crm(name("Ann", "Lee"), stamp=100), google(name("Eve", "Lee"), stamp=500)), policy(first_link=rule)
    )
    assert [(c.winner, c.why) for c in result.conflicts] == [(winner, Why.FIRST_LINK)]
    assert len(result.crm if winner is Side.GOOGLE else result.google) == 1
    assert not (result.google if winner is Side.GOOGLE else result.crm)


def test_parts_that_do_not_contradict_complete_each_other() -> None:
    """A company here and a title there are one job, told to both; a contradicting title does not blank the company."""
    result = merged(None, (crm(job("", "CEO")), google(job("Acme"))))
    assert shown(result.crm) == [(("", "CEO", ""), ("Acme", "CEO", ""))]
    assert shown(result.google) == [(("Acme", "", ""), ("Acme", "CEO", ""))]
    result = merged(None, (crm(job("", "CEO")), google(job("Acme", "CFO"))))
    assert shown(result.google) == [(("Acme", "CFO", ""), ("Acme", "CEO", ""))]


def test_one_address_with_a_part_left_out_is_not_two() -> None:
    """An address whose city the CRM did not place meets itself again."""
    result = merged(None, (crm(address("Main 1", native="r1")), google(address("Main 1", "Riga"))))
    assert [(c.old and c.old.native, c.new and c.new.value[1]) for c in result.crm] == [("r1", "Riga")]
    assert result.google == ()


def test_name_split_otherwise_is_the_same_name() -> None:
    """Which word is the family name is no reason to write."""
    assert merged(None, (crm(name("Ann Lee")), google(ANN))) == SILENCE


@pytest.mark.parametrize("said", ["Acme Ltd", "info@acme.lv", "67 111 222"])
def test_placeholder_name_is_not_sent_back(said: str) -> None:
    """A CRM name that was borrowed from a nameless contact does not become that contact's name."""
    there = google(job("Acme Ltd"), email("info@acme.lv"), phone("67 111 222"))
    here = crm(name(said), *there.units)
    assert merged(None, (here, there)) == SILENCE
    assert shown(merged(None, (crm(ANN, *there.units), there)).google) == [(None, ("Ann", "", "Lee"))]


def test_field_outside_a_base_merges_as_without_a_base() -> None:
    """A slot that was read for the first time fills up instead of emptying the other side."""
    base = Base((), tuple(key for key in CRM_MASK if key != "notes"))
    result = merge(Arm(crm(), base), Arm(google(notes("Hi")), base_of(google(notes("Hi")))), policy())
    assert shown(result.crm) == [(None, "Hi")]
    assert result.google == ()
