"""The provider against the emulated tenant: whole sign-ins, and every kind of answer."""

from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from stateful_oauth.auth0.config import Auth0Config
from stateful_oauth.auth0.provider import Auth0Provider
from stateful_oauth.auth0.transport import Transport
from stateful_oauth.emulator import Tenant
from stateful_oauth.flows.engine.errors import FlowError, InvalidInput, Mismatch, RateLimited, ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import DeniedByAction, IdTokenRejected, ProviderAnswerLost
from stateful_oauth.flows.oauth.openid import AuthorizationRequest, IdTokenExpectation
from stateful_oauth.flows.oauth.pkce import code_challenge

CALLBACK = "https://app.example/callback"
VERIFIER = "v" * 43
SECRET = "client-secret-" * 4


class SignIn:
    """One application at one tenant."""

    def __init__(self, client=None, config=None, **settings):
        self.tenant = Tenant(issuer="https://tenant.example/", **settings)
        self.tenant.add_client(
            client_id="web", client_secret=SECRET, callbacks=[CALLBACK], logout_urls=["https://app.example/"],
            **(client or {}),
        )  # fmt: skip
        self.tenant.add_user(email="ada@example.com", name="Ada", password="pw")
        self.config = Auth0Config(
            **{
                "issuer": self.tenant.issuer,
                "client_id": "web",
                "client_secret": Secret(SECRET),
                **(config or {}),
            }
        )
        self.clock = SimpleNamespace(now=lambda: datetime.fromtimestamp(self.tenant.clock.now(), UTC))
        transport = Transport.of(self.config, adapter=self.tenant.adapter(), now=self.clock.now)
        self.provider = Auth0Provider(self.config, transport, self.clock)

    def request(self, **changes):
        return AuthorizationRequest(
            **{
                "redirect_uri": CALLBACK,
                "scope": "openid profile offline_access",
                "state": Secret("the-state"),
                "nonce": Secret("the-nonce"),
                "code_challenge": code_challenge(VERIFIER),
                **changes,
            }
        )

    def code(self, **changes):
        location = self.provider.authorization_url(self.request(**changes))
        return self.tenant.visitor().authorize(location, as_user="ada@example.com").fields["code"]

    def exchange(self, code=None, **changes):
        return self.provider.exchange_code(
            **{
                "code": Secret(code or self.code()),
                "redirect_uri": CALLBACK,
                "code_verifier": Secret(VERIFIER),
                "time_limit": 5.0,
                **changes,
            }
        )

    def verify(self, tokens, **expected):
        return self.provider.verify_id_token(
            tokens.id_token,
            IdTokenExpectation(
                **{"nonce": Secret("the-nonce"), "access_token": tokens.access_token, **expected}
            ),
            now=self.clock.now(),
        )

    def fault(self, kind, endpoint="/oauth/token", **details):
        return self.tenant.faults.add(endpoint, kind, **details)


@pytest.fixture
def web():
    return SignIn()


def refused(kind, code, call, *args, **kwargs):
    with pytest.raises(FlowError) as caught:
        call(*args, **kwargs)
    assert (type(caught.value), caught.value.code) == (kind, code)
    return caught.value


class TestSignIn:
    def test_a_code_is_exchanged_and_its_id_token_verified(self, web):
        tokens = web.exchange()
        identity = web.verify(tokens)
        assert identity.issuer == "https://tenant.example/"
        assert identity.subject.startswith("auth0|")
        assert identity.sid
        assert tokens.refresh_token
        assert tokens.expires_in == 86_400
        assert web.tenant.ledger.count("code_exchanged") == 1

    def test_a_client_authenticates_with_a_basic_header(self):
        web = SignIn(config={"client_auth": "client_secret_basic"})
        web.verify(web.exchange())

    @pytest.mark.parametrize("algorithm", ["HS256", "PS256"])
    def test_id_tokens_of_the_other_algorithms_are_verified(self, algorithm):
        web = SignIn(client={"signing_alg": algorithm}, config={"id_token_signing_alg": algorithm})
        web.verify(web.exchange())

    def test_keys_that_rotate_between_two_sign_ins_are_read_again(self, web):
        web.verify(web.exchange())
        web.tenant.keys.rotate()
        web.verify(web.exchange())
        assert web.tenant.requests["/.well-known/jwks.json"] == 2

    def test_the_id_token_of_another_attempt_is_refused_by_nonce(self, web):
        refused(Mismatch, "nonce_mismatch", web.verify, web.exchange(), nonce=Secret("another"))

    def test_a_max_age_that_was_requested_is_checked(self, web):
        tokens = web.exchange(web.code(parameters={"max_age": "300"}))
        web.verify(tokens, max_age=300)
        refused(IdTokenRejected, "id_token_auth_time", web.verify, web.exchange(), max_age=300)


