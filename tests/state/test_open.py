"""Opening: migrations, backups, restored copies, full disks, and files that are no state."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from state import migrate as migration
from state.database import DiskFull
from state.migrate import back_up
from state.schema import VERSION, installation, metadata
from state.store import SqlStore
from syncd.core.contact import Side
from syncd.core.errors import ContractBroken, Fatal, StateCorrupt, Unavailable
from tests.state.world import ANN, CRM, GOOGLE, NOW, World, google, rid


def _file(tmp_path: Path) -> tuple[Path, str]:
    path = tmp_path / "state.db"
    return path, f"sqlite:///{path}"


def test_the_migrations_make_the_schema(store: SqlStore) -> None:
    """What `schema.py` says and what the migrations made are the same."""
    with store.db.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_partial_indexes_are_the_same_in_schema_and_migration(tmp_path: Path) -> None:
    """Alembic does not compare their conditions, so the database's own words are compared."""
    path, url = _file(tmp_path)
    SqlStore.open(url).close()
    fresh = sa.create_engine("sqlite://")
    metadata.create_all(fresh)
    asked = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%' ORDER BY name"
    with fresh.connect() as connection:
        expected = [tuple(row) for row in connection.exec_driver_sql(asked)]
    with sqlite3.connect(path) as made:
        assert made.execute(asked).fetchall() == expected
    assert len(expected) == 3


def test_the_newest_migration_is_the_version_of_the_code() -> None:
    """Whoever adds a migration raises `VERSION`, or the migration would never run."""
    assert ScriptDirectory(str(migration.SCRIPTS)).get_current_head() == f"{VERSION:04}"


def test_opening_again_keeps_everything(url: str, store: SqlStore) -> None:
    """A second start finds what the first one stored, its keys too."""
    world = World(store)
    link = world.linked_pair()
    again = SqlStore.open(url)
    assert again.case(ANN, link.id).link == link
    again.close()


def test_a_newer_schema_is_refused(url: str, store: SqlStore) -> None:
    """The message says what to do; nothing is touched."""
    with store.db.write() as connection:
        connection.execute(sa.update(installation).values(version=VERSION + 1, min_reader=VERSION + 1))
    with pytest.raises(StateCorrupt, match="newer syncd"):
        SqlStore.open(url)


def test_a_newer_schema_that_only_adds_is_opened(url: str, store: SqlStore) -> None:
    """Its makers said that this code may read it."""
    with store.db.write() as connection:
        connection.execute(sa.update(installation).values(version=VERSION + 1))
    SqlStore.open(url).close()


