"""Signing in, and every way in which a session can be over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.creatio import Creatio, CreatioSettings
from syncd.core.contact import Field, Unit
from syncd.core.errors import MissingRight, NeedsHuman, RateLimited, Unavailable, WrongPassword
from syncd.core.ports import Done, Unknown
from tests.adapters.creatio.world import URL, World, create, mount

Worlds = Callable[..., World]
NEW = "11111111-2222-4333-8444-555555555555"
NAME = Unit(Field.NAME, ("Zoe", "", "Zed"))


@pytest.mark.parametrize("auth", ["forms", "oauth"])
@pytest.mark.parametrize("runtime", ["framework", "core"])
def test_both_sign_ins_read_and_write_on_both_runtimes(worlds: Worlds, auth: str, runtime: str) -> None:
    """The runtime is found out, and what was read and written is the same."""
    world = worlds(auth=auth, runtime=runtime)
    world.crm.profile.runtime = runtime  # type: ignore[assignment]  # parametrized
    bob = world.add()
    assert set(world.pull().records) == {bob}
    assert world.sent(create(NEW, [NAME], [world.tag])).id == NEW


def test_runtime_that_is_configured_is_not_probed(worlds: Worlds) -> None:
    """One request less at every start."""
    world = worlds()
    world.crm.profile.runtime = "core"
    settings = CreatioSettings(URL, runtime="core", username="Supervisor", password="Supervisor")
    Creatio(settings, mount(world.crm)).identity()
    assert [e.path for e in world.crm.log] == [
        "/ServiceModel/AuthService.svc/Login",
        "/ServiceModel/UserInfoService.svc/GetCurrentUserInfo",
    ]


def test_wrong_password_is_asked_once_and_not_again(worlds: Worlds) -> None:
    """The platform locks accounts: a refused login is not tried again for a quarter of an hour."""
    world = worlds(password="wrong")
    for _ in range(3):
        with pytest.raises(WrongPassword):
            world.pull()
    assert world.crm.counters["login"] == 1
    world.later(901)
    with pytest.raises(WrongPassword):
        world.pull()
    assert world.crm.counters["login"] == 2


def test_expired_password_asks_for_a_person(worlds: Worlds) -> None:
    """The message says what to do."""
    world = worlds()
    world.crm.user("Supervisor").password_expired = True
    with pytest.raises(NeedsHuman) as caught:
        world.pull()
    assert "change" in caught.value.fix


def test_wrong_client_secret_is_a_wrong_password(worlds: Worlds) -> None:
    """OAuth's `invalid_client`."""
    world = worlds(auth="oauth", client_secret="wrong")
    with pytest.raises(WrongPassword):
        world.pull()
    with pytest.raises(WrongPassword):
        world.pull()
    assert world.crm.counters["token"] == 1


def test_token_is_renewed_before_it_ends(worlds: Worlds) -> None:
    """At 80 % of its life, so that no request meets its end."""
    world = worlds(auth="oauth")
    world.add()
    world.pull()
    world.later(3600 * 0.79)
    world.pull()
    assert world.crm.counters["token"] == 1
    world.later(3600 * 0.02)
    world.pull()
    assert world.crm.counters["token"] == 2
    assert 401 not in [e.status for e in world.crm.log]


@pytest.mark.parametrize("auth", ["forms", "oauth"])
def test_ended_session_is_renewed_unnoticed(worlds: Worlds, auth: str) -> None:
    """Reading and writing go on after the server forgot us."""
    world = worlds(auth=auth)
    bob = world.add()
    world.pull()
    world.crm.expire_sessions()
    world.later()
    world.crm.patch("Contact", bob, {"JobTitle": "Boss"})
    assert set(world.pull().records) == {bob}
    world.crm.expire_sessions()
    assert world.sent(create(NEW, [NAME], [world.tag])).id == NEW


