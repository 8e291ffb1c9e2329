"""Refreshing and Token Vault against the emulated tenant: what is granted, refused, narrowed and lost."""

import base64
import json

import pytest

from stateful_oauth.auth0.unverified_claims import unverified_claims
from stateful_oauth.flows.engine.errors import RateLimited, ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.accounts import ProviderToken
from stateful_oauth.flows.oauth.errors import DeniedByAction, ProviderAnswerLost, ProviderUnreachable
from tests.support.auth0_room import GMAIL, GOOGLE, Room, refused

TOKEN = "/oauth/token"
ME = "https://tenant.example/me/"
SCOPES = {f"{verb}:me:connected_accounts" for verb in ("create", "read", "delete")}
FAULTS = [
    ("unreachable", {}, ProviderUnreachable, "provider_unreachable"),
    ("lost_request", {}, ProviderAnswerLost, "provider_answer_lost"),
    ("lost_answer", {}, ProviderAnswerLost, "provider_answer_lost"),
    ("slow", {}, ProviderAnswerLost, "provider_answer_lost"),
    ("truncated", {}, ProviderAnswerLost, "provider_answer_lost"),
    ("server_error", {}, ProviderAnswerLost, "provider_busy"),
    ("html", {}, ProviderAnswerLost, "provider_answer_invalid"),
    ("malformed", {}, ProviderAnswerLost, "provider_answer_invalid"),
    ("empty", {}, ProviderAnswerLost, "provider_answer_invalid"),
    ("huge", {}, ProviderAnswerLost, "provider_answer_invalid"),
    ("redirect", {}, ProviderAnswerLost, "provider_answer_invalid"),
    ("answer", {"status": 403, "json": {}}, ProviderAnswerLost, "provider_answer_invalid"),
    ("answer", {"status": 200, "json": {"error": "x"}}, ProviderAnswerLost, "provider_answer_invalid"),
    ("answer", {"status": 200, "json": []}, ProviderAnswerLost, "provider_answer_invalid"),
    ("rate_limit", {"reset": 60}, RateLimited, "rate_limited"),
]
FAULT_IDS = [f"{kind} {details.get('status', '')}" for kind, details, _, _ in FAULTS]


@pytest.fixture
def token(room):
    return room.refresh_token()


