"""Signing in: forms with cookies and CSRF, OAuth, sessions that end, requests of one session in turn."""

from __future__ import annotations

import threading

import pytest

from syncd.sandbox.creatio import CreatioSandbox, Profile
from syncd.sandbox.wire import Clock
from tests.sandbox.creatio.wire_client import LOGIN, NOBODY, Client, set_cookies


def test_good_password_answers_code_0_and_the_cookies(anyone: Client) -> None:
    """A login sets the cookies, BPMLOADER twice, and only BPMCSRF is readable by scripts."""
    reply = anyone.login()
    assert (reply.status, reply.json()["Code"], reply.json()["Exception"]) == (200, 0, None)
    lines = reply.headers.getlist("Set-Cookie")
    assert {".ASPXAUTH", "BPMCSRF", "BPMLOADER", "BPMSESSIONID", "UserName"} <= set_cookies(reply).keys()
    assert sum(line.startswith("BPMLOADER=") for line in lines) == 2
    assert "HttpOnly" not in next(line for line in lines if line.startswith("BPMCSRF="))
    assert anyone.rows("Contact")


def test_first_bpmloader_kept_is_not_signed_in(anyone: Client) -> None:
    """Of the cookie set twice only the last value works."""
    reply = anyone.login()
    first = next(line for line in reply.headers.getlist("Set-Cookie") if line.startswith("BPMLOADER="))
    anyone.cookies["BPMLOADER"] = first.partition("=")[2].partition(";")[0]
    assert anyone.odata("GET", "Contact").status == 401


@pytest.mark.parametrize("name", ["Supervisor", "nobody"])
def test_wrong_password_answers_200_with_code_1(anyone: Client, name: str) -> None:
    """A refused login is status 200 without authentication cookies."""
    reply = anyone.login(name, "wrong")
    assert (reply.status, reply.json()["Code"]) == (200, 1)
    assert reply.json()["Exception"]["Type"] == "System.Security.SecurityException"
    assert not anyone.cookies


def test_expired_password_answers_the_address_to_change_it(anyone: Client, crm: CreatioSandbox) -> None:
    """An expired password is Code 1 with a PasswordChangeUrl."""
    crm.revoke("Supervisor", password_expired=True)
    body = anyone.login().json()
    assert body["Code"] == 1
    assert body["PasswordChangeUrl"]


def test_too_many_wrong_passwords_lock_the_user(anyone: Client, crm: CreatioSandbox) -> None:
    """With a lockout the right password no longer helps."""
    crm.profile.lockout_after = 2
    for _ in range(2):
        anyone.login(password="wrong")
    assert anyone.login().json()["Code"] == 1


def test_login_elsewhere_or_by_get_is_refused(anyone: Client) -> None:
    """The login service is at the site's root and takes POST only."""
    assert anyone.send("POST", "/0" + LOGIN, {}).status == 401
    assert anyone.send("GET", LOGIN).status == 405


