"""The effects of linking accounts: what each asks of the provider, and with which event it comes back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.account_linking.candidates import check_still_allowed, evidence_of
from stateful_oauth.flows.account_linking.inputs import AccountLinkingInputs, KeptIdentity
from stateful_oauth.flows.account_linking.metadata import (
    app_metadata_to_add,
    still_missing,
    user_metadata_to_add,
)
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import AnswerLost, FlowError, Mismatch, RateLimited, ServiceRefused
from stateful_oauth.flows.oauth.authorization_code import granted, request_of
from stateful_oauth.flows.oauth.errors import AccountRefused, ProviderUnreachable
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.flows.oauth.services import account_caller
from stateful_oauth.flows.oauth.sign_in import AccountResolved, SignIn, check_may_finish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.flows.engine.transaction import Json, Transaction
    from stateful_oauth.flows.oauth.accounts import ProfileIdentity, UserProfile
    from stateful_oauth.flows.oauth.openid import AuthorizationRequest
    from stateful_oauth.flows.oauth.services import OAuthEffectContext

# Refusals of a sign-in that was good when it began.
_TOO_LATE: Final = frozenset({"signed_out", "sign_in_held_too_long", "sign_in_outdated"})
# Refusals that say something of the two accounts, and not of the application or the request.
_ABOUT_THE_ACCOUNTS: Final = frozenset({"link_exists", "link_refused", "user_unknown"})


@dataclass(frozen=True, slots=True)
class ProfilesRead:
    """Both accounts as they are before the link.

    Attributes:
        identity: The secondary's main identity.
        metadata: What the primary will get: `user_metadata` and `app_metadata`.
        evidence: What the decision stands on; nothing secret.
        secondary_user: The Django user of the account that will be gone, as text, or None.
    """

    identity: ProfileIdentity
    metadata: dict[str, Any] = field(repr=False)
    evidence: dict[str, Json] = field(repr=False)
    secondary_user: str | None = None


def authorization_request(transaction: Transaction) -> AuthorizationRequest:
    """Build the request that asks for the account that was there first, and for nothing remembered.

    `prompt=login` and `max_age=0`: another person at a signed-in browser confirms nothing. The
    email goes along only if the newcomer has the same one; the visitor sees any other email masked.
    """
    inputs = AccountLinkingInputs.of(transaction)
    expected = inputs.candidate(inputs.expected)
    parameters = {**inputs.parameters, "prompt": "login", "max_age": "0"}
    if expected.connection:
        parameters["connection"] = expected.connection
    if expected.email and expected.email == inputs.newcomer.email:
        parameters["login_hint"] = expected.email
    return request_of(transaction, inputs, parameters)


def push_request(context: OAuthEffectContext) -> Event:
    """POST the authorization request to the provider (RFC 9126)."""
    pushed = context.services.provider.push_authorization_request(
        authorization_request(context.transaction), time_limit=context.time_limit
    )
    return Event("request_pushed", pushed)


def verify_primary(context: OAuthEffectContext) -> Event:
    """POST the code to the token endpoint, and check that it is one of the accounts that were there first."""
    inputs = AccountLinkingInputs.of(context.transaction)
    parameters = inputs.parameters
    sign_in = granted(
        context,
        # Since the redirect, whatever `max_age` the browser made of it. How long the way back took, by a
        # second factor say, is no matter.
        asked_at=datetime.fromisoformat(inputs.asked_at),
        acr_values=tuple(parameters.get("acr_values", "").split()),
        organization=parameters.get("organization"),
    )
    if sign_in.identity.subject not in {each.user_id for each in inputs.candidates}:
        raise Mismatch("wrong_account", "Another account than the expected one signed in.")
    standing = account_caller(context.caller).standing_of(sign_in.identity)
    return Event("primary_verified", sign_in.held(standing))


def read_profiles(context: OAuthEffectContext) -> Event:
    """GET both accounts by id, and check once more that they may be linked.

    The decision stood on earlier reads, and the user may have been asked in between.
    """
    inputs = AccountLinkingInputs.of(context.transaction)
    management = context.services.provider.management
    primary = management.user(inputs.primary, time_limit=context.time_limit)
    if primary is None:
        raise ServiceRefused("candidate_gone", "The account to link to does not exist any more.")
    newcomer = management.user(inputs.newcomer.user_id, time_limit=context.time_limit)
    if newcomer is None or newcomer.main is None:
        inside = _inside(primary, inputs.newcomer.user_id)
        if inside is None:
            # Another tab may have linked it between the two reads.
            primary = management.user(inputs.primary, time_limit=context.time_limit) or primary
            inside = _inside(primary, inputs.newcomer.user_id)
        if inside is None:
            raise ServiceRefused("newcomer_gone", "The account that signed in does not exist any more.")
        found = ProfilesRead(inside, _nothing(), evidence_of(inputs, primary, None), _secondary_user(context))
        return Event("accounts_linked", found)
    check_still_allowed(context, primary, newcomer)
    metadata = {
        "user_metadata": user_metadata_to_add(primary, newcomer),
        "app_metadata": app_metadata_to_add(primary, newcomer, inputs.linking.app_metadata),
    }
    evidence = evidence_of(inputs, primary, newcomer)
    return Event("profiles_read", ProfilesRead(newcomer.main, metadata, evidence, _secondary_user(context)))


def _secondary_user(context: OAuthEffectContext) -> str | None:
    inputs = AccountLinkingInputs.of(context.transaction)
    return context.services.accounts.user_of(inputs.issuer, inputs.newcomer.user_id)


def _nothing() -> dict[str, Any]:
    return {"user_metadata": {}, "app_metadata": {}}


def _inside(primary: UserProfile, user_id: str) -> ProfileIdentity | None:
    """Return the identity of the primary that an Auth0 user id names, or None."""
    return next((each for each in primary.identities if f"{each.provider}|{each.user_id}" == user_id), None)


def link_accounts(context: OAuthEffectContext) -> Event:
    """Read both accounts, judge them anew, and POST the secondary's identity to the primary.

    The decision stands on reads of an earlier moment. What cannot be read now is not linked: nothing was
    sent yet, so there is nothing to find out.
    """
    try:
        accounts = _accounts_now(context)
    except (AnswerLost, ProviderUnreachable) as error:
        raise FlowError(error.code, "The accounts could not be read before the link.") from error
    return _link(context, accounts)


def reread_link(context: OAuthEffectContext) -> Event:
    """GET both accounts: they tell whether the link happened. Where it did not, judge them anew and link.

    If both accounts have one email, these are two calls, which fit into Auth0's smallest rate limit.
    """
    try:
        accounts = _accounts_now(context)
    except RateLimited:
        raise
    except ServiceRefused as error:
        # That it cannot be read does not say that it did not happen.
        raise AnswerLost("What became of the link could not be read.", code=error.code) from error
    return _link(context, accounts)


@dataclass(frozen=True, slots=True)
class _Accounts:
    """Both accounts as they are now, None for one that is gone, and all users with the newcomer's email."""

    primary: UserProfile | None
    newcomer: UserProfile | None
    same_email: Sequence[UserProfile]


