"""The daemon: decides when to run what, keeps what runs apart from everything else, and knows when to stop."""

from __future__ import annotations

from syncd.daemon.asked import App
from syncd.daemon.lock import AlreadyRunning, only_instance
from syncd.daemon.service import serve

__all__ = ["AlreadyRunning", "App", "only_instance", "serve"]
