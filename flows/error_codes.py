"""The contract of error codes: code, meaning, HTTP status, what the user is told, what the operator does.

Codes are stable: they stand in logs, rows and people's alerts. `docs/error-codes.md` is generated from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One line of the table.

    Attributes:
        meaning: For developers.
        status: HTTP status of the page.
        user: What the user is told, a complete sentence; translated by the Django integration.
        operator: What whoever is on call does about it.
    """

    meaning: str
    status: int
    user: str
    operator: str


def _(text: str) -> str:
    """Mark a text for `makemessages`, as `gettext_noop` does; whoever shows it translates it."""
    return text


_NOTHING: Final = "Nothing, unless it happens often."
_OUR_SIDE: Final = _(
    "Sign-in does not work right now because of a problem on our side. Please try again later."
)
_BUSY: Final = _("The sign-in service did not answer. Please try again in a moment.")
_BAD_TOKEN: Final = _("The answer of the sign-in service could not be trusted, so you are not signed in.")
_REPORT_TOKEN: Final = (
    "Compare tenant and settings; if they agree, treat it as an attack and look at the log."  # noqa: S105 - a message
)

ERROR_CODES: Final[dict[str, ErrorCode]] = {
    # The callback's form, and whose transaction it is. The row, if there is one, is not touched.
    "state_missing": ErrorCode(
        "A callback without `state`, for example from a link in an Auth0 e-mail.", 400,
        _("This address is only used while signing in. If you wanted to sign in, start again."), _NOTHING),
    "parameter_repeated": ErrorCode(
        "A parameter of the callback was sent more than once.", 400,
        _("This sign-in address is damaged. Please sign in again."), _NOTHING),
    "parameter_invalid": ErrorCode(
        "A parameter of the callback is too long, not printable, or contradicts another one.", 400,
        _("This sign-in address is damaged. Please sign in again."), _NOTHING),
    "response_incomplete": ErrorCode(
        "The callback carries neither `code` nor `error`.", 400,
        _("The sign-in service sent an incomplete answer. Please sign in again."), "Look at the tenant's log."),
    "transaction_unknown": ErrorCode(
        "No transaction has this `state`: forged, mistyped, or purged long ago.", 400,
        _("We do not know this sign-in attempt; it may be too old. Please sign in again."), _NOTHING),
    "browser_unknown": ErrorCode(
        "The callback came without the browser-binding cookie.", 403,
        _("Your browser did not send the cookie that belongs to this sign-in. Allow cookies for this site, then start again."), "If it happens often: check SameSite, Secure and the site's domain."),
    "other_browser": ErrorCode(
        "The callback came from a browser that did not start the transaction.", 403,
        _("This sign-in was started in another browser. Finish it there, or start again here."),
        "If it happens often: somebody may be passing callback links around."),
    "wrong_flow": ErrorCode(
        "The callback of one flow was called for a transaction of another kind or tenant.", 400,
        _("This sign-in address is damaged. Please sign in again."), "Check the redirect_uri settings."),
    "event_not_allowed": ErrorCode(
        "The transaction takes no such event in its state.", 409,
        _("This step is no longer possible. Please sign in again."), _NOTHING),
    "already_completed": ErrorCode(
        "The sign-in was completed earlier, and this browser is not signed in any more.", 409,
        _("This sign-in was already used. Please sign in again."), _NOTHING),
    "quarantined": ErrorCode(
        "The row was written by a release whose definition this one does not know.", 503,
        _("This sign-in cannot be finished right now. Please sign in again."),
        "Deploy the release that wrote the row, or add an upcast."),
    "in_progress": ErrorCode(
        "Another delivery of the same callback is being worked on.", 202,
        _("Signing you in…"), _NOTHING),
    "fence_lost": ErrorCode(
        "Another worker moved the row first; the late result was dropped.", 503,
        _("This sign-in is being finished elsewhere. Please reload the page."), _NOTHING),
    # What the provider said at the callback.
    "access_denied": ErrorCode(
        "The user declined, or an Action of the tenant denied access.", 403,
        _("The sign-in was cancelled."), "Look at the tenant's log if users did not decline themselves."),
    "login_required": ErrorCode(
        "`prompt=none`, and there is no session at the provider.", 401,
        _("You are not signed in at the sign-in service. Please sign in again."), _NOTHING),
    "interaction_required": ErrorCode(
        "`prompt=none`, and the user has to consent or choose something.", 401,
        _("The sign-in service needs your attention. Please sign in again."), _NOTHING),
    "sign_in_refused": ErrorCode(
        "The provider refuses this user (`unauthorized`).", 403,
        _("The sign-in service does not let this account in."), "Look at the tenant's log."),
    "request_rejected": ErrorCode(
        "The provider refused the authorization request itself.", 502, _OUR_SIDE,
        "Compare scope, audience, organization and grant types with the application in the tenant."),
    "provider_error": ErrorCode(
        "The provider reported an error of its own.", 502, _BUSY, "Look at the provider's status page."),
    "provider_busy": ErrorCode(
        "The provider asks to come back later.", 503, _BUSY, "Look at the provider's status page."),
    # Calls to the provider.
    "provider_unreachable": ErrorCode(
        "No connection to the provider: nothing was sent.", 503, _BUSY,
        "Check network, DNS and TLS from the workers to the tenant."),
    "provider_answer_lost": ErrorCode(
        "A request was sent and no answer came.", 504, _BUSY, "Check the provider's latency."),
    "provider_answer_invalid": ErrorCode(
        "The provider answered with something else than documented: HTML, empty, too large, not JSON.", 502,
        _BUSY, "Look for a proxy or an outage page between the workers and the tenant."),
    "rate_limited": ErrorCode(
        "The provider refused with 429.", 503, _("Too many people are signing in right now. Please try again in a moment."), "Raise the tenant's limits or find out who is calling."),
    "code_rejected": ErrorCode(
        "The token endpoint refused the code (`invalid_grant`): expired, used, or of another client.", 400,
        _("This sign-in took too long or was already used. Please sign in again."), _NOTHING),
    "code_exchange_lost": ErrorCode(
        "The code was sent and the answer was lost. It is not sent again: that would revoke the tokens.", 504,
        _("The sign-in service did not answer in time. Please sign in again."), "Check the provider's latency."),
    "client_rejected": ErrorCode(
        "The provider refused the client: wrong secret, assertion or grant type.", 502, _OUR_SIDE,
        "Check CLIENT_ID, CLIENT_SECRET or the private key, and the application's grant types."),
    "step_up_required": ErrorCode(
        "The provider asks for another factor (`mfa_required`).", 403,
        _("The sign-in service needs another factor. Please sign in again."), "Check the tenant's MFA policy."),
    "discovery_invalid": ErrorCode(
        "The discovery document is missing something, or is of another issuer.", 502, _OUR_SIDE,
        "Check DOMAIN or ISSUER: the issuer must match to the letter."),
    "keys_unavailable": ErrorCode(
        "The provider's keys (JWKS) could not be read.", 502, _BUSY, "Fetch the jwks_uri by hand."),
    # The ID token: one code per rule of OpenID Connect Core §3.1.3.7 and its neighbours.
    "id_token_missing": ErrorCode("The token endpoint sent no ID token.", 502, _BAD_TOKEN, "Ask for `openid`."),
    "id_token_malformed": ErrorCode("The ID token is not a JWT.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_encrypted": ErrorCode(
        "The ID token is encrypted, which is not configured.", 502, _BAD_TOKEN,
        "Turn ID-token encryption off in the tenant."),
    "id_token_algorithm": ErrorCode(
        "The ID token is signed with another algorithm than ID_TOKEN_SIGNING_ALG.", 502, _BAD_TOKEN,
        "Compare the setting with the application's JsonWebToken signature algorithm."),
    "id_token_header": ErrorCode(
        "The ID token's header brings its own key or asks for extensions (`jwk`, `jku`, `x5u`, `crit`).", 502,
        _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_key_unknown": ErrorCode(
        "No key of the provider has the ID token's `kid`, even after reading the keys again.", 502, _BAD_TOKEN,
        _REPORT_TOKEN),
    "id_token_signature": ErrorCode("The ID token's signature is wrong.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_issuer": ErrorCode("The ID token is of another issuer.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_audience": ErrorCode(
        "The ID token is for another client, or also for one that is not trusted.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_authorized_party": ErrorCode(
        "`azp` is missing or is not this client.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_expired": ErrorCode(
        "The ID token has expired.", 502, _BAD_TOKEN, "Check the workers' clocks."),
    "id_token_issued_at": ErrorCode(
        "`iat` lies in the future or too far in the past, or `nbf` in the future.", 502, _BAD_TOKEN,
        "Check the workers' clocks."),
    "id_token_claims": ErrorCode(
        "A required claim is missing or has the wrong type.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_auth_time": ErrorCode(
        "`max_age` was asked for, and the user authenticated longer ago or `auth_time` is missing.", 403,
        _("You have to prove again who you are. Please sign in again."), "Check the tenant's max_age handling."),
    "id_token_acr": ErrorCode(
        "The user was not authenticated in the way that was asked for (`acr`).", 403,
        _("The sign-in service did not check what this site asks for. Please sign in again."),
        "Check the tenant's step-up policy."),
    "id_token_at_hash": ErrorCode(
        "`at_hash` does not belong to the access token.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    # Not what was asked for.
    "issuer_mismatch": ErrorCode(
        "The callback's `iss` is not the issuer that was asked (RFC 9207).", 403, _BAD_TOKEN, _REPORT_TOKEN),
    "issuer_missing": ErrorCode(
        "The provider announces `iss` and did not send it (RFC 9207).", 403, _BAD_TOKEN, _REPORT_TOKEN),
    "nonce_mismatch": ErrorCode(
        "The ID token was issued for another sign-in.", 403, _BAD_TOKEN, _REPORT_TOKEN),
    "organization_mismatch": ErrorCode(
        "The user signed in to another organization than the one asked for.", 403,
        _("You signed in to another organization than the one you were asked to use. Please sign in again."), _NOTHING),
    "subject_mismatch": ErrorCode(
        "Another user signed in than the one asked for.", 403,
        _("You signed in with another account than the one you were asked to use. Please sign in again."), _NOTHING),
    # The account.
    "account_inactive": ErrorCode(
        "The Django user is inactive.", 403, _("This account is not active. Please contact support."),
        "Activate the user if this is wrong; signing in never does."),
    "account_refused": ErrorCode(
        "The project's backend refused the identity.", 403, _("This account may not sign in here."),
        "Look at the project's backend."),
    "account_conflict": ErrorCode(
        "A Django user with this e-mail or username exists and belongs to another identity.", 409,
        _("An account with this address exists already. Sign in the way you did before."),
        "Decide with the user which account is right; accounts are never linked by e-mail alone."),
    "sign_in_needed": ErrorCode(
        "A page was opened that only somebody who is signed in with Auth0 can use.", 403,
        _("Please sign in first."), _NOTHING),
    # Connecting an account.
    "user_changed": ErrorCode(
        "Another user is signed in than the one who started to connect the account.", 403,
        _("You are signed in as somebody else than when you started. Sign in as before, then connect the account again."), _NOTHING),
    "connect_unconfirmed": ErrorCode(
        "The answer of the completion was lost, and nobody can look any more: the sign-in's grant is over.", 503,
        _("We could not find out whether the account was connected. Sign in again and look at your list of accounts."), _NOTHING),
    "account_unidentified": ErrorCode(
        "The account is connected; who it is at its provider could not be told. It is no evidence for linking.", 200,
        _("The account is connected."), "Check PROVIDER_USERINFO and Token Vault if it happens often."),
    # Linking accounts.
    "wrong_account": ErrorCode(
        "The user proved to own another account than one of the candidates.", 403,
        _("You signed in with another account than the expected one. Please sign in again."), "Look for an account that was made by mistake."),
    "candidate_unknown": ErrorCode(
        "The form names an account that was not offered.", 400,
        _("This step is no longer possible. Please sign in again."), _NOTHING),
    "candidate_gone": ErrorCode(
        "The account to link to was deleted meanwhile; the sign-in went on without it.", 409,
        _("The other account does not exist any more."), _NOTHING),
    "newcomer_gone": ErrorCode(
        "The account that signed in was deleted, or linked to another one, meanwhile.", 409,
        _("This account was changed while you signed in. Please sign in again."), _NOTHING),
    "link_not_allowed": ErrorCode(
        "What spoke for the link does not hold any more; the sign-in went on without it.", 409,
        _("The accounts were not linked."), "Look at the note in the log; a rule changed, or an e-mail did."),
    "kept_apart": ErrorCode(
        "The user chose to keep the accounts apart.", 200,
        _("The accounts stay apart."), _NOTHING),
    # Grants, connected accounts and linked accounts: what their APIs refuse, and what became of a refresh token.
    "grant_dead": ErrorCode(
        "The provider does not take the refresh token any more (`invalid_grant`).", 401,
        _("Your access has ended. Please sign in again, then repeat what you were doing."),
        "Nothing, unless it happens often: then compare rotation and lifetimes with REFRESH_TOKEN_ROTATION."),
    "grant_missing": ErrorCode(
        "This sign-in has no refresh token.", 401,
        _("This needs a fresh sign-in. Please sign in again, then repeat what you were doing."),
        "Add `offline_access` to SCOPE."),
    "grant_in_use": ErrorCode(
        "Another worker is using the refresh token of this sign-in.", 503,
        _("Another page is busy with the same thing. Please try again in a moment."), _NOTHING),
    "refresh_lost": ErrorCode(
        "A rotating refresh token was sent and the answer was lost: the token may be spent, so it is not used again.", 504,
        _("The sign-in service did not answer. Please sign in again, then repeat what you were doing."),
        "Check the provider's latency."),
    "scope_not_granted": ErrorCode(
        "An access token lacks the scope that the call needs; the provider narrows without a word.", 502,
        _("Connecting accounts does not work right now because of a problem on our side. Please try again later."),
        "Grant the scope that the message names: the API's client grant, and the application's multi-resource refresh token policy."),
    "audience_not_granted": ErrorCode(
        "A refresh brought an access token for another API than the one asked for.", 502,
        _("Connecting accounts does not work right now because of a problem on our side. Please try again later."),
        "Activate the API, and add its audience to the application's multi-resource refresh token policy."),
    "connection_unknown": ErrorCode(
        "No accounts can be connected at this connection.", 400,
        _("Accounts of this kind cannot be connected here. Please choose another one."),
        "Enable the connection for the application, with Connected Accounts among its purposes."),
    "connect_session_over": ErrorCode(
        "The provider does not know the connect request any more, or it is another user's.", 410,
        _("Connecting the account took too long. Please connect it again."), _NOTHING),
    "connect_code_rejected": ErrorCode(
        "The provider refused the code that completes a connected account: expired, used or of another request.", 400,
        _("The account was not connected. Please connect it again."), _NOTHING),
    "provider_declined": ErrorCode(
        "The user, or the identity provider, did not agree that the account is connected.", 403,
        _("The account was not connected, because access to it was declined. Please connect it again if you want it."), _NOTHING),
    "account_not_connected": ErrorCode(
        "Token Vault has no usable token of the identity provider: never connected, disconnected, or revoked there.", 409,
        _("This account is not connected any more. Please connect it again."),
        "If it happens often: some providers give no refresh token, or let it expire within days."),
    "connected_account_unknown": ErrorCode(
        "The user has connected accounts at this connection, but not the one asked for.", 409,
        _("This account is not the one that is connected. Please connect it again."), _NOTHING),
    "token_vault_refused": ErrorCode(
        "Token Vault refused the application or its request.", 502,
        _("The connected account cannot be used right now because of a problem on our side. Please try again later."),
        "Check the Token Vault grant type, that the application is confidential and first-party, and that its refresh tokens do not rotate."),
    "provider_user_unknown": ErrorCode(
        "The identity provider did not say whose access token it is.", 502,
        _("The connected account could not be identified. Please connect it again."),
        "Check the scopes of the connection, and PROVIDER_USERINFO."),
    "my_account_token_rejected": ErrorCode(
        "The My Account API does not take the access token.", 401,
        _("Your access has ended. Please sign in again, then connect the account again."),
        "Check that the audience is `me/` at the same domain that users sign in at."),
    "management_not_configured": ErrorCode(
        "Linking needs the Management API, which is not configured or not installed.", 500,
        _("Linking accounts does not work right now because of a problem on our side. Please try again later."),
        "Install django-stateful-oauth[linking], and set MANAGEMENT_CLIENT_ID and MANAGEMENT_CLIENT_SECRET."),
    "management_refused": ErrorCode(
        "The Management API, or the token endpoint, refused the application's own credentials.", 502,
        _("Linking accounts does not work right now because of a problem on our side. Please try again later."),
        "Check MANAGEMENT_CLIENT_ID, MANAGEMENT_CLIENT_SECRET, the application's client grant, and MANAGEMENT_DOMAIN where there is a custom domain."),
    "management_scope_missing": ErrorCode(
        "The Management API's token lacks a scope.", 502,
        _("Linking accounts does not work right now because of a problem on our side. Please try again later."),
        "Add the scope that the message names to the client grant of MANAGEMENT_CLIENT_ID."),
    "link_exists": ErrorCode(
        "The Management API answered 409: the identity is linked already, here or elsewhere.", 409,
        _("These accounts cannot be linked: one of them is linked already."),
        "Look at the identities of both users in the tenant."),
    "link_refused": ErrorCode(
        "The Management API refused to link the two users.", 409,
        _("These accounts cannot be linked. Please sign in the way you did before."),
        "Look at both users in the tenant: a user with several identities is not linked to another."),
    "unlink_refused": ErrorCode(
        "The Management API refused to take the identity out: it is the user's main one.", 409,
        _("This account cannot be unlinked: it is the one that all others are linked to."), _NOTHING),
    "user_unknown": ErrorCode(
        "The tenant has no such user: deleted, or linked to another one.", 409,
        _("This account does not exist any more. Please sign in again."), "Look for the user in the tenant."),
    # Time, operators, and ourselves.
    "recovery_exhausted": ErrorCode(
        "Recovery has used up its attempts; what happened at the provider is not known.", 503,
        _("This takes longer than it should. We are looking into it."),
        "Find out what keeps the provider from answering, then retry; abandon when the row is settled by hand."),
    "transaction_expired": ErrorCode(
        "The callback came after the deadline.", 410, _("This sign-in took too long. Please sign in again."), _NOTHING),
    "superseded": ErrorCode(
        "The browser started too many sign-ins; the oldest was closed.", 410,
        _("This sign-in was replaced by a newer one. Please sign in again."), _NOTHING),
    "cancelled_by_operator": ErrorCode(
        "An operator cancelled the transaction.", 410, _("This sign-in was cancelled. Please sign in again."), _NOTHING),
    "abandoned": ErrorCode(
        "An operator gave the transaction up.", 410, _("This sign-in was cancelled. Please sign in again."), _NOTHING),
    "store_unavailable": ErrorCode(
        "The database did not take the change.", 503, _OUR_SIDE, "Check the database."),
    "internal_error": ErrorCode(
        "An exception that nobody expected; the error report has it.", 500, _OUR_SIDE, "Read the error report."),
    # Wrong calls of a project's own code: never a user's doing.
    "parameter_reserved": ErrorCode(
        "The caller tried to set an authorization parameter that the flow owns.", 500, _OUR_SIDE,
        "Mend the call: the message names the parameter."),
    "scope_invalid": ErrorCode(
        "The scope lacks `openid`.", 500, _OUR_SIDE, "Mend SCOPE."),
    "input_invalid": ErrorCode(
        "A value that a flow was started with has the wrong form.", 500, _OUR_SIDE,
        "Mend the call: the message names the value."),
}  # fmt: skip
