"""Partners: never a duplicate, never two people made one."""

from __future__ import annotations

import msgspec
import pytest

from syncd.core.anchor import Anchor, tenant_hash
from syncd.core.contact import Record, RecordId, Side, Unit
from syncd.core.match import compatible, email_key, judge, key_rows, keys, name_key, phone_key, strong_keys
from syncd.core.ports import KeyKind, KeyRow
from syncd.core.step import Hold, HoldReason
from tests.core.model import LENS, crm, email, google, job, name, phone

ANN = name("Ann", "Lee")
TENANT = tenant_hash("https://acme.creatio.com")


def other(id: str, *units: Unit) -> Record:
    """A CRM contact of that id."""
    return msgspec.structs.replace(crm(*units), id=RecordId(id))


def test_keys_are_folded_and_free_of_region() -> None:
    """They over-approximate: what could be equal has equal keys."""
    record = google(name("Łukasz", "ÉMILE"), email(" A@X.lv "), phone("+371 67 111 222"), phone("112"))
    assert keys(record) == (
        (KeyKind.EMAIL, "a@x.lv"),
        (KeyKind.NAME, "emile lukasz"),
        (KeyKind.PHONE, "67111222"),
    )
    assert (email_key("nobody"), phone_key("12345"), name_key("", "", "")) == ("", "", "")


def test_anchored_contact_and_its_crm_contact_find_each_other_by_key() -> None:
    """The anchor's CRM id is a key of the one, its own id a key of the other."""
    anchor = str(Anchor(TENANT, RecordId("c1"), "i"))
    assert set(keys(google(anchors=(anchor,)))) == {(KeyKind.ANCHOR, anchor), (KeyKind.ANCHOR, "c1")}
    assert keys(crm()) == ((KeyKind.ANCHOR, "c1"),)


def test_key_rows_say_which_native_row_a_key_came_from() -> None:
    """A row without a key says so, that an older key of it goes away."""
    record = crm(ANN, email("a@x.lv", native="r1"), phone("112", native="r2"))
    assert key_rows(record) == (
        KeyRow(record.id, "r2", KeyKind.EMAIL, ""),
        KeyRow(record.id, "", KeyKind.NAME, "ann lee"),
        KeyRow(record.id, "r1", KeyKind.EMAIL, "a@x.lv"),
    )
    part = crm(email("a@x.lv", native="r1"), mask=("email",))
    assert [row.row for row in key_rows(part)] == ["r1"]


@pytest.mark.parametrize(
    ("units", "claims"),
    [
        ((ANN, email("B@x.lv"), email("a@x.lv"), phone("67111222")), ("email:a@x.lv", "email:b@x.lv")),
        ((ANN, phone("67 111 222")), ("phone:+37167111222|ann lee",)),
        ((ANN, job("Acme")), ("name:ann lee|acme",)),
        ((ANN,), ()),
    ],
)
def test_strong_keys_are_the_best_there_are(units: tuple[Unit, ...], claims: tuple[str, ...]) -> None:
    """E-mails; else phone and name; else full name and company; a bare name claims nothing."""
    assert strong_keys(google(*units), LENS) == claims


@pytest.mark.parametrize(
    ("one", "another", "expected"),
    [
        (ANN, name("LEE", "Ann"), True),
        (ANN, name("A.", "Lee"), True),
        (name("A", "Lee", "B."), name("Ann", "Lee", "Beth"), True),
        (ANN, name("Ann", "Lee", "Beth"), True),
        (name("Анна", "Ли"), name("А.", "Ли"), True),
        (name("明", "李"), name("李明"), True),
        (name("Zoë", "O’Neil"), name("zoe", "ONEIL"), True),
        (ANN, None, True),
        (ANN, name(" "), True),
        (ANN, name("Eve", "Lee"), False),
        (ANN, name("B.", "Lee"), False),
        (ANN, name("Ann"), False),
        (name("明", "李"), name("强", "李"), False),
        (name("李"), name("李明"), False),
        (name("Ann", "Lee", "Beth"), name("Ann", "Lee", "Carol"), False),
    ],
)
def test_names_are_compatible_up_to_case_accents_order_and_initials(
    one: Unit, another: Unit | None, *, expected: bool
) -> None:
    """One is empty, or they are equal after folding, in any script."""
    assert compatible(one, another) is expected
    assert compatible(another, one) is expected


