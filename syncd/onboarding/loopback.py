"""The loopback listener: waits on 127.0.0.1 for the one redirect that ends a consent, and shows the user a page."""

from __future__ import annotations

import hmac
import html
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

ANSWER_SECONDS = 60.0  # how long the browser's page waits for Google to confirm
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>syncd</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1rem}}</style>
<h1>{title}</h1><p>{text}</p></html>"""
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


def brings(address: str, state: str) -> bool:
    """Whether the address is the redirect of the consent that was started with this state."""
    answer = parse_qs(urlsplit(address).query)
    given = answer.get("state", [""])
    is_answer = "code" in answer or "error" in answer
    return is_answer and len(given) == 1 and hmac.compare_digest(given[0].encode(), state.encode())


class Listener:
    """Listens on a free port of 127.0.0.1.

    The first redirect with the right state is put into `arrived`; all others are turned away.
    """

    def __init__(self, arrived: queue.Queue[str]) -> None:
        self._arrived = arrived
        self._state = ""
        self._taken = threading.Lock()
        self._page: queue.Queue[tuple[str, str]] = queue.Queue(maxsize=1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.redirect_uri = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.answer("Not connected", "syncd stopped before the connection was made. Please start again.")
        self._server.shutdown()
        self._server.server_close()

    def expect(self, state: str) -> None:
        """From now on the redirect with this state is the right one."""
        self._state = state

    def answer(self, title: str, text: str) -> None:
        """What the waiting browser is told; only the first answer counts."""
        if self._page.empty():
            self._page.put((title, text))

    def receive(self, host: str, path: str) -> tuple[int, str, str]:
        """Status, title and text for one request of a browser."""
        if host != urlsplit(self.redirect_uri).netloc or urlsplit(path).path != "/":
            return 404, "Nothing here", "This address only takes the answer of Google's consent page."
        address = self.redirect_uri + path.removeprefix("/")
        if not self._state or not brings(address, self._state):
            return 400, "Not the right answer", "This answer does not belong to the consent that syncd waits for."
        if not self._taken.acquire(blocking=False):
            return 410, "Already used", "This answer was already taken. You can close this page."
        self._arrived.put(address)
        try:
            return 200, *self._page.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            return 200, "Thank you", "Go back to the terminal to see how it ends."


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self) -> None:
            status, title, text = listener.receive(self.headers.get("Host", ""), self.path)
            body = PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
            self.send_response(status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The address holds the code; it is not logged."""

    return Handler
