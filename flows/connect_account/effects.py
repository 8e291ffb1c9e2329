"""The effects of connecting an account: what each asks of the provider, and which event comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stateful_oauth.flows.connect_account.inputs import ConnectAccountInputs
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import AnswerLost, RateLimited, ServiceRefused
from stateful_oauth.flows.oauth.accounts import ConnectRequest, ConnectSession, ProviderUser, RemoteAccount
from stateful_oauth.flows.oauth.my_account import CANNOT_ASK, at_my_account
from stateful_oauth.flows.oauth.pkce import code_challenge

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.services import OAuthEffectContext


@dataclass(frozen=True, slots=True)
class ConnectionRequested:
    """The provider took the request; `known` are the ids of the accounts that were there before."""

    session: ConnectSession
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConnectionIdentified:
    """Who was connected, and what that replaced.

    Attributes:
        user: None if the provider could not be asked.
        gone: The ids of accounts that are kept here and that the provider does not list any more.
    """

    user: ProviderUser | None
    gone: tuple[str, ...] = ()


def request_connection(context: OAuthEffectContext) -> Event:
    """POST the connect request to the My Account API, after noting which accounts are there already."""
    inputs, secrets = ConnectAccountInputs.of(context.transaction), context.transaction.secrets
    api = context.services.provider.my_account
    request = ConnectRequest(
        connection=inputs.connection,
        redirect_uri=inputs.redirect_uri,
        state=secrets["state"],
        code_challenge=code_challenge(secrets["code_verifier"].reveal()),
        scopes=inputs.scopes,
        authorization_params=inputs.parameters,
    )

    def ask(token: Secret) -> tuple[Sequence[RemoteAccount], ConnectSession]:
        before = api.accounts(token, connection=request.connection, time_limit=context.time_limit)
        return before, api.connect(token, request, time_limit=context.time_limit)

    before, session = at_my_account(context, inputs.grant, ask)
    return Event("connection_requested", ConnectionRequested(session, tuple(each.id for each in before)))


def complete_connection(context: OAuthEffectContext) -> Event:
    """POST the `connect_code` to the My Account API."""
    inputs, secrets = ConnectAccountInputs.of(context.transaction), context.transaction.secrets
    account = at_my_account(
        context,
        inputs.grant,
        lambda token: context.services.provider.my_account.complete(
            token,
            auth_session=secrets["auth_session"],
            connect_code=secrets["connect_code"],
            redirect_uri=inputs.redirect_uri,
            code_verifier=secrets["code_verifier"],
            time_limit=context.time_limit,
        ),
    )
    return Event("connection_completed", account)


def reread_accounts(context: OAuthEffectContext) -> Event:
    """Look for an account that was not there before; complete again where there is none.

    The code is single-use, so where it did buy an account, that one is listed. So are those that other tabs
    connected meanwhile: what is kept here already is theirs, unless there is nothing else.
    """
    inputs = ConnectAccountInputs.of(context.transaction)
    try:
        listed = _listed(context)
    except RateLimited:
        raise
    except ServiceRefused as error:
        if error.code in CANNOT_ASK:
            # Once the user has signed in again, the list of accounts tells.
            raise ServiceRefused("connect_unconfirmed", f"After a lost answer: {error.code}.") from error
        raise AnswerLost("What became of the connection could not be read.", code=error.code) from error
    kept = _kept(context)
    account = _new_account(listed, {*inputs.known, *kept}) or _new_account(listed, inputs.known)
    return complete_connection(context) if account is None else Event("connection_completed", account)


def _new_account(listed: Sequence[RemoteAccount], known: Collection[str]) -> RemoteAccount | None:
    """Return the oldest account that was not there before.

    Its age is not compared with the attempt's: the provider's clock may be another one than ours.
    """
    found = [each for each in listed if each.id not in known]
    return min(found, key=lambda each: each.created_at, default=None)


def identify_account(context: OAuthEffectContext) -> Event:
    """Ask the identity provider itself who was connected, with a token from Token Vault.

    Only the provider's own user id is evidence for linking later; an account that could not be identified is
    connected all the same. Connecting an account again, in this tab or in another, gives it a new id: the ids
    that the provider forgot are forgotten here, too.
    """
    inputs, own = ConnectAccountInputs.of(context.transaction), context.transaction.result["account"]
    connection = inputs.connection
    kept = _kept(context)
    others = kept.keys() - {own}
    gone = kept.keys() - {each.id for each in _listed(context)} if others else set()
    identified = ConnectionIdentified(None, tuple(sorted(gone)))
    if own in gone:
        return Event("account_identified", identified, "account_unidentified")
    token = context.services.tokens.provider_token(
        inputs.grant or None, connection=connection, time_limit=context.time_limit
    )
    user = context.services.provider.provider_user(
        token, connection=connection, strategy=connection, time_limit=context.time_limit
    )
    # Token Vault takes no `cac_…` id: with several accounts at one connection it chooses. What it says of an
    # account that is still connected under an id of its own is not about this one.
    if user is None or any(kept[each] == user.id for each in others - gone):
        return Event("account_identified", identified, "account_unidentified")
    return Event("account_identified", ConnectionIdentified(user, identified.gone))


def _kept(context: OAuthEffectContext) -> Mapping[str, str]:
    """Return the accounts at the connection that are kept here: the provider's user ids, by `cac_…` id."""
    inputs = ConnectAccountInputs.of(context.transaction)
    return context.services.accounts.connected(inputs.issuer, inputs.subject, connection=inputs.connection)


def _listed(context: OAuthEffectContext) -> Sequence[RemoteAccount]:
    """Return the user's connected accounts at the connection."""
    inputs = ConnectAccountInputs.of(context.transaction)
    return at_my_account(
        context,
        inputs.grant,
        lambda token: context.services.provider.my_account.accounts(
            token, connection=inputs.connection, time_limit=context.time_limit
        ),
    )