def _accounts_now(context: OAuthEffectContext) -> _Accounts:
    """Read both accounts, and those with the newcomer's email: mostly in one call.

    `users-by-email` is as consistent as reading by id. What it does not show is read by id. The newcomer
    comes last, because the link takes away what says that it is blocked; one that is gone may be inside.
    """
    inputs = AccountLinkingInputs.of(context.transaction)
    management, limit = context.services.provider.management, context.time_limit
    email, newcomer_id = inputs.newcomer.email, inputs.newcomer.user_id
    is_listed = bool(email) and inputs.candidate(inputs.primary).email == email
    primary = None if is_listed else management.user(inputs.primary, time_limit=limit)
    listed = management.users_by_email(email, time_limit=context.time_limit) if email else ()
    known = {profile.user_id: profile for profile in listed}
    newcomer = known.get(newcomer_id) or management.user(newcomer_id, time_limit=context.time_limit)
    if newcomer is not None:
        primary = known.get(inputs.primary) or primary
    if newcomer is None or primary is None:
        primary = management.user(inputs.primary, time_limit=context.time_limit)
    return _Accounts(primary, newcomer, listed)


def _link(context: OAuthEffectContext, accounts: _Accounts) -> Event:
    """Link, unless it is done already, or must not be done any more.

    What a refusal means, both accounts tell: an earlier attempt, or another browser, may have linked them.

    Raises:
        ServiceRefused: `newcomer_gone`, `candidate_gone`, `newcomer_blocked` or `link_not_allowed`.
        AccountRefused: The project does not let the account in that the user would be signed in as, or the
            sign-in is over: `sign_in_held_too_long`, `sign_in_outdated`.
    """
    inputs = AccountLinkingInputs.of(context.transaction)
    management = context.services.provider.management
    identity, primary, newcomer = _identity(inputs), accounts.primary, accounts.newcomer
    if primary is not None and primary.has(identity):
        return _linked(context)
    if newcomer is None:
        raise ServiceRefused("newcomer_gone", "The account that signed in is none of its own any more.")
    if primary is None:
        raise ServiceRefused("candidate_gone", "The account to link to does not exist any more.")
    check_still_allowed(context, primary, newcomer, accounts.same_email)
    check_may_finish(context.transaction, inputs.until, now=context.clock.now())
    # Asked before, and with all claims: a link for a user who may not sign in is of no use.
    account_caller(context.caller).check_may_sign_in(_sign_in_after(context.transaction).identity)
    try:
        management.link(
            inputs.primary,
            provider=identity.provider,
            user_id=identity.user_id,
            time_limit=context.time_limit,
        )
    except ServiceRefused as error:
        if error.code not in _ABOUT_THE_ACCOUNTS:
            raise
        refused = error
    else:
        return _linked(context)
    primary = _read_back(context, inputs.primary)
    if primary is None:
        raise ServiceRefused("candidate_gone", "The account to link to does not exist any more.")
    if primary.has(identity):
        return _linked(context)
    if _read_back(context, inputs.newcomer.user_id) is None:
        raise ServiceRefused("newcomer_gone", "The account that signed in is none of its own any more.")
    raise refused