class TestRefresh:
    def refresh(self, room, token, **changes):
        return room.provider.refresh(token, **{"time_limit": 5.0, **changes})

    def test_a_refresh_for_another_audience_gives_its_scopes(self, room, token):
        tokens = self.refresh(room, token, audience=ME)
        assert ME in tokens.claims.audience
        assert set(tokens.scope.split()) >= SCOPES
        assert (tokens.expires_in, tokens.refresh_token) == (86_400, None)

    def test_a_refresh_for_fewer_scopes_gives_only_those(self, room, token):
        tokens = self.refresh(room, token, audience=ME, scope="openid read:me:connected_accounts")
        assert set(tokens.scope.split()) == {"openid", "read:me:connected_accounts"}

    @pytest.mark.security("B14")
    def test_nothing_that_was_not_given_is_sent(self, room, token):
        fault = room.fault("answer", TOKEN, match={"audience": "None"}, json={})
        self.refresh(room, token)
        assert fault.fired == 0
        assert room.tenant.ledger.count("refreshed", audience=None) == 1

    def test_a_refresh_that_was_narrowed_shows_it(self, room, token):
        """An audience without a policy is ignored, and a scope that is not granted is left out."""
        tokens = self.refresh(room, token, audience="https://unknown.example/")
        assert "https://unknown.example/" not in (tokens.claims.audience or ())
        room.tenant.allow_connected_accounts("web", ["read:me:connected_accounts"])
        tokens = self.refresh(room, token, audience=ME, scope=" ".join(SCOPES))
        assert set(tokens.scope.split()) == {"read:me:connected_accounts"}

    def test_a_successor_of_a_rotating_token(self):
        room = Room(client={"rotation": True})
        token = room.refresh_token()
        successor = self.refresh(room, token).refresh_token
        assert successor not in {None, token}
        self.refresh(room, successor)
        refused(ServiceRefused, "grant_dead", self.refresh, room, token)
        refused(ServiceRefused, "grant_dead", self.refresh, room, successor)

    @pytest.mark.security("T17")
    def test_t17_no_id_token_is_handed_on_unchecked(self, room, token):
        bodies = []
        room.tenant.token_reply_hook = lambda body: bodies.append(dict(body))
        assert self.refresh(room, token).id_token is None
        assert "id_token" in bodies[0]

    def test_rotation_of_refresh_tokens_is_a_setting(self):
        assert Room().provider.rotates_refresh_tokens()
        assert not Room(config={"refresh_token_rotation": False}).provider.rotates_refresh_tokens()

    @pytest.mark.parametrize("happened", ["deleted", "merged"])
    def test_a_user_who_is_gone(self, room, token, happened):
        if happened == "deleted":
            room.tenant.delete_user(room.ada)
        else:
            other = room.tenant.add_user(email="bob@example.com", connection=GOOGLE)
            provider, _, identifier = room.ada.partition("|")
            room.tenant.users.link(other.user_id, provider, identifier)
        refused(ServiceRefused, "grant_dead", self.refresh, room, token)

    def test_refreshing_with_a_revoked_token_tells_a_dead_grant(self, room, token):
        room.provider.revoke_refresh_token(token, time_limit=5)
        refused(ServiceRefused, "grant_dead", self.refresh, room, token)

    def test_refreshing_for_a_blocked_user_is_a_refused_sign_in(self, room, token):
        room.tenant.block_user(room.ada)
        refused(ServiceRefused, "sign_in_refused", self.refresh, room, token)

    @pytest.mark.parametrize(
        ("status", "error", "code"),
        [(403, "invalid_grant", "grant_dead"), (403, "mfa_required", "step_up_required"),
         (401, "mfa_required", "step_up_required"),
         (403, "unmet_authentication_requirements", "step_up_required"),
         (403, "interaction_required", "step_up_required"), (403, "login_required", "step_up_required"),
         (403, "consent_required", "step_up_required"), (401, "invalid_client", "client_rejected"),
         (401, "access_denied", "client_rejected"), (403, "access_denied", "sign_in_refused"),
         (500, "access_denied", "sign_in_refused"), (403, "unauthorized_client", "client_rejected"),
         (400, "invalid_scope", "scope_not_granted"), (400, "invalid_target", "audience_not_granted"),
         (401, "something_new", "client_rejected"), (400, "something_new", "request_rejected"),
         (400, "temporarily_unavailable", "provider_busy")],
    )  # fmt: skip
    def test_refusals_of_a_refresh_have_their_codes(self, room, token, status, error, code):
        room.fault("answer", TOKEN, status=status, json={"error": error, "error_description": "RAW-TEXT"})
        kind = DeniedByAction if status == 500 else ServiceRefused
        raised = refused(kind, code, self.refresh, room, token)
        assert "RAW-TEXT" not in str(raised)
        assert "something_new" not in str(raised)

    @pytest.mark.parametrize(("kind", "details", "error", "code"), FAULTS, ids=FAULT_IDS)
    def test_a_fault_of_a_refresh_is_typed_and_not_sent_again(self, room, token, kind, details, error, code):
        room.requests.clear()
        room.fault(kind, TOKEN, **details)
        raised = refused(error, code, self.refresh, room, token)
        assert room.requests[TOKEN] <= 1, "it is never sent again"
        if isinstance(raised, RateLimited):
            assert 59 <= raised.retry_at.timestamp() - room.tenant.clock.now() <= 60

    def test_the_code_grant_keeps_its_own_meaning(self, room):
        room.fault("answer", TOKEN, status=403, json={"error": "invalid_grant"})
        refused(
            ServiceRefused, "code_rejected", room.provider.exchange_code, code=Secret("c"),
            redirect_uri="https://app.example/", code_verifier=Secret("v"), time_limit=5,
        )  # fmt: skip

    def test_a_refresh_without_time_left_is_not_sent(self, room, token):
        room.requests.clear()
        refused(ProviderUnreachable, "provider_unreachable", self.refresh, room, token, time_limit=0)
        assert room.requests[TOKEN] == 0