DISGUISES = {
    "401": {"kind": "401", "body": ""},
    "svc-401-json": {"kind": "401", "body": '{"Message":"Authentication failed.","StackTrace":null}'},
    "framework-redirect": {"kind": "redirect", "body": "/Login/NuiLogin.aspx?ReturnUrl=%2f0%2fodata"},
    "core-redirect": {"kind": "redirect", "body": "/Login/Login.html"},
    "login-page": {"kind": "html", "body": "<html><title>Login</title>bootstrap.login</html>"},
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("batch_get", [True, False])
def test_session_death_in_any_disguise_is_seen_while_reading(worlds: Worlds, disguise: str, *, batch_get: bool) -> None:
    """One new sign-in, the request again, and nothing was taken for an empty list."""
    world = worlds(batch_get=batch_get)
    world.add()
    world.pull()
    logins = world.crm.counters["login"]
    world.fault(**DISGUISES[disguise], target="odata")
    assert world.pull(full=True).records
    assert world.crm.counters["login"] == logins + 1


@pytest.mark.parametrize("disguise", ["401", "svc-401-json", "framework-redirect", "core-redirect"])
def test_write_that_was_refused_unread_is_sent_again(worlds: Worlds, disguise: str) -> None:
    """A 401 or a way to the login page proves that nothing was carried out."""
    world = worlds()
    world.pull()
    world.fault(**DISGUISES[disguise], target=r"\$batch")
    assert world.sent(create(NEW, [NAME], [world.tag])).id == NEW


def test_write_answered_with_a_page_is_unknown_and_not_sent_again(worlds: Worlds) -> None:
    """A page where JSON was due says nothing of what was done; once more could be twice."""
    world = worlds()
    world.pull()
    world.crm.reset_log()
    world.fault("html", target=r"\$batch")
    (outcome,) = world.send(create(NEW, [NAME], [world.tag]))
    assert isinstance(outcome, Unknown)
    assert [e.method for e in world.crm.log if "$batch" in e.target] == ["POST"]
    assert isinstance(world.send(create(NEW, [NAME], [world.tag]))[0], Done)


def test_sign_in_that_does_not_help_ends(worlds: Worlds) -> None:
    """A server that refuses its own session is away; we do not sign in in a circle."""
    world = worlds()
    world.pull()
    world.fault("401", target="odata", count=50)
    with pytest.raises(Unavailable):
        world.pull()
    assert world.crm.counters["login"] == 2


def test_lost_csrf_token_is_renewed_and_the_write_sent_again(worlds: Worlds) -> None:
    """A 403 for a stale BPMCSRF cookie was not carried out."""
    world = worlds()
    world.pull()
    session = next(iter(world.crm.gate.sessions.values()))
    session.csrf = "another"
    assert world.sent(create(NEW, [NAME], [world.tag])).id == NEW


@pytest.mark.parametrize("batch_get", [True, False])
def test_late_csrf_token_is_fetched_before_the_first_write(worlds: Worlds, *, batch_get: bool) -> None:
    """Some builds give the cookie only with the first GET."""
    world = worlds(late_csrf=True, batch_get=batch_get)
    world.pull()
    world.crm.expire_sessions()
    assert world.sent(create(NEW, [NAME], [world.tag])).id == NEW


def test_later_cookie_of_one_name_counts(worlds: Worlds) -> None:
    """BPMLOADER comes twice; with the first one the server would not know us."""
    world = worlds()
    world.remote.identity()
    assert not [e for e in world.crm.log if e.status in (401, 302)]


def test_requests_are_counted_without_the_sign_in(worlds: Worlds) -> None:
    """`requests` is what a budget is held against."""
    world = worlds()
    world.remote.identity()
    assert world.remote.requests == 1


def test_closing_signs_out(worlds: Worlds) -> None:
    """Sessions count against licences."""
    world = worlds()
    world.remote.identity()
    world.remote.close()
    assert not world.crm.gate.sessions


@pytest.mark.parametrize("no_odata", ["403", "html403", "html200"])
def test_login_without_odata_is_a_missing_right(worlds: Worlds, no_odata: str) -> None:
    """Also where the refusal is a page, with whatever status."""
    world = worlds(no_odata=no_odata)
    world.crm.revoke("Supervisor", odata=False)
    with pytest.raises(MissingRight):
        world.pull()


@pytest.mark.parametrize("status", ["502", "503", "504"])
def test_gateway_page_is_waited_out_while_reading(worlds: Worlds, status: str) -> None:
    """An application pool that restarts answers with HTML for a while."""
    world = worlds()
    world.add()
    world.fault(status, body="<html><title>Bad Gateway</title></html>", target="odata", count=2, skip=1)
    assert world.pull().records


@pytest.mark.parametrize("kind", ["truncate", "truncate_silent", "reset", "drop", "empty", "gzip_garbage"])
def test_spoilt_answer_is_asked_for_again_and_never_taken_for_data(worlds: Worlds, kind: str) -> None:
    """Half of a list is not a list."""
    world = worlds()
    world.add()
    world.pull()
    world.fault(kind, target=r"\$batch", count=2)
    assert world.pull(full=True).records
    world.fault(kind, target="odata", count=50)
    with pytest.raises(Unavailable):
        world.pull()


def test_wish_of_an_exhausted_quota_is_passed_on(worlds: Worlds) -> None:
    """429 is not retried here; the caller learns how long to wait."""
    world = worlds()
    world.pull()
    world.fault("429", target="odata", headers={"Retry-After": "1800"})
    with pytest.raises(RateLimited) as caught:
        world.pull()
    assert caught.value.after == 1800


def test_address_without_a_creatio_asks_for_a_person(worlds: Worlds) -> None:
    """Neither runtime has the service there."""
    world = worlds()
    world.fault("404", body="<html></html>", target="odata", count=9)
    with pytest.raises(NeedsHuman):
        world.pull()


def test_foreign_redirect_is_not_followed(worlds: Worlds) -> None:
    """A captive portal does not get our cookies."""
    world = worlds()
    world.pull()
    world.fault("redirect", body="https://elsewhere.test/", target="odata", count=9)
    with pytest.raises(Unavailable):
        world.pull()
