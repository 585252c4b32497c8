"""How these tests call the sandbox: a bare HTTP client for what Google's own client cannot send, and that client."""

from __future__ import annotations

import gzip
import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import google_auth_httplib2
import httplib2
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTACT = "READ_SOURCE_TYPE_CONTACT"
PROFILE = "READ_SOURCE_TYPE_PROFILE"
_UNTYPED_CREDENTIALS: Any = Credentials


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        packed = self.headers.get("content-encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if packed else self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


class Api:
    """Plain HTTP as one user; queries are dicts whose lists repeat a parameter."""

    def __init__(self, port: int, token: str = "") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._auth = {"Authorization": f"Bearer {token}"} if token else {}

    def send(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        self._connection.request(method, target, body, {**self._auth, **(headers or {})})
        got = self._connection.getresponse()
        return Answer(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read())

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Answer:
        return self.send("GET", f"{path}?{urlencode(query or {}, doseq=True)}")

    def write(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Answer:
        raw = b"" if body is None else json.dumps(body).encode()
        target = f"{path}?{urlencode(query or {}, doseq=True)}" if query else path
        return self.send(method, target, raw, {"Content-Type": "application/json"})

    def post(self, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Answer:
        return self.write("POST", path, body, query)

    def form(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, urlencode(fields).encode(), {**kind, **(headers or {})})

    def close(self) -> None:
        self._connection.close()


def people_service(url: str, token: str) -> Any:
    """Google's own client against the sandbox."""
    wire = httplib2.Http(timeout=30, proxy_info=None)
    http_object = google_auth_httplib2.AuthorizedHttp(_UNTYPED_CREDENTIALS(token=token), http=wire)
    options = {"api_endpoint": url}
    return build("people", "v1", http=http_object, static_discovery=True, cache_discovery=False, client_options=options)


def named(given: str, family: str = "", **fields: Any) -> dict[str, Any]:
    """A person with a name."""
    name = {"givenName": given, "familyName": family} if family else {"givenName": given}
    return {"names": [name], **fields}


def in_groups(*resources: str) -> list[dict[str, Any]]:
    """Memberships of these groups."""
    return [{"contactGroupMembership": {"contactGroupResourceName": name}} for name in resources]


def source_of(person: dict[str, Any]) -> dict[str, Any]:
    """The CONTACT source of a person."""
    found: dict[str, Any] = next(s for s in person["metadata"]["sources"] if s["type"] == "CONTACT")
    return found


def bare(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items without their metadata."""
    return [{k: v for k, v in item.items() if k != "metadata"} for item in items]
