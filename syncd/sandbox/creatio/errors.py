"""Refusals on their way to becoming a reply, and the error envelopes of the server."""

from __future__ import annotations

from syncd.sandbox.wire import Reply, json_reply

ODATA_JSON = "application/json; odata.metadata=minimal"
ODATA_VERSION = ("OData-Version", "4.0")


class Refused(Exception):  # a refusal is what the server answers, not a failure of it
    """The request is answered with `status` and an OData error; nothing it did remains."""

    def __init__(self, status: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind

    def reply(self) -> Reply:
        error: dict[str, object] = {"code": "", "message": self.message}
        if self.kind:
            error["innererror"] = {"message": self.message, "type": self.kind, "stacktrace": ""}
        return json_reply(self.status, {"error": error}, ODATA_VERSION, content_type=ODATA_JSON)


class Cancelled(Exception):  # likewise
    """A save handler silently cancelled the save; the caller decides what the client is told."""


def not_found() -> Refused:
    return Refused(404, "Not found")


def bad_request(message: str) -> Refused:
    return Refused(400, f"The query specified in the URI is not valid. {message}", "Microsoft.OData.ODataException")


def unknown_property(name: str, entity: str) -> Refused:
    return bad_request(f"Could not find a property named '{name}' on type 'Terrasoft.Configuration.{entity}'.")


def no_such_column(path: str, schema: str) -> Refused:
    return Refused(500, f"Column by path {path} not found in schema {schema}", "Terrasoft.Common.ItemNotFoundException")


def html_reply(status: int, title: str, text: str) -> Reply:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h2>{text}</h2></body></html>"
    return Reply(status, page.encode(), (("Content-Type", "text/html; charset=utf-8"),))
