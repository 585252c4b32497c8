"""The failures of Google's servers as ready-made fault rules, with the bodies they really send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from syncd.sandbox.faults import Rule
from syncd.sandbox.google.problems import ApiError, internal, unavailable
from syncd.sandbox.google.quota import READ, WRITE, exceeded


def _throttled() -> ApiError:
    violation = {"subject": "QUOTA_EXCEEDED", "description": "FBS quota limit exceeded"}
    detail = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
    return ApiError(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", [detail])


def _forbidden_rate() -> ApiError:
    return ApiError(403, "RESOURCE_EXHAUSTED", "User Rate Limit Exceeded")


_CANNED: dict[str, Callable[[], ApiError]] = {
    "read_quota": lambda: exceeded(READ),
    "write_quota": lambda: exceeded(WRITE),
    "throttled": _throttled,
    "rate_403": _forbidden_rate,  # the older shape, with errors[].reason
    "unavailable": unavailable,
    "internal": internal,
}


def rule(name: str, **how: Any) -> Rule:
    """A rule that answers as Google does: read_quota, write_quota, throttled, rate_403, unavailable or internal.

    `how` are the other parameters of a `Rule`: method, target, count, skip, after, delay, headers.
    Raises KeyError for an unknown name.
    """
    problem = _CANNED[name]()
    reply = problem.reply(legacy_list=name == "rate_403")
    body = reply.body.decode()
    return Rule(str(problem.code), body=body, **how)
