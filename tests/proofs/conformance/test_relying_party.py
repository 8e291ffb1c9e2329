"""What the OpenID Foundation's tests for relying parties expect, under their names: docs/conformance.md."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth import get_user_model
from django.test import Client

from docs.conformance import EXPECTED, PLANS
from stateful_oauth.django import wiring
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]

ADA = "ada@example.com"
SIGNED_IN = "signed in"
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Case:
    """A test of the suite: the site, the emulated provider, and the flaw that the test is about."""

    def __init__(self, browser: Any, tenant: Any, configure: Callable[..., None]) -> None:
        self.browser, self.tenant, self.configure = browser, tenant, configure

    def sign_in(self) -> str:
        """Sign in, and return what came of it: the error code, or `SIGNED_IN`."""
        response = self.browser.sign_in(ADA)
        if self.browser.user_id is not None:
            return SIGNED_IN
        return error_code(response)

    def claims(self, **changes: Any) -> str:
        """Sign in with an ID token whose claims are changed; None leaves one out."""

        def change(claims: dict[str, Any], header: dict[str, Any]) -> None:
            claims.update(changes)
            for name in [name for name, value in claims.items() if value is None]:
                del claims[name]

        self.tenant.id_token_hook = change
        return self.sign_in()

    def header(self, **changes: Any) -> str:
        """Sign in with an ID token whose header is changed; None leaves a member out."""

        def change(claims: dict[str, Any], header: dict[str, Any]) -> None:
            header.update(changes)
            for name in [name for name, value in header.items() if value is None]:
                del header[name]

        self.tenant.id_token_hook = change
        return self.sign_in()

    def signed_by(self, key: Any, algorithm: str = "RS256") -> str:
        """Sign in with an ID token that another key has signed."""
        self.tenant.id_token_hook = lambda claims, header: jwt.encode(
            claims, key, algorithm=algorithm, headers={**header, "alg": algorithm}
        )
        return self.sign_in()


@pytest.fixture(params=["query", "form_post"])
def basic(request: Any, browser: Any, tenant: Any, configure: Callable[..., None]) -> Case:
    """A case of the plans Basic and Form Post."""
    configure(RESPONSE_MODE=request.param)
    return Case(browser, tenant, configure)


@pytest.fixture
def case(browser: Any, tenant: Any, configure: Callable[..., None]) -> Case:
    return Case(browser, tenant, configure)


def suite(name: str) -> Callable[[Any], Any]:
    """Mark a test with its name in the suite."""
    assert name in EXPECTED, name
    return pytest.mark.conformance(name)


@suite("oidcc-client-test")
def test_code_is_exchanged_and_userinfo_is_read(basic: Case) -> None:
    assert basic.sign_in() == SIGNED_IN
    assert basic.tenant.requests["/userinfo"] == 1


@suite("oidcc-client-test-invalid-iss")
def test_id_token_of_another_issuer_is_refused(basic: Case) -> None:
    assert basic.claims(iss="https://tenant.example/1") == "id_token_issuer"


@suite("oidcc-client-test-missing-sub")
def test_id_token_without_sub_is_refused(basic: Case) -> None:
    assert basic.claims(sub=None) == "id_token_claims"


@suite("oidcc-client-test-invalid-aud")
def test_id_token_for_another_client_is_refused(basic: Case) -> None:
    assert basic.claims(aud="web1") == "id_token_audience"


@suite("oidcc-client-test-missing-iat")
def test_id_token_without_iat_is_refused(basic: Case) -> None:
    assert basic.claims(iat=None) == "id_token_claims"


@suite("oidcc-client-test-kid-absent-single-jwks")
def test_token_without_kid_is_verified_with_the_only_key(basic: Case) -> None:
    basic.tenant.settings.jwks_without = ("kid",)
    assert basic.header(kid=None) == SIGNED_IN


@suite("oidcc-client-test-kid-absent-multiple-jwks")
def test_token_without_kid_is_refused_where_several_keys_fit(basic: Case) -> None:
    basic.tenant.settings.jwks_without = ("kid",)
    basic.tenant.keys.rotate()
    assert basic.header(kid=None) == "id_token_key_unknown"


@suite("oidcc-client-test-idtoken-sig-rs256")
def test_id_token_signed_with_rs256_is_accepted(basic: Case) -> None:
    assert basic.header(alg="RS256") == SIGNED_IN


@suite("oidcc-client-test-idtoken-sig-none")
def test_unsigned_id_token_is_refused(basic: Case) -> None:
    assert basic.header(alg="none", kid=None) == "id_token_malformed"


@suite("oidcc-client-test-invalid-sig-rs256")
def test_id_token_with_a_wrong_signature_is_refused(basic: Case) -> None:
    assert basic.signed_by(STRANGER) == "id_token_signature"


@suite("oidcc-client-test-userinfo-invalid-sub")
def test_userinfo_about_another_user_is_refused(basic: Case) -> None:
    basic.tenant.settings.userinfo_overrides = {"sub": "auth0|ada1"}
    assert basic.sign_in() == "userinfo_subject_mismatch"


@suite("oidcc-client-test-nonce-invalid")
def test_id_token_with_another_nonce_is_refused(basic: Case) -> None:
    assert basic.claims(nonce="another") == "nonce_mismatch"


@suite("oidcc-client-test-scope-userinfo-claims")
def test_claims_of_the_scope_come_from_userinfo(basic: Case) -> None:
    basic.tenant.settings.profile_in_id_token = False
    assert basic.sign_in() == SIGNED_IN
    assert get_user_model().objects.get().email == ADA


@suite("oidcc-client-test-client-secret-basic")
def test_client_proves_itself_by_client_secret_basic(basic: Case) -> None:
    seen = []
    adapter = wiring.provider("default")._transport._adapter
    original = adapter.send
    adapter.send = lambda request, *args, **kwargs: (
        seen.append(request),
        original(request, *args, **kwargs),
    )[1]
    assert basic.sign_in() == SIGNED_IN
    (request,) = [each for each in seen if each.url.endswith("/oauth/token")]
    scheme, _, pair = request.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair).decode().split(":")[0]) == ("Basic", "web")


@suite("oidcc-client-test-discovery-openid-config")
def test_endpoints_are_those_of_the_discovery_document(case: Case) -> None:
    assert case.sign_in() == SIGNED_IN
    assert case.tenant.requests["/.well-known/openid-configuration"] == 1


@suite("oidcc-client-test-discovery-jwks-uri-keys")
def test_keys_are_read_from_jwks_uri(case: Case) -> None:
    assert case.sign_in() == SIGNED_IN
    assert case.tenant.requests["/.well-known/jwks.json"] == 1


@suite("oidcc-client-test-discovery-issuer-mismatch")
def test_discovery_document_of_another_issuer_is_refused(case: Case) -> None:
    case.tenant.settings.discovery_overrides = {"issuer": "https://tenant.example/invalid"}
    assert error_code(case.browser.get("/auth/login/")) == "discovery_invalid"


@suite("oidcc-client-test-signing-key-rotation-just-before-signing")
def test_key_that_is_new_in_this_moment_is_fetched(case: Case) -> None:
    assert case.sign_in() == SIGNED_IN
    case.browser.post("/auth/logout/")
    location = case.browser.start()
    callback = case.browser.authorize(location, ADA)
    case.tenant.keys.rotate()
    case.tenant.keys.revoke_previous()
    case.browser.arrive(callback)
    assert case.browser.user_id is not None


@suite("oidcc-client-test-signing-key-rotation")
def test_next_sign_in_works_after_a_rotation(case: Case) -> None:
    assert case.sign_in() == SIGNED_IN
    case.browser.post("/auth/logout/")
    case.tenant.keys.rotate()
    assert case.sign_in() == SIGNED_IN


class TestBackChannel:
    """A logout token with each flaw, sent as the provider sends it."""

    @pytest.fixture
    def sent(self, case: Case) -> Iterator[Callable[..., int]]:
        assert case.sign_in() == SIGNED_IN
        kept = case.browser.client.session["stateful_oauth"]

        def send(**changes: Any) -> int:
            header = {name: changes.pop(name) for name in ("alg", "key") if name in changes}
            token = case.tenant.logout_token("web", kept["sub"], kept["sid"])
            claims = {**jwt.decode(token, options={"verify_signature": False}), **changes}
            claims = {name: value for name, value in claims.items() if value is not None}
            signer = case.tenant.keys.current()
            algorithm = header.get("alg", "RS256")
            key = None if algorithm == "none" else header.get("key", signer.material.private)
            kid = {"kid": signer.kid}
            body = urlencode({"logout_token": jwt.encode(claims, key, algorithm=algorithm, headers=kid)})
            form = "application/x-www-form-urlencoded"
            client = Client(headers={"host": "app.example"})
            return client.post("/auth/backchannel-logout/", body, content_type=form, secure=True).status_code

        return send

    def still_signed_in(self, case: Case) -> bool:
        return bool(case.browser.client.session.get("_auth_user_id"))

    @suite("oidcc-client-test-rp-backchannel-rpinitlogout")
    def test_logout_token_ends_the_session(self, case: Case, sent: Callable[..., int]) -> None:
        assert sent() == 200
        assert not self.still_signed_in(case)

    @pytest.mark.parametrize(
        "flaw",
        [
            pytest.param(
                {"alg": "none"}, marks=suite("oidcc-client-test-rp-backchannel-rpinitlogout-alg-none")
            ),
            pytest.param(
                {"events": None}, marks=suite("oidcc-client-test-rp-backchannel-rpinitlogout-no-event")
            ),
            pytest.param(
                {"nonce": "n"}, marks=suite("oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce")
            ),
            pytest.param(
                {"alg": "HS256", "key": "a-client-secret-of-the-tests-0123456789"},
                marks=suite("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg"),
            ),
            pytest.param(
                {"aud": "web1"}, marks=suite("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud")
            ),
            pytest.param(
                {"events": {"https://example.com/event": {}}},
                marks=suite("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event"),
            ),
            pytest.param(
                {"iss": "https://tenant.example/1"},
                marks=suite("oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss"),
            ),
        ],
        ids=str,
    )
    def test_flawed_logout_token_is_refused_and_ends_nothing(
        self, case: Case, sent: Callable[..., int], flaw: dict[str, Any]
    ) -> None:
        assert sent(**flaw) == 400
        assert self.still_signed_in(case)


class TestRpInitiatedLogout:
    """A sign-out with `state`, which the provider returns, changes or leaves out."""

    @pytest.fixture
    def left(self, case: Case) -> Callable[[str], str]:
        case.configure(LOGOUT_STATE=True, LOGOUT_SENDS_ID_TOKEN=True)
        case.tenant.clients["web"].logout_urls = ["https://app.example/auth/signed-out/"]

        def leave(state: Any) -> str:
            case.tenant.settings.logout_state = state
            assert case.sign_in() == SIGNED_IN
            location = case.browser.post("/auth/logout/")["Location"]
            sent = dict(parse_qsl(urlsplit(location).query))
            assert {"state", "id_token_hint", "post_logout_redirect_uri"} <= sent.keys()
            assert case.browser.user_id is None
            back: str = case.browser.get(str(case.browser.visitor.logout(location)))["Location"]
            return back

        return leave

    @suite("oidcc-client-test-rp-init-logout")
    def test_browser_comes_back_with_the_same_state(self, left: Callable[[str], str]) -> None:
        assert left("same") == "https://app.example/"

    @suite("oidcc-client-test-rp-init-logout-other-state")
    def test_other_state_that_comes_back_is_noticed(self, left: Callable[[str], str]) -> None:
        assert left("other") == "/auth/error/logout_state_invalid/"

    @suite("oidcc-client-test-rp-init-logout-no-state")
    def test_an_authorization_response_without_state_is_noticed(self, left: Callable[[str], str]) -> None:
        assert left("none") == "/auth/error/logout_state_invalid/"


def test_every_test_of_each_plan_has_a_test_here(request: pytest.FixtureRequest) -> None:
    names = set()
    for item in request.session.items:
        names |= {name for mark in item.iter_markers("conformance") for name in mark.args}
    if len(names) < 5:
        pytest.skip("Only a run of the whole file sees all of them.")
    assert names == {name for plan in PLANS.values() for name in plan}
