"""What every command shares: the global options, the loaded configuration, logging, account names."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from syncd.app import App
    from syncd.config import Config

LOCK_PATIENCE = 60.0
"""Seconds another command that works on the same state is waited for."""

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Invocation:
    """The global options of one call."""

    config_path: Path | None
    log_format: str | None
    verbose: int

    def load(self) -> Config:
        """The checked configuration. Raises ConfigError."""
        from syncd.config import load

        return load(self.config_path, os.environ)

    def start_logging(self, *, daemon: bool = False) -> None:
        """Log to standard error from warnings up; a daemon logs to standard output, normal work included.

        On a terminal lines are text unless asked for otherwise.
        """
        import logging

        import syncd.log

        stream = sys.stdout if daemon else sys.stderr
        fmt = self.log_format or ("text" if stream.isatty() else "json")
        usual = logging.INFO if daemon else logging.WARNING
        levels = {0: usual, 1: min(usual, logging.INFO)}
        level = levels.get(self.verbose, logging.DEBUG) if not (daemon and self.verbose) else logging.DEBUG
        syncd.log.configure(syncd.log.Format(fmt), level, stream)

    @contextmanager
    def app(self, config: Config) -> Iterator[App]:
        """syncd itself, open on its state."""
        from syncd.app import App

        self.start_logging()
        with App.open(config) as app:
            yield app

    @contextmanager
    def app_alone(self, config: Config, command: str) -> Iterator[App]:
        """The same for a command that works as the daemon does: under its lock. Raises AlreadyRunning."""
        from syncd.app import App
        from syncd.daemon.lock import only_instance

        self.start_logging()
        with only_instance(config.runtime_folder, command, LOCK_PATIENCE), App.open_alone(config) as app:
            yield app


def known_accounts(config: Config, names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once. Raises UsageError for one that is not configured."""
    from syncd.config.problems import did_you_mean

    for name in names:
        if name not in config.accounts:
            hint = did_you_mean(name, config.accounts) or f"There is {', '.join(config.accounts) or 'none'}."
            raise click.UsageError(f"There is no account {name!r} in {config.path}. {hint[:1].upper()}{hint[1:]}")
    return tuple(dict.fromkeys(names))


def json_option(command: Command) -> Command:
    """`--json` for a command that prints."""
    text = "Print one JSON object per line on standard output, and nothing else there."
    return click.option("--json", "as_json", is_flag=True, help=text)(command)
