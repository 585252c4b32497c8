"""The tables, as SQLAlchemy Core. What they promise is in `store.py`; how they came to be is in `migrations/`.

Times of this machine are seconds (floats), those of servers microseconds (`Instant`). JSON is text made by `codec.py`.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
)
from sqlalchemy import Double as Seconds
from sqlalchemy import Text as Json
from sqlalchemy import Text as Word

VERSION = 1
"""The schema this code writes; the Alembic revision of that number."""
MIN_READER = 1
"""The oldest code that may still work on a database of schema `VERSION`."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Instant = BigInteger
Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in a column of type INTEGER
CASCADE = "CASCADE"


def _word(name: str, *constraints: ForeignKey, key: bool = False) -> Column[str]:
    return Column(name, Word, *constraints, primary_key=key, nullable=False)


def _maybe(name: str) -> Column[str]:
    return Column(name, Word, nullable=True)


# -------------------------------------------------------------------------------------------- the installation

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="single"), primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("min_reader", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("mark", Word, nullable=False),  # random, new with each generation: tells two databases of one number apart
    Column("pepper", LargeBinary, nullable=False),
)

# -------------------------------------------------------------------------------------------- sources and mirrors

source = Table(
    "source",
    metadata,
    _word("id", key=True),
    _word("side"),
    Column("cursor", Json, nullable=True),
    Column("revision", BigInteger, nullable=False),
    Column("read_at", Seconds, nullable=False),
    Column("full_at", Seconds, nullable=False),
    Column("server_at", Instant, nullable=False),  # when the last reading began, by the server's clock
    Column("next_due", Seconds, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("facts", Json, nullable=False),
    _maybe("owner"),
    Column("epoch", BigInteger, nullable=False),
    Column("lease_until", Seconds, nullable=False),
    Index("ix_source_side_next_due", "side", "next_due"),
)

record = Table(
    "record",
    metadata,
    _word("source", ForeignKey("source.id"), key=True),
    _word("id", key=True),
    Column("body", Json, nullable=True),  # NULL: named by a link, but never seen
    _word("digest"),
    Column("stamp", Instant, nullable=False),
    Column("gone", Boolean, nullable=False),
)

membership = Table(
    "membership",
    metadata,
    _word("source", ForeignKey("source.id"), key=True),
    _word("scope", key=True),
    _word("record", key=True),
    Column("rows", Json, nullable=False),
    Index("ix_membership_source_record", "source", "record"),
    sqlite_with_rowid=False,
)

match_key = Table(
    "match_key",
    metadata,
    _word("source", ForeignKey("source.id"), key=True),
    _word("record", key=True),
    _word("row", key=True),
    _word("kind", key=True),
    Column("key", LargeBinary, primary_key=True),
    Index("ix_match_key_source_kind_key", "source", "kind", "key"),
    sqlite_with_rowid=False,
)

own_move = Table(  # memberships that we changed ourselves: an older reading may not contradict them
    "own_move",
    metadata,
    _word("source", ForeignKey("source.id"), key=True),
    _word("record", key=True),
    _word("scope", key=True),
    Column("entered", Boolean, nullable=False),
    Column("made_at", Seconds, nullable=False),
    sqlite_with_rowid=False,
)

recheck = Table(
    "recheck",
    metadata,
    _word("source", ForeignKey("source.id"), key=True),
    _word("record", key=True),
    Column("due_at", Seconds, nullable=False),
    sqlite_with_rowid=False,
)

staged = Table(  # a reading too large for memory, until it is promoted
    "staged",
    metadata,
    _word("source", ForeignKey("source.id"), key=True),
    _word("part", key=True),
    _word("a", key=True),
    _word("b", key=True),
    Column("value", Json, nullable=True),
)

# -------------------------------------------------------------------------------------------- accounts and links

account = Table(
    "account",
    metadata,
    _word("name", key=True),
    _word("crm", ForeignKey("source.id")),
    Column("google", Word, ForeignKey("source.id"), nullable=True),
    _word("state"),
    _word("message"),
    _word("fingerprint"),
    Column("planned_crm", BigInteger, nullable=False),
    Column("planned_google", BigInteger, nullable=False),
    Column("next_due", Seconds, nullable=False),
    Column("last_run", Seconds, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("facts", Json, nullable=False),
    Index("ix_account_next_due", "next_due"),
    Index("ix_account_crm", "crm"),
    Index("ix_account_google", "google"),
)

account_pair = Table(
    "account_pair",
    metadata,
    _word("account", ForeignKey("account.name", ondelete=CASCADE), key=True),
    Column("pair", Integer, primary_key=True, autoincrement=False),
    _word("crm_scope"),
    _word("google_scope"),
    Index("ix_account_pair_crm_scope", "crm_scope"),
    Index("ix_account_pair_google_scope", "google_scope"),
)

DIRTY = sa.text(
    "state <> 'creating' AND (adrift OR hold IS NOT NULL OR"
    " (state = 'live' AND (crm_base IS NOT NULL OR google_base IS NOT NULL)))"
)
"""The links that a plan has to look at. The queries say it in these very words, or SQLite does not use the index."""

UNPLACED = sa.text("unplaced AND state = 'live'")
"""The links of which a value waits for a row of the CRM's lookups."""
WAITING = sa.text(
    "unplaced AND state = 'live' AND NOT adrift AND hold IS NULL AND crm_base IS NULL AND google_base IS NULL"
)
"""Those of them that are no work for another reason."""

link = Table(
    "link",
    metadata,
    Column("id", Number, primary_key=True),
    _word("account", ForeignKey("account.name", ondelete=CASCADE)),
    _word("state"),
    _maybe("crm_id"),
    _maybe("google_id"),
    Column("crm_base", Json, nullable=True),  # NULL: equals the mirror
    Column("google_base", Json, nullable=True),
    Column("hold", Json, nullable=True),
    _word("refused"),
    Column("unplaced", Boolean, nullable=False),
    Column(
        "adrift", Boolean, nullable=False
    ),  # membership differs from `link_pair`, or a record of a live link is gone
    sa.UniqueConstraint("account", "crm_id"),
    sa.UniqueConstraint("account", "google_id"),
    Index("ix_link_crm_id", "crm_id"),
    Index("ix_link_google_id", "google_id"),
    Index("ix_link_dirty", "account", "id", sqlite_where=DIRTY, postgresql_where=DIRTY),
    Index("ix_link_unplaced", "account", "id", sqlite_where=UNPLACED, postgresql_where=UNPLACED),
    sqlite_autoincrement=True,  # the number of a dropped link is never given to another: history names links by number
)

link_pair = Table(
    "link_pair",
    metadata,
    Column("link", Number, ForeignKey("link.id", ondelete=CASCADE), primary_key=True, autoincrement=False),
    Column("pair", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

newcomer_hold = Table(
    "newcomer_hold",
    metadata,
    _word("account", ForeignKey("account.name", ondelete=CASCADE), key=True),
    _word("side", key=True),
    _word("record", key=True),
    Column("hold", Json, nullable=False),
    _word("digest"),
)

# -------------------------------------------------------------------------------------------- writing

call = Table(
    "call",
    metadata,
    _word("id", key=True),
    _word("source", ForeignKey("source.id")),
    _word("account", ForeignKey("account.name", ondelete=CASCADE)),
    _word("run"),
    _word("side"),
    _word("state"),
    Column("epoch", BigInteger, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Index(
        "ix_call_open",
        "source",
        "sent_at",
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    ),
)

call_item = Table(  # the items whose outcome is not known
    "call_item",
    metadata,
    _word("call", ForeignKey("call.id", ondelete=CASCADE), key=True),
    Column("item", Integer, primary_key=True, autoincrement=False),
    Column("link", BigInteger, nullable=False),
    Column("value", Json, nullable=False),
)

claim = Table(
    "claim",
    metadata,
    _word("source", ForeignKey("source.id"), key=True),
    Column("key", LargeBinary, primary_key=True),
    _word("intent"),
    Index("ix_claim_source_intent", "source", "intent"),
)

history = Table(
    "history",
    metadata,
    Column("id", Number, primary_key=True),
    _maybe("call"),
    Column("item", Integer, nullable=False),
    _word("run"),
    _word("account"),
    Column("at", Seconds, nullable=False),
    _word("side"),
    _maybe("record"),
    Column("link", BigInteger, nullable=False),
    _word("kind"),
    _word("field"),
    Column("old", Json, nullable=True),
    Column("new", Json, nullable=True),
    _word("why"),
    _word("outcome"),
    Index("ix_history_account_id", "account", "id"),
    Index("ix_history_record", "record"),
    Index("ix_history_run", "run"),
    Index("ix_history_call", "call"),
)

# -------------------------------------------------------------------------------------------- plans, people, secrets

plan = Table(
    "plan",
    metadata,
    _word("id", key=True),
    _word("account", ForeignKey("account.name", ondelete=CASCADE)),
    Column("made_at", Seconds, nullable=False),
    _word("digest"),
    _word("state"),
    Column("reasons", Json, nullable=False),
    Column("tally", Json, nullable=False),
    Index("ix_plan_account", "account"),
)

plan_step = Table(
    "plan_step",
    metadata,
    _word("plan", ForeignKey("plan.id", ondelete=CASCADE), key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("value", Json, nullable=False),
)

decision = Table(
    "decision",
    metadata,
    Column("id", Number, primary_key=True),
    _word("account", ForeignKey("account.name", ondelete=CASCADE)),
    _word("subject"),
    _word("kind"),
    Column("value", Json, nullable=False),
    Column("made_at", Seconds, nullable=False),
    sa.UniqueConstraint("account", "subject", "kind"),
    sqlite_autoincrement=True,
)

run = Table(
    "run",
    metadata,
    _word("id", key=True),
    _word("account"),
    Column("started", Seconds, nullable=False),
    Column("report", Json, nullable=False),
    Index("ix_run_account_started", "account", "started"),
    Index("ix_run_started", "started"),
)

secret = Table(
    "secret",
    metadata,
    _word("owner", key=True),
    _word("name", key=True),
    Column("value", LargeBinary, nullable=False),
)
