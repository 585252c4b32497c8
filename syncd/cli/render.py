"""Showing things to people and programs: JSON lines, tables, progress. Nothing shown can drive the terminal."""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

PATIENCE_SECONDS = 1.0
JOINERS = "\u200c\u200d"  # inside Persian words and within emoji
END_OF_TIME = 250_000_000_000.0  # the year 9892
WIDE = 10_000  # a file has no width; lines are not folded


def safe(value: object) -> str:
    """The value as one line of text in which nothing can move the cursor, change colours or reverse the direction."""
    text = "" if value is None else str(value)
    return "".join(char if _harmless(char) else char.encode("unicode_escape").decode() for char in text)


def _harmless(char: str) -> bool:
    return char.isprintable() or char in JOINERS or unicodedata.category(char) == "Zs"


def json_line(row: Mapping[str, Any]) -> None:
    """One JSON object on standard output, at once."""
    click.echo(json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "replace").decode())


def say(text: str) -> None:
    """A sentence for people, on standard error."""
    click.echo(safe(text), err=True)


def table(columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
    """A table on standard output. `columns` maps keys of the rows to headings."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else WIDE)
    drawn = Table(box=SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        drawn.add_column(heading, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell(row.get(key))) for key in columns))
    console.print(drawn)


def cell(value: object) -> str:
    """A value as people write it: lists with commas, yes and no, nothing for none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{safe(key)} {cell(item)}" for key, item in value.items() if item)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(cell(item) for item in value)
    return safe(value)


def moment(value: object) -> str:
    """Seconds since 1970 as people here write a time; nothing for none, "never" for the end of time."""
    if not isinstance(value, (int, float)) or not value:
        return cell(value) if value else ""
    if value >= END_OF_TIME:
        return "never"
    return datetime.fromtimestamp(value, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


class Progress:
    """How far each account is, on standard error once it takes over a second.

    Moving bars on a terminal, plain lines on one that cannot move the cursor, nothing elsewhere.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._shows = sys.stderr.isatty() and not quiet
        self._since = time.monotonic()
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, account: str, phase: str, done: int, total: int | None, message: str = "") -> None:
        """Account `account` is in this phase, `done` of `total` (None: not known) through it."""
        if not self._shows or time.monotonic() - self._since < PATIENCE_SECONDS:
            return
        if self._moving():
            self._draw(account, safe(f"{account}: {phase} {message}" if account else f"{phase} {message}"), done, total)
        elif self._told.get(account) != phase:
            self._told[account] = phase
            say(f"{account}: {phase} {message}" if account else f"{phase} {message}")

    def _moving(self) -> bool:
        if self._bars is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

            console = Console(stderr=True)
            if not console.is_terminal or console.is_dumb_terminal:
                return False
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
            )
            self._bars = Progress(*columns, console=console, transient=True)
            self._bars.start()
        return True

    def _draw(self, account: str, text: str, done: int, total: int | None) -> None:
        if self._bars is None:
            return
        if account not in self._tasks:
            self._tasks[account] = self._bars.add_task(text, total=total)
        self._bars.update(self._tasks[account], description=text, completed=done, total=total)