class TestAuthorizationRequest:
    def query(self, url):
        return dict(parse_qs(urlsplit(url).query, keep_blank_values=True).items())

    def test_the_authorization_url_carries_the_projects_parameters(self, web):
        request = web.request(parameters={"audience": "https://api.example/", "ui_locales": "de en"})
        url = web.provider.authorization_url(request)
        assert url.startswith("https://tenant.example/authorize?")
        assert self.query(url) == {
            "audience": ["https://api.example/"],
            "ui_locales": ["de en"],
            "response_type": ["code"],
            "client_id": ["web"],
            "redirect_uri": [CALLBACK],
            "scope": ["openid profile offline_access"],
            "state": ["the-state"],
            "nonce": ["the-nonce"],
            "code_challenge": [code_challenge(VERIFIER)],
            "code_challenge_method": ["S256"],
        }

    @pytest.mark.security("B10")
    def test_b10_a_projects_parameters_never_replace_protocol_ones(self, web):
        evil = dict.fromkeys(
            ("state", "nonce", "redirect_uri", "code_challenge", "code_challenge_method", "client_id",
             "scope",
             "response_type"),
            "evil",
        )  # fmt: skip
        assert "evil" not in web.provider.authorization_url(web.request(parameters=evil))

    @pytest.mark.security("B10")
    @pytest.mark.parametrize("name", ["request", "request_uri"])
    def test_b10_parameters_that_replace_the_whole_request(self, web, name):
        refused(
            InvalidInput,
            "parameter_reserved",
            web.provider.authorization_url,
            web.request(parameters={name: "x"}),
        )

    def test_an_endpoint_with_a_query(self):
        web = SignIn(discovery_overrides={"authorization_endpoint": "https://tenant.example/authorize?p=1"})
        assert web.provider.authorization_url(web.request()).startswith(
            "https://tenant.example/authorize?p=1&"
        )


class TestPushedAuthorizationRequests:
    def push(self, web, **changes):
        return web.provider.push_authorization_request(web.request(**changes), time_limit=5)

    @pytest.fixture
    def web(self):
        return SignIn(config={"pushed_authorization_requests": True}, par=True)

    def test_a_pushed_request_leaves_only_its_uri_in_the_url(self, web):
        assert web.provider.uses_pushed_authorization_requests()
        pushed = self.push(web)
        assert pushed.expires_in == 30
        url = web.provider.pushed_authorization_url(pushed.request_uri)
        assert set(parse_qs(urlsplit(url).query)) == {"client_id", "request_uri"}
        callback = web.tenant.visitor().authorize(url, as_user="ada@example.com")
        web.verify(web.exchange(callback.fields["code"]))

    def test_a_pushed_request_that_is_refused_has_its_code(self, web):
        refused(ServiceRefused, "request_rejected", self.push, web, redirect_uri="https://evil.example/")

    @pytest.mark.parametrize(
        "body",
        [{}, {"request_uri": "urn:x"}, {"request_uri": "", "expires_in": 30},
         {"request_uri": 7, "expires_in": 30},
                 {"request_uri": "urn:x", "expires_in": 0}, {"request_uri": "urn:x", "expires_in": True}],
        ids=str,
    )  # fmt: skip
    def test_an_answer_that_is_none(self, web, body):
        web.fault("answer", "/oauth/par", status=201, json=body)
        refused(ProviderAnswerLost, "provider_answer_invalid", self.push, web)

    def test_a_pushed_request_answered_with_200_is_no_success(self, web):
        web.fault("answer", "/oauth/par", status=200, json={"request_uri": "urn:x", "expires_in": 30})
        refused(ProviderAnswerLost, "provider_answer_invalid", self.push, web)


