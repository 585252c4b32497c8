"""Kept plans, and what people decided about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from state import codec, drift
from state.part import Part, fence
from state.rows import CHUNK, chunks
from state.schema import decision, link, link_pair, plan, plan_step
from syncd.core.contact import AccountName
from syncd.core.errors import ContractBroken
from syncd.core.ports import Decision, Lease, PlanRow
from syncd.core.step import LinkState, Planned

UNFINISHED = "unfinished"
"""The state of a plan whose steps are still coming; nobody sees it."""


class PlansPart(Part):
    """The methods of `Store` about plans and decisions."""

    def keep_plan(self, kept: PlanRow, steps: Iterable[Planned]) -> None:
        """Replaces the account's plan, in several transactions: steps are decided while they come.

        Before the last one is there, there is no plan.
        """
        with self.db.write() as connection:
            connection.execute(sa.delete(plan).where(plan.c.account == kept.account))
            connection.execute(sa.insert(plan).values({**_plan_values(kept), "state": UNFINISHED}))
        seq = 0
        for chunk in chunks(steps):
            rows = [{"plan": kept.id, "seq": seq + n, "value": codec.step_text(step)} for n, step in enumerate(chunk)]
            with self.db.write() as connection:
                connection.execute(sa.insert(plan_step), rows)
            seq += len(rows)
        with self.db.write() as connection:
            connection.execute(sa.update(plan).where(plan.c.id == kept.id).values(state=kept.state))

    def kept_plan(self, account: AccountName) -> PlanRow | None:
        mine = sa.select(plan).where(plan.c.account == account, plan.c.state != UNFINISHED)
        with self.db.read() as connection:
            row = connection.execute(mine).first()
        return None if row is None else _plan(row)

    def kept_steps(self, plan_id: str) -> Iterator[Planned]:
        """In the order they were kept; no transaction stays open between them."""
        query = sa.select(plan_step.c.seq, plan_step.c.value).where(plan_step.c.plan == plan_id)
        query = query.order_by(plan_step.c.seq).limit(CHUNK)
        after = -1
        while True:
            with self.db.read() as connection:
                rows = connection.execute(query.where(plan_step.c.seq > after)).all()
            if not rows:
                return
            yield from (codec.to_planned(row.value) for row in rows)
            after = rows[-1].seq

    def mark_plan(self, plan_id: str, state: str, reasons: Sequence[str], tally: Mapping[str, int]) -> None:
        values = {"state": state, "reasons": codec.to_text(list(reasons)), "tally": codec.to_text(dict(tally))}
        with self.db.write() as connection:
            if connection.execute(sa.update(plan).where(plan.c.id == plan_id).values(values)).rowcount != 1:
                raise ContractBroken(f"there is no plan {plan_id}")

    def drop_plan(self, account: AccountName) -> None:
        with self.db.write() as connection:
            connection.execute(sa.delete(plan).where(plan.c.account == account))

    def decide(self, account: AccountName, subject: str, kind: str, value: Mapping[str, Any], now: float) -> Decision:
        """A person's word; it takes the place of an earlier one of that kind on that subject."""
        mine = (decision.c.account == account, decision.c.subject == subject, decision.c.kind == kind)
        values = {
            "account": account,
            "subject": subject,
            "kind": kind,
            "value": codec.to_text(dict(value)),
            "made_at": now,
        }
        with self.db.write() as connection:
            connection.execute(sa.delete(decision).where(*mine))
            number = connection.execute(sa.insert(decision).values(values).returning(decision.c.id)).scalar_one()
        return Decision(number, account, subject, kind, dict(value), now)

    def decisions(self, account: AccountName) -> tuple[Decision, ...]:
        mine = sa.select(decision).where(decision.c.account == account).order_by(decision.c.id)
        with self.db.read() as connection:
            rows = connection.execute(mine).all()
        return tuple(Decision(r.id, r.account, r.subject, r.kind, codec.to_object(r.value), r.made_at) for r in rows)

    def forget_decision(self, id: int) -> None:
        with self.db.write() as connection:
            connection.execute(sa.delete(decision).where(decision.c.id == id))

    def unpair(self, lease: Lease, account: AccountName, pair: int) -> None:
        """Nobody is agreed to be in that pair any more; links that are in no other one are parked."""
        mine = sa.select(link.c.id).where(link.c.account == account)
        with self.db.write() as connection:
            fence(connection, lease)
            connection.execute(sa.delete(link_pair).where(link_pair.c.link.in_(mine), link_pair.c.pair == pair))
            nowhere = ~sa.exists().where(link_pair.c.link == link.c.id)
            parked = sa.update(link).where(link.c.account == account, link.c.state == LinkState.LIVE.value, nowhere)
            connection.execute(parked.values(state=LinkState.PARKED.value))
            drift.recompute_account(connection, account)


def _plan_values(kept: PlanRow) -> dict[str, Any]:
    return {
        "id": kept.id,
        "account": kept.account,
        "made_at": kept.made_at,
        "digest": kept.digest,
        "reasons": codec.to_text(kept.reasons),
        "tally": codec.to_text(kept.tally),
    }


def _plan(row: Row[Any]) -> PlanRow:
    return PlanRow(
        id=row.id,
        account=row.account,
        made_at=row.made_at,
        digest=row.digest,
        state=row.state,
        reasons=codec.to_words(row.reasons),
        tally=codec.to_counts(row.tally),
    )
