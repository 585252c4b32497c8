"""The event catalogue: what the code logs is in it, and its page is current."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import syncd.log
from syncd.events import CATALOGUE, COMMON_FIELDS, page

ROOT = Path(__file__).parents[2]
SOURCES = [path for part in ("syncd", "adapters", "state") for path in sorted((ROOT / part).rglob("*.py"))]


def logged(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of `….event(…)` on something named log."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "event":
            owner = ast.unparse(node.func.value)
            if owner.rpartition(".")[2].lower().strip("_") in ("log", "logger", "events", "get()"):
                yield node


def faults(tree: ast.AST) -> list[str]:
    """What is wrong with the events of one module."""
    found = []
    for call in logged(tree):
        for name in ids(call.args[0] if call.args else None):
            if name not in CATALOGUE:
                found.append(f"line {call.lineno}: {name} is not in the catalogue")
                continue
            allowed = {*CATALOGUE[name].fields, *COMMON_FIELDS, "exc", None}  # None: fields that come as **counts
            strangers = [keyword.arg for keyword in call.keywords if keyword.arg not in allowed]
            found += [f"line {call.lineno}: {name} has no field {stranger}" for stranger in strangers]
    return found


def ids(node: ast.expr | None) -> list[str]:
    """The ids a call may log: a text, or one of two texts. Anything else gives its source, which is no id."""
    if isinstance(node, ast.IfExp):
        return [*ids(node.body), *ids(node.orelse)]
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    return [ast.unparse(node) if node is not None else "nothing"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_logged_events_are_in_the_catalogue(path: Path) -> None:
    """Every event that a module logs is in the catalogue, with every field it gives."""
    assert faults(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line", ['log.event("SY999")', 'self._log.event("SY102", colour=1)', "syncd.log.get().event(name)"]
)
def test_slips_are_found(line: str) -> None:
    """The search above sees unknown ids, unknown fields and ids that are made up at run time."""
    assert len(faults(ast.parse(line))) == 1


def test_page_is_current() -> None:
    """docs/events.md is what `python -m syncd.events` prints."""
    assert (ROOT / "docs" / "events.md").read_text(encoding="utf-8") == page()


def test_entries_are_whole() -> None:
    """Every event has a title, a meaning, something to do, a message id of its own; urgent ones say what to do."""
    events = CATALOGUE.values()
    assert all(event.title and event.meaning and event.action for event in events)
    assert all(event.action != "Nothing." for event in events if event.priority <= 4)
    assert len({event.message_id for event in events}) == len(CATALOGUE)
    assert all(len(event.message_id) == 32 for event in events)


def test_message_ids_never_change() -> None:
    """Searches that operators saved go on finding the events."""
    assert CATALOGUE["SY102"].message_id == "7b72b5c00499526c9a24a1650040924a"


def test_event_that_is_not_in_the_catalogue_is_refused() -> None:
    """Before `configure`, as in tests, a slip is an error."""
    log = syncd.log.get()
    with pytest.raises(syncd.log.Undeclared, match="SY999"):
        log.event("SY999")
    with pytest.raises(syncd.log.Undeclared, match="colour"):
        log.event("SY102", colour="red")
