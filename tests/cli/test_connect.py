"""Connecting: the redirect from browser or paste, and everything that is not it."""

from __future__ import annotations

import http.client
import queue
import shlex
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from syncd.core.errors import ConsentRevoked, NeedsHuman
from syncd.onboarding.consent import obtain
from syncd.onboarding.loopback import Listener
from tests.cli.conftest import Shell, rows

Reply = tuple[int, str]


class Google:
    """The Google side of a consent: remembers what it was given."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.given: dict[str, str] = {}
        self.failure = failure

    def start(self, redirect_uri: str) -> tuple[str, str, str]:
        return redirect_uri, "st", "verifier"

    def finish(self, response: str, *, redirect_uri: str, state: str, verifier: str) -> dict[str, Any]:
        if self.failure:
            raise self.failure
        self.given = {"response": response, "redirect_uri": redirect_uri, "state": state, "verifier": verifier}
        return {"email": "anna@example.com"}


def get(address: str, host: str | None = None) -> Reply:
    """Status and page of an address, as a browser gets them."""
    request = urllib.request.Request(address, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def browsing(pages: list[Reply], *paths: str) -> Callable[[str], None]:
    """A browser that asks for these paths one after the other, beside us."""

    def browse(redirect_uri: str) -> None:
        pages.extend(get(redirect_uri + path) for path in paths)

    def send(url: str) -> None:
        threading.Thread(target=browse, args=(url,)).start()

    return send


def pages_of(send: Callable[[str], None], pages: list[Reply], count: int, connector: Google) -> dict[str, Any]:
    """The identity, once the browser has seen all its pages."""
    before = set(threading.enumerate())
    try:
        return obtain(connector, send, seconds=30)
    finally:
        for thread in set(threading.enumerate()) - before:
            thread.join(30)
        assert len(pages) == count


def test_redirect_of_the_browser_ends_the_consent() -> None:
    """The redirect, its state and the verifier reach the Google side; the browser says it went well."""
    google, pages = Google(), list[Reply]()
    identity = pages_of(browsing(pages, "?state=st&code=4/abc&scope=x"), pages, 1, google)
    assert identity == {"email": "anna@example.com"}
    assert google.given["response"] == google.given["redirect_uri"] + "?state=st&code=4/abc&scope=x"
    assert google.given["redirect_uri"].startswith("http://127.0.0.1:")
    assert (google.given["state"], google.given["verifier"]) == ("st", "verifier")
    assert pages[0][0] == 200
    assert "is connected" in pages[0][1]


def test_foreign_requests_are_turned_away_and_the_right_one_still_counts() -> None:
    """Icons, other states, no state and pages without an answer do not end the consent."""
    google, pages = Google(), list[Reply]()
    wrong = (
        "favicon.ico",
        "?state=other&code=x",
        "?code=x",
        "?state=st",
        "?state=st&state=other&code=x",
        "x?state=st&code=x",
    )
    pages_of(browsing(pages, *wrong, "?state=st&code=right"), pages, 7, google)
    assert [status for status, _ in pages] == [404, 400, 400, 400, 400, 404, 200]
    assert google.given["response"].endswith("code=right")


def test_request_for_another_host_is_turned_away() -> None:
    """A page elsewhere that points its name at this machine gets nothing (DNS rebinding)."""
    arrived: queue.Queue[str] = queue.Queue()
    with Listener(arrived) as listener:
        listener.expect("st")
        status, _ = get(listener.redirect_uri + "?state=st&code=x", host="evil.example")
    assert status == 404
    assert arrived.empty()


def test_second_redirect_is_refused() -> None:
    """An answer is taken once."""
    arrived: queue.Queue[str] = queue.Queue()
    with Listener(arrived) as listener:
        listener.expect("st")
        listener.answer("Done", "done")
        address = listener.redirect_uri + "?state=st&code=x"
        assert [get(address)[0], get(address)[0]] == [200, 410]
    assert arrived.qsize() == 1


def test_page_keeps_what_it_is_told_as_text() -> None:
    """Nothing of the answer becomes markup, and the page is neither stored nor framed."""
    arrived: queue.Queue[str] = queue.Queue()
    with Listener(arrived) as listener:
        listener.expect("st")
        listener.answer("<b>", "<script>")
        place = urlsplit(listener.redirect_uri)
        connection = http.client.HTTPConnection(place.hostname or "", place.port)
        connection.request("GET", "/?state=st&error=<script>")
        reply = connection.getresponse()
        page = reply.read().decode()
        connection.close()
    assert "<script>" not in page
    assert reply.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


def test_denied_access_needs_a_person() -> None:
    """A user who says no is told apart from a failure."""
    pages = list[Reply]()
    with pytest.raises(NeedsHuman, match="access_denied"):
        pages_of(browsing(pages, "?state=st&error=access_denied"), pages, 1, Google())
    assert "Not connected" in pages[0][1]


def test_failed_exchange_is_shown_in_the_browser_too() -> None:
    """When Google refuses the code, the page does not claim success."""
    pages = list[Reply]()
    with pytest.raises(ConsentRevoked):
        pages_of(browsing(pages, "?state=st&code=x"), pages, 1, Google(ConsentRevoked("no")))
    assert "Not connected" in pages[0][1]


def test_nobody_answers_in_time() -> None:
    """A consent that is never given ends."""
    with pytest.raises(NeedsHuman, match="Nobody granted"):
        obtain(Google(), lambda _: None, seconds=0.01)


def test_pasted_redirect_is_taken_and_other_lines_are_not() -> None:
    """Empty lines are skipped, wrong ones answered with a hint, the right one ends the consent."""
    google, hints = Google(), list[str]()
    pasted = [
        "\n",
        "hello\n",
        "http://127.0.0.1:1/?state=other&code=x\n",
        "  http://127.0.0.1:1/?state=st&code=right \n",
    ]
    obtain(google, lambda _: None, pasted, hints.append, seconds=30)
    assert google.given["response"] == "http://127.0.0.1:1/?state=st&code=right"
    assert len(hints) == 2


def test_connect_without_a_browser_takes_the_paste(shell: Shell) -> None:
    """`connect --no-browser` prints the address and reads the redirect from standard input."""
    done = shell.scripted({}, "connect", "anna", "--no-browser", "--json", stdin="http://x/?state=st&code=abc\n")
    assert done.returncode == 0, done.stderr
    address, identity = rows(done)
    assert address["url"].startswith("https://accounts.google.com/")
    assert (identity["account"], identity["given"], identity["verifier"]) == ("anna", "abc", "verifier")
    assert address["url"] in done.stderr


BROWSER = """
import os, pathlib, sys, urllib.request
folder = pathlib.Path(os.environ["TMPDIR"])
(folder / "opened").write_text(sys.argv[1])
page = urllib.request.urlopen((folder / "redirect").read_text() + "?state=st&code=abc", timeout=30).read()
(folder / "page").write_bytes(page)
"""


def test_connect_opens_the_browser(shell: Shell) -> None:
    """`connect` starts the user's browser on the consent page; its redirect comes back over loopback."""
    browser = shell.folder / "browser"
    browser.write_text(BROWSER)
    done = shell.scripted({}, "connect", "anna", "--json", BROWSER=f"{shlex.join([sys.executable, str(browser)])} %s")
    assert done.returncode == 0, done.stderr
    (identity,) = rows(done)
    assert identity["given"] == "abc"
    assert (shell.folder / "opened").read_text().startswith("https://accounts.google.com/")


def test_refused_consent_ends_as_its_error_says(shell: Shell) -> None:
    """Another Google user than the known one: a person is needed, nothing is printed as success."""
    script = {"finish": {"raise": ["NeedsHuman", "that was ben@example.com"]}}
    done = shell.scripted(script, "connect", "anna", "--no-browser", stdin="http://x/?state=st&code=abc\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "that was ben@example.com" in done.stderr
