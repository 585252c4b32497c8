"""`syncd sandbox`: the two sandbox servers alone, for trying things out by hand."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from syncd.cli.codes import Exit
from syncd.cli.invocation import json_option
from syncd.cli.render import json_line, say

PORT = click.IntRange(0, 65535)


@click.command("sandbox")
@click.option("--google-port", type=PORT, default=0, help="Port of the sandbox Google. [default: any free one]")
@click.option("--crm-port", type=PORT, default=0, help="Port of the sandbox CRM. [default: any free one]")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="syncd-sandbox",
    show_default=True,
    help="Where to put a configuration for them.",
)
@json_option
def sandbox_command(google_port: int, crm_port: int, folder: Path, as_json: bool) -> int:  # noqa: FBT001  click's way
    """Serve a sandbox Google and CRM on this machine.

    They run until stopped and keep nothing. A configuration for them is written into the folder.
    """
    from syncd.cli.trial import USER, Trial

    stop = threading.Event()
    with Trial(_free(folder.absolute()), google_port, crm_port) as trial:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _setting(stop))
        places = {"google": trial.google_url, "crm": trial.crm_url, "config": str(trial.config_path), "user": USER}
        if as_json:
            json_line(places)
        else:
            click.echo(f"Google  {trial.google_url}\nCRM     {trial.crm_url}/_sandbox/\nConfig  {trial.config_path}")
        say(f"Try: syncd --config {trial.config_path} connect anna")
        say("Press Ctrl-C to stop.")
        stop.wait()
    return Exit.OK


def _free(folder: Path) -> Path:
    """The folder, unless somebody's own configuration is there."""
    config = folder / "syncd.toml"
    if config.exists() and "Made by `syncd sandbox`" not in config.read_text(encoding="utf-8", errors="replace"):
        raise click.UsageError(f"{config} is not one of the sandbox's; name another folder with --folder.")
    for name in ("syncd.db", "syncd.db-wal", "syncd.db-shm") if config.exists() else ():
        (folder / name).unlink(missing_ok=True)  # it remembers servers that are gone
    return folder


def _setting(stop: threading.Event) -> Callable[[int, FrameType | None], None]:
    def set_it(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    return set_it
