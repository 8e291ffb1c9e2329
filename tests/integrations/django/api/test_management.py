"""The Management API for a project: the SDK's client, profiles for display, and the ping."""

from __future__ import annotations

import pytest
from auth0.management.core.api_error import ApiError
from django.core.cache import cache

from stateful_oauth.django import FlowError, management_api, readiness, user_profile

pytestmark = [pytest.mark.django_db]

ADA = "ada@example.com"
SCOPES = ["read:users", "update:users"]


@pytest.fixture
def ada(tenant):
    return tenant.users.by_email(ADA)[0].user_id


def tokens_issued(tenant):
    return tenant.requests["/oauth/token"]


class TestClient:
    def test_endpoint_of_the_sdk_is_at_hand_with_one_token_for_all_calls(self, tenant, ada):
        assert tokens_issued(tenant) == 0
        for _ in range(3):
            assert management_api().users.get(ada).email == ADA
        management_api().users.update(ada, user_metadata={"theme": "dark"})
        assert management_api().users.get(ada).user_metadata["theme"] == "dark"
        assert tokens_issued(tenant) == 1

    def test_scopes_that_are_required_are_the_tokens(self, tenant, ada):
        assert management_api(required_scopes=["read:users"]).users.get(ada).user_id == ada
        with pytest.raises(FlowError) as caught:
            management_api(required_scopes=["delete:users"]).users.delete(ada)
        assert caught.value.code == "management_scope_missing"
        assert tenant.users.get(ada)

    def test_token_that_is_not_taken_is_replaced_once(self, tenant, clock, ada):
        management_api().users.get(ada)
        clock.advance(31)
        tenant.faults.add("/api/v2/*", "answer", 1, effect=False, status=401, json={"statusCode": 401})
        assert management_api().users.get(ada).user_id == ada
        assert tokens_issued(tenant) == 2

    def test_busy_api_is_not_asked_again(self, tenant, ada):
        tenant.faults.add("/api/v2/*", "rate_limit", None)
        with pytest.raises(FlowError) as caught:
            management_api().users.get(ada)
        assert caught.value.code == "rate_limited"
        assert tenant.requests["/api/v2/users/{id}"] == 1

    def test_refusal_is_the_sdks_own_error(self, tenant):
        with pytest.raises(ApiError) as caught:
            management_api().users.get("auth0|none")
        assert caught.value.status_code == 404

    def test_site_without_the_application_is_told_so(self, tenant, settings):
        settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"MANAGEMENT_CLIENT_ID": ""}
        with pytest.raises(FlowError) as caught:
            management_api()
        assert caught.value.code == "management_not_configured"


class TestProfile:
    def test_profile_is_asked_for_once_while_it_is_young(self, tenant, clock, ada):
        assert user_profile(ada)["email"] == ADA
        tenant.users.get(ada).name = "Ada King"
        assert user_profile(ada)["name"] == "Ada Lovelace"
        assert user_profile(ada, max_age=0)["name"] == "Ada King"
        tenant.users.get(ada).name = "Countess"
        clock.advance(299)
        assert user_profile(ada)["name"] == "Ada King"
        clock.advance(1)
        assert user_profile(ada)["name"] == "Countess"

    def test_user_who_is_not_there_has_none(self, tenant):
        assert user_profile("auth0|none") is None

    @pytest.mark.security("S16")
    def test_cache_shows_nothing_of_the_profile(self, tenant, ada):
        user_profile(ada)
        assert cache._cache
        assert not [
            each for item in cache._cache.items() for each in item if ADA in str(each) or ada in str(each)
        ]

    def test_profile_of_a_lost_key_is_asked_for_again(self, tenant, settings, ada):
        user_profile(ada)
        settings.SECRET_KEY = "another-one-that-is-long-enough-for-the-tests"
        assert user_profile(ada)["email"] == ADA

    def test_cache_that_fails_is_no_fault_of_the_page(self, tenant, monkeypatch, ada):
        def fail(*args, **kwargs):
            raise ConnectionError("redis://planted")

        monkeypatch.setattr(type(cache._connections[cache._alias]), "get", fail)
        monkeypatch.setattr(type(cache._connections[cache._alias]), "set", fail)
        assert user_profile(ada)["email"] == ADA


class TestPing:
    def stages(self, scopes):
        report = readiness(required_scopes=scopes)
        names = ("m2m_token", "token_claims", "scope_grant")
        return {each.name: str(each.verdict) for each in report.stages if each.name in names}

    def test_right_application_passes_with_one_request(self, tenant):
        assert set(self.stages(SCOPES).values()) == {"ok"}
        assert sum(tenant.requests.values()) == 1

    def test_scope_that_was_not_granted_is_found(self, tenant):
        assert self.stages([*SCOPES, "delete:users"])["scope_grant"] == "failed"

    def test_wrong_secret_is_found_although_a_token_is_cached(self, tenant, ada):
        management_api().users.get(ada)
        tenant.clients["linker"].client_secret = "another-one"
        found = self.stages(SCOPES)
        assert found == {"m2m_token": "failed", "token_claims": "not probed", "scope_grant": "not probed"}
        assert management_api().users.get(ada).user_id == ada

    def test_token_of_another_domain_is_found(self, tenant, settings):
        tenant.token_reply_hook = None
        settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"MANAGEMENT_CLIENT_ID": ""}
        assert self.stages(SCOPES)["m2m_token"] == "failed"

    def test_plain_readiness_asks_no_provider(self, tenant):
        readiness()
        assert not tenant.requests
