"""The error replies of Google's API front end and of the People service, with their exact texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncd.sandbox.wire import Reply, json_reply

Json = dict[str, Any]

SERVICE = "people.googleapis.com"
DOCUMENTED_AT = "https://developers.google.com/people/api/rest/v1/people/get."
GRPC = {
    "INVALID_ARGUMENT": 3,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}
_LEGACY_REASONS = {
    "INVALID_ARGUMENT": "badRequest",
    "FAILED_PRECONDITION": "failedPrecondition",
    "NOT_FOUND": "notFound",
    "RESOURCE_EXHAUSTED": "rateLimitExceeded",
}


class ApiError(Exception):
    """A request that failed: HTTP code, status name, text, and the typed details."""

    def __init__(self, code: int, status: str, message: str, details: Sequence[Json] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = list(details)

    def grpc(self) -> Json:
        """The `google.rpc.Status` of one failed item in a batch."""
        body: Json = {"code": GRPC[self.status], "message": self.message}
        return {**body, "details": self.details} if self.details else body

    def reply(self, *, legacy_list: bool = False) -> Reply:
        error: Json = {"code": self.code, "message": self.message}
        if legacy_list:
            reason = _LEGACY_REASONS.get(self.status, "backendError")
            error["errors"] = [{"message": self.message, "domain": "global", "reason": reason}]
        error["status"] = self.status
        if self.details:
            error["details"] = self.details
        challenge = [("WWW-Authenticate", _challenge(self.code))] if self.code in (401, 403) else []
        return json_reply(self.code, {"error": error}, *challenge)


def _challenge(code: int) -> str:
    kind = "invalid_token" if code == 401 else "insufficient_scope"
    return f'Bearer realm="https://accounts.google.com/", error="{kind}"'


def error_info(reason: str, domain: str, metadata: Json | None = None) -> Json:
    info: Json = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain}
    return {**info, "metadata": metadata} if metadata else info


def invalid(message: str = "Request contains an invalid argument.") -> ApiError:
    return ApiError(400, "INVALID_ARGUMENT", message)


def bad_payload(message: str, field: str = "") -> ApiError:
    """What the JSON transcoder says, before the People service sees the request."""
    violation = {"field": field, "description": message} if field else {"description": message}
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}
    return ApiError(400, "INVALID_ARGUMENT", message, [detail])


def not_found() -> ApiError:
    return ApiError(404, "NOT_FOUND", "Requested entity was not found.")


def internal() -> ApiError:
    return ApiError(500, "INTERNAL", "Internal error encountered.")


def unavailable() -> ApiError:
    return ApiError(503, "UNAVAILABLE", "The service is currently unavailable.")


def aborted() -> ApiError:
    return ApiError(409, "ABORTED", "The operation was aborted.")


def unauthenticated() -> ApiError:
    text = (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
    )
    return ApiError(401, "UNAUTHENTICATED", text)


def scope_missing(method: str) -> ApiError:
    info = error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", {"service": SERVICE, "method": method})
    return ApiError(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", [info])


def api_disabled(project: str) -> ApiError:
    text = (
        f"People API has not been used in project {project} before or it is disabled. Enable it by visiting "
        f"https://console.developers.google.com/apis/api/{SERVICE}/overview?project={project} then retry."
    )
    metadata = {"service": SERVICE, "consumer": f"projects/{project}"}
    return ApiError(403, "PERMISSION_DENIED", text, [error_info("SERVICE_DISABLED", "googleapis.com", metadata)])


def stale_etag(which: str) -> ApiError:
    text = (
        f"Request person.{which} is different than the current person.{which}. "
        "Clear local cache and get the latest person."
    )
    return ApiError(400, "FAILED_PRECONDITION", text)


def etag_missing(status: str) -> ApiError:
    text = "Request must set person.etag or person.metadata.sources.etag for the source that is being updated."
    return ApiError(400, status, text)


def not_a_contact(name: str) -> ApiError:
    return invalid(f'Resource name "{name}" is not a valid contact person resource.')


def sync_token_expired(code: int, status: str) -> ApiError:
    text = "Sync token is expired. Clear local cache and retry call without the sync token."
    return ApiError(code, status, text, [error_info("EXPIRED_SYNC_TOKEN", SERVICE)])


def mask_required(parameter: str) -> ApiError:
    return invalid(
        f"{parameter} mask is required. Please specify one or more valid paths. "
        f"Valid paths are documented at {DOCUMENTED_AT}"
    )


def bad_mask_path(parameter: str, path: str) -> ApiError:
    return invalid(f'Invalid {parameter} mask path: "{path}". Valid paths are documented at {DOCUMENTED_AT}')


def mask_not_a_mask(field: str, text: str) -> ApiError:
    return bad_payload(f"Invalid value at '{field}' (type.googleapis.com/google.protobuf.FieldMask), \"{text}\"", field)


def page_not_found(path: str) -> Reply:
    """What Google's front end says to an address it does not know: a page, not JSON."""
    shown = path.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    page = (
        "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Error 404 (Not Found)!!1</title>\n"
        f"<p><b>404.</b> <ins>That’s an error.</ins>\n<p>The requested URL <code>{shown}</code> was not found on this "
        "server. <ins>That’s all we know.</ins>\n"
    )
    return Reply(404, page.encode("utf-8", "replace"), (("Content-Type", "text/html; charset=UTF-8"),))