class TestTokenVault:
    def ask(self, room, token, **changes):
        asked = {"connection": GOOGLE, "time_limit": 5.0, **changes}
        return room.provider.provider_token(token, **asked)

    @pytest.fixture
    def account(self, room):
        return room.tenant.connect_account(room.ada, GMAIL)

    def test_the_token_vault_gives_a_token_of_the_provider(self, room, token, account):
        found = self.ask(room, token)
        assert isinstance(found, ProviderToken)
        assert found.scope == "openid profile email"
        assert found.expires_at.timestamp() == pytest.approx(room.tenant.clock.now() + 3600, abs=1)
        assert room.tenant.vault.holder(found.value.reveal()) is account
        self.ask(room, token)  # nothing is spent
        assert room.tenant.ledger.count("vault_token_issued", user_id=room.ada) == 2

    def test_the_token_vault_gives_the_account_that_is_hinted(self, room, token, account):
        room.tenant.add_user(email="other@gmail.example", connection=GOOGLE, signed_up=False)
        other = room.tenant.connect_account(room.ada, "other@gmail.example")
        for row in (account, other):
            for hint in (row.provider_user_id, row.email):
                found = self.ask(room, token, login_hint=hint)
                assert room.tenant.vault.holder(found.value.reveal()) is row
        refused(ServiceRefused, "connected_account_unknown", self.ask, room, token, login_hint="nobody")

    def test_the_token_vault_tells_an_account_that_was_never_connected(self, room, token):
        refused(ServiceRefused, "account_not_connected", self.ask, room, token)

    def test_the_token_vault_tells_an_account_revoked_at_its_provider(self, room, token, account):
        room.tenant.vault.revoke_at_provider(account.id)
        refused(ServiceRefused, "account_not_connected", self.ask, room, token)

    def test_the_token_vault_tells_a_dead_grant(self, room, token, account):
        room.provider.revoke_refresh_token(token, time_limit=5)
        refused(ServiceRefused, "grant_dead", self.ask, room, token)

    def test_the_token_vault_tells_that_step_up_is_required(self, room, token, account):
        room.tenant.settings.mfa_always = True
        refused(ServiceRefused, "step_up_required", self.ask, room, token)

    def test_the_token_vault_refuses_an_application_that_rotates(self):
        room = Room(client={"rotation": True})
        room.tenant.connect_account(room.ada, GMAIL)
        token = room.refresh_token()
        refused(ServiceRefused, "token_vault_refused", self.ask, room, token)
        room.provider.refresh(token, time_limit=5)  # the refusal has not spent it

    def test_the_grant_type_is_not_enabled(self, room, token, account):
        room.tenant.clients["web"].grant_types = ("authorization_code", "refresh_token")
        refused(ServiceRefused, "token_vault_refused", self.ask, room, token)

    @pytest.mark.parametrize(
        ("status", "error", "code"),
        [(401, "federated_connection_refresh_token_not_found", "account_not_connected"),
         (401, "federated_connection_refresh_token_flow_failed", "account_not_connected"),
         (401, "tokenset_not_found", "account_not_connected"),
         (401, "user_not_found", "connected_account_unknown"), (403, "invalid_grant", "grant_dead"),
         (401, "mfa_required", "step_up_required"), (403, "interaction_required", "step_up_required"),
         (403, "unauthorized_client", "token_vault_refused"), (403, "access_denied", "token_vault_refused"),
         (401, "access_denied", "token_vault_refused"), (500, "access_denied", "sign_in_refused"),
         (400, "invalid_request", "token_vault_refused"),
         (401, "something_new", "token_vault_refused"), (400, "something_new", "token_vault_refused"),
         (400, "server_error", "provider_error")],
    )  # fmt: skip
    def test_refusals_of_the_token_vault_have_their_codes(self, room, token, status, error, code):
        room.fault("answer", TOKEN, status=status, json={"error": error, "error_description": "RAW-TEXT"})
        kind = DeniedByAction if status == 500 else ServiceRefused
        raised = refused(kind, code, self.ask, room, token)
        assert "RAW-TEXT" not in str(raised)
        assert "something_new" not in str(raised)

    @pytest.mark.parametrize(("kind", "details", "error", "code"), FAULTS, ids=FAULT_IDS)
    def test_a_fault_of_the_token_vault_is_typed(self, room, token, account, kind, details, error, code):
        room.fault(kind, TOKEN, **details)
        refused(error, code, self.ask, room, token)

    @pytest.mark.parametrize(
        "changes",
        [{"access_token": ""}, {"access_token": 7}, {"token_type": "N_A"}],
        ids=str,
    )
    def test_members_of_a_vault_response_have_to_be_of_their_types(self, room, token, account, changes):
        room.tenant.token_reply_hook = lambda body: body.update(changes)
        refused(ProviderAnswerLost, "provider_answer_invalid", self.ask, room, token)


class TestUnverifiedClaims:
    def jwt(self, payload):
        encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
        return Secret(f"eyJhbGciOiJSUzI1NiJ9.{encoded}.c2ln")

    @pytest.mark.parametrize(
        ("audience", "expected"),
        [("https://a/", ("https://a/",)), (["https://a/", "b"], ("https://a/", "b")), ([], ()), (None, None),
         (7, None),
         ([7], None), ({"a": 1}, None)],
    )  # fmt: skip
    def test_the_audience_of_an_unverified_token_is_read(self, audience, expected):
        assert unverified_claims(self.jwt({"aud": audience})).audience == expected

    def test_the_scope_of_an_unverified_token_is_read_as_text_only(self):
        assert unverified_claims(self.jwt({"scope": "a b"})).scope == {"a", "b"}
        assert unverified_claims(self.jwt({"scope": ["a"]})).scope is None

    @pytest.mark.parametrize(
        "token", ["opaque", "a.b", "a.b.c", "a.!.c", "a.e30.c.d.e", "..", "a.W10.c", "x" * 20_000, "ä.ä.ä"]
    )
    def test_what_is_no_jwt_says_nothing(self, token):
        assert unverified_claims(Secret(token)).audience is None
        assert unverified_claims(Secret(token)).scope is None