@pytest.mark.parametrize(
    ("runtime", "page", "marker"),
    [("framework", "/Login/NuiLogin.aspx", b"Sign in"), ("core", "/Login/Login.html", b"bootstrap.login")],
)
def test_no_session_without_the_header_redirects_to_the_login_page(
    anyone: Client, crm: CreatioSandbox, runtime: str, page: str, marker: bytes
) -> None:
    """Without ForceUseSession a dead session looks like a page; with it, like 401."""
    crm.profile.change({"runtime": runtime})
    reply = anyone.odata("GET", "Contact?$top=1")
    assert reply.status == 302
    assert reply.headers["Location"].startswith(page + "?ReturnUrl=%2f")
    shown = anyone.send("GET", reply.headers["Location"])
    assert (shown.status, shown.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert marker in shown.data
    forced = anyone.odata("GET", "Contact", ForceUseSession="true")
    assert (forced.status, forced.data) == (401, b"")


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("value", ["", "different"])
def test_write_without_the_csrf_header_is_403_and_changes_nothing(
    anyone: Client, crm: CreatioSandbox, method: str, value: str
) -> None:
    """Writes under cookies need the token; reads do not."""
    contact = crm.insert("Contact", {"Name": "Ann Lee"})
    anyone.login()
    anyone.headers["BPMCSRF"] = value
    resource = "Contact" if method == "POST" else f"Contact({contact})"
    before = crm.dump()
    assert anyone.odata(method, resource, {"Name": "X"}).status == 403
    assert anyone.odata("POST", "$batch", {"requests": []}).status == 403
    assert crm.dump() == before
    assert anyone.odata("GET", "Contact").status == 200


def test_csrf_switched_off_lets_writes_pass(anyone: Client, crm: CreatioSandbox) -> None:
    """A site may have the protection off."""
    crm.profile.csrf = False
    anyone.login()
    del anyone.headers["BPMCSRF"]
    anyone.post("Contact", {"Name": "Ann Lee"})


def test_late_csrf_cookie_comes_with_the_first_read(anyone: Client, crm: CreatioSandbox) -> None:
    """Some builds issue BPMCSRF on a later GET only."""
    crm.profile.late_csrf = True
    assert "BPMCSRF" not in set_cookies(anyone.login())
    assert anyone.odata("POST", "Contact", {"Name": "A"}).status == 403
    late = set_cookies(anyone.odata("GET", "Contact/$count"))
    assert anyone.odata("POST", "Contact", {"Name": "A"}, BPMCSRF=late["BPMCSRF"]).status == 201


def test_application_page_issues_the_late_cookie_too(anyone: Client, crm: CreatioSandbox) -> None:
    """The application's own page is another way to it; nobody is sent to the login page."""
    crm.profile.late_csrf = True
    assert anyone.send("GET", "/0/").status == 302
    anyone.login()
    assert "BPMCSRF" in set_cookies(anyone.send("GET", "/0/"))


def test_idle_session_ends_and_a_used_one_lives(anyone: Client, clock: Clock) -> None:
    """The idle time starts anew with each request."""
    anyone.login()
    for _ in range(3):
        clock.advance(1700)
        assert anyone.odata("GET", "Contact").status == 200
    clock.advance(1801)
    assert anyone.odata("GET", "Contact").status == 401


def test_expired_sessions_and_logout_end_it_at_once(anyone: Client, crm: CreatioSandbox) -> None:
    """The operator and the user can both end a session."""
    anyone.login()
    assert crm.expire_sessions() == 1
    assert anyone.odata("GET", "Contact").status == 401
    anyone.login()
    anyone.send("POST", "/ServiceModel/AuthService.svc/Logout", {})
    assert anyone.odata("GET", "Contact").status == 401


def test_token_for_client_credentials_needs_no_csrf(anyone: Client) -> None:
    """A bearer token alone reads and writes."""
    body = anyone.token().json()
    assert body.keys() == {"access_token", "expires_in", "token_type"}
    anyone.post("Contact", {"Name": "Ann Lee"})


def test_bad_client_and_bad_form_are_400(anyone: Client) -> None:
    """Token errors follow RFC 6749."""
    reply = anyone.token(secret="wrong")
    assert (reply.status, reply.json()) == (400, {"error": "invalid_client"})
    as_json = anyone.send("POST", "/connect/token", {"grant_type": "client_credentials"})
    assert (as_json.status, as_json.json()) == (400, {"error": "invalid_request"})


def test_expired_token_is_401_with_a_challenge(anyone: Client, clock: Clock) -> None:
    """Tokens live as long as they said."""
    ttl = anyone.token().json()["expires_in"]
    clock.advance(ttl + 1)
    reply = anyone.odata("GET", "Contact")
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_framework_token_address_works_under_0_as_well(anyone: Client, crm: CreatioSandbox) -> None:
    """On .NET Framework the token service may be under /0, on .NET Core not."""
    form = b"grant_type=client_credentials&client_id=app&client_secret=secret"
    kind = "application/x-www-form-urlencoded"
    assert anyone.send("POST", "/0/connect/token", form, Content_Type=kind).status == 200
    crm.profile.runtime = "core"
    assert anyone.send("POST", "/0/connect/token", form, Content_Type=kind).status == 404


def test_user_info_names_the_user_and_refuses_nobody_in_json(anyone: Client, crm: CreatioSandbox) -> None:
    """`.svc` services answer 401 with a JSON message."""
    address = "/0/ServiceModel/UserInfoService.svc/GetCurrentUserInfo"
    refused = anyone.send("POST", address, {})
    assert (refused.status, refused.json()["Message"]) == (401, "Authentication failed.")
    anyone.login()
    assert anyone.send("POST", address, {}).json()["contactId"] == crm.users["Supervisor"].contact_id


def test_second_request_of_a_session_waits_for_the_first(anyone: Client, crm: CreatioSandbox) -> None:
    """Requests with one cookie jar are carried out one after the other."""
    anyone.login()
    crm.profile.latency = 0.3
    ready = threading.Barrier(3)

    def read() -> None:
        ready.wait()
        anyone.odata("GET", f"Contact({NOBODY})")

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    ready.wait()
    for thread in threads:
        thread.join()
    assert crm.counters["waited"] == 1


def test_profile_refuses_unknown_switches_and_values() -> None:
    """A misspelt switch is an error, and then nothing is changed."""
    profile = Profile()
    for bad in ({"csfr": False}, {"comm": "X"}, {"csrf": "no"}, {"comm": "C", "runtime": "java"}):
        with pytest.raises(ValueError, match=r"switch|one of|true or false"):
            profile.change(bad)
    assert profile == Profile()
