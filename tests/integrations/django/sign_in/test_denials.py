"""What `access_denied` means: the user declined, the provider refused, or the request was wrong."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from stateful_oauth.storage.models import TransitionRecord
from stateful_oauth.testing.browser import Browser
from tests.support.error_pages import error_code, shown
from tests.support.rows import steps, the_row

pytestmark = pytest.mark.database_in_ci

ADA = "ada@example.com"
VERIFY_FIRST = "Please verify your email before you sign in."


def denied(browser: Browser, error: str, description: str | None, state: str | None = None) -> Any:
    """Come back to the callback with an error, as the provider sends it."""
    location = browser.start()
    callback = browser.visitor.decline(location)
    parameters = {"error": error, "state": state or callback.fields["state"]}
    if description is not None:
        parameters["error_description"] = description
    return browser.client.get("/auth/callback/", parameters, secure=True, headers={"host": "app.example"})


@pytest.mark.parametrize(
    ("error", "description", "code"),
    [
        ("access_denied", None, "access_denied"),
        ("access_denied", "", "access_denied"),
        ("access_denied", "User did not authorize the request", "access_denied"),
        ("access_denied", "End-User aborted interaction", "access_denied"),
        ("access_denied", "The user has denied your application access.", "access_denied"),
        ("access_denied", "AADSTS65004: User declined to consent to access the app.", "access_denied"),
        ("access_denied", "The resource owner or authorization server denied the request.", "access_denied"),
        ("access_denied", "Permissions error", "access_denied"),
        ("access_denied", VERIFY_FIRST, "sign_in_refused"),
        ("access_denied", "Access denied by policy 7", "sign_in_refused"),
        ("access_denied", "This user was denied by the risk engine", "sign_in_refused"),
        ("access_denied", "Cannot read properties of undefined (reading 'id')", "sign_in_refused"),
        ("unauthorized", "user is blocked", "sign_in_refused"),
        ("access_denied", "user auth0|5f is not part of the org_8x organization", "organization_refused"),
        ("invalid_request", "user auth0|5f is not part of the org_8x organization", "organization_refused"),
        ("access_denied", "invitation not found or already used", "invitation_invalid"),
        ("invalid_request", "invitation not found or already used", "invitation_invalid"),
        ("invalid_request", "The invitation has expired", "invitation_invalid"),
        (
            "access_denied",
            "the specified account is not allowed to accept the current invitation",
            "invitation_invalid",
        ),
        ("access_denied", "You need an invitation to join us.", "sign_in_refused"),
        ("access_denied", "Service not found: https://api.example/", "request_rejected"),
        ("access_denied", "Service not enabled within domain: https://api.example/", "request_rejected"),
        (
            "invalid_request",
            'Client "web" is not authorized to access resource server "https://api.example/".',
            "request_rejected",
        ),
        ("invalid_request", "parameter organization is not allowed for this client", "request_rejected"),
        ("invalid_scope", "The requested scope is invalid", "request_rejected"),
    ],
)
def test_denial_is_told_apart_by_what_the_provider_says(browser, error, description, code):
    response = denied(browser, error, description)
    assert error_code(response) == code
    assert the_row().state == ("cancelled" if code == "access_denied" else "failed")
    assert browser.user_id is None


def test_an_actions_reason_reaches_the_log_of_the_transaction(browser, tenant):
    tenant.on_login = lambda user, client: VERIFY_FIRST
    callback = browser.visitor.authorize(browser.start(), ADA)
    response = browser.get(callback)
    assert shown(browser, response) == ("sign_in_refused", 403)
    assert steps()[-1] == ("awaiting_callback", "fail", "failed")
    line = TransitionRecord.objects.order_by("sequence").last()
    assert line.detail == VERIFY_FIRST
    out = StringIO()
    call_command("flow_show", str(the_row().pk), stdout=out)
    assert VERIFY_FIRST in out.getvalue()


@pytest.mark.security("S7", "S16")
def test_description_is_one_bounded_line_without_control_characters(browser):
    denied(browser, "access_denied", "Stop\r\n\x1b[31mred\u202eevil\u200b\x00 " + "a" * 5000)
    kept = TransitionRecord.objects.order_by("sequence").last().detail
    assert kept.startswith("Stop [31mredevil a")
    assert len(kept) == 300
    assert kept.isprintable()


@pytest.mark.security("S7", "S16")
def test_user_sees_no_description_without_the_setting(browser):
    response = denied(browser, "access_denied", VERIFY_FIRST)
    assert VERIFY_FIRST not in browser.opens(response).content.decode()
    assert "verify" not in response["Location"]


@pytest.mark.security("S7")
def test_setting_shows_the_description_escaped_to_its_own_browser(browser, another_browser, settings):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "SHOW_UNTRUSTED_ERROR_DESCRIPTION": True}
    response = denied(browser, "access_denied", f"<script>alert(1)</script> {VERIFY_FIRST}")
    assert "verify" not in response["Location"]
    page = browser.opens(response).content.decode()
    assert VERIFY_FIRST in page
    assert "<script>alert" not in page
    other = another_browser()
    other.start()
    assert VERIFY_FIRST not in other.opens(response).content.decode()


def test_operator_reads_the_description_escaped_in_the_admin(browser, admin_client):
    denied(browser, "access_denied", f"<script>alert(1)</script> {VERIFY_FIRST}")
    page = admin_client.get(
        f"/admin/stateful_oauth/flowtransaction/{the_row().pk}/change/", headers={"host": "app.example"}
    ).content.decode()
    assert VERIFY_FIRST in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("hidden", ["session", "cookie", "row"])
def test_description_is_kept_in_the_log_alone(browser, hidden):
    response = denied(browser, "access_denied", VERIFY_FIRST)
    places = {
        "session": str(dict(browser.client.session)),
        "cookie": str(response.cookies),
        "row": str(vars(the_row())),
    }
    assert VERIFY_FIRST not in places[hidden]