def test_an_upgrade_takes_a_backup_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy is whole, private, and says that it is a copy."""
    path, url = _file(tmp_path)
    store = SqlStore.open(url)
    store.put_run("r", ANN, 1.0, {})
    store.begin_generation()
    store.close()
    monkeypatch.setattr(migration, "VERSION", VERSION + 1)
    backup = migration.migrate(url, tmp_path / "backups", lambda: 0.0)
    assert backup == tmp_path / "backups" / f"state-v{VERSION}-19700101T000000Z.db"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version FROM installation").fetchall() == [(VERSION + 1,)]
    monkeypatch.undo()
    backup.replace(path)
    restored = SqlStore.open(url)
    assert len(restored.runs(None, 9)) == 1
    assert restored.restored()
    restored.close()


def test_the_database_is_private(tmp_path: Path) -> None:
    """It holds people's contacts: nobody but its owner reads it, or what lies beside it."""
    path, url = _file(tmp_path / "new")
    store = SqlStore.open(url)
    store.begin_generation()
    modes = {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    store.close()
    assert modes == {0o600}


def test_commits_are_durable(tmp_path: Path) -> None:
    """WAL, synchronous=FULL, foreign keys: what a commit promises before a request goes out."""
    store = SqlStore.open(_file(tmp_path)[1])
    with store.db.write() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys")
        assert [connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in asked] == ["wal", 2, 1]
    store.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Named, with what to do."""
    path, url = _file(tmp_path)
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StateCorrupt, match="restore it from a backup"):
        SqlStore.open(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense"])
def test_an_address_without_a_state_is_refused(url: str) -> None:
    """Only a SQLite file or a PostgreSQL server keeps what was promised."""
    with pytest.raises(Fatal):
        SqlStore.open(url)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The path is in the message."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Fatal, match=r"state\.db"):
        SqlStore.open(f"sqlite:///{tmp_path}/file/state.db")


def test_a_server_that_is_not_there_is_unavailable() -> None:
    """And its password is not in the message."""
    with pytest.raises(Unavailable) as caught:
        SqlStore.open("postgresql+psycopg://me:secret-word@127.0.0.1:1/x")
    assert "secret-word" not in str(caught.value)


def test_a_full_disk_is_named_and_forgotten_when_there_is_room(tmp_path: Path) -> None:
    """The transaction leaves nothing behind, and the next one works."""
    store = SqlStore.open(_file(tmp_path)[1])
    world = World(store)
    with store.db.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        connection.rollback()
    big = [google(f"g{n}") for n in range(800)]
    with pytest.raises(DiskFull, match=r"state\.db"):
        world.read_google(*big)
    assert store.source(GOOGLE, Side.GOOGLE).cursor is None
    assert list(store.members(GOOGLE)) == []
    with store.db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        connection.rollback()
    assert world.read_google(*big).changed == 800
    store.close()


def test_sql_errors_tell_no_values(store: SqlStore) -> None:
    """Neither the message nor its cause has a contact in it."""
    with pytest.raises(ContractBroken) as caught, store.db.write() as connection:
        connection.execute(sa.insert(installation).values(id=7, version=1, min_reader=1, generation=0, mark="Jane Roe"))
    assert "Jane" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_write_inside_a_write_is_refused(tmp_path: Path) -> None:
    """One call is one transaction."""
    store = SqlStore.open(_file(tmp_path)[1])
    with pytest.raises(ContractBroken), store.db.write():
        store.put_run("r", ANN, 1.0, {})
    store.put_run("r", ANN, 1.0, {})
    store.close()


def test_a_fresh_state_is_not_restored(store: SqlStore) -> None:
    """Neither before nor after the first start, nor after the next ones."""
    assert not store.restored()
    assert store.begin_generation() == 1
    assert not store.restored()
    assert store.begin_generation() == 2
    assert not store.restored()


def test_an_older_database_is_recognised(store: SqlStore, tmp_path: Path) -> None:
    """It was put back from before the last start; the next start makes it the one that counts."""
    store.begin_generation()
    (tmp_path / "generation").write_text("5 abc\n")
    assert store.restored()
    (tmp_path / "generation").write_text("1 other\n")
    assert store.restored()
    store.begin_generation()
    assert not store.restored()


def test_a_database_moved_without_its_file_is_recognised(store: SqlStore, tmp_path: Path) -> None:
    """It comes from elsewhere; nobody knows how old it is."""
    store.begin_generation()
    (tmp_path / "generation").unlink()
    assert store.restored()


def test_a_crash_between_database_and_file_is_no_restore(store: SqlStore, tmp_path: Path) -> None:
    """The database is one ahead, which is no sign of age."""
    store.begin_generation()
    before = (tmp_path / "generation").read_text()
    store.begin_generation()
    (tmp_path / "generation").write_text(before)
    assert not store.restored()


def test_a_copy_counts_as_restored_wherever_it_is_used(tmp_path: Path) -> None:
    """Even in the same generation: it is older than what was done since."""
    path, url = _file(tmp_path)
    store = SqlStore.open(url)
    store.begin_generation()
    back_up(store.db.engine, tmp_path / "copy.db")
    store.close()
    (tmp_path / "copy.db").replace(path)
    again = SqlStore.open(url)
    assert again.restored()
    again.close()


def test_forgotten_cursors_leave_the_mirror(world: World) -> None:
    """Everything is read whole next time; what is known stays known."""
    world.linked_pair()
    world.store.forget_cursors()
    for source, side in ((CRM, Side.CRM), (GOOGLE, Side.GOOGLE)):
        row = world.store.source(source, side)
        assert (row.cursor, row.full_at) == (None, 0.0)
    assert world.body(GOOGLE, "g1") is not None
    assert world.store.due_sources(NOW, Side.GOOGLE) == (GOOGLE,)
    assert world.store.known(GOOGLE, [rid("g1")]) == {"g1"}
