"""How the story reaches its audience: as text for people, or as one JSON object a scene."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass, field
from typing import Any, Protocol

import click
from rich.box import HORIZONTALS
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from syncd.cli.demo.sight import Sight
from syncd.cli.render import json_line, safe

WIDEST = 100
PIPED = 80
NARROWEST, FIRST = 10, 24
"""Columns of the terminal for the first column of a small table, at least and at most."""


@dataclass
class Told:
    """One scene as it went."""

    number: int
    title: str
    text: str
    deeds: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    checks: list[tuple[str, bool]] = field(default_factory=list)
    before: Sight | None = None
    after: Sight | None = None
    trouble: str = ""
    seconds: float = 0.0

    @property
    def well(self) -> bool:
        """Whether everything came out as told."""
        return not self.trouble and bool(self.checks) and all(ok for _claim, ok in self.checks)

    def as_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {"scene": self.number, "title": self.title, "ok": self.well}
        row["checks"] = [{"claim": claim, "ok": ok} for claim, ok in self.checks]
        row |= {"deeds": self.deeds, "runs": self.runs, "notes": self.notes}
        for name, sight in (("before", self.before), ("after", self.after)):
            if sight is not None:
                row[name] = sight.as_json()
        if self.trouble:
            row["trouble"] = self.trouble
        return row | {"seconds": round(self.seconds, 2)}


@dataclass(frozen=True)
class Summary:
    """What the whole story came to. `done` is what syncd wrote, by what it did; `deleted` counts contacts."""

    scenes: tuple[Told, ...]
    requests: dict[str, int]
    done: dict[str, dict[str, int]]
    deleted: dict[str, int]
    seconds: float

    @property
    def well(self) -> bool:
        return all(scene.well for scene in self.scenes) and not any(self.deleted.values())

    def as_json(self) -> dict[str, Any]:
        scenes = {"scenes": len(self.scenes), "failed": [s.number for s in self.scenes if not s.well]}
        body = {k: v for k, v in dataclasses.asdict(self).items() if k != "scenes"}
        return {"ok": self.well, **scenes, **body, "seconds": round(self.seconds, 2)}


class Teller(Protocol):
    """Is told everything in the order in which it happens."""

    def opening(self, lines: list[str]) -> None: ...
    def scene(self, told: Told) -> None: ...
    def sight(self, label: str, sight: Sight, before: Sight | None) -> None: ...
    def deed(self, text: str) -> None: ...
    def ran(self, text: str) -> None: ...
    def cost(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
    def check(self, claim: str, *, ok: bool) -> None: ...
    def trouble(self, text: str) -> None: ...
    def ended(self, told: Told) -> None: ...
    def summary(self, summary: Summary) -> None: ...
    def kept(self, places: dict[str, str], lines: list[tuple[str, str]]) -> None: ...


class Lines:
    """One JSON object for each scene and one for the whole, on standard output alone."""

    def opening(self, lines: list[str]) -> None: ...
    def scene(self, told: Told) -> None: ...
    def sight(self, label: str, sight: Sight, before: Sight | None) -> None: ...
    def deed(self, text: str) -> None: ...
    def ran(self, text: str) -> None: ...
    def cost(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
    def check(self, claim: str, *, ok: bool) -> None: ...
    def trouble(self, text: str) -> None: ...

    def ended(self, told: Told) -> None:
        json_line(told.as_json())

    def summary(self, summary: Summary) -> None:
        json_line(summary.as_json())

    def kept(self, places: dict[str, str], lines: list[tuple[str, str]]) -> None:
        json_line(places)


class Page:
    """Text on standard output: in colour on a terminal that has colours, never moving the cursor."""

    def __init__(self) -> None:
        console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
        console.width = min(console.width, WIDEST) if sys.stdout.isatty() else PIPED
        self._console = console
        plain = not (console.encoding or "").lower().startswith("utf")
        self._yes, self._no = ("ok", "NO") if plain else ("✓", "✗")
        self._new, self._deed, self._run = (">", "*", "=") if plain else ("→", "•", "»")

    def opening(self, lines: list[str]) -> None:
        self._print(Text("\nsyncd demo", "bold"))
        for line in lines:
            self._print(Text(line))

    def scene(self, told: Told) -> None:
        self._print()
        title = Text(f" {told.number}  {told.title} ", "bold cyan")
        self._print(Rule(title, align="left", style="cyan"))
        self._print(Text(told.text))

    def sight(self, label: str, sight: Sight, before: Sight | None) -> None:
        """A table; what differs from `before` is marked and coloured."""
        table = Table(box=HORIZONTALS, pad_edge=False, show_edge=False, header_style="dim", border_style="dim")
        wide = max(NARROWEST, min(FIRST, max(map(cell_len, sight.rows), default=0)))
        rest = (self._console.width - 2 - wide) // max(1, len(sight.columns)) - 3  # 3: padding and a divider
        table.add_column(Text(label, "bold"), width=wide, overflow="fold")
        for column in sight.columns:
            table.add_column(Text(column), width=rest, overflow="fold")
        for name, row in sight.rows.items():
            cells = [self._cell(cell, changed=sight.differs(before, name, at)) for at, cell in enumerate(row)]
            table.add_row(Text(safe(name)), *cells)
        self._print(Padding(table, (1, 0, 1, 2)))

    def _cell(self, text: str, *, changed: bool) -> Text:
        return Text(f"{self._new} {safe(text)}", "bold green") if changed else Text(safe(text))

    def deed(self, text: str) -> None:
        self._item(self._deed, text, "yellow")

    def ran(self, text: str) -> None:
        self._item(self._run, text, "magenta")

    def cost(self, text: str) -> None:
        self._item(" ", text, "dim")

    def note(self, text: str) -> None:
        self._item(" ", text, "italic")

    def check(self, claim: str, *, ok: bool) -> None:
        self._item(self._yes if ok else self._no, claim, "green" if ok else "bold red")

    def trouble(self, text: str) -> None:
        self._item(self._no, f"The scene stopped: {text}", "bold red")

    def ended(self, told: Told) -> None: ...

    def summary(self, summary: Summary) -> None:
        self._print()
        self._print(Rule(Text(" What came of it ", "bold cyan"), align="left", style="cyan"))
        grid = Table.grid(padding=(0, 1))
        for width in (4, 2, 60, 6):
            grid.add_column(width=width, justify="left" if width == 60 else "right")
        for scene in summary.scenes:
            mark = Text(self._yes, "green") if scene.well else Text(self._no, "bold red")
            grid.add_row(mark, Text(str(scene.number), "dim"), Text(scene.title), Text(f"{scene.seconds:.1f} s", "dim"))
        self._print(grid)
        self._print()
        for name, told in _facts(summary).items():
            line = Text(f"  {name:<20}", "dim")
            line.append(told, "" if name != DELETED or told.startswith("0") else "bold red")
            self._print(line)
        self._print()
        failed = sum(not scene.well for scene in summary.scenes)
        if summary.well:
            self._print(Text(f"{self._yes} Everything came out as told.", "bold green"))
        else:
            self._print(
                Text(f"{self._no} {failed} of {len(summary.scenes)} scenes did not come out as told.", "bold red")
            )

    def kept(self, places: dict[str, str], lines: list[tuple[str, str]]) -> None:
        self._print()
        self._print(Rule(Text(" Play on ", "bold cyan"), align="left", style="cyan"))
        for what, how in lines:
            self._print(Text(what))
            # A command is copied: it is never folded, and nothing is put before it but blanks.
            self._console.print(Text(f"  {how}\n", "bold"), soft_wrap=True)

    def _item(self, mark: str, text: str, style: str) -> None:
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=4, justify="right")
        grid.add_column(overflow="fold")
        whole = style in ("bold red", "dim", "italic")
        grid.add_row(Text(mark, style), Text(safe(text), style if whole else ""))
        self._print(grid)

    def _print(self, *what: RenderableType) -> None:
        with self._console.capture() as caught:
            self._console.print(*what)
        text = "\n".join(line.rstrip() for line in caught.get().split("\n"))
        encoding = self._console.encoding or "ascii"
        click.echo(text.encode(encoding, "replace").decode(encoding), nl=False, color=True)


DELETED = "contacts deleted"


def _facts(summary: Summary) -> dict[str, str]:
    """The figures as a person reads them."""
    of = summary.done
    return {
        "requests": f"{summary.requests['crm']} to the CRM, {summary.requests['google']} to Google, sign-in included",
        "made": f"{of['crm']['created']} in the CRM, {of['google']['created']} in Google",
        "found again": f"{of['crm']['found']} in the CRM, {of['google']['found']} in Google, where an answer was lost",
        "updated": f"{of['crm']['updated']} in the CRM, {of['google']['updated']} in Google",
        "moved": f"{of['crm']['tagged']} tagged, {of['crm']['untagged']} untagged; "
        f"{of['google']['grouped']} into the group, {of['google']['ungrouped']} out of it",
        DELETED: f"{sum(summary.deleted.values())} by syncd, by both servers' logs",
        "time": f"{summary.seconds:.0f} seconds",
    }
