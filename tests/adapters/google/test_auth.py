"""Sign-in from the first link to the last revocation, without a browser; and what a grant must be to be kept."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from adapters.google import auth
from adapters.google.adapter import GooglePeople
from adapters.google.client import PeopleClient
from adapters.google.client_secrets import REVOKE_URI, TOKEN_URI, USERINFO_URI
from syncd.core.contact import RecordId
from syncd.core.errors import ConfigError, ConsentRevoked, MissingRight, NeedsHuman, RateLimited, Unavailable
from tests.adapters.google.conftest import EMAIL, World, read

REDIRECT = "http://127.0.0.1:18999/callback"
CONTACTS = auth.SCOPES[2]


def agree(
    world: World, consent: auth.Consent, *, user: str = EMAIL, allow: str = "1", untick: str = ""
) -> dict[str, str]:
    """What the browser brings back when the user answers the page."""
    answer = {"_user": user, "_allow": allow} | ({"_untick": untick} if untick else {})
    reply = world.transport.send("GET", f"{consent.url}&{urlencode(answer)}", {}, None, 5.0)
    assert reply.status in (302, 303), reply.body
    target = urlsplit(reply.headers["location"])
    assert target.netloc == urlsplit(REDIRECT).netloc
    return dict(parse_qsl(target.query))


def finish(world: World, consent: auth.Consent, answer: dict[str, str]) -> auth.Grant:
    """Trade what the browser brought."""
    return auth.finish_consent(
        world.transport, world.secrets, consent,
        state=answer.get("state", ""), code=answer.get("code", ""), error=answer.get("error", ""),
    )  # fmt: skip


def connect(world: World) -> auth.Grant:
    """A whole sign-in."""
    consent = auth.begin_consent(world.secrets, REDIRECT)
    return finish(world, consent, agree(world, consent))


# ---------------------------------------------------------------------------------------------- consent


def test_whole_sign_in_gives_a_grant_that_reads_contacts(world: World) -> None:
    """Link, consent, code, tokens, identity, and a first reading with the new refresh token."""
    grant = connect(world)
    assert (grant.sub, grant.email, set(grant.scopes)) == (world.user.sub, EMAIL, set(auth.SCOPES))
    world.add(names=[{"givenName": "A"}])
    remote = replace(world, refresh_token=grant.refresh_token).adapter()
    assert len(read(remote).records) == 1


def test_consent_link_asks_for_offline_access_with_a_proof_key(world: World) -> None:
    """PKCE S256 of the verifier that is kept, our state, all scopes, and a consent that gives a refresh token."""
    consent = auth.begin_consent(world.secrets, REDIRECT, login_hint=EMAIL)
    query = dict(parse_qsl(urlsplit(consent.url).query))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(consent.verifier.encode()).digest()).rstrip(b"=").decode()
    assert consent.url.startswith(world.secrets.auth_uri + "?")
    assert (query["code_challenge"], query["code_challenge_method"]) == (challenge, "S256")
    assert (query["state"], query["access_type"], query["prompt"]) == (consent.state, "offline", "consent")
    assert (query["scope"].split(), query["login_hint"]) == (list(auth.SCOPES), EMAIL)
    assert len(consent.verifier) >= 43
    other = auth.begin_consent(world.secrets, REDIRECT)
    assert (other.state, other.verifier) != (consent.state, consent.verifier)


def test_answer_with_another_state_is_refused(world: World) -> None:
    """A link that somebody else began does not connect anything."""
    consent = auth.begin_consent(world.secrets, REDIRECT)
    answer = agree(world, consent)
    with pytest.raises(NeedsHuman, match="another sign-in"):
        finish(world, consent, {**answer, "state": "x"})
    assert world.received("/token") == 0


def test_stolen_code_is_worthless_without_the_verifier(world: World) -> None:
    """The code alone is not enough."""
    consent = auth.begin_consent(world.secrets, REDIRECT)
    answer = agree(world, consent)
    with pytest.raises(ConsentRevoked):
        finish(world, replace(consent, verifier="v" * 43), answer)


def test_code_is_worth_something_once(world: World) -> None:
    """A code that was spent says: sign in again."""
    consent = auth.begin_consent(world.secrets, REDIRECT)
    answer = agree(world, consent)
    finish(world, consent, answer)
    with pytest.raises(ConsentRevoked, match="spent"):
        finish(world, consent, answer)


def test_refusal_at_the_page_is_said_as_such(world: World) -> None:
    """The user pressed Cancel."""
    consent = auth.begin_consent(world.secrets, REDIRECT)
    with pytest.raises(MissingRight, match="access_denied"):
        finish(world, consent, agree(world, consent, allow="0"))


@pytest.mark.parametrize("scope", [auth.SCOPES[1], CONTACTS])
def test_unticked_box_is_named(world: World, scope: str) -> None:
    """Users can untick single scopes; the one that is missing is named, and nothing is granted by half."""
    consent = auth.begin_consent(world.secrets, REDIRECT)
    with pytest.raises(MissingRight, match=scope):
        finish(world, consent, agree(world, consent, untick=scope))


def test_another_user_than_the_known_one_is_refused(world: World) -> None:
    """An account keeps to its Google user."""
    grant = connect(world)
    auth.check_same_user(grant, "")
    auth.check_same_user(grant, world.user.sub)
    with pytest.raises(NeedsHuman, match="Another Google user"):
        auth.check_same_user(grant, "123")


def test_stored_refresh_token_is_never_replaced_by_nothing() -> None:
    """Google gives none when the user had agreed before."""
    none = auth.Grant("1", EMAIL, auth.SCOPES, "")
    assert auth.token_to_keep(none, "stored") == "stored"
    assert auth.token_to_keep(replace(none, refresh_token="new"), "stored") == "new"
    with pytest.raises(NeedsHuman, match="no refresh token"):
        auth.token_to_keep(none, "")


def test_wrong_client_secret_is_named(world: World) -> None:
    """The operator's file, not the user's consent."""
    consent = auth.begin_consent(world.secrets, REDIRECT)
    answer = agree(world, consent)
    wrong = replace(world, secrets=replace(world.secrets, client_secret="no"))
    with pytest.raises(NeedsHuman, match="invalid_client"):
        finish(wrong, consent, answer)


@pytest.mark.parametrize(
    ("kind", "error"), [("503", Unavailable), ("html", Unavailable), ("drop", Unavailable), ("429", RateLimited)]
)
def test_trouble_at_the_token_endpoint_is_tried_later(world: World, kind: str, error: type[Exception]) -> None:
    """Nobody's consent is at fault."""
    consent = auth.begin_consent(world.secrets, REDIRECT)
    answer = agree(world, consent)
    world.fault(kind, "^/token")
    with pytest.raises(error):
        finish(world, consent, answer)


