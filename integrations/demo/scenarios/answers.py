"""Answers that cannot be trusted: another issuer, another person, and an ID token that breaks a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.demo.people import ADA, GRACE, ORGANIZATION, OTHER_ORGANIZATION
from stateful_oauth.demo.scenarios.scenario import Action, Choice, Group, Scenario
from stateful_oauth.django import wiring
from stateful_oauth.emulator import MFA_POLICY, sign

if TYPE_CHECKING:
    from django.http import HttpResponse

    from stateful_oauth.demo.running import Claims, Tampering
    from stateful_oauth.demo.scenarios.visit import Visit
    from stateful_oauth.emulator import Tenant

_DAY: Final = 86_400
_ELSEWHERE: Final = "https://elsewhere.example/"


def other_person(visit: Visit) -> HttpResponse:
    """Ask for Ada, and sign in as Grace."""
    return visit.come_back(visit.start(subject=ADA.sub).signed_in_as(GRACE))


def other_organization(visit: Visit) -> HttpResponse:
    """Ask for one organization, and have the ID token name another."""
    attempt = visit.start(parameters={"organization": ORGANIZATION})
    visit.demo.tamper(attempt.asked["nonce"], _claims(org_id=OTHER_ORGANIZATION))
    return visit.come_back(attempt.signed_in_as(ADA))


def other_issuer(visit: Visit) -> HttpResponse:
    """Come back with another provider's name (RFC 9207)."""
    attempt = visit.start().signed_in_as(ADA)
    attempt.callback += f"&iss={_ELSEWHERE}"
    return visit.come_back(attempt)


def no_issuer(visit: Visit) -> HttpResponse:
    """Have the provider announce `iss`, and come back without it (RFC 9207)."""
    overrides = visit.tenant.settings.discovery_overrides
    overrides["authorization_response_iss_parameter_supported"] = True
    wiring.provider.cache_clear()
    attempt = visit.start().signed_in_as(ADA)

    def take_back() -> None:
        overrides.clear()
        wiring.provider.cache_clear()

    visit.demo.broken_until(attempt.asked["state"], take_back)
    return visit.come_back(attempt)


# ID tokens.


def _claims(**changes: Any) -> Tampering:
    """Change claims; None removes one. The token is still signed with the provider's key."""

    def tamper(claims: Claims, header: dict[str, Any]) -> None:
        del header
        for name, value in changes.items():
            claims.pop(name, None)
            if value is not None:
                claims[name] = value

    return tamper


def _shifted(**seconds: int) -> Tampering:
    """Move moments."""

    def tamper(claims: Claims, header: dict[str, Any]) -> None:
        del header
        for name, shift in seconds.items():
            claims[name] = int(claims["iat"]) + shift

    return tamper


def _header(**changes: Any) -> Tampering:
    def tamper(claims: Claims, header: dict[str, Any]) -> None:
        del claims
        header.update(changes)

    return tamper


def _verbatim(token: str) -> Tampering:
    def tamper(claims: Claims, header: dict[str, Any]) -> str:
        del claims, header
        return token

    return tamper


def _with(tampering: Tampering, **parameters: str) -> Action:
    def begin(visit: Visit) -> HttpResponse:
        attempt = visit.start(parameters=parameters)
        visit.demo.tamper(attempt.asked["nonce"], tampering)
        return visit.come_back(attempt.signed_in_as(ADA))

    return begin


def _signed(visit: Visit, claims: Claims, header: dict[str, Any]) -> str:
    tenant: Tenant = visit.tenant
    return sign(tenant, tenant.clients[str(claims["aud"])], claims, header)


def broken_signature(visit: Visit) -> HttpResponse:
    """Change one claim after signing."""
    attempt = visit.start()

    def tamper(claims: Claims, header: dict[str, Any]) -> str:
        _, _, signature = _signed(visit, claims, header).split(".")
        head, body, _ = _signed(visit, {**claims, "email": "mallory@example.com"}, header).split(".")
        return f"{head}.{body}.{signature}"

    visit.demo.tamper(attempt.asked["nonce"], tamper)
    return visit.come_back(attempt.signed_in_as(ADA))


