"""Accounts, runs, history and secrets, as people ask for them."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from state.schema import secret as secret_table
from state.store import SqlStore
from state.vault import Vault, add_key
from syncd.core.contact import Instant, Side
from syncd.core.errors import Fatal, StateCorrupt
from syncd.core.ports import CallItem, Enter
from syncd.core.step import Step
from tests.state.world import ANN, BOB, GOOGLE, GROUP, NOW, World, rid


def test_an_account_comes_back_as_it_was_put(world: World) -> None:
    """All of it, and again after it has changed."""
    row = world.add_account(BOB, GOOGLE, facts={"a": [1]}, planned=(3, 4), message="m", state="held")
    assert world.store.account(BOB) == row
    assert [a.name for a in world.store.accounts()] == [ANN, BOB]
    row = world.add_account(BOB, GOOGLE, pairs=(), failures=2)
    assert world.store.account(BOB) == row
    assert world.store.account(rid("nobody")) is None  # type: ignore[arg-type]


def test_due_accounts_come_longest_due_first(world: World) -> None:
    """Up to the limit, and none that is not due."""
    world.add_account(ANN, GOOGLE, next_due=NOW)
    world.add_account(BOB, GOOGLE, next_due=NOW - 5)
    assert world.store.due(NOW, 9) == (BOB, ANN)
    assert world.store.due(NOW, 1) == (BOB,)
    assert world.store.due(NOW - 1, 9) == (BOB,)


def test_runs_come_newest_first(world: World) -> None:
    """With their report; putting one again overwrites it."""
    world.store.put_run("r1", ANN, 1.0, {"n": 1})
    world.store.put_run("r2", BOB, 2.0, {"n": 2})
    world.store.put_run("r1", ANN, 1.0, {"n": 3})
    assert [r["run"] for r in world.store.runs(None, 9)] == ["r2", "r1"]
    assert world.store.runs(ANN, 9) == ({"n": 3, "run": "r1", "account": ANN, "started": 1.0},)
    assert len(world.store.runs(None, 1)) == 1


def test_history_is_asked_by_account_run_and_record(world: World) -> None:
    """Newest first, each question narrowing the answer."""
    for run, record in (("r1", "g1"), ("r2", "g2"), ("r2", "g1")):
        item = CallItem(Step(), Enter(rid(record), GROUP), 0)
        world.store.open_call(world.google_lease, ANN, run, Side.GOOGLE, [item], Instant(1))
    everything = world.store.history(None, run=None, record=None, limit=9)
    assert [(r.run, r.record) for r in everything] == [("r2", "g1"), ("r2", "g2"), ("r1", "g1")]
    assert len(world.store.history(ANN, run="r2", record=None, limit=9)) == 2
    assert len(world.store.history(ANN, run="r2", record=rid("g1"), limit=9)) == 1
    assert len(world.store.history(ANN, run=None, record=None, limit=1)) == 1
    assert world.store.history(BOB, run=None, record=None, limit=9) == ()


def test_a_secret_comes_back_and_lies_sealed(store: SqlStore) -> None:
    """Put, replaced, forgotten; in the table nobody can read it."""
    assert store.secret("ann", "token") is None
    store.put_secret("ann", "token", b"old")
    store.put_secret("ann", "token", b"refresh-token")
    assert store.secret("ann", "token") == b"refresh-token"
    with store.db.read() as connection:
        assert b"refresh" not in bytes(connection.execute(sa.select(secret_table.c.value)).scalar_one())
    store.put_secret("ann", "token", None)
    assert store.secret("ann", "token") is None


def test_a_secret_moved_to_another_row_does_not_open(store: SqlStore) -> None:
    """Who can write the database still cannot give one account another's token."""
    store.put_secret("ann", "token", b"x")
    with store.db.write() as connection:
        connection.execute(sa.update(secret_table).values(owner="bob"))
    with pytest.raises(StateCorrupt):
        store.secret("bob", "token")


def test_without_a_key_there_are_no_secrets(url: str, store: SqlStore) -> None:
    """The store works, but says what is missing when a secret is asked for."""
    store.put_secret("ann", "token", b"x")
    bare = SqlStore(url)
    with pytest.raises(Fatal, match="key"):
        bare.secret("ann", "token")
    bare.close()


def test_resealing_lets_the_old_key_go(url: str, store: SqlStore, tmp_path: Path) -> None:
    """A new key in front, everything sealed anew, then the old key is not needed."""
    key_file = tmp_path / "key"
    store.put_secret("ann", "token", b"x")
    add_key(key_file)
    rotated = SqlStore(url, vault=Vault.from_file(key_file))
    assert rotated.reseal() == 1
    assert rotated.reseal() == 0
    newest = bytes.fromhex(key_file.read_text().split()[0])
    rotated.close()
    later = SqlStore(url, vault=Vault([newest]))
    assert later.secret("ann", "token") == b"x"
    later.close()
    with pytest.raises(StateCorrupt):
        store.secret("ann", "token")