def test_secrets_do_not_show_in_a_repr(world: World) -> None:
    """Neither in logs nor in tracebacks."""
    grant = connect(world)
    consent = auth.begin_consent(world.secrets, REDIRECT)
    shown = f"{world.secrets!r} {grant!r} {consent!r}".replace(consent.url, "")
    for secret in (world.secrets.client_secret, grant.refresh_token, consent.verifier, consent.state):
        assert secret not in shown


# ---------------------------------------------------------------------------------------------- access tokens


def test_access_token_is_got_once_and_used_again(world: World, remote: GooglePeople) -> None:
    """One refresh for many requests."""
    for _ in range(3):
        remote.fetch([RecordId("1")])
    assert world.received("/token") == 1


def test_refused_token_is_renewed_once_for_all_who_held_it(world: World) -> None:
    """Whoever comes second with the same refused token gets the new one, without another request."""
    tokens = auth.user_tokens(world.secrets, world.refresh_token, world.transport)
    old = tokens.bearer()
    new = tokens.renewed(old)
    assert new != old
    assert (tokens.renewed(old), tokens.bearer()) == (new, new)
    assert world.received("/token") == 2


def test_withdrawn_grant_is_not_retried(world: World, remote: GooglePeople) -> None:
    """`invalid_grant` is final: one request to the token endpoint, and the error says to connect again."""
    world.google.revoke(EMAIL)
    with pytest.raises(ConsentRevoked) as caught:
        remote.fetch([RecordId("1")])
    assert caught.value.fix == "connect the account again"
    assert world.received("/token") == 1


@pytest.mark.parametrize("kind", ["503", "500", "html", "empty", "drop", "truncate", "redirect"])
def test_refresh_that_fails_is_tried_later_by_the_caller(world: World, remote: GooglePeople, kind: str) -> None:
    """The library would sleep and repeat; it is asked once, and the call is unavailable."""
    world.fault(kind, "^/token")
    with pytest.raises(Unavailable):
        remote.fetch([RecordId("1")])
    assert world.received("/token") == 1
    remote.fetch([RecordId("1")])


def test_deleted_client_is_the_operators_matter(world: World) -> None:
    """A client that Google does not know."""
    other = replace(world, secrets=replace(world.secrets, client_id="gone"))
    with pytest.raises(NeedsHuman, match="invalid_client"):
        other.adapter().fetch([RecordId("1")])


def test_wrong_scope_is_a_missing_right(world: World) -> None:
    """A grant for reading alone cannot be used to write."""
    readonly = "https://www.googleapis.com/auth/contacts.readonly"
    token = world.google.issue_tokens(EMAIL, (readonly,))["refresh_token"]
    remote = replace(world, refresh_token=token).adapter()
    read(remote)
    from tests.adapters.google.conftest import person

    with pytest.raises(MissingRight) as caught:
        remote.send((person("A"),))
    assert CONTACTS in caught.value.fix


