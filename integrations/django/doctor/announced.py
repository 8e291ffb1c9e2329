"""The stage that compares what a provider announces with what the settings ask for. It needs no user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.django.doctor.probe_context import TIME_LIMIT
from stateful_oauth.django.doctor.stages import Finding, Probe, failed, fine, not_probed, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.auth0.json_members import Members
    from stateful_oauth.django.doctor.probe_context import ProbeContext

# What a missing member means (OpenID Connect Discovery 1.0 §3).
_METHODS_BY_DEFAULT: Final = ("client_secret_basic",)
_MODES_BY_DEFAULT: Final = ("query", "fragment")
_MOST_SHOWN: Final = 12
# Profiles whose ID tokens are known to have an email, where the scope asks for it.
_HAVE_EMAIL: Final = frozenset({"auth0", "google", "cognito"})


def _announced(context: ProbeContext) -> Iterator[Finding]:
    document = context.probes.document(time_limit=TIME_LIMIT)
    if document is None:
        yield not_probed("There is no discovery document.")
        return
    found = [
        *_kind(context, document),
        *_signatures(context, document),
        *_client(context, document),
        *_requests(context, document),
        *_user_data(context, document),
    ]
    yield from found
    if not found:
        yield fine("The provider announces everything that the settings ask for.")


def _kind(context: ProbeContext, document: Members) -> Iterator[Finding]:
    own = context.config.issuer.removesuffix("/") + "/oauth/token"
    if context.config.is_auth0 and document.get("token_endpoint") != own:
        yield warning(
            "PROVIDER is auth0, and the provider's endpoints are not where Auth0 has them.",
            "Set PROVIDER to the profile of your provider, or to 'generic'.",
        )


def _signatures(context: ProbeContext, document: Members) -> Iterator[Finding]:
    wanted = context.config.id_token_signing_alg
    offered = _texts(document, "id_token_signing_alg_values_supported")
    if offered is not None and wanted not in offered:
        yield failed(
            f"ID_TOKEN_SIGNING_ALG is {wanted}. The provider announces {_list(offered)}.",
            "Choose the algorithm of the application at the provider.",
        )
    if _texts(document, "code_challenge_methods_supported") is None and context.config.pkce_without_metadata:
        yield warning(
            "The provider does not announce PKCE: PKCE_WITHOUT_METADATA vouches for it.",
            "Check its documentation: without S256, a stolen code is worth a sign-in.",
        )


def _client(context: ProbeContext, document: Members) -> Iterator[Finding]:
    method = context.config.client_auth
    offered = _texts(document, "token_endpoint_auth_methods_supported") or _METHODS_BY_DEFAULT
    if method not in offered:
        yield warning(
            f"CLIENT_AUTHENTICATION is {method}. The provider announces {_list(offered)}.",
            "Choose one of these, as in the application at the provider.",
        )
    algorithms = _texts(document, "token_endpoint_auth_signing_alg_values_supported")
    signed = {"private_key_jwt": context.config.private_key_alg, "client_secret_jwt": "HS256"}.get(method)
    if signed is not None and algorithms is not None and signed not in algorithms:
        yield warning(
            f"Assertions of the client are signed with {signed}. The provider announces {_list(algorithms)}.",
            "Choose one of these as PRIVATE_KEY_ALG, with a key that fits.",
        )


def _requests(context: ProbeContext, document: Members) -> Iterator[Finding]:
    modes = _texts(document, "response_modes_supported") or _MODES_BY_DEFAULT
    if context.config.response_mode not in modes:
        yield failed(
            f"RESPONSE_MODE is {context.config.response_mode}. The provider announces {_list(modes)}.",
            "Choose one of these.",
        )
    scopes = _texts(document, "scopes_supported")
    unknown = (
        [] if scopes is None else [each for each in context.settings.scope.split() if each not in scopes]
    )
    if unknown:
        yield warning(
            f"SCOPE has {', '.join(unknown)}, which the provider does not announce.",
            "Check its documentation: another parameter may ask for the same, as Google's access_type does.",
        )


def _user_data(context: ProbeContext, document: Members) -> Iterator[Finding]:
    when = context.config.userinfo
    if when != "never" and document.get("userinfo_endpoint") is None:
        yield failed(
            f"USERINFO is {when}, and the provider announces no userinfo_endpoint.",
            "Set USERINFO = 'never', and have the provider put email and name into the ID token.",
        )
    if (
        when == "never"
        and context.settings.provider not in _HAVE_EMAIL
        and "email" in context.settings.scope.split()
    ):
        yield warning(
            "USERINFO is never: where the provider's ID tokens have no email, users have none.",
            "Sign in once, and look at the user; or set USERINFO = 'when_missing'.",
        )


def _texts(document: Members, name: str) -> tuple[str, ...] | None:
    try:
        return document.texts(name)
    except ValueError:
        return None


def _list(values: tuple[str, ...]) -> str:
    """Return what is shown of a list from outside."""
    shown = [ascii(each)[1:-1][:40] for each in values[:_MOST_SHOWN]]
    return ", ".join(shown) if len(values) <= _MOST_SHOWN else ", ".join([*shown, "…"])


ANNOUNCED: Final[tuple[Probe, ...]] = (
    Probe(
        name="announced",
        looks_at="what the provider announces, against what the settings ask for",
        run=_announced,
        needs=("discovery",),
        outbound=True,
    ),
)
