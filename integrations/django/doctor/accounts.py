"""The stages that look at what connecting and linking accounts need of a tenant.

The Management API is called as the application. What only a user's token can tell is asked with a grant that
the operator names, and otherwise not at all.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from stateful_oauth.django.conf import ANY_CONNECTION
from stateful_oauth.django.doctor.probe_context import TIME_LIMIT
from stateful_oauth.django.doctor.stages import Finding, Probe, failed, fine, not_probed, warning
from stateful_oauth.django.documentation import documentation
from stateful_oauth.flows.engine.errors import FlowError, ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.narrowing import granted_scope, narrowed
from stateful_oauth.flows.oauth.pkce import new_nonce
from stateful_oauth.storage.accounts import accounts_of
from stateful_oauth.storage.grants import DjangoGrantStore, newest_grant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.auth0.probes import MachineClaims
    from stateful_oauth.django.doctor.probe_context import ProbeContext
    from stateful_oauth.flows.oauth.grants import Grant
    from stateful_oauth.flows.oauth.openid import TokenResponse

NEWEST: Final = "newest"

_LINKING_SCOPES: Final = frozenset({"read:users", "update:users"})
_METADATA_SCOPE: Final = "update:users_app_metadata"
_MY_ACCOUNT_SCOPES: Final = tuple(f"{verb}:me:connected_accounts" for verb in ("create", "read", "delete"))
_POLICY: Final = (
    "In Auth0, activate the My Account API, grant its Connected Accounts scopes to the application, and add "
    "it to the application's multi-resource refresh token policy."
)
_ASK: Final = (
    "This check needs a user's token. Run `manage.py flows_doctor --grant newest`. "
    f"See {documentation('operations', 'stages-that-need-a-users-token')}."
)


def _management(context: ProbeContext) -> Iterator[Finding]:
    if not context.config.management_client_id:
        if context.settings.linking == "off":
            yield not_probed("LINKING is off, and MANAGEMENT_CLIENT_ID is not set.")
        else:
            yield failed(
                f"LINKING is {context.settings.linking}, but MANAGEMENT_CLIENT_ID is not set.",
                "Set MANAGEMENT_CLIENT_ID and MANAGEMENT_CLIENT_SECRET to a machine-to-machine application.",
            )
        return
    if find_spec("auth0") is None:
        yield failed("auth0-python is not installed.", "Install django-stateful-oauth[linking].")
    claims = context.probes.machine_token(time_limit=TIME_LIMIT)
    yield from _claims(context, claims)
    yield from _scopes(context, claims)
    context.probes.read_users(claims.token, time_limit=TIME_LIMIT)
    yield fine("The Management API finds users by email.")


def _claims(context: ProbeContext, claims: MachineClaims) -> Iterator[Finding]:
    config = context.config
    if claims.issuer is None:
        yield not_probed("The Management API token does not name its issuer.")
    elif claims.issuer != config.management_base_url:
        yield failed(
            f"The issuer of the Management API token is not {config.management_base_url}.",
            "Set MANAGEMENT_DOMAIN to the tenant's own domain, not to a custom domain.",
        )
    if claims.audience is not None and config.management_audience not in claims.audience:
        yield failed(
            f"The audience of the Management API token is not {config.management_audience}.",
            "Set MANAGEMENT_DOMAIN to the tenant's own domain, not to a custom domain.",
        )


def _scopes(context: ProbeContext, claims: MachineClaims) -> Iterator[Finding]:
    needed = set(_LINKING_SCOPES)
    if context.settings.linking_app_metadata_keys:
        needed.add(_METADATA_SCOPE)
    if claims.scopes is None:
        yield not_probed("The Management API token does not list its scopes.")
        return
    if missing := sorted(needed - claims.scopes):
        yield failed(
            f"MANAGEMENT_CLIENT_ID lacks {', '.join(missing)}.",
            f"Add {', '.join(missing)} to its client grant for the Management API.",
        )
    else:
        yield fine(f"{context.config.management_client_id} has {', '.join(sorted(needed))}.")
    if excess := sorted(claims.scopes - needed):
        shown = ", ".join(excess[:5]) + (", …" if len(excess) > 5 else "")
        yield warning(
            f"MANAGEMENT_CLIENT_ID has {len(excess)} needless scopes: {ascii(shown)[1:-1]}.",
            "Remove them from its client grant. An attacker who gets the secret could use them.",
        )


def _refresh_tokens(context: ProbeContext) -> Iterator[Finding]:
    """Refresh with a token that was never issued: harmless, as with the code of the stage `client`."""
    if "offline_access" not in context.settings.scope.split():
        if context.settings.connections:
            yield failed(
                "CONNECTIONS is set, but SCOPE lacks `offline_access`. Users cannot connect accounts.",
                "Add `offline_access` to SCOPE.",
            )
        else:
            yield not_probed("SCOPE lacks `offline_access`, so there are no refresh tokens.")
        return
    try:
        context.provider.refresh(_invented(), time_limit=TIME_LIMIT)
    except ServiceRefused as error:
        if error.code != "grant_dead":
            raise
        yield fine("The application may use refresh tokens.")
    else:
        yield failed(
            "The provider accepted a refresh token that it never issued.", "Do not use this provider."
        )


def _my_account(context: ProbeContext) -> Iterator[Finding]:
    if not context.grant:
        yield not_probed(_ASK)
        return
    if context.provider.rotates_refresh_tokens():
        yield not_probed("The application rotates refresh tokens. The check would spend the user's token.")
        return
    grant = _grant(context)
    if grant is None:
        yield not_probed("There is no such active grant. Sign in once, with `offline_access` in SCOPE.")
        return
    api, scope = context.provider.my_account, " ".join(_MY_ACCOUNT_SCOPES)
    answer = context.provider.refresh(
        grant.refresh_token, audience=api.audience, scope=scope, time_limit=TIME_LIMIT
    )
    yield from _rotation(grant, answer)
    flaw = narrowed(answer, api.audience, "")
    if flaw is not None:
        yield failed(f"A refresh returns no token for {api.audience}.", _POLICY)
        return
    granted = set(granted_scope(answer, scope).split())
    if missing := [name for name in _MY_ACCOUNT_SCOPES if name not in granted]:
        yield failed(f"A refresh for {api.audience} does not grant {', '.join(missing)}.", _POLICY)
    else:
        yield fine(f"A refresh returns a token for {api.audience} with every scope.")
    if _MY_ACCOUNT_SCOPES[1] in granted:
        yield from _connections(context, answer.access_token)


def _connections(context: ProbeContext, token: Secret) -> Iterator[Finding]:
    there = {each.name for each in context.provider.my_account.connections(token, time_limit=TIME_LIMIT)}
    if missing := sorted(set(context.settings.connections) - there - {ANY_CONNECTION}):
        yield failed(
            f"CONNECTIONS names {', '.join(missing)}, where accounts cannot be connected.",
            "In Auth0, turn on Connected Accounts for the connection, and enable it for the application.",
        )
    else:
        yield fine(f"Accounts can be connected at {len(there)} connections.")


def _rotation(grant: Grant, answer: TokenResponse) -> Iterator[Finding]:
    """Say so when the provider rotates against the settings, without losing the user's refresh token."""
    new = answer.refresh_token
    if new is None or new == grant.refresh_token:
        return
    store = DjangoGrantStore()
    kept = store.settle(grant, refresh_token=new, tokens=grant.access_tokens)
    yield failed(
        "The application rotates refresh tokens, but REFRESH_TOKEN_ROTATION is False"
        + ("." if kept else ". The user of this grant has to sign in again."),
        "Turn rotation off in the application, or set REFRESH_TOKEN_ROTATION = True.",
    )


