"""The first schema.

Written out in full: what a migration does must not move when `state/schema.py` does.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNPLACED = sa.text("unplaced AND state = 'live'")
DIRTY = sa.text(
    "state <> 'creating' AND (adrift OR hold IS NOT NULL OR"
    " (state = 'live' AND (crm_base IS NOT NULL OR google_base IS NOT NULL)))"
)
OPEN = sa.text("state <> 'done'")


def upgrade() -> None:
    _sources()
    _accounts()
    _calls()
    _memory()


def _sources() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("min_reader", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("pepper", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("cursor", sa.Text, nullable=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("read_at", sa.Double, nullable=False),
        sa.Column("full_at", sa.Double, nullable=False),
        sa.Column("server_at", sa.BigInteger, nullable=False),
        sa.Column("next_due", sa.Double, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
    )
    op.create_index("ix_source_side_next_due", "source", ["side", "next_due"])
    op.create_table(
        "record",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["source"], ["source.id"], name=op.f("fk_record_source")),
        sa.PrimaryKeyConstraint("source", "id", name=op.f("pk_record")),
    )
    op.create_table(
        "membership",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("rows", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["source"], ["source.id"], name=op.f("fk_membership_source")),
        sa.PrimaryKeyConstraint("source", "scope", "record", name=op.f("pk_membership")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_membership_source_record", "membership", ["source", "record"])
    op.create_table(
        "match_key",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("row", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["source"], ["source.id"], name=op.f("fk_match_key_source")),
        sa.PrimaryKeyConstraint("source", "record", "row", "kind", "key", name=op.f("pk_match_key")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_match_key_source_kind_key", "match_key", ["source", "kind", "key"])
    op.create_table(
        "own_move",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("entered", sa.Boolean, nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(["source"], ["source.id"], name=op.f("fk_own_move_source")),
        sa.PrimaryKeyConstraint("source", "record", "scope", name=op.f("pk_own_move")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recheck",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(["source"], ["source.id"], name=op.f("fk_recheck_source")),
        sa.PrimaryKeyConstraint("source", "record", name=op.f("pk_recheck")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "staged",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("a", sa.Text, nullable=False),
        sa.Column("b", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=True),
        sa.ForeignKeyConstraint(["source"], ["source.id"], name=op.f("fk_staged_source")),
        sa.PrimaryKeyConstraint("source", "part", "a", "b", name=op.f("pk_staged")),
    )


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("crm", sa.Text, nullable=False),
        sa.Column("google", sa.Text, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("planned_crm", sa.BigInteger, nullable=False),
        sa.Column("planned_google", sa.BigInteger, nullable=False),
        sa.Column("next_due", sa.Double, nullable=False),
        sa.Column("last_run", sa.Double, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["crm"], ["source.id"], name=op.f("fk_account_crm")),
        sa.ForeignKeyConstraint(["google"], ["source.id"], name=op.f("fk_account_google")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
    )
    op.create_index("ix_account_crm", "account", ["crm"])
    op.create_index("ix_account_google", "account", ["google"])
    op.create_index("ix_account_next_due", "account", ["next_due"])
    op.create_table(
        "account_pair",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("pair", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("crm_scope", sa.Text, nullable=False),
        sa.Column("google_scope", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["account.name"], name=op.f("fk_account_pair_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account", "pair", name=op.f("pk_account_pair")),
    )
    op.create_index("ix_account_pair_crm_scope", "account_pair", ["crm_scope"])
    op.create_index("ix_account_pair_google_scope", "account_pair", ["google_scope"])
    op.create_table(
        "link",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("crm_id", sa.Text, nullable=True),
        sa.Column("google_id", sa.Text, nullable=True),
        sa.Column("crm_base", sa.Text, nullable=True),
        sa.Column("google_base", sa.Text, nullable=True),
        sa.Column("hold", sa.Text, nullable=True),
        sa.Column("refused", sa.Text, nullable=False),
        sa.Column("unplaced", sa.Boolean, nullable=False),
        sa.Column("adrift", sa.Boolean, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name=op.f("fk_link_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sa.UniqueConstraint("account", "crm_id", name=op.f("uq_link_account_crm_id")),
        sa.UniqueConstraint("account", "google_id", name=op.f("uq_link_account_google_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_link_crm_id", "link", ["crm_id"])
    op.create_index("ix_link_dirty", "link", ["account", "id"], sqlite_where=DIRTY, postgresql_where=DIRTY)
    op.create_index("ix_link_unplaced", "link", ["account", "id"], sqlite_where=UNPLACED, postgresql_where=UNPLACED)
    op.create_index("ix_link_google_id", "link", ["google_id"])
    op.create_table(
        "link_pair",
        sa.Column("link", NUMBER, nullable=False, autoincrement=False),
        sa.Column("pair", sa.Integer, nullable=False, autoincrement=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_link_pair_link"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("link", "pair", name=op.f("pk_link_pair")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "newcomer_hold",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("hold", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["account.name"], name=op.f("fk_newcomer_hold_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account", "side", "record", name=op.f("pk_newcomer_hold")),
    )


def _calls() -> None:
    op.create_table(
        "call",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name=op.f("fk_call_account"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["source"], ["source.id"], name=op.f("fk_call_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
    )
    op.create_index("ix_call_open", "call", ["source", "sent_at"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_table(
        "call_item",
        sa.Column("call", sa.Text, nullable=False),
        sa.Column("item", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("link", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["call"], ["call.id"], name=op.f("fk_call_item_call"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call", "item", name=op.f("pk_call_item")),
    )
    op.create_table(
        "claim",
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("intent", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["source"], ["source.id"], name=op.f("fk_claim_source")),
        sa.PrimaryKeyConstraint("source", "key", name=op.f("pk_claim")),
    )
    op.create_index("ix_claim_source_intent", "claim", ["source", "intent"])
    op.create_table(
        "history",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("call", sa.Text, nullable=True),
        sa.Column("item", sa.Integer, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=True),
        sa.Column("link", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("old", sa.Text, nullable=True),
        sa.Column("new", sa.Text, nullable=True),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history")),
    )
    op.create_index("ix_history_account_id", "history", ["account", "id"])
    op.create_index("ix_history_call", "history", ["call"])
    op.create_index("ix_history_record", "history", ["record"])
    op.create_index("ix_history_run", "history", ["run"])


def _memory() -> None:
    op.create_table(
        "plan",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("tally", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name=op.f("fk_plan_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
    )
    op.create_index("ix_plan_account", "plan", ["account"])
    op.create_table(
        "plan_step",
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["plan"], ["plan.id"], name=op.f("fk_plan_step_plan"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("plan", "seq", name=op.f("pk_plan_step")),
    )
    op.create_table(
        "decision",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name=op.f("fk_decision_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sa.UniqueConstraint("account", "subject", "kind", name=op.f("uq_decision_account_subject_kind")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index("ix_run_account_started", "run", ["account", "started"])
    op.create_index("ix_run_started", "run", ["started"])
    op.create_table(
        "secret",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("owner", "name", name=op.f("pk_secret")),
    )
