"""What the doctor says of a tenant that nobody could sign in with, and of one that everybody can."""

from __future__ import annotations

from typing import Any

import pytest

from stateful_oauth.django.doctor import Stage, Verdict
from tests.support import tenants

STAGES = ["discovery", "signing_keys", "clock", "client", "callbacks", "logout"]


def problem(stage: Stage) -> tuple[str, str]:
    """Return message and remedy of the one finding that is not fine."""
    bad = [each for each in stage.findings if each.verdict in (Verdict.FAILED, Verdict.WARNING)]
    assert len(bad) == 1, stage
    assert bad[0].remedy.endswith("."), f"The remedy is no sentence: {bad[0].remedy!r}"
    return bad[0].message, bad[0].remedy


def test_the_doctor_finds_a_healthy_tenant_well(stages):
    found = stages()
    assert {name: str(found[name].verdict) for name in STAGES} == dict.fromkeys(STAGES, "ok"), found


def test_every_stage_says_how_long_it_took(stages):
    assert all(stage.latency > 0 for stage in stages().values())


# Discovery.


def test_the_doctor_shows_both_issuers_when_they_differ(stages, configure):
    configure(ISSUER="https://tenant.example")  # without the slash, as people copy it
    found = stages()
    message, remedy = problem(found["discovery"])
    assert "'https://tenant.example/'" in message
    assert "'https://tenant.example'" in message
    assert "ISSUER" in remedy
    for name in ("signing_keys", "client", "callbacks", "logout"):
        assert found[name].verdict is Verdict.NOT_PROBED, "It makes no sense without discovery."


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ({"code_challenge_methods_supported": ["plain"]}, "S256"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"jwks_uri": "http://elsewhere.example/keys"}, "jwks_uri"),
    ],
)
def test_a_document_that_cannot_be_used(stages, healthy, override, words):
    healthy.settings.discovery_overrides = override
    found = stages()["discovery"]
    message, _ = problem(found)
    assert words in message
    assert found.verdict is Verdict.FAILED


def test_pushed_requests_that_the_tenant_does_not_offer(stages, configure):
    configure(PUSHED_AUTHORIZATION_REQUESTS=True)
    message, remedy = problem(stages()["discovery"])
    assert "pushed_authorization_request_endpoint" in message
    assert "PAR is off" in message
    assert "PUSHED_AUTHORIZATION_REQUESTS" in remedy


@pytest.mark.parametrize(
    ("member", "words"), [("revocation_endpoint", "revo"), ("end_session_endpoint", "/v2/logout")]
)
def test_an_endpoint_that_one_can_do_without(stages, healthy, member, words):
    healthy.settings.discovery_overrides = {member: None}
    found = stages()["discovery"]
    assert found.verdict is Verdict.WARNING
    assert words in problem(found)[0]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unreachable", "provider_unreachable"),
        ("lost_answer", "provider_answer_lost"),
        ("html", "status 502"),
        ("redirect", "redirected"),
        ("rate_limit", "rate_limited"),
    ],
)
def test_the_doctor_tells_why_there_is_no_metadata(stages, healthy, fault, words):
    healthy.faults.add("/.well-known/openid-configuration", fault, times=None)
    found = stages()
    assert found["discovery"].verdict is Verdict.FAILED
    assert words in problem(found["discovery"])[0]
    assert found["clock"].verdict in (Verdict.FAILED, Verdict.OK)  # an outage page has a Date, too


def test_settings_from_which_no_provider_can_be_made(stages, configure):
    configure(CLIENT_AUTHENTICATION="private_key_jwt", PRIVATE_KEY="no key at all")
    found = stages()
    assert found["settings"].verdict is Verdict.FAILED
    assert "private_key must be" in problem(found["discovery"])[0]
    assert "no key at all" not in str(found)
    assert found["client"].verdict is Verdict.NOT_PROBED


# Keys.


def test_no_key_of_the_algorithm(stages, healthy, configure):
    configure(ID_TOKEN_SIGNING_ALG="PS256")
    found = stages()
    message, remedy = problem(found["signing_keys"])
    assert "PS256" in message
    assert "ID_TOKEN_SIGNING_ALG" in remedy
    assert found["client"].verdict is Verdict.NOT_PROBED


def test_keys_that_cannot_be_read(stages, healthy):
    healthy.faults.add("/.well-known/jwks.json", "malformed", times=None)
    assert stages()["signing_keys"].verdict is Verdict.FAILED


def test_a_shared_secret_needs_no_key(stages, healthy, configure):
    configure(ID_TOKEN_SIGNING_ALG="HS256")
    found = stages()
    assert found["signing_keys"].verdict is Verdict.OK
    assert found["client"].verdict is Verdict.OK
    assert healthy.requests["/.well-known/jwks.json"] == 0


# Clock.


