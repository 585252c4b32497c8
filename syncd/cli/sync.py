"""`syncd sync` and `syncd plan`: carrying out and foretelling runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.codes import Exit, first_that_applies, of_report
from syncd.cli.invocation import Invocation, json_option, known_accounts
from syncd.cli.render import Progress, json_line, say, table

if TYPE_CHECKING:
    from syncd.config import Config

REPORT_COLUMNS = {
    "account": "Account",
    "outcome": "Outcome",
    "crm": "CRM",
    "google": "Google",
    "linked": "Linked",
    "conflicts": "Conflicts",
    "held": "Held",
    "rejected": "Rejected",
    "in_doubt": "In doubt",
    "message": "",
}


@click.command("sync")
@click.argument("accounts", nargs=-1, metavar="[ACCOUNT…]")
@json_option
@click.pass_obj
def sync_command(invocation: Invocation, accounts: tuple[str, ...], as_json: bool) -> int:  # noqa: FBT001  click's way
    """Start sync now, and show what was done.

    Without names all accounts are synced. A running daemon is asked to do it; without one the command does it itself.
    """
    config = invocation.load()
    names = known_accounts(config, accounts)
    if not config.accounts:
        say("No account is configured; there is nothing to do.")
    rows = []
    with Progress(quiet=as_json) as progress:
        for row in _reports(invocation, config, names, progress):
            rows.append(row)
            if as_json:
                json_line(row)
    if not as_json:
        _show(rows)
    return first_that_applies(of_report(row) for row in rows)


def _reports(
    invocation: Invocation, config: Config, names: Sequence[str], progress: Progress
) -> Iterator[dict[str, Any]]:
    """One report per account, as soon as its run is over, from the daemon or from a run in this process."""
    from syncd.cli import control

    replies = control.ask(config, {"command": "sync", "accounts": list(names)})
    if replies is not None:
        for reply in replies:
            if reply["kind"] == "row":
                yield reply["row"]
            else:
                progress.show(reply["account"], reply["phase"], reply["done"], reply["total"], reply["message"])
        return
    with invocation.app_alone(config, "sync") as app:
        for report in app.sync(list(names) or None, lambda event: progress.show(*event)):
            yield report.as_json()


def _show(rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        table(REPORT_COLUMNS, rows)
    for row in rows:
        name = row["account"]
        if row["outcome"] == "held":
            say(f"{name} waits for you: look at `syncd plan {name}`, then `syncd approve {name}`.")
        if row["outcome"] == "needs_consent":
            say(f"{name} is not connected: run `syncd connect {name}`.")
        if row.get("held") and row["outcome"] == "ok":
            say(f"{name}: some contacts wait for you; see `syncd holds {name}`.")


@click.command("plan")
@click.argument("accounts", nargs=-1, metavar="[ACCOUNT…]")
@json_option
@click.pass_obj
def plan_command(invocation: Invocation, accounts: tuple[str, ...], as_json: bool) -> int:  # noqa: FBT001  click's way
    """Show what a sync would do. Writes nothing anywhere."""
    config = invocation.load()
    names = known_accounts(config, accounts) or tuple(config.accounts)
    rows = _plan_rows(invocation, config, names)
    if as_json:
        for row in rows:
            json_line(row)
    else:
        _show_plans(rows)
    return Exit.OK


def _plan_rows(invocation: Invocation, config: Config, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Per account its steps one by one, then a row with what they come to."""
    from syncd.cli import control

    rows = control.rows(config, {"command": "plan", "accounts": list(names)})
    if rows is not None:
        yield from rows
        return
    with invocation.app_alone(config, "plan") as app:
        for name in names:
            plan = app.plan(name)
            for step in plan.steps:
                yield {"account": name, "step": step}
            yield {"account": name, "tally": plan.tally, "reasons": plan.reasons, "missing": plan.missing}


PLAN_COLUMNS = {"action": "", "name": "Contact", "crm": "To the CRM", "google": "To Google", "note": ""}
ADDS_UP_TO = {
    "created_crm": "to make in the CRM",
    "created_google": "to make in Google",
    "updated_crm": "to update in the CRM",
    "updated_google": "to update in Google",
    "partners": "to link with a contact that is there",
    "entered": "to bring into tag or group",
    "leavers": "to take out of tag or group",
    "conflicts": "conflicts",
    "held": "held for a person",
}
"""What the numbers of a plan are called, in the order in which they are told."""


def _show_plans(rows: Iterable[dict[str, Any]]) -> None:
    steps: list[dict[str, Any]] = []
    for row in rows:
        if "step" in row:
            steps.append(_plan_line(row["step"]))
            continue
        name = row["account"]
        tally = [f"{row['tally'][key]} {text}" for key, text in ADDS_UP_TO.items() if row["tally"].get(key)]
        click.echo(f"{name}: {', '.join(tally) or 'nothing to do'}")
        if steps:
            table(PLAN_COLUMNS, steps)
        steps = []
        for group in row.get("missing", ()):
            say(f"{name}: the group {group} does not exist yet; a sync makes it")
        for reason in row["reasons"]:
            say(f"{name} would be held ({reason}); `syncd approve {name}` releases exactly what is shown here")


def _plan_line(step: Mapping[str, Any]) -> dict[str, Any]:
    """A step for people: what is written to each side, field by field."""
    moves = step.get("moves", ())
    line = {"action": step["action"], "name": step["name"]}
    for side in ("crm", "google"):
        told = [_change(c) for c in step.get(f"{side}_changes", ())]
        told += [move.split()[0] + (" group" if side == "google" else " tag") for move in moves if move.endswith(side)]
        line[side] = "; ".join(told)
    hold, conflicts = step.get("hold"), step.get("conflicts", ())
    notes = [hold["text"]] if hold else []
    notes += [
        f"{c['field']}: {c['winner']} wins ({c['why']}), {c['lost'] or 'empty'} goes to the history" for c in conflicts
    ]
    return line | {"note": "; ".join(notes)}


def _change(change: Mapping[str, Any]) -> str:
    what = f"{change['field']} {change['label']}".strip()
    if not change["old"]:
        return f"{what} + {change['new']}"
    return f"{what} - {change['old']}" if not change["new"] else f"{what}: {change['old']} → {change['new']}"
