"""Signing in: consent, codes, refresh, revocation, service accounts, and the libraries that do it for clients."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import google.auth.transport.requests
import pytest
import requests
from google.auth.exceptions import RefreshError
from google.oauth2 import id_token, service_account
from google.oauth2.credentials import Credentials
from google_auth_oauthlib.flow import Flow, InstalledAppFlow

from syncd.sandbox.google.routes import CONTACTS, READONLY
from syncd.sandbox.google.server import GoogleSandbox, User
from syncd.sandbox.shell import Served
from tests.sandbox.google.calling import Api, named

EMAIL = "https://www.googleapis.com/auth/userinfo.email"
HERE = "http://127.0.0.1:8765/callback"
BASE = {"client_id": "sandbox-client", "redirect_uri": HERE, "response_type": "code", "scope": CONTACTS}
AUTH = "/o/oauth2/v2/auth"
_UNTYPED: Any = Credentials
_KEY_FILE: Any = service_account.Credentials


@pytest.fixture
def web(site: Served, google: GoogleSandbox, ada: User) -> Any:
    """Plain HTTP without a token."""
    caller = Api(site.port)
    yield caller
    caller.close()


@pytest.fixture
def wire() -> Any:
    """The transport google-auth refreshes with."""
    with requests.Session() as session:
        yield google.auth.transport.requests.Request(session=session)


def answered(web: Api, **more: str) -> dict[str, str]:
    """What the client is called back with after the user pressed Allow."""
    got = web.get(AUTH, {**BASE, "_user": "ada@example.test", "_allow": "1", **more})
    assert got.status == 302, got.body
    location = urlsplit(got.headers["location"])
    assert location._replace(query="").geturl() == HERE
    return dict(parse_qsl(location.query))


def exchanged(web: Api, code: str, **more: str) -> Any:
    """The answer of the token endpoint to a code."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": HERE}
    return web.form("/token", {**form, "client_id": "sandbox-client", "client_secret": "sandbox-secret", **more})


