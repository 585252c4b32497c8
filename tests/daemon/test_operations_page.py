"""The operator's page says what is true."""

from __future__ import annotations

import re
from pathlib import Path

from syncd.events import CATALOGUE, Priority

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")


def test_every_event_it_names_is_in_the_catalogue() -> None:
    """An alert on an id that nobody logs never fires."""
    named = set(re.findall(r"\b(?:SD|SY|CK|AC|SE|DB)\d{3}\b", PAGE))
    assert named
    assert named <= CATALOGUE.keys()


def test_what_wakes_somebody_has_the_priority_for_it() -> None:
    """The ids that the page calls urgent are urgent in the catalogue."""
    for name in ("SY104", "AC401", "DB602", "DB603", "DB606", "SD007", "SD015"):
        assert CATALOGUE[name].priority is Priority.NOW