@pytest.mark.parametrize(
    ("newcomer", "candidates", "verdict"),
    [
        ((ANN, email("A@x.lv")), {"c1": (ANN, email("a@x.lv"))}, "c1"),
        ((email("a@x.lv"),), {"c1": (ANN, email("a@x.lv"))}, "c1"),
        ((ANN, phone("67111222")), {"c1": (ANN, phone("+371 67 111 222"))}, "c1"),
        ((ANN, phone("67111222")), {"c1": (ANN, phone("+372 67111222"))}, None),
        ((ANN, phone("67111222")), {"c1": (name("Eve"), phone("67111222"))}, None),
        ((ANN, job("ACME")), {"c1": (name("Lee", "Ann"), job("Acme"))}, "c1"),
        ((ANN, phone("112")), {"c1": (phone("112"),)}, None),
        ((ANN,), {"c1": (ANN,)}, None),
        ((ANN, job("Acme")), {"c1": (ANN, job("Bolt"))}, None),
        ((ANN, email("a@x.lv")), {"c1": (name("Eve"), email("a@x.lv")), "c2": (ANN, email("a@x.lv"))}, "c2"),
        (
            (ANN, email("a@x.lv"), phone("67111222")),
            {"c1": (ANN, email("a@x.lv")), "c2": (ANN, phone("67111222"))},
            "c1",
        ),
    ],
)
def test_strongest_evidence_decides(
    newcomer: tuple[Unit, ...], candidates: dict[str, tuple[Unit, ...]], verdict: str | None
) -> None:
    """E-mail, then phone, then full name and company; a shared name alone proves nothing."""
    records = [other(key, *units) for key, units in candidates.items()]
    assert judge(google(*newcomer), Side.GOOGLE, records, LENS) == verdict
    assert judge(google(*newcomer), Side.GOOGLE, records[::-1], LENS) == verdict


@pytest.mark.parametrize(
    ("candidates", "reason", "named"),
    [
        ({"c2": (ANN, email("a@x.lv")), "c1": (email("a@x.lv"),)}, HoldReason.SEVERAL_CANDIDATES, ("c1", "c2")),
        ({"c1": (name("Eve"), email("a@x.lv"))}, HoldReason.SAME_EMAIL_OTHER_NAME, ("c1",)),
    ],
)
def test_doubt_is_held_with_its_candidates(
    candidates: dict[str, tuple[Unit, ...]], reason: HoldReason, named: tuple[str, ...]
) -> None:
    """Several partners, or one address of two people: a person decides."""
    records = [other(key, *units) for key, units in candidates.items()]
    verdict = judge(google(ANN, email("a@x.lv")), Side.GOOGLE, records, LENS)
    assert verdict == Hold(reason, tuple(RecordId(key) for key in named))


def test_anchor_and_former_link_go_before_all_content() -> None:
    """Our own marker first, then what Creatio's old synchronisation knew; a foreign tenant's marker is nothing."""
    crowd = [other("c1", name("Eve")), other("c2", ANN, email("a@x.lv"))]
    marked = google(ANN, email("a@x.lv"), anchors=(str(Anchor(TENANT, RecordId("c1"), "i")),))
    assert judge(marked, Side.GOOGLE, crowd, LENS, crm_tenant=TENANT) == "c1"
    assert judge(marked, Side.GOOGLE, crowd, LENS, crm_tenant="another") == "c2"
    former = {RecordId("c1"): frozenset({RecordId("a1")})}
    assert judge(google(ANN, email("a@x.lv")), Side.GOOGLE, crowd, LENS, former=former) == "c1"
    here = other("c1", name("Eve"))
    assert judge(here, Side.CRM, [marked], LENS, crm_tenant=TENANT) == "a1"


def test_two_records_of_one_anchor_are_held() -> None:
    """Somebody copied a contact, marker and all."""
    anchor = str(Anchor(TENANT, RecordId("c1"), "i"))
    twins = [msgspec.structs.replace(google(ANN, anchors=(anchor,)), id=RecordId(key)) for key in ("a1", "a2")]
    verdict = judge(crm(ANN), Side.CRM, twins, LENS, crm_tenant=TENANT)
    assert verdict == Hold(HoldReason.ANCHOR_CLASH, (RecordId("a1"), RecordId("a2")))