def _token_vault(context: ProbeContext) -> Iterator[Finding]:
    if context.provider.rotates_refresh_tokens():
        yield not_probed(
            "REFRESH_TOKEN_ROTATION is True, but Token Vault needs an application without rotation."
        )
        return
    try:
        # The names of connections are not secret, and the token is invented: nothing can be handed out.
        context.provider.provider_token(_invented(), connection="google-oauth2", time_limit=TIME_LIMIT)
    except ServiceRefused as error:
        if error.code != "grant_dead":
            raise
        yield fine("The application may use Token Vault.")
    else:
        yield failed("Token Vault accepted a token that was never issued.", "Do not use this provider.")
        return
    yield from _exchange(context)


def _exchange(context: ProbeContext) -> Iterator[Finding]:
    """Get the token of an account that a user connected, and throw it away: safe to repeat."""
    if not context.grant:
        yield not_probed(_ASK)
        return
    grant = _grant(context)
    account = None if grant is None else accounts_of(grant.issuer, grant.subject).first()
    if grant is None or account is None:
        yield not_probed("The user of this grant has connected no account.")
        return
    try:
        context.provider.provider_token(
            grant.refresh_token,
            connection=account.connection,
            login_hint=account.provider_user_id or None,
            time_limit=TIME_LIMIT,
        )
    except FlowError as error:
        if error.code == "step_up_required":
            yield failed(
                f"Token Vault asks for a second factor ({error.code}): the MFA policy is Always.",
                "In Auth0, set Security > Multi-factor Auth > Policies to Never or Adaptive, and ask for MFA "
                "with an Action, or with step-up.",
            )
            return
        yield failed(
            f"Token Vault has no token for an account at {account.connection} ({error.code}).",
            "Let the user connect the account again. If many users have to, check the connection's settings.",
        )
    else:
        yield fine(f"Token Vault returns a token for an account at {account.connection}.")


def _grant(context: ProbeContext) -> Grant | None:
    if context.grant == NEWEST:
        return newest_grant(context.alias)
    grant = DjangoGrantStore().load(context.grant)
    return grant if grant is not None and grant.tenant == context.alias else None


def _invented() -> Secret:
    return Secret(f"flows-doctor-{new_nonce()}")


ACCOUNTS: Final[tuple[Probe, ...]] = (
    Probe(
        name="management",
        looks_at="Management API: credentials, the token's issuer, audience and scopes, and a look-up",
        run=_management,
        outbound=True,
    ),
    Probe(
        name="refresh_tokens",
        looks_at="the application may use refresh tokens (tried with an invented one)",
        run=_refresh_tokens,
        needs=("client",),
        outbound=True,
    ),
    Probe(
        name="my_account",
        looks_at="My Account API: the audience, scopes, and connections of a refresh (needs --grant)",
        run=_my_account,
        needs=("refresh_tokens",),
        outbound=True,
    ),
    Probe(
        name="token_vault",
        looks_at="Token Vault: the application may use it, and (with --grant) a connected account's token",
        run=_token_vault,
        needs=("refresh_tokens",),
        outbound=True,
    ),
)