@pytest.mark.parametrize(
    ("skew", "verdict"),
    [(0, "ok"), (10, "ok"), (-10, "ok"), (20, "warning"), (120, "failed"), (-120, "failed")],
)
def test_the_doctor_measures_clocks_that_differ(stages, healthy, clock, skew, verdict):
    healthy.clock.set(clock.timestamp() + skew)
    found = stages()["clock"]
    assert str(found.verdict) == verdict
    if skew and verdict != "ok":
        message, remedy = problem(found)
        assert f"{abs(skew)} s {'behind' if skew > 0 else 'ahead of'}" in message
        assert "NTP" in remedy


def test_the_doctor_tells_that_assertions_allow_less_skew(stages, healthy, configure, clock):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    healthy.clients["web"].public_keys = (public.decode(),)
    configure(CLIENT_AUTHENTICATION="private_key_jwt", PRIVATE_KEY=pem.decode())
    assert stages()["client"].verdict is Verdict.OK
    healthy.clock.set(clock.timestamp() - 15)
    found = stages()
    assert found["clock"].verdict is Verdict.FAILED
    assert found["client"].verdict is Verdict.FAILED, "And indeed the tenant refuses the assertion."


def test_an_answer_out_of_a_cache_is_as_old_as_it_says(stages, healthy):
    document = {"issuer": healthy.issuer}
    old = {"Date": "Mon, 01 Jan 2001 00:00:00 GMT"}
    from email.utils import formatdate

    old = {"Date": formatdate(healthy.clock.now() - 3600, usegmt=True), "Age": "3600"}
    healthy.faults.add(
        "/.well-known/openid-configuration", "answer", times=None, status=200, json=document, headers=old
    )
    assert stages()["clock"].verdict is Verdict.OK


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_a_provider_that_does_not_say_what_time_it_is(stages, healthy, date):
    healthy.faults.add(
        "/.well-known/openid-configuration", "answer", times=None, status=200, json={}, headers={"Date": date}
    )
    assert stages()["clock"].verdict is Verdict.NOT_PROBED


# Client credentials.


@pytest.mark.parametrize("error", ["access_denied", "invalid_client"])
def test_the_doctor_tells_a_wrong_client_secret(stages, healthy, configure, error):
    healthy.settings.wrong_secret_error = error
    configure(CLIENT_SECRET="another-secret-of-the-tests-0123456789")
    found = stages()["client"]
    message, remedy = problem(found)
    assert found.verdict is Verdict.FAILED
    assert "client_rejected" in message
    assert "CLIENT_SECRET" in remedy
    assert "another-secret" not in str(found)


def test_a_grant_type_that_is_off(stages, healthy):
    healthy.clients["web"].grant_types = ("refresh_token",)
    assert stages()["client"].verdict is Verdict.FAILED


@pytest.mark.parametrize(
    "fault", ["unreachable", "lost_answer", "html", "server_error", "rate_limit", "empty"]
)
def test_a_token_endpoint_that_does_not_answer(stages, healthy, fault):
    healthy.faults.add("/oauth/token", fault, times=None)
    assert stages()["client"].verdict is Verdict.FAILED


def test_looking_at_the_credentials_exchanges_and_revokes_nothing(stages, healthy):
    stages()
    for effect in ("code_exchanged", "code_reused", "code_burnt", "family_revoked", "session_started"):
        assert healthy.ledger.count(effect) == 0


# Callbacks.


def test_a_callback_that_is_not_allowed(stages, healthy):
    healthy.clients["web"].callbacks = ["https://app.example/auth/connect/callback/"]
    message, remedy = problem(stages()["callbacks"])
    assert "https://app.example/auth/callback/" in message
    assert "400" in message
    assert "Add https://app.example/auth/callback/ to the application's Allowed Callback URLs" in remedy


def test_each_callback_that_is_needed_is_looked_at(stages, healthy, configure):
    allowed = healthy.clients["web"].callbacks = ["https://app.example/auth/callback/"]
    configure(LINKING="confirm", CONNECTIONS={"github": {}})
    bad = [each for each in stages()["callbacks"].findings if each.verdict is Verdict.FAILED]
    assert [each.message.split()[7] for each in bad] == [
        "https://app.example/auth/connect/callback/",
        "https://app.example/auth/link/callback/",
    ]
    assert len(allowed) == 1
    configure(LINKING="off", CONNECTIONS={})
    assert stages()["callbacks"].verdict is Verdict.OK


def test_the_doctor_tells_a_client_that_is_unknown(stages, healthy, configure):
    configure(CLIENT_ID="nobody")
    found = stages()
    assert found["client"].verdict is Verdict.FAILED
    message, remedy = problem(found["client"])
    assert "knows no application nobody" in message
    assert "CLIENT_ID" in remedy
    assert "CLIENT_ID" in found["callbacks"].findings[0].remedy


def test_a_request_that_is_refused_for_what_it_asks(stages, healthy, configure):
    configure(AUTHORIZATION_PARAMETERS={"audience": "https://nowhere.example/"})
    found = stages()["callbacks"]
    message = found.findings[0].message
    assert found.verdict is Verdict.FAILED
    assert "access_denied" in message
    assert "AUTHORIZATION_PARAMETERS" in found.findings[0].remedy