def refreshed(web: Api, token: str, **more: str) -> Any:
    """The answer of the token endpoint to a refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "sandbox-client"}
    return web.form("/token", {**form, "client_secret": "sandbox-secret", **more})


def test_consent_page_lists_users_and_scopes_and_escapes_them(web: Api, google: GoogleSandbox) -> None:
    """A form with radio buttons and checkboxes; nothing a user is called becomes markup."""
    google.add_user("eve@example.test", "<script>alert(1)</script>")
    got = web.get(AUTH, {**BASE, "login_hint": "ada@example.test", "state": '"><script>'})
    page = got.body.decode()
    assert got.status == 200
    assert '<input type=radio name=_user value="ada@example.test" required checked>' in page
    assert f'<input type=checkbox name=_tick value="{CONTACTS}" checked>' in page
    assert "<script" not in page
    assert "default-src 'none'" in got.headers["content-security-policy"]


def test_consent_form_brings_back_what_was_ticked(web: Api) -> None:
    """Submitting the form as a browser does, with one scope unticked."""
    page = web.get(AUTH, {**BASE, "scope": f"openid {EMAIL} {CONTACTS}", "state": "s"}).body.decode()
    hidden = re.findall(r'<input type=hidden name="?([^" ]+)"? value="?([^">]*)"?>', page)
    fields = [*hidden, ("_user", "ada@example.test"), ("_tick", EMAIL), ("_allow", "1")]
    got = web.send("GET", f"{AUTH}?{urlencode(fields)}")
    back = dict(parse_qsl(urlsplit(got.headers["location"]).query))
    assert back["state"] == "s"
    assert back["scope"] == f"openid {EMAIL}"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_id": "stranger"}, 401),
        ({"redirect_uri": "https://evil.test/"}, 400),
        ({"redirect_uri": "http://127.0.0.1.evil.test/"}, 400),
        ({"redirect_uri": "urn:ietf:wg:oauth:2.0:oob"}, 400),
        ({"response_type": "token"}, 400),
        ({"scope": ""}, 400),
        ({"code_challenge_method": "MD5"}, 400),
    ],
)
def test_faulty_consent_request_is_a_page_and_never_a_redirect(web: Api, change: dict[str, str], status: int) -> None:
    """Whoever asks wrongly is not called back."""
    got = web.get(AUTH, {**BASE, "_user": "ada@example.test", "_allow": "1", **change})
    assert got.status == status
    assert "location" not in got.headers


def test_installed_client_is_called_back_on_any_loopback_port(web: Api) -> None:
    """Port and path are free, the host is this machine."""
    for address in ("http://127.0.0.1:1234/", "http://localhost:80/x/y", "http://[::1]:9/"):
        got = web.get(AUTH, {**BASE, "redirect_uri": address, "_allow": "1", "_user": "ada@example.test"})
        assert got.headers["location"].startswith(address + "?")


def test_web_client_is_called_back_at_its_exact_address(web: Api, site: Served, google: GoogleSandbox) -> None:
    """Not one character may differ."""
    secrets = google.client_secrets(site.url, "web", ["https://crm.example.test/cb"])["web"]
    query = {**BASE, "client_id": secrets["client_id"], "_allow": "1", "_user": "ada@example.test"}
    assert web.get(AUTH, {**query, "redirect_uri": "https://crm.example.test/cb"}).status == 302
    assert web.get(AUTH, {**query, "redirect_uri": "https://crm.example.test/cb/"}).status == 400
    assert web.get(AUTH, query).status == 400


def test_denial_comes_back_as_an_error_with_the_state(web: Api) -> None:
    """access_denied for No, for an unknown user, and for everything unticked."""
    for more in ({"_allow": "0"}, {"_user": "nobody@example.test"}, {"_untick": CONTACTS}):
        back = answered(web, **{"state": "s1", **more})
        assert back == {"state": "s1", "error": "access_denied"}


def test_code_is_good_once_for_one_address_and_ten_minutes(web: Api, google: GoogleSandbox) -> None:
    """A second use, another address, another client and a late use are refused."""
    code = answered(web)["code"]
    assert exchanged(web, code, redirect_uri="http://127.0.0.1:1/").json["error"] == "redirect_uri_mismatch"
    assert exchanged(web, code).json["expires_in"] == 3599
    again = exchanged(web, code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    late = answered(web)["code"]
    google.clock.advance(601)
    assert exchanged(web, late).json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("verifier", "description"),
    [("right" * 10, None), ("wrong" * 10, "Invalid code verifier."), ("", "Missing code verifier.")],
)
def test_pkce_verifier_must_fit(web: Api, verifier: str, description: str | None) -> None:
    """S256 of the verifier is what the consent request carried."""
    challenge = urlsafe_b64encode(sha256(("right" * 10).encode()).digest()).decode().rstrip("=")
    code = answered(web, code_challenge=challenge, code_challenge_method="S256")["code"]
    got = exchanged(web, code, code_verifier=verifier)
    assert got.json.get("error_description") == description
    assert (got.status == 200) is (description is None)


def test_client_must_know_its_secret(web: Api) -> None:
    """By body or by Basic header; else 401 invalid_client."""
    code = answered(web)["code"]
    for client, secret in (("sandbox-client", "wrong"), ("stranger", "sandbox-secret")):
        got = exchanged(web, code, client_id=client, client_secret=secret)
        assert (got.status, got.json["error"]) == (401, "invalid_client")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": HERE}
    basic = {"Authorization": "Basic c2FuZGJveC1jbGllbnQ6c2FuZGJveC1zZWNyZXQ="}
    assert web.form("/token", form, basic).status == 200
    assert web.form("/token", {"grant_type": "password"}).json["error"] == "unsupported_grant_type"


def test_refresh_token_comes_with_the_first_consent_or_when_asked_again(web: Api) -> None:
    """offline alone is not enough the second time."""
    assert "refresh_token" not in exchanged(web, answered(web)["code"]).json
    wider = {"scope": f"{CONTACTS} {EMAIL}", "access_type": "offline"}
    assert exchanged(web, answered(web, **wider)["code"]).json["refresh_token"].startswith("1//sandbox-")
    assert "refresh_token" not in exchanged(web, answered(web, **wider)["code"]).json
    assert "refresh_token" in exchanged(web, answered(web, **wider, prompt="consent")["code"]).json


def test_refresh_gives_tokens_within_what_was_granted(web: Api, google: GoogleSandbox) -> None:
    """Fewer scopes may be asked for, more may not."""
    token = google.issue_tokens("ada@example.test", [READONLY, EMAIL])["refresh_token"]
    whole = refreshed(web, token).json
    assert whole["access_token"].startswith("ya29.sandbox-")
    assert whole["scope"] == f"{READONLY} {EMAIL}"
    assert "refresh_token" not in whole
    assert refreshed(web, token, scope=READONLY).json["scope"] == READONLY
    got = refreshed(web, token, scope=CONTACTS)
    assert (got.status, got.json["error"]) == (400, "invalid_scope")


def dead(web: Api, token: str) -> bool:
    """Whether the refresh token is refused as Google refuses dead ones."""
    got = refreshed(web, token)
    body = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    return bool(got.status == 400 and got.json == body)


def test_refresh_token_dies_in_five_ways(web: Api, google: GoogleSandbox, ada: User) -> None:
    """Revoked by the user, by the client, idle for half a year, in a testing app, crowded out."""

    def fresh() -> str:
        return str(google.issue_tokens(ada.email)["refresh_token"])

    token = fresh()
    assert not dead(web, token)
    google.revoke(ada.email)
    assert dead(web, token)
    token = fresh()
    assert web.form("/revoke", {"token": token}).status == 200
    assert dead(web, token)
    assert web.form("/revoke", {"token": token}).json["error"] == "invalid_token"
    token = fresh()
    google.clock.advance(181 * 86400)
    assert dead(web, token)
    token = fresh()
    google.switches.testing_app = True
    google.clock.advance(7 * 86400 + 1)
    assert dead(web, token)
    google.switches.turn({"testing_app": False, "rotated_after": 2})
    tokens = [fresh() for _ in range(3)]
    assert [dead(web, t) for t in tokens] == [True, False, False]


def test_revoking_ends_access_tokens_too(api: Api, web: Api, google: GoogleSandbox, ada: User, token: str) -> None:
    """After revocation nothing of the grant works."""
    assert api.get("/v1/contactGroups").status == 200
    assert web.form("/revoke", {"token": token}).status == 200
    assert api.get("/v1/contactGroups").status == 401


def test_id_token_can_be_checked_with_the_published_keys(web: Api, site: Served, ada: User, wire: Any) -> None:
    """google-auth verifies it against the certificates; the key set names the same key."""
    answer = exchanged(web, answered(web, scope=f"openid email {CONTACTS}", nonce="n")["code"]).json
    assert answer["scope"].split() == ["openid", EMAIL, CONTACTS]
    drift = 10 * 365 * 86400  # the sandbox of the tests lives at another time
    checked: Any = id_token.verify_token
    claims = checked(
        answer["id_token"], wire, "sandbox-client", f"{site.url}/oauth2/v1/certs", clock_skew_in_seconds=drift
    )
    assert claims["iss"] == "https://accounts.google.com"
    assert (claims["sub"], claims["email"], claims["nonce"]) == (ada.sub, ada.email, "n")
    [jwk] = web.get("/oauth2/v3/certs").json["keys"]
    assert set(web.get("/oauth2/v1/certs").json) == {jwk["kid"]}


def test_userinfo_says_who_it_is_to_those_who_may_ask(site: Served, google: GoogleSandbox, ada: User) -> None:
    """With openid or e-mail; not with contacts alone."""
    for scopes, status in (([EMAIL], 200), ([CONTACTS], 401)):
        caller = Api(site.port, google.issue_tokens(ada.email, scopes)["access_token"])
        got = caller.get("/oauth2/v3/userinfo")
        assert got.status == status
        if status == 200:
            assert (got.json["sub"], got.json["email"]) == (ada.sub, ada.email)
            assert caller.get("/oauth2/v2/userinfo").json["id"] == ada.sub
        caller.close()


def test_device_flow_does_not_serve_contacts(web: Api) -> None:
    """The scope is not on the short list."""
    got = web.form("/device/code", {"client_id": "sandbox-client", "scope": CONTACTS})
    assert (got.status, got.json["error"]) == (400, "invalid_scope")


def follow(url: str, more: dict[str, str]) -> str:
    """The address a browser ends at after Allow."""
    with requests.Session() as session:
        got = session.get(f"{url}&{urlencode({'_allow': '1', **more})}", allow_redirects=False, timeout=10)
        return str(got.headers["Location"])


def test_googles_flow_library_signs_in(
    site: Served, google: GoogleSandbox, ada: User, monkeypatch: pytest.MonkeyPatch, wire: Any
) -> None:
    """google-auth-oauthlib: PKCE, exchange, and a refresh by google-auth."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    config = google.client_secrets(site.url)
    flow = InstalledAppFlow.from_client_config(config, [CONTACTS], redirect_uri=HERE)
    url, _ = flow.authorization_url(access_type="offline", prompt="consent")
    flow.fetch_token(authorization_response=follow(url, {"_user": ada.email}))
    credentials = flow.credentials
    flow.oauth2session.close()
    assert credentials.refresh_token.startswith("1//sandbox-")
    first = credentials.token
    credentials.refresh(wire)
    assert credentials.token != first
    google.revoke(ada.email)
    with pytest.raises(RefreshError) as caught:
        credentials.refresh(wire)
    assert caught.value.args[0] == "invalid_grant: Token has been expired or revoked."
    assert caught.value.retryable is False