class TestTokenRefusals:
    def test_a_code_is_used_twice(self, web):
        code = web.code()
        web.exchange(code)
        refused(ServiceRefused, "code_rejected", web.exchange, code)

    def test_a_wrong_code_verifier_is_told_as_a_rejected_code(self, web):
        refused(ServiceRefused, "code_rejected", web.exchange, code_verifier=Secret("w" * 43))

    @pytest.mark.parametrize("error", ["access_denied", "invalid_client"])
    def test_a_wrong_client_secret_is_told_as_a_rejected_client(self, error):
        web = SignIn(config={"client_secret": Secret("wrong" * 8)}, wrong_secret_error=error)
        refused(ServiceRefused, "client_rejected", web.exchange)

    @pytest.mark.parametrize(
        ("status", "error", "code"),
        [(403, "invalid_grant", "code_rejected"), (400, "invalid_grant", "code_rejected"),
         (401, "invalid_client", "client_rejected"), (401, "access_denied", "client_rejected"),
         (403, "unauthorized_client", "client_rejected"), (400, "unsupported_grant_type", "client_rejected"),
         (401, "something_new", "client_rejected"), (400, "something_new", "request_rejected"),
         (400, "invalid_request", "request_rejected"), (400, "invalid_scope", "request_rejected"),
         (403, "unauthorized", "sign_in_refused"), (403, "access_denied", "sign_in_refused"),
         (400, "access_denied", "sign_in_refused"), (500, "access_denied", "sign_in_refused"),
         (503, "access_denied", "sign_in_refused"), (403, "mfa_required", "step_up_required"),
         (401, "mfa_required", "step_up_required"), (403, "interaction_required", "interaction_required"),
         (400, "temporarily_unavailable", "provider_busy"), (400, "server_error", "provider_error")],
    )  # fmt: skip
    def test_refusals_of_the_token_endpoint_have_their_codes(self, web, status, error, code):
        web.fault("answer", status=status, json={"error": error, "error_description": "RAW-TEXT"})
        kind = DeniedByAction if status >= 500 else ServiceRefused
        raised = refused(kind, code, web.exchange)
        assert "RAW-TEXT" not in str(raised)
        assert "something_new" not in str(raised)

    @pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520])
    @pytest.mark.parametrize(
        ("error", "code"),
        [("temporarily_unavailable", "provider_busy"), ("too_many_requests", "provider_busy"),
         ("server_error", "provider_error"), ("Internal Server Error", "provider_answer_invalid"),
         ("something_new", "provider_answer_invalid"), (7, "provider_answer_invalid")],
    )  # fmt: skip
    def test_answer_above_499_is_lost_and_has_the_code_of_its_error(self, web, status, error, code):
        web.fault("answer", status=status, json={"error": error, "error_description": "RAW-TEXT"})
        raised = refused(ProviderAnswerLost, code, web.exchange)
        assert "RAW-TEXT" not in str(raised)


class TestTokenAnswers:
    """Whether the exchange happened: only the provider's own refusal and 429 say that it did not."""

    @pytest.mark.parametrize("name", ["access_token", "refresh_token", "id_token", "scope"])
    def test_half_of_a_surrogate_pair(self, web, name):
        """JSON can write what no encoding can carry, and so no later step could (RFC 8259 §8.2)."""
        right = {"access_token": "a", "id_token": "i", "token_type": "Bearer", "expires_in": 60}
        web.fault("answer", status=200, json={**right, name: "a\ud800"})
        refused(ProviderAnswerLost, "provider_answer_invalid", web.exchange)

    def test_a_scope_that_postgresql_does_not_keep(self, web):
        body = {"access_token": "a", "token_type": "Bearer", "scope": "openid\0"}
        web.fault("answer", status=200, json=body)
        refused(ProviderAnswerLost, "provider_answer_invalid", web.exchange)

    @pytest.mark.parametrize(
        ("kind", "details", "error", "code"),
        [("lost_answer", {}, ProviderAnswerLost, "provider_answer_lost"),
         ("slow", {}, ProviderAnswerLost, "provider_answer_lost"),
         ("truncated", {}, ProviderAnswerLost, "provider_answer_lost"),
         ("server_error", {}, ProviderAnswerLost, "provider_busy"),
         ("html", {}, ProviderAnswerLost, "provider_answer_invalid"),
         ("malformed", {}, ProviderAnswerLost, "provider_answer_invalid"),
         ("empty", {}, ProviderAnswerLost, "provider_answer_invalid"),
         ("huge", {}, ProviderAnswerLost, "provider_answer_invalid"),
         ("redirect", {}, ProviderAnswerLost, "provider_answer_invalid"),
         ("answer", {"json": {"error": "server_error"}}, ProviderAnswerLost, "provider_error"),
         ("answer", {"status": 403, "json": {}}, ProviderAnswerLost, "provider_answer_invalid"),
         ("answer", {"status": 403, "json": {"error": 7}}, ProviderAnswerLost, "provider_answer_invalid"),
         ("answer", {"status": 200, "json": {"error": "x"}}, ProviderAnswerLost, "provider_answer_invalid"),
         ("answer", {"status": 201, "json": {}}, ProviderAnswerLost, "provider_answer_invalid"),
         ("rate_limit", {"reset": 60}, RateLimited, "rate_limited")],
    )  # fmt: skip
    def test_a_fault_of_the_token_endpoint_is_typed_and_not_sent_again(self, web, kind, details, error, code):
        web.fault(kind, **details)
        raised = refused(error, code, web.exchange)
        assert web.tenant.requests["/oauth/token"] == 1, "it is never sent again"
        if isinstance(raised, RateLimited):
            assert raised.retry_at is not None
            assert 59 <= raised.retry_at.timestamp() - web.tenant.clock.now() <= 60

    @pytest.mark.parametrize(
        "changes",
        [{"access_token": None}, {"access_token": ""}, {"access_token": 7}, {"token_type": None},
         {"token_type": "DPoP"},
         {"token_type": 7}, {"id_token": 7}, {"id_token": ""}, {"refresh_token": ["a"]}, {"scope": 7}],
        ids=str,
    )  # fmt: skip
    def test_members_of_a_token_response_have_to_be_of_their_types(self, web, changes):
        web.tenant.token_reply_hook = lambda body: body.update(changes)
        refused(ProviderAnswerLost, "provider_answer_invalid", web.exchange)

    @pytest.mark.parametrize(
        ("value", "read"),
        [("3600", 3600), ("-1", 0), ("true", None), ("1.5", 1), ("1" + "0" * 30, 31_536_000), ("[]", None),
         ("253402300799", 31_536_000), ("1e999", None), ("-1e999", None), ("NaN", None), ('"3600"', 3600),
         ("1" * 500, None), ('"' + "1" * 500 + '"', None), ('"soon"', None), ("1e300", 31_536_000)],
    )  # fmt: skip
    def test_a_lifetime_is_bounded_and_loses_no_tokens(self, bench, value, read):
        """It only says when to ask again; the answer may hold a rotated refresh token."""
        body = f'{{"access_token": "a", "token_type": "Bearer", "refresh_token": "r", "expires_in": {value}}}'
        bench.answers["/oauth/token"] = (200, {"Content-Type": "application/json"}, body.encode())
        tokens = bench.provider.refresh(Secret("old"), time_limit=5)
        assert tokens.expires_in == read
        assert tokens.refresh_token == Secret("r")

    @pytest.mark.security("B19")
    def test_b19_what_is_optional_may_be_missing(self, web):
        def only_the_access_token(body):
            for name in ("id_token", "refresh_token", "scope", "expires_in"):
                body.pop(name, None)
            body["token_type"] = "bearer"

        web.tenant.token_reply_hook = only_the_access_token
        tokens = web.exchange()
        assert tokens.access_token
        assert (tokens.id_token, tokens.refresh_token, tokens.scope, tokens.expires_in) == (None,) * 4


