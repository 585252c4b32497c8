"""What goes wrong outside: each has a sentence that says what to do, and loses nothing."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from typing import Any

import pytest

from syncd.cli.demo.stage import ANNA, EMAIL
from syncd.sandbox.faults import Rule
from syncd.sandbox.google.trouble import rule as canned
from tests.e2e.conftest import Opener
from tests.e2e.nursery import FILE_LIMIT
from tests.e2e.world import World

BASIC = 'tag = "Google"\ngroup = "Creatio"\n'


def _in_step(world: World) -> tuple[str, str]:
    """One contact in step, and an edit on each side that still has to go across."""
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100")
    world.change_row(contact, "Mobile phone", "+12025550111")
    world.phone.edit(resource, biographies=[{"value": "Met"}])
    return contact, resource


def _went_across(world: World, contact: str, resource: str) -> None:
    world.sync()
    assert world.card(resource)["phones"] == [("+12025550111", "mobile")]
    assert world.row(contact)["notes"] == "Met"
    assert len(world.people()) == len(world.in_crm()) == 1
    world.expect_silence()


def _refused(world: World, outcome: str, reason: str, *words: str) -> dict[str, Any]:
    """This sync ends so, writes nothing, and its message has these words."""
    with world.watched() as traffic:
        report = world.run()
    assert (report["outcome"], report["reason"]) == (outcome, reason), report
    assert not traffic.writes
    assert not [word for word in words if word.lower() not in report["message"].lower()], report["message"]
    return report


# ------------------------------------------------------------------------------------------------- sign-in and rights


def test_wrong_crm_password_needs_a_person_and_loses_nothing(world: World) -> None:
    """A password or client secret that no longer fits: what to correct is named; mended, everything goes across."""
    contact, resource = _in_step(world)
    world.crm.users["syncd"].password = "changed"
    clients = dict(world.crm.gate.clients)
    world.crm.gate.clients["syncd-client"] = ("changed", world.crm.users["syncd"])
    world.crm.expire_sessions()
    report = _refused(world, "failed", "wrong_password")
    assert "crm.acme" in report["message"] or "password" in report["message"] or "secret" in report["message"]
    world.crm.users["syncd"].password = "robot-password"
    world.crm.gate.clients.update(clients)
    world.stop_daemon()  # a refused sign-in is not repeated for a while, lest the CRM lock the user out
    world.start_daemon()
    _went_across(world, contact, resource)


@pytest.mark.parametrize("body", ["403", "html403", "html200"])
def test_missing_odata_right_is_named_with_exit_77(world: World, body: str) -> None:
    """The login may not use OData: the right is named, the exit code is 77."""
    contact, resource = _in_step(world)
    world.crm.profile.change({"no_odata": body})
    world.crm.revoke("syncd", odata=False)
    _refused(world, "failed", "missing_right")
    assert world.syncd("sync", "anna").returncode == 77
    world.crm.revoke("syncd", odata=True)
    _went_across(world, contact, resource)


@pytest.mark.parametrize("status", [403, 500])
def test_missing_right_to_write_loses_nothing(world: World, status: int) -> None:
    """The login may not update contacts: the edit waits, and goes across once the right is given."""
    contact, resource = _in_step(world)
    world.crm.profile.change({"denied_write_status": status})
    world.crm.revoke("syncd", update=False, insert=False)
    report = world.run()
    assert report["outcome"] == "failed" or report["rejected"] + report["in_doubt"] > 0, report
    assert world.row(contact)["notes"] == ""
    world.crm.revoke("syncd", update=True, insert=True)
    world.crm.patch("Contact", contact, {"JobTitle": "Clerk"}, "anna")
    world.later(200)
    _went_across(world, contact, resource)


def test_unknown_tag_owner_is_named(open_world: Opener) -> None:
    """`tag_owner` is nobody in this CRM: the message names it."""
    world = open_world(settled=False, tag_owners={"anna": "Nobody Here"})
    _refused(world, "failed", "needs_human", "Nobody Here")


def test_another_google_identity_is_refused(open_world: Opener) -> None:
    """Somebody else signs in for the account: refused, with both addresses named, and nothing is kept."""
    world = open_world(start=False)
    world.google.add_user("eve@example.com", "Eve")
    tokens = world.google.issue_tokens(
        "eve@example.com", ("https://www.googleapis.com/auth/contacts", "openid", "email")
    )
    client = world.google.client_secrets(world.google_http.url)["installed"]
    path = world.folder / "eve.json"
    body = {"type": "authorized_user", "refresh_token": tokens["refresh_token"], "token_uri": client["token_uri"]}
    path.write_text(json.dumps(body | {k: client[k] for k in ("client_id", "client_secret")}))
    path.chmod(0o600)
    done = world.syncd("connect", "anna", "--credentials", str(path))
    assert done.returncode != 0
    assert "anna@example.com" in done.stderr
    assert world.query("select google from account") == [(None,)]


def test_unticked_scope_is_refused_with_a_sentence(open_world: Opener) -> None:
    """The user took away the tick at contacts: connect says so and keeps nothing."""
    world = open_world(start=False)
    browser = world.folder / "browser"
    browser.write_text(
        f"#!{sys.executable}\nimport sys, urllib.parse, urllib.request\n"
        "scope = urllib.parse.quote('https://www.googleapis.com/auth/contacts')\n"
        "url = sys.argv[1] + '&_allow=1&_user=anna%40example.com&_untick=' + scope\n"
        "urllib.request.urlopen(url).read()\n"
    )
    browser.chmod(0o700)
    done = world.syncd("connect", "anna", BROWSER=f"{browser} %s")
    assert done.returncode != 0
    assert "contacts" in done.stderr.lower()
    assert world.query("select google from account") == [(None,)]


def test_withdrawn_consent_stops_the_account_alone(world: World) -> None:
    """`invalid_grant`: the account needs consent, is told how, with exit code 2; connected again it goes on."""
    contact, resource = _in_step(world)
    world.google.revoke(ANNA.email)
    _refused(world, "needs_consent", "consent_revoked", "connect")
    assert world.syncd("sync", "anna").returncode == 2
    world.stop_daemon()
    with world.open_app() as app:
        world.import_grant(app, ANNA)
    world.start_daemon()
    _went_across(world, contact, resource)


def test_scope_withdrawn_later_is_told(world: World) -> None:
    """The API is switched off for the project: a person is needed, and the message says for what."""
    contact, resource = _in_step(world)
    world.google.switches.turn({"api_disabled": True})
    report = world.run()
    assert report["outcome"] == "failed"
    assert "People API" in report["message"]
    world.google.switches.turn({"api_disabled": False})
    _went_across(world, contact, resource)


def test_expired_session_is_renewed_unseen(world: World) -> None:
    """Sessions and access tokens that ended are fetched anew within the run."""
    contact, resource = _in_step(world)
    world.crm.expire_sessions()
    world.google.expire_access()
    _went_across(world, contact, resource)


# ------------------------------------------------------------------------------------------------- spoilt answers


@pytest.mark.parametrize(
    "kind", ["html", "truncate", "truncate_silent", "empty", "gzip_garbage", "500", "reset", "drop"]
)
@pytest.mark.parametrize("server", ["crm", "google"])
def test_spoilt_answer_to_a_reading_loses_nothing(world: World, server: str, kind: str) -> None:
    """HTML instead of JSON, half of the JSON, garbage: the run ends early or tries again; the next one finishes."""
    contact, resource = _in_step(world)
    faults = world.crm.faults if server == "crm" else world.google.faults
    target = "/odata/" if server == "crm" else "/connections"
    faults.add(Rule(kind, target=target, count=1))
    report = world.run()
    assert report["outcome"] in ("ok", "failed", "busy")
    assert faults.hits[kind] == 1
    faults.clear()
    world.later(200)
    _went_across(world, contact, resource)


@pytest.mark.parametrize("kind", ["read_quota", "throttled", "rate_403", "unavailable", "internal"])
def test_googles_own_troubles_are_waited_for(world: World, kind: str) -> None:
    """Quota, throttling and outages: the work is still there afterwards."""
    contact, resource = _in_step(world)
    world.google.faults.add(canned(kind, count=1, headers={"Retry-After": "1"}))
    world.run()
    _went_across(world, contact, resource)


def test_expired_sync_token_is_read_whole(world: World) -> None:
    """Google no longer knows the sync token: a full reading, and only real changes go across."""
    contact, resource = _in_step(world)
    world.phone.expire_sync_tokens()
    assert world.synced()["full"]
    _went_across(world, contact, resource)


def test_cut_at_the_row_limit_is_no_leaving(open_world: Opener) -> None:
    """The CRM cuts an answer without a word: nobody who is missing from it has left."""
    world = open_world(account_lines={"anna": f'{BASIC}full_every = "1s"'})
    made = world.pairs(25)
    world.crm.profile.change({"max_rows": 7})
    time.sleep(1.0)  # the least `full_every`: this run reads everything
    with world.watched() as traffic:
        report = world.run()
    assert report["outcome"] in ("ok", "busy", "failed", "held")
    assert not traffic.writes
    assert len(world.members()) == len(made)
    world.crm.profile.change({"max_rows": 20_000})
    world.expect_silence()


# ------------------------------------------------------------------------------------------------- odd contacts


def test_contact_that_says_nothing_makes_nothing(world: World) -> None:
    """An empty Google contact in the group is no contact yet; named, it comes."""
    resource = world.phone.create({})
    world.phone.add_to_group(resource, world.group(ANNA))
    world.sync()
    assert world.in_crm() == []
    world.phone.edit(resource, names=[{"givenName": "Ann"}])
    world.sync()
    assert world.tag_names() == ["Ann"]


@pytest.mark.parametrize("side", ["crm", "google"])
def test_text_the_other_side_does_not_take_waits_alone(world: World, side: str) -> None:
    """A lone surrogate in the CRM, a NUL in Google: that contact may wait, the others go on, and nothing is lost."""
    if side == "crm":
        bad = world.crm_contact("Half\ud83d", "Crm", by="anna", email="bad@example.org")
    else:
        bad = world.google_contact(ANNA, "Zero\x00Byte", "Google", email="bad@example.org")
    world.crm_contact("Bob", "Ray", by="anna", email="bob@example.org")
    world.sync()
    assert "Bob Ray" in world.members()
    assert (world.row(bad) if side == "crm" else world.card(bad))["emails"] == ["bad@example.org"]
    world.expect_silence()


def test_a_hundred_phones_arrive_whole(world: World) -> None:
    """A hundred numbers go across, and stay."""
    contact = world.crm_contact("Call", "Centre", by="anna")
    for at in range(100):
        world.add_row(contact, "21c0d693-9a52-43fa-b7f1-c6d8b53975d4", f"+1202555{at:04}", "anna")
    world.sync()
    assert len(world.card(world.google_of(contact))["phones"]) == 100
    world.expect_silence()


def test_note_of_a_megabyte_loses_nothing(world: World) -> None:
    """A huge note goes across or is refused for that contact alone; it stays whole where it is."""
    note = "0123456789abcdef " * 62_000
    contact = world.crm_contact("Ann", "Smith", by="anna", Notes=note)
    world.crm_contact("Bob", "Ray", by="anna", email="bob@example.org")
    world.sync()
    assert world.row(contact)["notes"] == note
    assert "Bob Ray" in world.members()
    world.expect_silence()
    assert world.row(contact)["notes"] == note


def test_value_the_crm_has_no_room_for_stays_in_google(world: World) -> None:
    """An e-mail of 300 characters does not fit a column of 250: the contact comes without it, and keeps it."""
    long = "a" * 290 + "@example.org"
    resource = world.google_contact(
        ANNA, "Ann", "Smith", emailAddresses=[{"value": long}, {"value": "ann@example.org"}]
    )
    world.sync()
    contact = world.crm_of(resource)
    assert world.row(contact)["emails"] == ["ann@example.org"]
    world.add_row(contact, EMAIL, "second@example.org", "anna")
    world.sync()
    assert world.card(resource)["emails"] == sorted([long, "ann@example.org", "second@example.org"])
    world.expect_silence()


@pytest.mark.parametrize("status", [500, 400])
def test_contact_the_crm_refuses_waits_alone(world: World, status: int) -> None:
    """One refused create is held with its reason, the others go on; retried when its content changes."""
    world.crm.profile.change({"validation_status": status})
    bad = world.google_contact(ANNA, "Refused", "Always", email="refused@example.org")
    world.google_contact(ANNA, "Bob", "Ray", email="bob@example.org")
    body = json.dumps({"error": {"code": "", "message": "Value is too long"}})
    world.crm.faults.add(Rule(str(status), method="POST", target="/odata/Contact$", body=body, count=50))
    world.run()
    world.crm.faults.clear()
    world.later(200)
    world.phone.edit(bad, biographies=[{"value": "again"}])
    world.sync()
    world.sync()
    assert world.tag_names() == ["Bob Ray", "Refused Always"]
    assert len(world.in_crm()) == 2


def test_company_that_matches_two_accounts_is_left_unplaced(world: World) -> None:
    """Nothing is guessed: the contact comes without a company, which stays in Google."""
    for _ in range(2):
        world.crm.insert("Account", {"Name": "Acme"})
    resource = world.google_contact(ANNA, "Bob", "Ray", organizations=[{"name": "Acme"}])
    world.sync()
    assert not world.row(world.crm_of(resource))["account"].strip("0-")
    assert world.card(resource)["job"][0] == "Acme"
    world.expect_silence()


# ------------------------------------------------------------------------------------------------- the machine


def test_second_daemon_gives_up_with_a_sentence(world: World) -> None:
    """The second one names the first and ends with 75; the first goes on."""
    done = world.syncd("--log-format", "json", "run")
    assert done.returncode == 75
    assert str(world.daemon_pid) in done.stdout + done.stderr
    world.sync()


def test_state_of_a_newer_version_is_refused_untouched(world: World) -> None:
    """A state file of a newer syncd: a sentence, exit 78 or 1, and not a byte changed."""
    world.pair()
    world.stop_daemon()
    path = world.folder / "syncd.db"
    with sqlite3.connect(path) as database:
        table = next(
            name
            for (name,) in database.execute("select name from sqlite_master where type = 'table'").fetchall()
            if "min_reader" in {row[1] for row in database.execute(f"pragma table_info({name})")}
        )
        database.execute(f"update {table} set min_reader = 9999")
        database.commit()
    database.close()
    before = path.read_bytes()
    for command in (("sync", "anna"), ("run",)):
        done = world.syncd(*command)
        assert done.returncode in (1, 78), done
        assert "newer" in done.stdout + done.stderr
    assert path.read_bytes() == before


def test_damaged_state_is_refused_with_a_sentence(world: World) -> None:
    """A file that is no database: said so; nothing is written to either side."""
    world.pair()
    world.stop_daemon()
    for path in world.folder.glob("syncd.db*"):
        path.unlink()
    (world.folder / "syncd.db").write_bytes(b"not a database at all " * 500)
    with world.watched() as traffic:
        done = world.syncd("sync", "anna")
    assert done.returncode in (1, 78)
    assert "syncd.db" in done.stderr
    assert not traffic.google_requests


def test_full_disk_loses_nothing(world: World) -> None:
    """No room for the state: the run ends before anything is sent that could not be remembered."""
    contact, resource = _in_step(world)
    world.stop_daemon()
    pages = world.query("pragma page_count")[0][0]
    limit = pages * world.query("pragma page_size")[0][0]
    done = world.syncd("sync", "anna", "--json", **{FILE_LIMIT: str(limit)})
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode in (1, 75), done
    assert not rows or rows[0]["outcome"] in ("failed", "busy")
    world.start_daemon()
    _went_across(world, contact, resource)