def other_algorithm(visit: Visit) -> HttpResponse:
    """Sign with the client secret, which the site does not expect."""
    attempt = visit.start()
    visit.demo.tamper(
        attempt.asked["nonce"], lambda claims, _: _signed(visit, claims, {"alg": "HS256", "typ": "JWT"})
    )
    return visit.come_back(attempt.signed_in_as(ADA))


def no_id_token(visit: Visit) -> HttpResponse:
    """Answer with an access token alone."""
    attempt = visit.start().signed_in_as(ADA)
    answer = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 86_400}
    visit.tenant.faults.add(
        "/oauth/token", "answer", match={"code": attempt.code}, status=200, json=answer, effect=True
    )
    return visit.come_back(attempt)


ID_TOKEN_CHOICES: Final = (
    Choice(
        "nonce", "is of another sign-in (nonce)", "nonce_mismatch", _with(_claims(nonce="of-another-one"))
    ),
    Choice("issuer", "is of another issuer (iss)", "id_token_issuer", _with(_claims(iss=_ELSEWHERE))),
    Choice("audience", "is for another client (aud)", "id_token_audience", _with(_claims(aud="another"))),
    Choice("azp", "went to another client (azp)", "id_token_authorized_party", _with(_claims(azp="another"))),
    Choice("signature", "was changed after signing", "id_token_signature", broken_signature),
    Choice("algorithm", "is signed with another algorithm", "id_token_algorithm", other_algorithm),
    Choice("key", "is signed with an unknown key", "id_token_key_unknown", _with(_header(kid="unknown"))),
    Choice("header", "brings its own key", "id_token_header", _with(_header(jwk={"kty": "RSA"}))),
    Choice("expired", "has expired", "id_token_expired", _with(_shifted(exp=-_DAY))),
    Choice("issued-at", "comes from tomorrow", "id_token_issued_at", _with(_shifted(iat=_DAY, exp=2 * _DAY))),
    Choice("claims", "says nothing about who it is for", "id_token_claims", _with(_claims(sub=None))),
    Choice(
        "auth-time",
        "does not say when, though max_age was asked",
        "id_token_auth_time",
        _with(_claims(auth_time=None), max_age="60"),
    ),
    Choice(
        "acr",
        "lacks the factor that was asked for",
        "id_token_acr",
        _with(_claims(acr=None, amr=None), acr_values=MFA_POLICY),
    ),
    Choice(
        "at-hash",
        "does not belong to the access token",
        "id_token_at_hash",
        _with(_claims(at_hash="AAAAAAAAAAAAAAAAAAAAAA")),
    ),
    Choice("malformed", "is no JWT at all", "id_token_malformed", _with(_verbatim("not.a.token"))),
    Choice(
        "encrypted",
        "is encrypted",
        "id_token_encrypted",
        _with(_verbatim("eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AA.AA.AA.AA")),
    ),
    Choice("missing", "is not there", "id_token_missing", no_id_token),
)

ANSWERS: Final = Group(
    "The answer cannot be trusted",
    "The right browser comes back in time, and what it brings is not what was asked for.",
    (
        Scenario(
            slug="other-person",
            title="Another person",
            what="The site asks for Ada, by her sub, and Grace signs in.",
            codes=("subject_mismatch",),
            begin=other_person,
        ),
        Scenario(
            slug="other-organization",
            title="Another organization",
            what="The site asks for “Analytical Engines”, and the ID token says “Jacquard Looms”.",
            codes=("organization_mismatch",),
            begin=other_organization,
        ),
        Scenario(
            slug="other-issuer",
            title="Another provider's answer",
            what="The callback says that it comes from elsewhere.example, as in a mix-up attack.",
            codes=("issuer_mismatch",),
            begin=other_issuer,
        ),
        Scenario(
            slug="no-issuer",
            title="An answer without an issuer",
            what="The provider announces that it signs its callbacks with its name, and this one has none.",
            codes=("issuer_missing",),
            begin=no_issuer,
        ),
        Scenario(
            slug="id-token",
            title="The ID token breaks a rule",
            what="You sign in as Ada, and one thing is wrong with the ID token: it…",
            codes=tuple(choice.code for choice in ID_TOKEN_CHOICES),
            choices=ID_TOKEN_CHOICES,
        ),
    ),
)
