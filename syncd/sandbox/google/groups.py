"""Calls on contact groups and on who is in them."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.sandbox.google.book import Contact
from syncd.sandbox.google.calls import Call
from syncd.sandbox.google.labels import EVERYONE, Group
from syncd.sandbox.google.listing import Bound, SyncToken, close_sync_token, open_sync_token
from syncd.sandbox.google.masks import Mask, parse_mask
from syncd.sandbox.google.problems import ApiError, Json, invalid, not_found
from syncd.sandbox.google.render import member_names, render_group
from syncd.sandbox.google.schema import GROUP_FIELDS
from syncd.sandbox.google.versions import GroupVersion

MAX_GET = 200
MAX_MODIFY = 1000
_DEFAULT_FIELDS: Mask = frozenset({"metadata", "groupType", "memberCount", "name"})
_AFTER_WRITE: Mask = frozenset({"metadata", "groupType", "name"})
_KIND = "groups"


def _mask(text: str, parameter: str, default: Mask) -> Mask:
    return parse_mask(text, parameter, GROUP_FIELDS) or default


def _shown(call: Call, group: Group, mask: Mask, version: GroupVersion | None = None) -> Json:
    book = call.user.book
    everyone = book.live
    if group.resource == EVERYONE and call.switches.all_counts_trash:
        everyone += book.trashed(call.now)
    return render_group(group, version or group.latest, mask, everyone)


# Reading


@dataclass(frozen=True)
class _Page:
    """Where a page of groups begins, and from which change on."""

    start: int
    since: SyncToken | None
    upto: int
    full_at: float


def list_groups(call: Call) -> Json:
    mask = _mask(call.text("groupFields"), "groupFields", _DEFAULT_FIELDS)
    size = call.page_size(30)
    bound = Bound(_KIND, ",".join(sorted(mask)), size)
    sync_token = call.text("syncToken")
    page = _page(call, bound, sync_token)
    groups = _listed(call, page)
    chosen = groups[page.start : page.start + size]
    reply: Json = {"contactGroups": [_shown(call, g, mask) for g in chosen]} if chosen else {}
    if groups:
        reply["totalItems"] = len(groups)
    following = page.start + size
    if following < len(groups):
        values = (following, page.upto, page.full_at, bound.binding, size, sync_token)
        return {**reply, "nextPageToken": call.user.world.seal.close("page", _KIND, call.user.sub, *values)}
    return {**reply, "nextSyncToken": close_sync_token(call, bound, SyncToken(page.upto, page.full_at))}


def _page(call: Call, bound: Bound, sync_token: str) -> _Page:
    since = open_sync_token(call, bound, sync_token) if sync_token else None
    token = call.text("pageToken")
    if not token:
        upto = call.user.book.labels.journal.seen(call.now, call.switches.propagation_delay)
        if since is None:
            return _Page(0, None, upto, call.now)
        return _Page(0, since, max(upto, since.number), since.full_at)
    values = call.user.world.seal.open(token)
    if values is None or values[:3] != ["page", _KIND, call.user.sub]:
        raise invalid()
    start, upto, full_at, binding, size, with_token = values[3:]
    if (binding, size, with_token) != (bound.binding, bound.size, sync_token):
        raise invalid()
    return _Page(start, since, upto, full_at)


def _listed(call: Call, page: _Page) -> list[Group]:
    labels = call.user.book.labels
    if page.since is not None:
        return [labels.by_number[n] for n in labels.journal.changed(page.since.number, page.upto)]
    hide = call.switches.hide_legacy_groups
    born = (g for g in labels.groups.values() if g.trail.born <= page.upto)
    return [g for g in born if not g.latest.deleted and not (hide and g.legacy)]


def get(call: Call) -> Json:
    mask = _mask(call.text("groupFields"), "groupFields", _DEFAULT_FIELDS)
    return _with_members(call, f"contactGroups/{call.args[0]}", mask)


def get_batch(call: Call) -> Json:
    mask = _mask(call.text("groupFields"), "groupFields", _DEFAULT_FIELDS)
    names = call.many("resourceNames")
    if not 1 <= len(names) <= MAX_GET:
        raise invalid()
    return {"responses": [_response(call, name, mask) for name in names]}


def _response(call: Call, name: str, mask: Mask) -> Json:
    try:
        group = _with_members(call, name, mask)
    except ApiError as problem:
        return {"requestedResourceName": name, "status": problem.grpc()}
    return {"requestedResourceName": name, "contactGroup": group, "status": {}}


def _with_members(call: Call, name: str, mask: Mask) -> Json:
    labels = call.user.book.labels
    limit = call.number("maxMembers")
    if limit < 0:
        raise invalid()
    group = labels.groups.get(name)
    upto = labels.journal.seen(call.now, call.switches.stale_groups)
    version = group.trail.seen(upto) if group else None
    if group is None or version is None or version.deleted:
        raise not_found()
    members = member_names(group, call.user.book, limit)
    shown = _shown(call, group, mask, version)
    return {**shown, "memberResourceNames": members} if members else shown


# Writing


def create(call: Call) -> Json:
    body = call.message("CreateContactGroupRequest")
    mask = _mask(body.get("readGroupFields", ""), "readGroupFields", _AFTER_WRITE)
    wanted = body.get("contactGroup", {})
    data = tuple(wanted.get("clientData", []))
    group = call.user.book.labels.create(wanted.get("name", ""), data, call.now)
    return _shown(call, group, mask)


def update(call: Call) -> Json:
    body = call.message("UpdateContactGroupRequest")
    fields = parse_mask(body.get("updateGroupFields", ""), "updateGroupFields", ("clientData", "name")) or {"name"}
    mask = _mask(body.get("readGroupFields", ""), "readGroupFields", _AFTER_WRITE)
    wanted = body.get("contactGroup", {})
    group = _own_group(call)
    if wanted.get("etag", group.latest.etag) != group.latest.etag:
        text = "Contact group etag is outdated. Clear local cache and get the latest contact group."
        raise ApiError(409, "ABORTED", text)
    name = wanted.get("name", "") if "name" in fields else None
    data = tuple(wanted.get("clientData", [])) if "clientData" in fields else None
    call.user.book.labels.change(group, call.now, name=name, client_data=data)
    return _shown(call, group, mask)


def delete(call: Call) -> Json:
    group, book = _own_group(call), call.user.book
    if call.flag("deleteContacts"):
        for number in list(group.members):
            book.delete(book.contacts[number], call.now)
    book.drop_label(group.resource, call.now)
    book.labels.delete(group, call.now)
    return {}


def _own_group(call: Call) -> Group:
    """The group of the path; 400 for those Google brings along."""
    group = call.user.book.labels.named(f"contactGroups/{call.args[0]}")
    if group.system:
        raise invalid()
    return group


def modify_members(call: Call) -> Json:
    body = call.message("ModifyContactGroupMembersRequest")
    add, remove = body.get("resourceNamesToAdd", []), body.get("resourceNamesToRemove", [])
    if not 1 <= len(add) + len(remove) <= MAX_MODIFY:
        raise invalid()
    book, resource = call.user.book, f"contactGroups/{call.args[0]}"
    group = book.labels.joinable(resource, call.now) if add else book.labels.named(resource)
    known = {name: c for name in [*add, *remove] if (c := book.find(name)) and not c.latest.deleted}
    unknown = [name for name in dict.fromkeys([*add, *remove]) if name not in known]
    for name in add:
        if name in known:
            _relabel(call, known[name], group, present=True)
    last = [n for n in remove if n in known and not _relabel(call, known[n], group, present=False)]
    reply = {"notFoundResourceNames": unknown, "canNotRemoveLastContactGroupResourceNames": last}
    return {key: names for key, names in reply.items() if names}


def _relabel(call: Call, contact: Contact, group: Group, *, present: bool) -> bool:
    """Put a contact in or take it out; False when this is its only group."""
    labels = contact.latest.labels
    rest = tuple(n for n in labels if n != group.resource)
    if present:
        rest = labels if group.resource in labels else (*labels, group.resource)
    elif group.resource in labels and not rest:
        return False
    call.user.book.relabel(contact, rest, call.now)
    return True
