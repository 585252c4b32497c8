"""What a side cannot hold, or holds in part, is never taken for removed."""

from __future__ import annotations

import msgspec

from syncd.core.merge import Merged
from tests.core.model import (
    CRM,
    LENS,
    address,
    agreed,
    birthday,
    crm,
    email,
    google,
    job,
    merged,
    name,
    phone,
    policy,
    shown,
    url,
)

ANN = name("Ann", "Lee")
SILENCE = Merged()


def test_yearless_birthday_stays_in_google() -> None:
    """It is not sent, no year is made up, and its absence in the CRM is not a removal."""
    there = google(birthday("", "5", "1"))
    assert merged(None, (crm(), there)) == SILENCE
    assert merged((crm(), there), (crm(ANN), google(ANN, birthday("", "5", "1")))) == SILENCE


def test_company_the_crm_could_not_place_survives_a_new_title() -> None:
    """The CRM never held the company, so its title alone is what changed."""
    was = (crm(job("", "CEO")), google(job("Nowhere Ltd", "CEO")))
    result = merged(was, (crm(job("", "CTO")), was[1]))
    assert shown(result.google) == [(("Nowhere Ltd", "CEO", ""), ("Nowhere Ltd", "CTO", ""))]
    result = merged(was, (crm(), was[1]))
    assert shown(result.google) == [(("Nowhere Ltd", "CEO", ""), ("Nowhere Ltd", "", ""))]


def test_company_emptied_in_the_crm_is_emptied_in_google() -> None:
    """What the CRM did hold, it can take away."""
    was = agreed(job("Acme", "CEO"))
    assert shown(merged(was, (crm(job("", "CEO")), was[1])).google) == [(("Acme", "CEO", ""), ("", "CEO", ""))]


def test_city_the_crm_could_not_place_survives_a_new_street() -> None:
    """As the company does; and the row keeps its counterpart although the two are spelt differently."""
    was = (crm(address("Main 1", native="r1")), google(address("Main 1", "Atlantis")))
    result = merged(was, (crm(address("Main 2", native="r1")), was[1]))
    assert [c.new and c.new.value[:2] for c in result.google] == [("Main 2", "Atlantis")]


def test_unplaced_company_is_offered_again_only_when_asked() -> None:
    """Silence by default; once the CRM may know the company, the unit goes there again."""
    was = (crm(job("", "CEO")), google(job("Nowhere Ltd", "CEO")))
    assert merged(was, was) == SILENCE
    result = merged(was, was, policy(place_unplaced=True))
    assert shown(result.crm) == [(("", "CEO", ""), ("Nowhere Ltd", "CEO", ""))]


def test_text_cut_in_the_crm_is_not_cut_in_google() -> None:
    """A part the CRM holds shortened is not a change of that part."""
    long = "A" * 60
    was = (crm(job(long[:40], "CEO")), google(job(long, "CEO")))
    result = merged(was, (crm(job(long[:40], "CTO")), was[1]))
    assert shown(result.google) == [((long, "CEO", ""), (long, "CTO", ""))]


def test_foreign_label_stays_in_google() -> None:
    """The CRM knows it as other: an edit of the value leaves it, a new label there does not come here."""
    was = (crm(phone("67111222", "other", "r1")), google(phone("67111222", "Yacht")))
    assert merged(was, (was[0], google(phone("67111222", "Boat")))) == SILENCE
    result = merged(was, (crm(phone("67333444", "other", "r1")), was[1]))
    assert [(c.new and c.new.label) for c in result.google] == ["Yacht"]
    result = merged(was, (crm(phone("67111222", "mobile", "r1")), was[1]))
    assert [(c.new and c.new.label) for c in result.google] == ["mobile"]


def test_what_is_read_only_in_the_crm_is_never_removed_there() -> None:
    """Social rows go to Google only: taken away there, they stay here."""
    was = (crm(url("fb.com/ann", "facebook", "r1")), google(url("fb.com/ann", "facebook")))
    assert merged(was, (was[0], google())) == SILENCE
    assert shown(merged((crm(), google()), (was[0], google())).google) == [(None, "fb.com/ann")]


def test_label_that_makes_a_value_holdable_brings_it_over() -> None:
    """A link the CRM had no place for arrives once it is called a home page."""
    was = (crm(), google(url("x.lv", "facebook")))
    assert shown(merged(was, (crm(), google(url("x.lv", "homePage")))).crm) == [(None, "x.lv")]


def test_side_with_one_place_takes_no_second_element() -> None:
    """Where a list holds one element per label, the rest stays on the other side, silently."""
    narrow = msgspec.structs.replace(CRM, multiple=frozenset())
    rules = policy(lens=msgspec.structs.replace(LENS, crm=narrow))
    was = agreed(email("a@x.lv"))
    assert merged(was, (was[0], google(email("a@x.lv"), email("b@x.lv", "home"))), rules) == SILENCE
    result = merged(was, (was[0], google(email("b@x.lv", "home"))), rules)
    assert sorted(shown(result.crm), key=str) == [("a@x.lv", None), (None, "b@x.lv")]


def test_name_emptied_on_one_side_empties_nothing() -> None:
    """The CRM stores no contact without a name, so nobody can mean that."""
    was = agreed(ANN)
    assert merged(was, (was[0], google())) == SILENCE
    result = merged(was, (crm(name("Eve")), google(stamp=900)))
    assert shown(result.google) == [(None, ("Eve", "", ""))]
    assert (result.crm, result.conflicts) == ((), ())