def test_the_doctor_tries_callbacks_by_pushed_requests(stages, healthy, configure):
    healthy.settings.par = True
    healthy.clients["web"].require_par = True
    configure(PUSHED_AUTHORIZATION_REQUESTS=True, CONNECTIONS={"github": {}})
    assert stages()["callbacks"].verdict is Verdict.OK
    assert healthy.requests["/oauth/par"] == 2
    healthy.clients["web"].callbacks = []
    found = stages()["callbacks"]
    assert found.verdict is Verdict.FAILED
    assert "Allowed Callback URLs" in found.findings[0].remedy


def test_requests_that_have_to_be_pushed_and_are_not(stages, healthy):
    healthy.settings.par = True
    healthy.clients["web"].require_par = True
    found = stages()["callbacks"]
    assert found.verdict is Verdict.FAILED
    assert "invalid_request" in found.findings[0].message
    assert "PAR is required" in found.findings[0].message
    assert "PUSHED_AUTHORIZATION_REQUESTS" in found.findings[0].remedy


@pytest.mark.parametrize(
    ("fault", "details", "verdict"),
    [
        ("server_error", {}, "failed"),
        ("html", {}, "failed"),
        ("redirect", {"location": "https://elsewhere.example/login?secret=planted"}, "warning"),
        ("answer", {"status": 200, "json": {}}, "warning"),
        ("unreachable", {}, "failed"),
        ("redirect", {"location": "https://app.example/auth/callback/?error=<b>planted</b>"}, "failed"),
    ],
)
def test_an_authorization_endpoint_that_does_something_else(
    stages, healthy, configure, fault, details, verdict
):
    configure(SCOPE="openid")
    healthy.faults.add("/authorize", fault, times=None, **details)
    found = stages()["callbacks"]
    assert str(found.verdict) == verdict
    assert "planted" not in str(found), "It repeated what somebody else wrote."


# Logout.


@pytest.mark.parametrize("announced", [True, False])
def test_an_address_after_signing_out_that_is_not_allowed(stages, healthy, announced):
    healthy.settings.end_session_in_discovery = announced
    assert stages()["logout"].verdict is Verdict.OK
    healthy.clients["web"].logout_urls = []
    found = stages()["logout"]
    message, remedy = problem(found)
    assert found.verdict is Verdict.FAILED
    assert "https://app.example/" in message
    assert "Allowed Logout URLs" in remedy


def test_a_sign_out_that_breaks(stages, healthy):
    healthy.faults.add("/oidc/logout", "server_error", times=None)
    assert stages()["logout"].verdict is Verdict.FAILED


# Several tenants.


@pytest.fixture
def two_tenants(stages, settings):
    keys = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "SCOPE", "REFRESH_TOKEN_ROTATION")
    site = dict(settings.STATEFUL_OAUTH)
    good: dict[str, Any] = {key: site.pop(key) for key in keys}
    for key in [key for key in site if key.startswith("MANAGEMENT_") or key == "PROVIDER_USERINFO"]:
        good[key] = site.pop(key)
    settings.STATEFUL_OAUTH = {
        **site,
        "TENANTS": {"default": good, "other": {**good, "CLIENT_SECRET": "wrong"}},
    }
    return stages


def test_the_doctor_examines_one_of_several_tenants(two_tenants):
    assert two_tenants(tenants=["default"])["client"].verdict is Verdict.OK
    assert two_tenants(tenants=["other"])["client"].verdict is Verdict.FAILED


def test_a_stage_of_one_tenant_says_nothing_of_another(two_tenants, healthy):
    from stateful_oauth.django.doctor import diagnose, plan

    found = {(each.tenant, each.name): each.verdict for each in diagnose(plan()).stages}
    assert found["default", "client"] is Verdict.OK
    assert found["other", "client"] is Verdict.FAILED
    assert ("", "settings") in found
    with pytest.raises(KeyError, match="nowhere"):
        plan(["nowhere"])


def test_the_support_tenant_is_the_one_of_the_site(healthy):
    assert tenants.current == [healthy]


# Back-channel logout.


def test_the_url_to_register_for_back_channel_logout_is_shown(stages):
    (found,) = stages()["backchannel_logout"].findings
    assert "https://app.example/auth/backchannel-logout/" in found.message


def test_a_site_without_the_middleware_of_sessions_is_told(stages, settings):
    settings.MIDDLEWARE = [
        name for name in settings.MIDDLEWARE if not name.endswith("SignInSessionMiddleware")
    ]
    message, remedy = problem(stages()["backchannel_logout"])
    assert "another key" in message
    assert "stateful_oauth.django.SignInSessionMiddleware" in remedy


def test_sessions_in_cookies_cannot_be_ended_by_the_provider(stages, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    assert stages()["backchannel_logout"].verdict is Verdict.NOT_PROBED