def _read_back(context: OAuthEffectContext, user_id: str) -> UserProfile | None:
    try:
        return context.services.provider.management.user(user_id, time_limit=context.time_limit)
    except RateLimited:
        raise
    except ServiceRefused as error:
        # That it cannot be read does not say that it did not happen.
        raise AnswerLost("What became of the link could not be read.", code=error.code) from error


def _identity(inputs: AccountLinkingInputs) -> ProfileIdentity:
    return (inputs.identity or KeptIdentity()).identity()


def _linked(context: OAuthEffectContext) -> Event:
    inputs, secrets = AccountLinkingInputs.of(context.transaction), context.transaction.secrets
    metadata = json.loads(secrets["metadata"].reveal())
    return Event("accounts_linked", ProfilesRead(_identity(inputs), metadata, dict(inputs.evidence)))


def merge_metadata(context: OAuthEffectContext) -> Event:
    """PATCH the primary with what only the secondary had, and with nothing that the primary has by now.

    What the secondary had is known from before the link. What the primary has is read right before each try:
    Auth0 has no conditional PATCH, and it replaces a first-level member as a whole. It is read again after
    writing, and what is missing by then is written once more.

    Raises:
        ServiceRefused: `user_unknown`: the primary is gone. `metadata_refused`: the profile would be larger
            than Auth0 allows.
    """
    snapshot = json.loads(context.transaction.secrets["metadata"].reveal())
    if not any(snapshot.values()):
        return Event("metadata_merged")
    management = context.services.provider.management
    primary_id = AccountLinkingInputs.of(context.transaction).primary
    primary = management.user(primary_id, time_limit=context.time_limit)
    if primary is None:
        raise ServiceRefused("user_unknown", "The account that stays does not exist any more.")
    keys = account_caller(context.caller).linking_choices(context.transaction.tenant).app_metadata
    missing = still_missing(primary, snapshot, keys)
    if not any(missing.values()):
        return Event("metadata_merged")
    _write(context, primary_id, missing)
    # Another application may have written the whole of it at the same time, and so over ours: once more.
    written = management.user(primary_id, time_limit=context.time_limit)
    lost = {} if written is None else still_missing(written, snapshot, keys)
    if any(lost.values()):
        _write(context, primary_id, lost)
    return Event("metadata_merged")


def _write(context: OAuthEffectContext, primary_id: str, missing: dict[str, dict[str, Any]]) -> None:
    try:
        context.services.provider.management.update_metadata(
            primary_id, **missing, time_limit=context.time_limit
        )
    except ServiceRefused as error:
        if error.code != "request_rejected":
            raise
        # It is well-formed, so it is the profile that would be too large (docs/auth0-contract.md §8.2).
        raise ServiceRefused("metadata_refused", "The metadata was not taken.") from error


