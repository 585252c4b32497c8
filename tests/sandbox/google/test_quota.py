"""Calls per minute, room for contacts, and writes that overlap."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.google.calling import Api, named

if TYPE_CHECKING:
    from syncd.sandbox.google.server import GoogleSandbox, User
    from syncd.sandbox.shell import Served

LIST = ("/v1/people/me/connections", {"personFields": "names"})


def test_reads_per_minute_and_user(api: Api, site: Served, google: GoogleSandbox) -> None:
    """The third read of a minute is refused with the family's names; other users and the next minute are free."""
    google.switches.reads_per_minute = 2
    assert [api.get(*LIST).status for _ in range(3)] == [200, 200, 429]
    got = api.get(*LIST)
    assert got.error["status"] == "RESOURCE_EXHAUSTED"
    assert got.error["message"].startswith(
        "Quota exceeded for quota metric 'Critical read requests (Contact and Profile Reads)' and limit 'Critical read "
        "requests (Contact and Profile Reads) per minute per user' of service 'people.googleapis.com' for consumer "
    )
    [detail] = got.error["details"]
    assert detail["reason"] == "RATE_LIMIT_EXCEEDED"
    assert detail["metadata"]["quota_limit"] == "CriticalReadsPerMinutePerProjectPerUser"
    assert detail["metadata"]["quota_metric"] == "people.googleapis.com/critical_read_requests"
    assert "retry-after" not in got.headers
    google.add_user("bob@example.test")
    theirs = Api(site.port, google.issue_tokens("bob@example.test")["access_token"])
    assert theirs.get(*LIST).status == 200
    theirs.close()
    google.clock.advance(60)
    assert api.get(*LIST).status == 200


def test_write_that_answers_with_the_contact_counts_as_a_read_too(api: Api, google: GoogleSandbox, ada: User) -> None:
    """createContact and batches with a mask use up both; a batch without a mask only writes."""
    google.switches.turn({"reads_per_minute": 1, "writes_per_minute": 10})
    assert api.post("/v1/people:createContact", named("A")).status == 200
    got = api.post("/v1/people:createContact", named("B"))
    assert got.error["details"][0]["metadata"]["quota_metric"].endswith("critical_read_requests")
    batch = {"contacts": [{"contactPerson": named("C")}]}
    assert api.post("/v1/people:batchCreateContacts", {**batch, "readMask": "names"}).status == 429
    assert api.post("/v1/people:batchCreateContacts", batch).status == 200
    assert len(ada.contacts) == 2


def test_groups_have_buckets_of_their_own(api: Api, google: GoogleSandbox) -> None:
    """Reading contacts does not use up reading groups, nor writing."""
    google.switches.turn({"group_reads_per_minute": 1, "group_writes_per_minute": 1, "writes_per_minute": 1})
    assert [api.get("/v1/contactGroups").status for _ in range(2)] == [200, 429]
    made = [api.post("/v1/contactGroups", {"contactGroup": {"name": n}}) for n in "AB"]
    assert [m.status for m in made] == [200, 429]
    assert made[1].error["details"][0]["metadata"]["quota_metric"] == "people.googleapis.com/write_requests"
    assert [api.post("/v1/people:createContact", named(n)).status for n in "AB"] == [200, 429]
    assert api.get(*LIST).status == 200


def test_trash_counts_for_thirty_days(api: Api, google: GoogleSandbox, ada: User) -> None:
    """The limit includes deleted contacts; a batch fits as a whole or not at all."""
    google.switches.contact_cap = 3
    first = ada.create(named("A"))
    ada.create(named("B"))
    ada.delete(first)
    batch = {"contacts": [{"contactPerson": named("C")}, {"contactPerson": named("D")}]}
    got = api.post("/v1/people:batchCreateContacts", batch)
    assert (got.status, got.error["status"]) == (400, "FAILED_PRECONDITION")
    assert "MY_CONTACTS_OVERFLOW_COUNT" in got.error["message"]
    assert len(ada.contacts) == 1
    google.switches.turn({"cap_code": 429, "cap_status": "RESOURCE_EXHAUSTED"})
    assert api.post("/v1/people:batchCreateContacts", batch).status == 429
    google.clock.advance(30 * 86400 + 1)
    assert api.post("/v1/people:batchCreateContacts", batch).status == 200
    assert api.post("/v1/people:createContact", named("E")).status == 429


@pytest.mark.parametrize(("rejected", "status"), [(0.0, 200), (1.0, 409), (1.0, 503)])
def test_overlapping_writes_of_one_user_are_noticed(
    site: Served, google: GoogleSandbox, ada: User, token: str, rejected: float, status: int
) -> None:
    """Two at once: the second is noted, and refused at the rate that is set."""
    google.switches.turn({"mutate_latency": 0.5, "overlap_rejected": rejected, "overlap_status": status})
    answers: list[int] = []

    def write() -> None:
        api = Api(site.port, token)
        answers.append(api.post("/v1/people:createContact", named("A")).status)
        api.close()

    first = threading.Thread(target=write)
    first.start()
    while ada.in_flight == 0:
        time.sleep(0.001)
    google.switches.mutate_latency = 0
    write()
    first.join()
    assert answers == [status, 200]
    assert [v["kind"] for v in google.violations if v["kind"] == "overlapping-writes"] == ["overlapping-writes"]
    assert len(ada.contacts) == answers.count(200)


def test_writes_one_after_the_other_are_no_violation(api: Api, google: GoogleSandbox) -> None:
    """Nothing is noted for a client that waits."""
    for given in "ABC":
        api.post("/v1/people:createContact", named(given))
    assert google.violations == []


def test_many_threads_lose_nothing(site: Served, google: GoogleSandbox, ada: User) -> None:
    """Four users writing at once each get all of their contacts."""
    users = [ada, *(google.add_user(f"u{n}@example.test") for n in range(3))]

    def write(user: User) -> None:
        api = Api(site.port, google.issue_tokens(user.email)["access_token"])
        for number in range(50):
            api.post("/v1/people:createContact", named(f"P{number}"))
        api.close()

    threads: list[Any] = [threading.Thread(target=write, args=(user,)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(user.contacts) for user in users] == [50] * 4
    assert google.violations == []
