"""The command line. Each command's module loads when it is named, and heavy libraries only inside the command."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import click

from syncd import __version__
from syncd.cli.invocation import Invocation
from syncd.cli.lastline import guarded

COMMANDS = {
    "demo": "demo.command",
    "sandbox": "sandbox",
    "init": "setup",
    "check": "service",
    "connect": "accounts",
    "disconnect": "accounts",
    "plan": "sync",
    "sync": "sync",
    "approve": "holds",
    "holds": "holds",
    "resolve": "holds",
    "run": "service",
    "status": "service",
}
"""The module of each command, in the order of the help page."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = getattr(importlib.import_module(f"syncd.cli.{module}"), f"{cmd_name}_command")
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        self.commands = dict.fromkeys(COMMANDS, click.Command(None))  # what "did you mean" looks at
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="syncd")
@click.option("--config", type=click.Path(path_type=Path), help="The configuration file. [default: $SYNCD_CONFIG, …]")
@click.option("--log-format", type=click.Choice(["json", "text"]), help="How log lines look.")
@click.option("-v", "--verbose", count=True, help="Log more; -vv most.")
@click.pass_context
def group(ctx: click.Context, config: Path | None, log_format: str | None, verbose: int) -> None:
    """Keep a CRM's contacts and Google Contacts in step, both ways. No contact is ever deleted."""
    ctx.obj = Invocation(config, log_format, verbose)


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code."""
    return guarded(lambda: group.main(list(arguments), prog_name="syncd", standalone_mode=False))
