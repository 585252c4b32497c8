"""`syncd run`, `status` and `check`: the daemon, and how it is."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from syncd import __version__
from syncd.cli.codes import Exit, Health, first_that_applies, of_reason
from syncd.cli.invocation import Invocation, json_option
from syncd.cli.lastline import guarded
from syncd.cli.render import cell, json_line, moment, say, table

if TYPE_CHECKING:
    from syncd.config import Config

STATUS_COLUMNS = {
    "account": "Account",
    "state": "State",
    "last_run": "Last run",
    "next_run": "Next run",
    "holds": "Holds",
    "conflicts": "Conflicts",
    "in_doubt": "In doubt",
    "message": "",
}
MOMENTS = ("last_run", "next_run")
HEALTH = {"ok": Health.OK, "warning": Health.WARNING, "critical": Health.CRITICAL}


@click.command("run")
@click.pass_obj
def run_command(invocation: Invocation) -> int:
    """Run the daemon in the foreground until it is asked to stop."""
    config = invocation.load()
    invocation.start_logging(daemon=True)
    import syncd.log
    from syncd.app import App
    from syncd.daemon import serve

    log = syncd.log.get()
    log.event(
        "SD001",
        version=__version__,
        python=platform.python_version(),
        config=str(config.path),
        accounts=len(config.accounts),
    )
    for warning in config.warnings:
        log.event("SD014", key=warning.key, message=f"{warning.message}; {warning.suggestion}")
    return serve(config, invocation.load, App.open_alone)


@click.command("status")
@json_option
@click.pass_obj
def status_command(invocation: Invocation, as_json: bool) -> int:  # noqa: FBT001  click's way
    """Show the accounts and how they are.

    For monitors: exit code 0 ok, 1 warning, 2 critical, 3 unknown.
    """
    return guarded(lambda: _status(invocation, as_json=as_json), failure=Health.UNKNOWN)


def _status(invocation: Invocation, *, as_json: bool) -> int:
    rows = _accounts(invocation)
    if as_json:
        for row in rows:
            json_line(row)
    elif rows:
        table(STATUS_COLUMNS, [{**row, **{key: moment(row.get(key)) for key in MOMENTS}} for row in rows])
    else:
        say("No account is configured.")
    return max((HEALTH.get(str(row.get("level")), Health.UNKNOWN) for row in rows), default=Health.OK)


def _accounts(invocation: Invocation) -> list[dict[str, Any]]:
    from syncd.cli import control

    config = invocation.load()
    rows = control.rows(config, {"command": "status"})
    if rows is not None:
        return list(rows)
    say("The daemon is not running.")
    with invocation.app(config) as app:
        return app.status()


@click.command("check")
@click.option("--offline", is_flag=True, help="Only what needs no connection.")
@click.option("--unit", is_flag=True, help="Print the systemd drop-in that the configured folders need.")
@json_option
@click.pass_obj
def check_command(invocation: Invocation, offline: bool, unit: bool, as_json: bool) -> int:  # noqa: FBT001  click's way
    """Check the configuration, and the connections."""
    config = invocation.load()
    if unit:
        from syncd.cli.unit import drop_in

        text = drop_in(config)
        if as_json:
            json_line({"unit": text})
        else:
            click.echo(text, nl=False)
        return Exit.OK
    rows = [_shown(row, as_json=as_json) for row in _findings(invocation, config, offline=offline)]
    failed = [row for row in rows if not row["ok"]]
    if not as_json:
        say(f"{len(failed)} of {len(rows)} checks failed." if failed else f"All {len(rows)} checks passed.")
    return first_that_applies(of_reason(str(row.get("reason", ""))) for row in failed)


def _findings(invocation: Invocation, config: Config, *, offline: bool) -> Iterator[dict[str, Any]]:
    """The configuration's own findings, then the program's."""
    for warning in config.warnings:
        yield {"what": warning.key, "ok": True, "message": f"warning: {warning.message}", "fix": warning.suggestion}
    if os.environ.get("CREDENTIALS_DIRECTORY") is None and config.state.key.credential:
        message = "the master key is a credential of the service, so the state is checked there"
        yield {"what": "state.key", "ok": True, "message": message, "fix": ""}
        return
    with invocation.app(config) as app:
        yield from app.check(offline=offline)


def _shown(row: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    if as_json:
        json_line(row)
    else:
        mark = "ok  " if row["ok"] else "FAIL"
        click.echo(f"{mark} {cell(row['what'])}: {cell(row['message'])}")
        if row.get("fix"):
            click.echo(f"       {cell(row['fix'])}")
    return row
