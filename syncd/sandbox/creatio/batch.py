"""`$batch` in JSON: up to 100 parts in order, stop at the first failure, atomicity groups that hold or vanish whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from syncd.sandbox.creatio.errors import ODATA_JSON, ODATA_VERSION, Refused
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.rows import Store
from syncd.sandbox.wire import Reply, json_reply

CONTINUE = "continue-on-error"
Run = Callable[["Part"], Reply]


@dataclass(frozen=True)
class Part:
    """One request of a batch. `resource` is the decoded path after the service root."""

    id: str
    method: str
    resource: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    group: str | None = None


@dataclass(frozen=True)
class Answer:
    """The reply to one part, with the name the server gave its group."""

    part: Part
    reply: Reply
    group: str | None = None


class _Rollback(Exception):  # leaves the transaction of a group
    pass


def read_parts(body: bytes, root_path: str, limit: int) -> list[Part]:
    """The parts of a JSON batch. Refused when the batch as a whole is not one."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise Refused(400, "The batch body is not valid JSON.") from error
    requests = document.get("requests") if isinstance(document, dict) else None
    if not isinstance(requests, list):
        raise Refused(400, "The batch body has no 'requests'.")
    require_size(len(requests), limit)
    return [_part(one, root_path) for one in requests]


def require_size(count: int, limit: int) -> None:
    if count > limit:
        raise Refused(400, f"The current batch message contains too many parts. A maximum of {limit} is allowed.")


def failed(reply: Reply) -> bool:
    return reply.status >= 400


def _part(one: Any, root_path: str) -> Part:
    if not isinstance(one, dict) or not all(isinstance(one.get(name), str) for name in ("id", "method", "url")):
        raise Refused(400, "Each request of a batch has an id, a method and a url.")
    headers = {str(k).lower(): str(v) for k, v in (one.get("headers") or {}).items()}
    body = json.dumps(one["body"]).encode() if "body" in one else b""
    resource, query = split_url(one["url"], root_path)
    return Part(one["id"], one["method"].upper(), resource, query, headers, body, one.get("atomicityGroup"))


def split_url(url: str, root_path: str) -> tuple[str, list[tuple[str, str]]]:
    """Resource path and query of a part's url, which may be relative to the service, absolute, or a full address."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if path.startswith("/"):
        path = path.removeprefix(root_path)
    return path.strip("/"), parse_qsl(parts.query, keep_blank_values=True)


@dataclass(frozen=True)
class Batch:
    """Runs the parts of one batch."""

    store: Store
    profile: Profile
    run: Run
    new_id: Callable[[], str]

    def answers(self, parts: Sequence[Part], *, go_on: bool) -> list[Answer]:
        """The answers to the parts carried out; the parts after a failure are missing unless told to go on."""
        if not self.profile.batch_get and self.profile.batch_get_refusal == "whole" and _reads(parts):
            raise Refused(400, "GET is not supported in a batch.")
        done: list[Answer] = []
        for group, members in _runs(parts):
            answers = self._single(members[0]) if group is None else self._group(members)
            done.extend(answers)
            bad = next((answer for answer in answers if failed(answer.reply)), None)
            if bad is not None and not go_on and CONTINUE not in bad.part.headers.get("prefer", ""):
                break
        return done

    def _single(self, part: Part) -> list[Answer]:
        return [Answer(part, self._run(part))]

    def _run(self, part: Part) -> Reply:
        if part.method == "GET" and not self.profile.batch_get:
            return Refused(405, "GET is not supported in a batch.").reply()
        if part.resource.startswith("$batch"):
            return Refused(400, "A batch inside a batch is not supported.").reply()
        return self.run(part)

    def _group(self, members: Sequence[Part]) -> list[Answer]:
        name = self.new_id()
        done: list[Answer] = []
        try:
            with self.store.transaction():
                self._all_or_none(members, name, done)
        except _Rollback:
            bad = done[-1]
            if self.profile.failed_group == "only_failed":
                return [bad]
            dependent = Refused(424, "Another request of the atomicity group failed.").reply()
            return [bad if part is bad.part else Answer(part, dependent, name) for part in members]
        return done

    def _all_or_none(self, members: Sequence[Part], name: str, done: list[Answer]) -> None:
        for part in members:
            reply = self._grouped(part)
            done.append(Answer(part, reply, name))
            if failed(reply):
                raise _Rollback

    def _grouped(self, part: Part) -> Reply:
        if part.method == "GET":
            return Refused(400, "GET is not allowed in an atomicity group.").reply()
        return self._run(part)


def _reads(parts: Sequence[Part]) -> bool:
    return any(part.method == "GET" for part in parts)


def _runs(parts: Sequence[Part]) -> Iterator[tuple[str | None, list[Part]]]:
    """Neighbours of one atomicity group together, all others alone."""
    for group, members in groupby(parts, key=lambda part: part.group):
        if group is None:
            yield from ((None, [part]) for part in members)
        else:
            yield group, list(members)


def json_answers(answers: Sequence[Answer]) -> Reply:
    """The reply to a JSON batch."""
    body = {"responses": [_answer_json(answer) for answer in answers]}
    return json_reply(200, body, ODATA_VERSION, content_type=ODATA_JSON)


def _answer_json(answer: Answer) -> dict[str, Any]:
    reply = answer.reply
    shown: dict[str, Any] = {"id": answer.part.id}
    if answer.group is not None:
        shown["atomicityGroup"] = answer.group
    shown |= {"status": reply.status, "headers": {name.lower(): value for name, value in reply.headers}}
    if reply.body:
        is_json = (reply.header("Content-Type") or "").startswith("application/json")
        try:
            shown["body"] = json.loads(reply.body) if is_json else reply.body.decode("utf-8", "replace")
        except ValueError:  # a torn reply
            shown["body"] = reply.body.decode("utf-8", "replace")
    return shown
