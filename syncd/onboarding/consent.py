"""One consent from start to end: sends the user to Google, takes the redirect from the browser or from a paste."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from syncd.core.errors import NeedsHuman
from syncd.onboarding.loopback import Listener, brings

TIMEOUT_SECONDS = 600.0


class Connector(Protocol):
    """What a consent needs of the Google side. `start` gives address, state and code verifier."""

    def start(self, redirect_uri: str) -> tuple[str, str, str]: ...

    def finish(self, response: str, *, redirect_uri: str, state: str, verifier: str) -> dict[str, Any]: ...


def obtain(
    connector: Connector,
    send: Callable[[str], None],
    pasted: Iterable[str] | None = None,
    warn: Callable[[str], None] = lambda _: None,
    seconds: float = TIMEOUT_SECONDS,
) -> dict[str, Any]:
    """The identity that granted access.

    `send` brings the user to an address, in a thread of its own; `pasted` are lines that may hold the redirect. Raises
    NeedsHuman when nobody answers in time or access is denied, and what the connector raises.
    """
    arrived: queue.Queue[str] = queue.Queue()
    with Listener(arrived) as listener:
        url, state, verifier = connector.start(listener.redirect_uri)
        listener.expect(state)
        if pasted is not None:
            threading.Thread(target=_read, args=(pasted, state, arrived, warn), daemon=True).start()
        # a browser that runs in the terminal would keep us from listening to it
        threading.Thread(target=send, args=(url,), daemon=True).start()
        response = _wait(arrived, seconds)
        try:
            _refuse_denial(response)
            identity = connector.finish(response, redirect_uri=listener.redirect_uri, state=state, verifier=verifier)
        except BaseException:
            listener.answer("Not connected", "The connection was not made. The terminal says why.")
            raise
        listener.answer("Connected", "Your Google account is connected. You can close this page.")
        return identity


def _read(lines: Iterable[str], state: str, arrived: queue.Queue[str], warn: Callable[[str], None]) -> None:
    for line in lines:
        address = line.strip()
        if brings(address, state):
            return arrived.put(address)
        if address:
            warn("That is not the address this consent ends at. Copy the whole address, from http to its end.")


def _wait(arrived: queue.Queue[str], seconds: float) -> str:
    try:
        return arrived.get(timeout=seconds)
    except queue.Empty:
        message = f"Nobody granted access within {seconds / 60:.0f} minutes."
        raise NeedsHuman(message, "Start `syncd connect` again.") from None


def _refuse_denial(response: str) -> None:
    error = parse_qs(urlsplit(response).query).get("error")
    if error:
        raise NeedsHuman(f"Google did not grant access: {error[0][:80]}", "Connect again and choose Allow.")