def test_errors_carry_no_token(world: World, remote: GooglePeople) -> None:
    """What is raised may be logged."""
    world.google.revoke(EMAIL)
    with pytest.raises(ConsentRevoked) as caught:
        remote.fetch([RecordId("1")])
    chain = f"{caught.value!r} {caught.value.__cause__!r}"
    assert world.refresh_token not in chain
    assert world.secrets.client_secret not in chain


# ---------------------------------------------------------------------------------------------- revoking


def test_revoking_gives_the_grant_back_and_twice_is_fine(world: World) -> None:
    """After it the token is dead; a dead one counts as given back."""
    grant = connect(world)
    auth.revoke(world.transport, world.secrets, grant.refresh_token)
    with pytest.raises(ConsentRevoked):
        replace(world, refresh_token=grant.refresh_token).adapter().fetch([RecordId("1")])
    auth.revoke(world.transport, world.secrets, grant.refresh_token)


def test_revoking_that_fails_is_said(world: World) -> None:
    """A grant that may still live is not forgotten silently."""
    world.fault("503", "^/revoke")
    with pytest.raises(Unavailable):
        auth.revoke(world.transport, world.secrets, world.refresh_token)


# ---------------------------------------------------------------------------------------------- service accounts, files


def test_service_account_reads_for_the_user_it_may_act_for(world: World) -> None:
    """Domain-wide delegation, with the contacts scope and no other."""
    key = json.dumps(world.google.add_service_account("sa@p.example", world.url))
    world.google.switches.delegation = {EMAIL: [CONTACTS]}
    world.add(names=[{"givenName": "A"}])
    tokens = auth.delegated_tokens(key, EMAIL, world.transport)
    remote = GooglePeople(PeopleClient(world.transport, tokens, endpoint=world.url), sub=EMAIL, email=EMAIL)
    assert len(read(remote).records) == 1


def test_service_account_without_delegation_is_a_missing_right(world: World) -> None:
    """The Workspace admin has to act; the message names the scope."""
    key = json.dumps(world.google.add_service_account("sa@p.example", world.url))
    tokens = auth.delegated_tokens(key, EMAIL, world.transport)
    with pytest.raises(MissingRight) as caught:
        tokens.bearer()
    assert CONTACTS in caught.value.fix


def test_authorized_user_file_is_a_client_and_a_grant(world: World) -> None:
    """The format of Google's own tools."""
    content = {
        "type": "authorized_user", "client_id": world.secrets.client_id, "client_secret": world.secrets.client_secret,
        "refresh_token": world.refresh_token, "token_uri": world.secrets.token_uri,
    }  # fmt: skip
    secrets, token = auth.authorized_user(json.dumps(content))
    replace(world, secrets=secrets, refresh_token=token).adapter().fetch([RecordId("1")])


def test_real_client_secrets_lead_to_googles_own_addresses() -> None:
    """What the file leaves out is Google's."""
    content = {"installed": {"client_id": "i", "client_secret": "s", "token_uri": TOKEN_URI}}
    secrets = auth.client_secrets(json.dumps(content))
    assert (secrets.token_uri, secrets.revoke_uri, secrets.userinfo_uri) == (TOKEN_URI, REVOKE_URI, USERINFO_URI)


def test_other_endpoints_stand_beside_a_token_endpoint_that_is_not_googles(world: World) -> None:
    """So a sandbox needs no further configuration."""
    assert world.secrets.revoke_uri == f"{world.url}/revoke"
    assert world.secrets.userinfo_uri == f"{world.url}/oauth2/v3/userinfo"


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "no json", '{"installed": {}}', '{"installed": {"client_id": "i"}}',
        '{"web": {"client_id": "i", "client_secret": "s", "token_uri": "http://example.com/token"}}',
        '{"web": {"client_id": "i", "client_secret": "s", "auth_uri": "ftp://127.0.0.1/"}}',
    ],
)  # fmt: skip
def test_file_that_is_no_client_secrets_is_a_configuration_error(text: str) -> None:
    """Said with the key of the configuration; plain http is for this machine alone."""
    with pytest.raises(ConfigError, match=r"google\.client_secrets"):
        auth.client_secrets(text)


@pytest.mark.parametrize("text", ["", "{}", '{"type": "service_account", "token_uri": "http://example.com/"}'])
def test_file_that_is_no_service_account_key_is_a_configuration_error(text: str) -> None:
    """The same for key files and authorised-user files."""
    with pytest.raises(ConfigError):
        auth.delegated_tokens(text, EMAIL, World.__new__(World))  # type: ignore[arg-type]  # never reached
    with pytest.raises(ConfigError):
        auth.authorized_user(text)
