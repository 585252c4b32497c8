"""`syncd approve`, `holds` and `resolve`: what waits for a person, and the person's decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from syncd.cli.codes import Exit
from syncd.cli.invocation import Invocation, json_option, known_accounts
from syncd.cli.render import cell, json_line, say, table

if TYPE_CHECKING:
    from syncd.app import App
    from syncd.config import Config


MENDING = ("rebuild", "let-go")
"""Subjects that are no contacts: what becomes of a tag or group that is gone."""


@click.command("approve")
@click.argument("account")
@json_option
@click.pass_obj
def approve_command(invocation: Invocation, account: str, as_json: bool) -> int:  # noqa: FBT001  click's way
    """Release the dangerous steps of a held plan, for 24 hours."""
    config = invocation.load()
    known_accounts(config, [account])
    result = _decided(invocation, config, {"command": "approve", "account": account}, lambda app: app.approve(account))
    return _show(result, as_json=as_json)


@click.command("holds")
@click.argument("account", required=False)
@json_option
@click.pass_obj
def holds_command(invocation: Invocation, account: str | None, as_json: bool) -> int:  # noqa: FBT001  click's way
    """List the contacts that wait for a decision, and why."""
    config = invocation.load()
    known_accounts(config, [account] if account else [])
    rows = _holds(invocation, config, account)
    if as_json:
        for row in rows:
            json_line(row)
    elif rows:
        keys = dict.fromkeys(key for row in rows for key in row)
        table({key: key.replace("_", " ").capitalize() for key in keys}, rows)
        say("Decide with `syncd resolve ACCOUNT SUBJECT` and --link ID, --create or --leave.")
    else:
        say("No contact waits for a decision.")
    return Exit.OK


def _holds(invocation: Invocation, config: Config, account: str | None) -> list[dict[str, Any]]:
    from syncd.cli import control

    rows = control.rows(config, {"command": "holds", "account": account})
    if rows is not None:
        return list(rows)
    with invocation.app(config) as app:
        return app.holds(account)


@click.command("resolve")
@click.argument("account")
@click.argument("subject")
@click.option("--link", metavar="ID", help="It is the same person as this record of the other side.")
@click.option("--create", is_flag=True, help="It is a person of its own: make a record on the other side.")
@click.option("--leave", is_flag=True, help="It does not belong here: take it out of the tag or group.")
@json_option
@click.pass_obj
def resolve_command(
    invocation: Invocation,
    account: str,
    subject: str,
    link: str | None,
    create: bool,  # noqa: FBT001  click's way
    leave: bool,  # noqa: FBT001  click's way
    as_json: bool,  # noqa: FBT001  click's way
) -> int:
    """Decide on one held contact.

    SUBJECT is what `syncd holds` calls it. Where the tag or the group itself is gone it is `rebuild`, to have it made
    anew with its contacts, or `let-go`, to take them out of the other side's; no option goes with these.
    """
    if (link is not None) + create + leave != (0 if subject in MENDING else 1):
        raise click.UsageError("Say one of --link ID, --create and --leave; with rebuild and let-go none.")
    choice: dict[str, Any] = {"link": link} if link is not None else {"create": True} if create else {"leave": leave}
    config = invocation.load()
    known_accounts(config, [account])
    request = {"command": "resolve", "account": account, "subject": subject, "choice": choice}
    result = _decided(invocation, config, request, lambda app: app.resolve(account, subject, choice))
    return _show(result, as_json=as_json)


def _decided(
    invocation: Invocation, config: Config, request: dict[str, Any], here: Callable[[App], dict[str, Any]]
) -> dict[str, Any]:
    """The daemon's answer to the request, or that of this process when no daemon runs."""
    from syncd.cli import control

    rows = control.rows(config, request)
    if rows is not None:
        return dict(next(rows, {}))
    with invocation.app(config) as app:
        return here(app)


def _show(result: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        json_line(result)
    else:
        click.echo("\n".join(f"{cell(key)}: {cell(value)}" for key, value in result.items()))
    return Exit.OK
