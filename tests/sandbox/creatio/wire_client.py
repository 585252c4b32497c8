"""A plain HTTP client of the sandbox CRM: what it sends and gets is on the wire as is, redirects included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from syncd.sandbox.creatio import CreatioSandbox
from syncd.sandbox.creatio.seed import COMMUNICATION_TYPES
from syncd.sandbox.shell import Served

JSON = "application/json"
Answer = urllib3.BaseHTTPResponse
FORM = "application/x-www-form-urlencoded"
LOGIN = "/ServiceModel/AuthService.svc/Login"
EMAIL = COMMUNICATION_TYPES["Email"]
MOBILE = COMMUNICATION_TYPES["Mobile phone"]
FAX = COMMUNICATION_TYPES["Fax"]
NOBODY = "11111111-2222-4333-8444-555555555555"


class Client:
    """One caller, signed in by cookies (`login`) or by a token (`token`), or not at all."""

    def __init__(self, crm: CreatioSandbox, served: Served) -> None:
        self.crm, self.url = crm, served.url
        self._http = urllib3.PoolManager(retries=False, timeout=20, maxsize=4)
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def close(self) -> None:
        self._http.clear()

    def send(self, method: str, path: str, body: object = None, /, **headers: str) -> Answer:
        """A request to the site; `body` is JSON unless bytes, header names take `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if raw is not None:
            sent.setdefault("Content-Type", JSON)
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        every = self.headers | sent
        return self._http.request(method, self.url + path, body=raw, headers=every, redirect=False)

    def odata(self, method: str, resource: str, body: object = None, /, **headers: str) -> Answer:
        """A request to the service."""
        return self.send(method, f"{self.crm.base}/odata/{resource}", body, **headers)

    def login(self, name: str = "Supervisor", password: str = "Supervisor") -> Answer:
        reply = self.send("POST", LOGIN, {"UserName": name, "UserPassword": password})
        self.cookies = set_cookies(reply)
        self.headers = {"ForceUseSession": "true"}
        if "BPMCSRF" in self.cookies:
            self.headers["BPMCSRF"] = self.cookies["BPMCSRF"]
        return reply

    def token(self, client_id: str = "app", secret: str = "secret") -> Answer:
        form = urlencode({"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret})
        reply = self.send("POST", "/connect/token", form.encode(), Content_Type=FORM)
        if reply.status == 200:
            self.headers = {"Authorization": f"Bearer {reply.json()['access_token']}"}
        return reply

    # shortcuts that expect success

    def rows(self, entity: str, **options: object) -> list[dict[str, Any]]:
        return list(self.page(entity, **options)["value"])

    def page(self, entity: str, **options: object) -> dict[str, Any]:
        reply = self.odata("GET", asked(entity, **options))
        assert reply.status == 200, reply.data
        return dict(reply.json())

    def refused(self, entity: str, **options: object) -> int:
        return self.odata("GET", asked(entity, **options)).status

    def get(self, entity: str, key: str) -> dict[str, Any]:
        reply = self.odata("GET", f"{entity}({key})")
        assert reply.status == 200, reply.data
        return dict(reply.json())

    def post(self, entity: str, row: Mapping[str, Any]) -> dict[str, Any]:
        reply = self.odata("POST", entity, row)
        assert reply.status == 201, reply.data
        return dict(reply.json())

    def patch(self, entity: str, key: str, row: Mapping[str, Any]) -> None:
        reply = self.odata("PATCH", f"{entity}({key})", row)
        assert reply.status == 204, reply.data

    def delete(self, entity: str, key: str) -> None:
        reply = self.odata("DELETE", f"{entity}({key})")
        assert reply.status == 204, reply.data

    def communicate(self, contact: str, kind: str, number: str, **more: object) -> str:
        """A new communication; its id."""
        row = {"ContactId": contact, "CommunicationTypeId": kind, "Number": number} | more
        return str(self.post("ContactCommunication", row)["Id"])

    def batch(self, *requests: Mapping[str, Any], **headers: str) -> list[dict[str, Any]]:
        """A JSON batch; parts with a body say so. The responses."""
        reply = self.odata("POST", "$batch", {"requests": [_typed(one) for one in requests]}, **headers)
        assert reply.status == 200, reply.data
        return list(reply.json()["responses"])


def _typed(one: Mapping[str, Any]) -> dict[str, Any]:
    head = {"Content-Type": JSON} if "body" in one else {}
    return dict(one) | {"headers": head | one.get("headers", {})}


def asked(entity: str, **options: object) -> str:
    """A query: `top=1` is `$top=1`."""
    pairs = [f"${name}={quote(str(value), safe='(),/:')}" for name, value in options.items()]
    return f"{entity}?{'&'.join(pairs)}"


def set_cookies(reply: Answer) -> dict[str, str]:
    """The jar after a reply: of a cookie set twice the last one counts."""
    jar: dict[str, str] = {}
    for line in reply.headers.getlist("Set-Cookie"):
        jar |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
    return jar
