"""Fixtures of the engine's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")  # noqa: S108 - a fresh folder is made in it


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A folder in memory where there is such a place: these tests commit thousands of times, durably."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)