def resolve_primary(context: OAuthEffectContext) -> Event:
    """Find or make the Django user of the account that stays, in the settle transaction."""
    inputs, sign_in = AccountLinkingInputs.of(context.transaction), _sign_in_after(context.transaction)
    try:
        check_may_finish(context.transaction, inputs.until, now=context.clock.now())
        user = account_caller(context.caller).resolve_account(
            sign_in.identity, tenant=context.transaction.tenant
        )
    except AccountRefused as error:
        if error.code not in _TOO_LATE:
            raise
        # The accounts are one all the same, and what that means for the secondary's user is settled with it.
        _tell_of_link(context, context.services.accounts.user_of(inputs.issuer, inputs.primary))
        return Event("fail", error, error.code)
    _tell_of_link(context, user.id)
    resolved = AccountResolved(sign_in=sign_in, user=user, link_checked=True)
    return Event("account_resolved", resolved, context.transaction.code, user.note)


def _tell_of_link(context: OAuthEffectContext, primary: str | None) -> None:
    secondary = AccountLinkingInputs.of(context.transaction).secondary_user
    if primary is not None and secondary is not None and secondary != primary:
        account_caller(context.caller).accounts_linked(primary=primary, secondary=secondary)


def _sign_in_after(transaction: Transaction) -> SignIn:
    """Return what the user is signed in with once the accounts are one."""
    inputs, secrets = AccountLinkingInputs.of(transaction), transaction.secrets
    if "primary_sign_in" in secrets:
        return SignIn.from_secret(secrets["primary_sign_in"])
    return _signed_in_as(inputs, SignIn.from_secret(secrets["sign_in"]))


def _signed_in_as(inputs: AccountLinkingInputs, newcomer: SignIn) -> SignIn:
    """Return the primary as signed in through the identity that is part of it from now on.

    Without the newcomer's refresh token: the user that it was issued for does not exist any more.
    """
    claims = {
        "email": inputs.candidate(inputs.primary).email,
        "email_verified": inputs.evidence["primary_email_verified"],
    }
    if newcomer.identity.sid:
        claims["sid"] = newcomer.identity.sid
    identity = VerifiedIdentity(
        issuer=newcomer.identity.issuer,
        subject=inputs.primary,
        claims=claims,
        came_with=newcomer.identity.claims,
        obtained_at=newcomer.identity.obtained_at,
    )
    return SignIn(identity=identity)


def resolve_newcomer(context: OAuthEffectContext) -> Event:
    """Find or make the Django user of the account that the user came with, in the settle transaction.

    Where that account is none any more, it is the one that the user has proved.

    Raises:
        AccountRefused: `signed_out`, `sign_in_held_too_long`, or as `Caller.resolve_account`.
        ServiceRefused: `newcomer_gone`: it was linked to another one meanwhile, in another browser say.
    """
    inputs, secrets = AccountLinkingInputs.of(context.transaction), context.transaction.secrets
    is_linked, until = context.services.accounts.is_linked, inputs.held_until
    sign_in = SignIn.from_secret(secrets["sign_in"])
    is_gone = getattr(context.payload, "code", "") == "newcomer_gone"
    if is_gone or is_linked(inputs.issuer, sign_in.identity.subject):
        # In two browsers two different primaries may be proved: who proved an account is signed in with it.
        proved = secrets.get("primary_sign_in")
        if proved is None or is_linked(inputs.issuer, inputs.primary):
            raise ServiceRefused("newcomer_gone", "The account that signed in is one with another by now.")
        sign_in, until = SignIn.from_secret(proved), inputs.until
    check_may_finish(context.transaction, until, now=context.clock.now())
    user = account_caller(context.caller).resolve_account(sign_in.identity, tenant=context.transaction.tenant)
    # Who was asked and said no is not asked again. Where the link failed, or an operator ended it, the next
    # sign-in looks again.
    asked = not isinstance(context.payload, FlowError) and context.caller.actor.kind != "operator"
    resolved = AccountResolved(sign_in=sign_in, user=user, link_checked=asked)
    return Event("account_resolved", resolved, context.transaction.code, user.note)
