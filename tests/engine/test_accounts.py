"""Accounts that share a CRM: one person is one contact there, and the latest edit of anybody stands everywhere."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.contact import Side
from tests.engine.conftest import MEMORY
from tests.engine.office import Office
from tests.engine.world import World, email, name, notes

ANN = (name("Ann", "Lee"), email("ann@x.example"))


def noted(world: World, side: Side) -> list[str]:
    return [part.removeprefix("notes=") for said in world.says(side) for part in said if part.startswith("notes=")]


def write(world: World, text: str) -> None:
    """This user notes something on the phone."""
    (record,) = world.google.members[world.group]
    world.google.edit(record, *ANN, notes(text))


def shared(folder: Path, number: int) -> Office:
    """One contact, tagged by everybody."""
    office = Office(folder, number)
    record = office.crm.edit(None, *ANN)
    for user in office.users:
        office.crm.join(record, user.tag)
    office.settle(1)
    return office


def test_one_person_brought_by_two_users_is_one_contact(quick_path: Path) -> None:
    """Both move the same person into their group: one CRM contact, two tags, two links."""
    office = Office(quick_path)
    for user in office.users:
        user.grouped(*ANN)
    office.settle()
    assert len(office.crm.records) == 1
    (record,) = office.crm.records
    assert all(list(office.crm.members[user.tag]) == [record] for user in office.users)
    assert all(len(user.google.records) == 1 for user in office.users)
    for user in office.users:
        user.expect_silence()


def test_one_person_brought_in_the_midst_of_the_other_run_is_one_contact(quick_path: Path) -> None:
    """Ben's run has planned to make the contact when Anna's makes it: his reading before the write sees hers."""
    office = Office(quick_path)
    anna, ben = office.users
    for user in office.users:
        user.grouped(*ANN)
    real = ben.crm.split
    ran: list[bool] = []

    def split(writes: object) -> object:
        if not ran:
            ran.append(True)
            office.sync(anna)
        return real(writes)  # type: ignore[arg-type]  # the same as was asked for

    ben.crm.split = split  # type: ignore[assignment,method-assign]  # Anna's run comes in between
    office.sync(ben)
    office.settle()
    assert ran
    assert len(office.crm.records) == 1
    assert len(office.crm.members[anna.tag]) == len(office.crm.members[ben.tag]) == 1


def test_edit_of_one_user_reaches_the_other_through_the_crm(quick_path: Path) -> None:
    """Anna notes something on her phone; Ben's phone has it after both ran."""
    office = shared(quick_path, 2)
    anna, ben = office.users
    write(anna, "from Anna")
    office.settle(1)
    assert noted(ben, Side.GOOGLE) == ["from Anna"]


def test_edit_carried_late_keeps_its_time(quick_path: Path) -> None:
    """Anna wrote first and ran last: what Ben wrote later stands."""
    office = shared(quick_path, 2)
    anna, ben = office.users
    write(anna, "earlier")
    _let_time_pass(office)
    write(ben, "later")
    office.sync(ben)
    office.sync(anna)
    office.settle()
    assert noted(anna, Side.GOOGLE) == noted(ben, Side.GOOGLE) == noted(anna, Side.CRM) == ["later"]


def test_edit_carried_early_keeps_its_time(quick_path: Path) -> None:
    """Anna wrote first and ran first; her value was carried into the CRM after Ben had written: Ben's stands."""
    office = shared(quick_path, 2)
    anna, ben = office.users
    write(anna, "earlier")
    _let_time_pass(office)
    write(ben, "later")
    office.sync(anna)
    office.sync(ben)
    office.settle()
    assert noted(anna, Side.GOOGLE) == noted(ben, Side.GOOGLE) == noted(anna, Side.CRM) == ["later"]


def _let_time_pass(office: Office) -> None:
    for _ in range(10):
        next(office.crm.clock)


ACTS = st.lists(st.tuples(st.sampled_from(["write", "crm", "run"]), st.integers(0, 2)), min_size=1, max_size=9)


@settings(max_examples=6)
@given(number=st.integers(2, 3), acts=ACTS)
def test_greatest_stamp_stands_in_the_end(number: int, acts: list[tuple[str, int]]) -> None:
    """Any number of links on one CRM contact, any edits, any order of runs: the last edit made is everywhere."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        office = shared(Path(folder), number)
        last = ""
        for step, (act, at) in enumerate(acts):
            user = office.users[at % number]
            _let_time_pass(office)
            if act == "run":
                office.sync(user)
                continue
            last = f"edit {step}"
            if act == "write":
                write(user, last)
            else:
                (record,) = office.crm.records
                office.crm.edit(
                    record, *(u for u in office.crm.records[record].units if u.field != "notes"), notes(last)
                )
        office.settle(3)
        wanted = [last] if last else []
        told = [noted(user, side) for user in office.users for side in Side]
        office.close()
        assert told == [wanted] * len(told)
