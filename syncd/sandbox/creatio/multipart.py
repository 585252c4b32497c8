"""`$batch` as multipart/mixed: the parts of a request with their changesets, and the same shape for the answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from itertools import groupby

from syncd.sandbox.creatio.batch import Answer, Part, require_size, split_url
from syncd.sandbox.creatio.errors import ODATA_VERSION, Refused
from syncd.sandbox.wire import Reply

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)


def read_multipart(content_type: str, body: bytes, root_path: str, limit: int) -> list[Part]:
    """The parts of a multipart batch; those of one changeset form an atomicity group."""
    found: list[Part] = []
    for number, (headers, content) in enumerate(_sections(content_type, body)):
        kind = headers.get("content-type", "")
        if kind.startswith("multipart/mixed"):
            group = f"changeset{number}"
            found.extend(_request(h, c, root_path, group) for h, c in _sections(kind, content))
        else:
            found.append(_request(headers, content, root_path, None))
    require_size(len(found), limit)
    return found


def _sections(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise Refused(400, "The multipart content type has no boundary.")
    marker = b"--" + match[1].encode("latin-1", "replace")
    pieces = (b"\r\n" + body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")).split(b"\r\n" + marker)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):  # a preamble and at least the end
        raise Refused(400, "The multipart body is not complete.")
    return [_split(piece.removeprefix(b"\r\n")) for piece in pieces[1:-1]]


def _split(piece: bytes) -> tuple[dict[str, str], bytes]:
    head, _, content = piece.partition(b"\r\n\r\n")
    lines = [line.partition(":") for line in head.decode("latin-1").splitlines() if ":" in line]
    return {name.strip().lower(): value.strip() for name, _, value in lines}, content


def _request(headers: dict[str, str], content: bytes, root_path: str, group: str | None) -> Part:
    line, _, rest = content.lstrip(b"\r\n").partition(b"\r\n")
    words = line.decode("latin-1").split()
    if not headers.get("content-type", "").startswith("application/http") or len(words) < 2:  # verb, url
        raise Refused(400, "Each part of a batch is an application/http request.")
    inner, body = ({}, rest[2:]) if rest.startswith(b"\r\n") else _split(rest)
    resource, query = split_url(words[1], root_path)
    return Part(headers.get("content-id", ""), words[0].upper(), resource, query, inner, body.rstrip(b"\r\n"), group)


def multipart_answers(answers: Sequence[Answer], boundary: str) -> Reply:
    """The reply to a multipart batch."""
    sections = []
    for group, members in groupby(answers, key=lambda answer: answer.group):
        parts = [_response(answer) for answer in members]
        if group is None:
            sections.extend(parts)
        else:
            head = f"Content-Type: multipart/mixed; boundary=changesetresponse_{group}\r\n\r\n".encode()
            sections.append(head + _joined(parts, f"changesetresponse_{group}"))
    kind = f"multipart/mixed; boundary=batchresponse_{boundary}"
    return Reply(200, _joined(sections, f"batchresponse_{boundary}"), (("Content-Type", kind), ODATA_VERSION))


def _joined(sections: Sequence[bytes], boundary: str) -> bytes:
    marker = f"--{boundary}".encode()
    return b"".join(marker + b"\r\n" + section + b"\r\n" for section in sections) + marker + b"--\r\n"


def _response(answer: Answer) -> bytes:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    if answer.part.id:
        head += f"Content-ID: {answer.part.id}\r\n"
    status = answer.reply.status
    lines = "".join(f"{name}: {value}\r\n" for name, value in answer.reply.headers)
    return f"{head}\r\nHTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode() + answer.reply.body
