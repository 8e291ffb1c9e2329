"""Callbacks that cannot be verified, grants of users, and a Management API at a host of its own."""

from __future__ import annotations

import pytest

from tests.integrations.emulator.conftest import API, SECRET, manage

CANONICAL = "canonical.example"


@pytest.fixture
def on_loopback(desk):
    """A callback on this machine, as every project has while it is developed."""
    desk.tenant.settings.unverifiable_callback_prompt = True
    desk.tenant.clients["web"].callbacks = ["http://127.0.0.1:8000/callback/", "com.example.app://callback"]
    return desk


def location(desk, callback="http://127.0.0.1:8000/callback/", **params):
    return desk.location(redirect_uri=callback, **params)


@pytest.mark.parametrize("callback", ["http://127.0.0.1:8000/callback/", "com.example.app://callback"])
def test_user_confirms_a_callback_that_cannot_be_verified(on_loopback, callback):
    visitor = on_loopback.tenant.visitor()
    assert "code" in visitor.authorize(location(on_loopback, callback), "ada@example.com").fields
    declined = visitor.authorize(location(on_loopback, callback), consent=False).fields
    assert declined["error"] == "access_denied", "It is asked every time, and may be declined."


def test_silent_sign_in_at_a_loopback_callback_fails(on_loopback):
    visitor = on_loopback.tenant.visitor()
    visitor.authorize(location(on_loopback), "ada@example.com")
    fields = visitor.authorize(location(on_loopback, prompt="none")).fields
    assert fields["error"] == "interaction_required"
    on_loopback.tenant.settings.unverifiable_callback_prompt = False
    assert "code" in visitor.authorize(location(on_loopback, prompt="none")).fields


def test_callback_on_the_web_is_not_asked_about(desk):
    desk.tenant.settings.unverifiable_callback_prompt = True
    visitor = desk.tenant.visitor()
    visitor.authorize(desk.location(), "ada@example.com")
    assert "code" in visitor.authorize(desk.location(prompt="none")).fields


def test_api_without_a_user_grant_is_refused_at_the_callback(desk):
    desk.tenant.settings.user_grants = True
    visitor = desk.tenant.visitor()
    fields = visitor.authorize(desk.location(audience=API), "ada@example.com").fields
    assert fields["error"] == "invalid_request"
    assert fields["error_description"] == f'Client "web" is not authorized to access resource server "{API}".'
    desk.tenant.add_client_grant("web", API)
    assert "code" in visitor.authorize(desk.location(audience=API), "ada@example.com").fields


def test_management_token_is_worth_nothing_at_another_host(desk):
    admin = manage(desk)
    desk.tenant.use_canonical_domain(CANONICAL)
    assert admin("GET", "/users/auth0|ada").status_code == 401
    application = desk.http
    application.mount(f"https://{CANONICAL}", desk.tenant.adapter())
    form = {
        "grant_type": "client_credentials",
        "client_id": "other",
        "client_secret": SECRET,
        "audience": f"https://{CANONICAL}/api/v2/",
    }
    here = application.post(f"https://{CANONICAL}/oauth/token", data=form, timeout=5).json()["access_token"]
    there = desk.http.post(desk.url("/oauth/token"), data=form, timeout=5).json()["access_token"]

    def status(token, base):
        headers = {"Authorization": f"Bearer {token}"}
        return application.get(f"{base}/api/v2/users/auth0|ada", headers=headers, timeout=5).status_code

    assert status(here, f"https://{CANONICAL}") == 200
    assert status(there, f"https://{CANONICAL}") == 401
    assert status(here, desk.tenant.base_url) == 401