def test_unticked_scope_is_missing_from_the_grant(
    site: Served, google: GoogleSandbox, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Granular consent: oauthlib complains, and relaxed it shows what was granted."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    scopes = ["openid", EMAIL, CONTACTS]

    def sign_in() -> Any:
        flow = Flow.from_client_config(google.client_secrets(site.url), scopes, redirect_uri=HERE)
        url, _ = flow.authorization_url()
        back = follow(url, {"_user": ada.email, "_untick": CONTACTS})
        try:
            flow.fetch_token(authorization_response=back)
        finally:
            flow.oauth2session.close()
        return flow.credentials

    with pytest.raises(Warning, match="Scope has changed"):
        sign_in()
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
    assert set(sign_in().granted_scopes) == {"openid", EMAIL}


def test_service_account_speaks_for_users_it_was_given(
    site: Served, google: GoogleSandbox, ada: User, wire: Any
) -> None:
    """Domain-wide delegation by user and scope; without it unauthorized_client."""
    key_file = google.add_service_account("robot@sandbox.test", site.url)
    robot = _KEY_FILE.from_service_account_info(key_file, scopes=[CONTACTS], subject=ada.email)
    with pytest.raises(RefreshError, match="unauthorized_client: Client is unauthorized to retrieve access tokens"):
        robot.refresh(wire)
    google.switches.delegation = {ada.email: [READONLY]}
    with pytest.raises(RefreshError, match="unauthorized_client"):
        robot.refresh(wire)
    google.switches.delegation = {"*": [CONTACTS]}
    robot.refresh(wire)
    api = Api(site.port, robot.token)
    assert api.post("/v1/people:createContact", named("A")).status == 200
    api.close()
    assert len(ada.contacts) == 1
    with pytest.raises(RefreshError, match="Invalid email or User ID"):
        robot.with_subject("nobody@example.test").refresh(wire)


def test_service_account_without_subject_has_its_own_invisible_book(
    site: Served, google: GoogleSandbox, ada: User, wire: Any
) -> None:
    """What it writes, no user sees; and a forged key is refused."""
    key_file = google.add_service_account("robot@sandbox.test", site.url)
    robot = _KEY_FILE.from_service_account_info(key_file, scopes=[CONTACTS])
    robot.refresh(wire)
    api = Api(site.port, robot.token)
    api.post("/v1/people:createContact", named("A"))
    api.close()
    assert not ada.contacts
    assert len(google.user("robot@sandbox.test").contacts) == 1
    forged = google.add_service_account("other@sandbox.test", site.url)
    thief = _KEY_FILE.from_service_account_info({**key_file, "private_key": forged["private_key"]}, scopes=[CONTACTS])
    with pytest.raises(RefreshError, match="Invalid JWT Signature"):
        thief.refresh(wire)


def test_expired_access_token_is_renewed_by_googles_client(
    site: Served, google: GoogleSandbox, ada: User, wire: Any
) -> None:
    """401 for the old access token; the refresh token lives on."""
    tokens = google.issue_tokens(ada.email)
    google.expire_access(ada.email)
    api = Api(site.port, tokens["access_token"])
    assert api.get("/v1/contactGroups").status == 401
    api.close()
    credentials = _UNTYPED(
        token=None,
        refresh_token=tokens["refresh_token"],
        token_uri=f"{site.url}/token",
        client_id="sandbox-client",
        client_secret="sandbox-secret",
    )
    credentials.refresh(wire)
    api = Api(site.port, credentials.token)
    assert api.get("/v1/contactGroups").status == 200
    api.close()