class TestRevocation:
    def test_a_refresh_token_can_be_revoked_twice(self, web):
        token = web.exchange().refresh_token
        for _ in range(2):
            web.provider.revoke_refresh_token(token, time_limit=5)
        assert web.tenant.requests["/oauth/revoke"] == 2

    def test_a_revocation_with_a_wrong_secret_is_refused(self):
        web = SignIn(config={"client_secret": Secret("wrong" * 8)})
        refused(
            ServiceRefused, "client_rejected", web.provider.revoke_refresh_token, Secret("x"), time_limit=5
        )

    def test_a_revocation_whose_answer_is_lost_is_told(self, web):
        web.fault("lost_answer", "/oauth/revoke")
        refused(
            ProviderAnswerLost,
            "provider_answer_lost",
            web.provider.revoke_refresh_token,
            Secret("x"),
            time_limit=5,
        )

    def test_a_provider_without_a_revocation_endpoint_is_told(self):
        web = SignIn(discovery_overrides={"revocation_endpoint": None})
        refused(
            FlowError, "revocation_unsupported", web.provider.revoke_refresh_token, Secret("x"), time_limit=5
        )


class TestLogout:
    def test_the_logout_url_is_the_announced_one_with_its_parameters(self, web):
        identity = web.verify(web.exchange())
        url = urlsplit(
            web.provider.logout_url(
                return_to="https://app.example/",
                sid=identity.sid,
                id_token_hint=Secret("hint"),
                federated=True,
            )
        )
        assert url.path == "/oidc/logout"
        assert parse_qs(url.query, keep_blank_values=True) == {
            "client_id": ["web"],
            "logout_hint": [identity.sid],
            "id_token_hint": ["hint"],
            "post_logout_redirect_uri": ["https://app.example/"],
            "federated": [""],
        }

    def test_the_logout_url_ends_the_session_at_the_provider(self, web):
        visitor = web.tenant.visitor()
        callback = visitor.authorize(web.provider.authorization_url(web.request()), as_user="ada@example.com")
        identity = web.verify(web.exchange(callback.fields["code"]))
        url = web.provider.logout_url(return_to="https://app.example/", sid=identity.sid)
        assert visitor.logout(url, confirm=False) == "https://app.example/"

    @pytest.mark.security("B14")
    def test_b14_nothing_is_sent_that_nobody_gave(self, web):
        assert web.provider.logout_url(return_to=None) == "https://tenant.example/oidc/logout?client_id=web"

    def test_the_logout_url_of_auth0_needs_no_announcement(self):
        web = SignIn(end_session_in_discovery=False)
        url = urlsplit(web.provider.logout_url(return_to="https://app.example/", sid="x"))
        assert url.path == "/v2/logout"
        assert parse_qs(url.query) == {"client_id": ["web"], "returnTo": ["https://app.example/"]}
