"""What a provider does to us: it is down, slow, busy, or answers nonsense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.demo.people import ADA
from stateful_oauth.demo.scenarios.scenario import Action, Group, Scenario
from stateful_oauth.django import wiring

if TYPE_CHECKING:
    from django.http import HttpResponse

    from stateful_oauth.demo.scenarios.visit import Visit
    from stateful_oauth.emulator.faults import FaultKind

_TOKEN: Final = "/oauth/token"  # noqa: S105 - a URL
_KEYS: Final = "/.well-known/jwks.json"


def _at_the_token_endpoint(kind: FaultKind, **details: Any) -> Action:
    def begin(visit: Visit) -> HttpResponse:
        attempt = visit.start().signed_in_as(ADA)
        visit.tenant.faults.add(_TOKEN, kind, match={"code": attempt.code}, **details)
        return visit.come_back(attempt)

    return begin


def provider_down(visit: Visit) -> HttpResponse:
    """Stop the emulator's server until the callback has been answered."""
    attempt, server = visit.start().signed_in_as(ADA), visit.demo.server
    visit.demo.broken_until(attempt.asked["state"], lambda: _restart(server))
    server.stop()
    return visit.come_back(attempt)


def _restart(server: Any) -> None:
    server.start()


def code_spent(visit: Visit) -> HttpResponse:
    """Have an attacker try the code first, with a verifier of their own: that spends it."""
    attempt = visit.start().signed_in_as(ADA)
    client = visit.tenant.clients[attempt.asked["client_id"]]
    visit.robot.request(
        "POST",
        _TOKEN,
        {
            "grant_type": "authorization_code",
            "client_id": client.client_id,
            "client_secret": client.client_secret or "",
            "code": attempt.code,
            "redirect_uri": attempt.asked["redirect_uri"],
            "code_verifier": "x" * 43,
        },
    )
    return visit.come_back(attempt)


def secret_changed(visit: Visit) -> HttpResponse:
    """Give the application another secret at the tenant, until the callback has been answered."""
    attempt = visit.start().signed_in_as(ADA)
    client = visit.tenant.clients[attempt.asked["client_id"]]
    secret = client.client_secret

    def change_back() -> None:
        client.client_secret = secret

    visit.demo.broken_until(attempt.asked["state"], change_back)
    client.client_secret = "another-secret-" + "x" * 32
    return visit.come_back(attempt)


def keys_gone(visit: Visit) -> HttpResponse:
    """Publish no keys, to a process that has not read them yet."""
    attempt = visit.start().signed_in_as(ADA)
    wiring.provider.cache_clear()
    fault = visit.tenant.faults.add(_KEYS, "answer", times=None, status=200, json={"keys": []})
    visit.demo.broken_until(attempt.asked["state"], lambda: visit.tenant.faults.remove(fault))
    return visit.come_back(attempt)


def discovery_of_another(visit: Visit) -> HttpResponse:
    """Have the discovery document name another issuer, to a process that has not read it yet."""
    overrides = visit.tenant.settings.discovery_overrides
    overrides["issuer"] = "https://elsewhere.example/"
    wiring.provider.cache_clear()
    try:
        return visit.go(visit.start().url)
    finally:
        overrides.clear()


def _answer_of_the_authorization_endpoint(error: str) -> Action:
    def begin(visit: Visit) -> HttpResponse:
        attempt = visit.start()
        state = attempt.asked["state"]
        visit.tenant.faults.add(
            "/authorize",
            "redirect",
            match={"state": state},
            location=f"{attempt.asked['redirect_uri']}?error={error}&state={state}",
        )
        visit.take(attempt)
        return visit.go(attempt.url)

    return begin


def bad_request(visit: Visit) -> HttpResponse:
    """Ask the provider for a connection that it does not have."""
    attempt = visit.start(parameters={"connection": "carrier-pigeon"})
    visit.take(attempt)
    return visit.go(attempt.url)


PROVIDER: Final = Group(
    "The provider fails",
    "It is the emulator that fails, for one request, over a real connection.",
    (
        Scenario(
            slug="answer-lost",
            title="The answer of the token endpoint is lost",
            what="The code is redeemed, and the connection breaks before the answer is here. The code is not "
            "sent again: that would revoke what it bought.",
            codes=("code_exchange_lost",),
            begin=_at_the_token_endpoint("lost_answer"),
        ),
        Scenario(
            slug="down",
            title="The provider is down",
            what="The provider does not accept connections when the code is to be sent.",
            codes=("provider_unreachable",),
            begin=provider_down,
        ),
        Scenario(
            slug="html",
            title="HTML instead of JSON",
            what="A gateway answers in the provider's place, with its own error page.",
            codes=("provider_answer_invalid",),
            begin=_at_the_token_endpoint("html"),
        ),
        Scenario(
            slug="rate-limited",
            title="Rate limited",
            what="The token endpoint answers 429.",
            codes=("rate_limited",),
            begin=_at_the_token_endpoint("rate_limit"),
        ),
        Scenario(
            slug="step-up",
            title="Another factor is needed",
            what="The token endpoint answers mfa_required.",
            codes=("step_up_required",),
            begin=_at_the_token_endpoint(
                "answer", status=403, json={"error": "mfa_required", "error_description": "MFA is required"}
            ),
        ),
        Scenario(
            slug="code-spent",
            title="The code is spent",
            what="An attacker sends your code first. They get nothing for it, because they lack the "
            "verifier, but the code is spent.",
            codes=("code_rejected",),
            begin=code_spent,
        ),
        Scenario(
            slug="secret-changed",
            title="The client secret was changed",
            what="The application has another secret at the tenant than in the settings.",
            codes=("client_rejected",),
            begin=secret_changed,
        ),
        Scenario(
            slug="busy",
            title="The provider asks to come back later",
            what="The sign-in page answers temporarily_unavailable.",
            codes=("provider_busy",),
            begin=_answer_of_the_authorization_endpoint("temporarily_unavailable"),
        ),
        Scenario(
            slug="server-error",
            title="The provider has an error of its own",
            what="The sign-in page answers server_error.",
            codes=("provider_error",),
            begin=_answer_of_the_authorization_endpoint("server_error"),
        ),
        Scenario(
            slug="bad-request",
            title="The provider does not take the request",
            what="The site asks for the connection “carrier-pigeon”, which the tenant does not have.",
            codes=("request_rejected",),
            begin=bad_request,
        ),
        Scenario(
            slug="keys-gone",
            title="The keys are gone",
            what="A fresh process finds no key where the provider's keys should be.",
            codes=("keys_unavailable",),
            begin=keys_gone,
        ),
        Scenario(
            slug="discovery-wrong",
            title="The tenant is another one",
            what="A fresh process reads a discovery document that names another issuer.",
            codes=("discovery_invalid",),
            begin=discovery_of_another,
        ),
    ),
)
