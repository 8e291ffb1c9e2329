"""The contract of error codes: code, meaning, HTTP status, what the user is told, what the operator does.

Codes are stable: logs, rows, and your alerts refer to them. `docs/error-codes.md` is generated from this table.
"""

from __future__ import annotations

from typing import Final

from stateful_oauth.flows.engine.declaration import gettext_noop as _
from stateful_oauth.flows.error_code import ErrorCode
from stateful_oauth.flows.error_codes_of_apis import ACCESS_TOKEN_CODES

__all__ = ["ERROR_CODES", "ErrorCode"]

_NOTHING: Final = "Nothing, unless it happens often."
_OUR_SIDE: Final = _(
    "Sign-in does not work right now because of a problem on our side. Please try again later."
)
_BUSY: Final = _("The sign-in service did not respond. Please try again in a moment.")
_BAD_TOKEN: Final = _("We could not verify the response from the sign-in service, so you are not signed in.")
_REPORT_TOKEN: Final = (
    "Compare the tenant with your settings. If they match, treat this as an attack and check the log."  # noqa: S105 - a message
)

ERROR_CODES: Final[dict[str, ErrorCode]] = {
    # The form of the callback, and the browser it comes from. The row, if there is one, is not touched.
    "state_missing": ErrorCode(
        "The callback has no `state`. For example, it was opened from a link in an Auth0 email.", 400,
        _("This page is only used during sign-in. To sign in, start again."), _NOTHING),
    "parameter_repeated": ErrorCode(
        "The callback repeats a parameter.", 400,
        _("This sign-in link is not valid. Please sign in again."), _NOTHING),
    "parameter_invalid": ErrorCode(
        "A callback parameter is too long, is not printable, or contradicts another parameter.", 400,
        _("This sign-in link is not valid. Please sign in again."), _NOTHING),
    "response_incomplete": ErrorCode(
        "The callback has neither `code` nor `error`.", 400,
        _("The sign-in service sent an incomplete response. Please sign in again."), "Check the tenant's log."),
    "transaction_unknown": ErrorCode(
        "No transaction has this `state`. It was forged, mistyped, or purged.", 400,
        _("We cannot find this sign-in attempt. It may be too old. Please sign in again."), _NOTHING),
    "browser_unknown": ErrorCode(
        "The callback came without the browser-binding cookie.", 403,
        _("This sign-in was started in another browser or app. To go on here, please sign in again."),
        "If it happens often, check SameSite, Secure, and the site's domain."),
    "cookies_blocked": ErrorCode(
        "The callback and its error page came without any cookie, though the callback had set one. Pages show the code of the refusal.", 403,
        _("Your browser did not send the cookie for this sign-in. Allow cookies for this site, then start again."),
        "If it happens often, check SameSite, Secure, and the site's domain."),
    "other_browser": ErrorCode(
        "The callback came from a browser that did not start the transaction.", 403,
        _("This sign-in was started in another browser or app. Finish it there, or sign in again here."),
        "If it happens often, callback links may be shared between browsers."),
    "browser_mismatch": ErrorCode(
        "A browser that did not start the transaction opened its callback with the code. The attempt has ended, and the code is never used.", 403,
        _("The answer to this sign-in was opened in another browser than the one that started it, so the sign-in was ended. Please sign in again."),
        "If it happens often, callback links may be shared between browsers, or read from a log or a history."),
    "wrong_flow": ErrorCode(
        "The callback URL of one flow was opened for a transaction of another flow or tenant.", 400,
        _("This sign-in link is not valid. Please sign in again."), "Check the redirect_uri settings."),
    "event_not_allowed": ErrorCode(
        "The transaction does not accept this event in its current state.", 409,
        _("This step is no longer possible. Please sign in again."), _NOTHING),
    "sign_in_outdated": ErrorCode(
        "The user's sessions were ended, the password changed, or the email was proved, since the claims of this sign-in were obtained.", 409,
        _("This sign-in is out of date. Please sign in again."), _NOTHING),
    "sign_in_held_too_long": ErrorCode(
        "The sign-in waited for a decision, or for the provider, for longer than `HELD_SIGN_IN_LIFETIME`.", 409,
        _("This sign-in took too long. Please sign in again."), "If it happens often: look for rate limits of the Management API."),
    "signed_out": ErrorCode(
        "The user signed out in this browser while the sign-in was under way.", 409,
        _("You have signed out. Please sign in again."), _NOTHING),
    "already_completed": ErrorCode(
        "The sign-in was completed earlier, and this browser is no longer signed in.", 409,
        _("This sign-in was already used. Please sign in again."), _NOTHING),
    "quarantined": ErrorCode(
        "The row was written by a release whose flow definition this release does not know.", 503,
        _("This sign-in cannot be completed right now. Please sign in again."),
        "Deploy the release that wrote the row, or add an upcast."),
    "in_progress": ErrorCode(
        "Another delivery of the same callback is in progress.", 202,
        _("Signing you in…"), _NOTHING),
    "fence_lost": ErrorCode(
        "Another worker changed the row first. This result came late and was dropped.", 503,
        _("This sign-in is already being completed. Please reload the page."), _NOTHING),
    # What the provider reports in the callback.
    "access_denied": ErrorCode(
        "The user declined at the provider (`access_denied`, without a reason or with that of a consent page).", 403,
        _("The sign-in was cancelled."), "Nothing. If users did not decline themselves, read the provider's description in the log of the transaction (`flow_show`, admin)."),
    "login_required": ErrorCode(
        "`prompt=none` was sent, and there is no session at the provider.", 401,
        _("You are not signed in at the sign-in service. Please sign in again."), _NOTHING),
    "interaction_required": ErrorCode(
        "`prompt=none` was sent, and the user has to consent or choose something.", 401,
        _("The sign-in service needs your attention. Please sign in again."), _NOTHING),
    "sign_in_refused": ErrorCode(
        "The provider refused this user: an Action or a rule denied access (`access_denied` with a reason), or the user is blocked (`unauthorized`).", 403,
        _("The sign-in service did not allow this account to sign in. If you have another account, use that one. Otherwise, contact support."),
        "Read the provider's description in the log of the transaction (`flow_show`, admin), then the tenant's log. An Action can have users verify their email first, for example."),
    "organization_refused": ErrorCode(
        "The user is not a member of the organization that was asked for, or the organization does not use the connection.", 403,
        _("This account does not belong to the organization that you are signing in to. Please use another account, or ask for an invitation."),
        "Check the organization's members and connections in the tenant."),
    "invitation_invalid": ErrorCode(
        "The invitation does not exist, has expired, was used, or is for another account.", 403,
        _("This invitation is no longer valid, or it is for another account. Please ask for a new invitation."),
        "Send a new invitation. Auth0 uses an invitation up even if the wrong account accepts it."),
    "request_rejected": ErrorCode(
        "The provider rejected the authorization request itself, for example because of an unknown audience (`Service not found`).", 502, _OUR_SIDE,
        "Read the provider's description in the log of the transaction (`flow_show`, admin). Compare scope, audience, organization, and grant types with the application in the tenant.", is_site_fault=True),
    "provider_error": ErrorCode(
        "The provider reported an internal error.", 502, _BUSY, "Check the provider's status page."),
    "provider_busy": ErrorCode(
        "The provider asked the site to try again later.", 503, _BUSY, "Check the provider's status page."),
    # Forms of the package's pages, and the pages that need a permission.
    "form_needed": ErrorCode(
        "A URL that takes a form was opened as a page.", 405,
        _("This page only works as part of a form, so nothing was changed."), _NOTHING),
    "form_cookie_missing": ErrorCode(
        "A form came without the CSRF cookie.", 403,
        _("Your browser did not send the cookie that protects this form, so nothing was changed. Allow cookies for this site, then try again."),
        "If it happens often, check CSRF_COOKIE_SECURE, CSRF_COOKIE_DOMAIN, and caches in front of the site."),
    "form_outdated": ErrorCode(
        "A form came with a CSRF token of before a sign-in, or with none.", 403,
        _("This form was opened before you last signed in or out, so nothing was changed. Please try again."), _NOTHING),
    "form_origin": ErrorCode(
        "A form came from a page of another origin: the `Origin` or `Referer` header is neither `BASE_URL` nor where Django sees the site.", 403,
        _("This form was not sent from a page of this site, so nothing was changed. Please try again here."),
        "If your own pages sent it, set SECURE_PROXY_SSL_HEADER for a proxy that ends https, or name the page's origin in CSRF_TRUSTED_ORIGINS."),
    "not_permitted": ErrorCode(
        "The user has signed in for a page a moment ago, and the page sent them to sign in again: they lack its permission.", 403,
        _("You are signed in, but your account may not open this page."),
        "Give the user the permission, or nothing. If it happens to users with the permission, check that the session cookie arrives."),
    # Calls to the provider.
    "provider_unreachable": ErrorCode(
        "The connection to the provider failed. Nothing was sent.", 503, _BUSY,
        "Check network, DNS, and TLS from the workers to the tenant."),
    "provider_speaks_no_tls": ErrorCode(
        "The provider's address is https, but its server does not speak TLS. Nothing was sent.", 502, _OUR_SIDE,
        "For an emulator on http, set ISSUER to its URL, for example `http://localhost:9400/`, instead of DOMAIN, and ALLOW_INSECURE_HTTP_ON_LOOPBACK to True. Otherwise, check the port.", is_site_fault=True),
    "provider_answer_lost": ErrorCode(
        "A request was sent, and no response arrived.", 504, _BUSY, "Check the provider's response times."),
    "provider_answer_invalid": ErrorCode(
        "The provider's response does not have the documented form: HTML, empty, too large, or not JSON.", 502,
        _BUSY, "Look for a proxy or an outage page between the workers and the tenant."),
    "rate_limited": ErrorCode(
        "The provider refused the request with 429.", 503, _("Too many people are signing in right now. Please try again in a moment."), "Raise the tenant's limits, or find out what is calling it so often."),
    "code_rejected": ErrorCode(
        "The token endpoint rejected the code (`invalid_grant`): it expired, was used, or belongs to another client.", 400,
        _("This sign-in took too long or was already used. Please sign in again."), _NOTHING),
    "code_exchange_lost": ErrorCode(
        "The code was sent, and the response was lost. Sending the code again would revoke the tokens.", 504,
        _("The sign-in service did not respond in time. Please sign in again."), "Check the provider's response times."),
    "code_sent_before": ErrorCode(
        "The code was sent to the token endpoint before, for another attempt or for a row that the database lost. It is not sent again.", 400,
        _("This sign-in was already used. Please sign in again."),
        "After a failover or a restore, nothing. Otherwise a browser brought a code under the `state` of another attempt: if it happens often, treat it as an attack."),
    "client_rejected": ErrorCode(
        "The provider rejected the client: wrong secret, assertion, or grant type.", 502, _OUR_SIDE,
        "Check CLIENT_ID, CLIENT_SECRET or the private key, and the application's grant types.", is_site_fault=True),
    "step_up_required": ErrorCode(
        "The provider asks for another factor (`mfa_required`).", 403,
        _("The sign-in service asks for another factor. Please sign in again."), "Check the tenant's MFA policy."),
    "discovery_invalid": ErrorCode(
        "The discovery document is incomplete, or belongs to another issuer.", 502, _OUR_SIDE,
        "Check DOMAIN or ISSUER. The issuer must match exactly.", is_site_fault=True),
    "revocation_unsupported": ErrorCode(
        "The provider announces no revocation endpoint (RFC 7009): the refresh token is valid there until it expires.", 502,
        _OUR_SIDE, "Use a provider that can revoke tokens, or remove `offline_access` from SCOPE.", is_site_fault=True),
    "keys_unavailable": ErrorCode(
        "The provider's keys (JWKS) could not be read.", 502, _BUSY, "Fetch the jwks_uri by hand."),
    # The ID token: one code per rule of OpenID Connect Core §3.1.3.7 and related sections.
    "id_token_missing": ErrorCode("The token endpoint sent no ID token.", 502, _BAD_TOKEN, "Ask for `openid`."),
    "id_token_malformed": ErrorCode("The ID token is not a JWT.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_too_large": ErrorCode(
        "The ID token is longer than 256 KiB.", 502,
        _("Your account has too much data for this site. Please contact support."),
        "Send fewer claims to the application: filter groups in an Action, or read them from an API."),
    "id_token_encrypted": ErrorCode(
        "The ID token is encrypted. Encrypted ID tokens are not supported.", 502, _BAD_TOKEN,
        "Turn off ID token encryption in the tenant."),
    "id_token_algorithm": ErrorCode(
        "The ID token is not signed with ID_TOKEN_SIGNING_ALG.", 502, _BAD_TOKEN,
        "Compare the setting with the application's JsonWebToken signature algorithm."),
    "id_token_header": ErrorCode(
        "The ID token's header brings its own key or requires extensions (`jwk`, `jku`, `x5u`, `crit`).", 502,
        _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_key_unknown": ErrorCode(
        "No key of the provider has the ID token's `kid`, even after the keys were read again.", 502, _BAD_TOKEN,
        _REPORT_TOKEN),
    "id_token_signature": ErrorCode("The ID token's signature is wrong.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_issuer": ErrorCode("The ID token comes from another issuer.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_audience": ErrorCode(
        "The ID token is for another client, or also for an audience that is not trusted.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_authorized_party": ErrorCode(
        "`azp` is missing or is not this client.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_expired": ErrorCode(
        "The ID token has expired.", 502, _BAD_TOKEN, "Check the workers' clocks."),
    "id_token_issued_at": ErrorCode(
        "`iat` is in the future or too far in the past, or `nbf` is in the future.", 502, _BAD_TOKEN,
        "Check the workers' clocks."),
    "id_token_claims": ErrorCode(
        "A required claim is missing or has the wrong type.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    "id_token_auth_time": ErrorCode(
        "`max_age` was requested, and the user authenticated longer ago, or `auth_time` is missing.", 403,
        _("You need to prove your identity again. Please sign in again."), "Check the tenant's max_age handling."),
    "id_token_acr": ErrorCode(
        "The user was not authenticated in the requested way (`acr`).", 403,
        _("The sign-in service did not perform the check that this site requires. Please sign in again."),
        "Check the tenant's step-up policy."),
    "id_token_at_hash": ErrorCode(
        "`at_hash` does not match the access token.", 502, _BAD_TOKEN, _REPORT_TOKEN),
    **ACCESS_TOKEN_CODES,
    # The response does not match the request.
    "issuer_mismatch": ErrorCode(
        "The callback's `iss` is not the expected issuer (RFC 9207).", 403, _BAD_TOKEN, _REPORT_TOKEN),
    "issuer_missing": ErrorCode(
        "The provider announces `iss` but did not send it (RFC 9207).", 403, _BAD_TOKEN, _REPORT_TOKEN),
    "nonce_mismatch": ErrorCode(
        "The ID token was issued for another sign-in.", 403, _BAD_TOKEN, _REPORT_TOKEN),
    "organization_mismatch": ErrorCode(
        "The user signed in to a different organization from the requested one.", 403,
        _("You signed in to a different organization from the one requested. Please sign in again."), _NOTHING),
    "subject_mismatch": ErrorCode(
        "The user who signed in is not the requested user.", 403,
        _("You signed in with a different account from the one requested. Please sign in again."), _NOTHING),
    # The account.
    "account_inactive": ErrorCode(
        "The Django user is inactive.", 403, _("This account is not active. Please contact support."),
        "Activate the user if this is wrong. Signing in never activates a user."),
    "account_refused": ErrorCode(
        "The project's authentication backend refused the identity.", 403, _("This account is not allowed to sign in here."),
        "Check the project's authentication backend."),
    "account_conflict": ErrorCode(
        "A Django user with this email or username already exists and belongs to another identity.", 409,
        _("An account with this email address already exists. Sign in the way you did before."),
        "Decide with the user which account is right. Accounts are never linked by email alone."),
    "email_missing": ErrorCode(
        "The provider sent no email that can be used, and the user model demands one: it is the username, or unique and not NULL.", 403,
        _("Your account has no email address that this site can use. Add one at the sign-in service, or use another account."),
        "Ask for the scope `email`. To let users in without one, let the column named by `manage.py check` be NULL, or override `make_user`."),
    "user_not_created": ErrorCode(
        "The user model demands a value that `make_user` does not give: a required column, or a unique one.", 503,
        _("Your account cannot be created here right now because of a problem on our side. Please try again later."),
        "Run `manage.py check`, which names the column. Give it a default, or override `Auth0Backend.make_user`. The log has the error.", is_site_fault=True),
    "sign_in_needed": ErrorCode(
        "The page requires a user who is signed in with Auth0.", 403,
        _("Please sign in first."), _NOTHING),
    "navigation_needed": ErrorCode(
        "A script, an image, a prefetch or a frame asked to start a flow. Only a page that the user opens may.", 401,
        _("Please sign in first."),
        "Send the browser to the URL in the `Sign-In-URL` header. A setting, `ALLOW_BACKGROUND_STARTS_OF`, names "
        "exceptions."),
    "too_many_starts": ErrorCode(
        "One client has started too often without cookies: more than STARTS_PER_CLIENT within five minutes.", 429,
        _("Too many people from your network are signing in right now. Please try again in a few minutes, and allow cookies."),
        "If your visitors share an address, raise STARTS_PER_CLIENT. If they come through proxies, set TRUSTED_PROXIES."),
    "busy": ErrorCode(
        "As many calls to the provider are in flight as EFFECTS_AT_ONCE allows. Nothing was claimed; the page tries again by itself.", 503,
        _("Many people are signing in right now. Nothing is lost: please wait a moment."),
        "Look for a slow provider. If the calls are fast, raise EFFECTS_AT_ONCE."),
    "service_failing": ErrorCode(
        "The last calls to the provider failed in a row (BREAKER_FAILURES), so the next ones are held back. Nothing was claimed; the page tries again by itself.", 503,
        _("The sign-in service does not respond at the moment. Nothing is lost: please wait a moment."),
        "Run flows_doctor, and look at the provider's status page. The log says which call fails."),
    # Connecting an account.
    "user_changed": ErrorCode(
        "The signed-in user is not the user who started to connect the account.", 403,
        _("You are signed in as a different user than when you started. Sign in as before, then connect the account again."), _NOTHING),
    "connect_unconfirmed": ErrorCode(
        "The response to the completion was lost. The list of accounts cannot be read, because the sign-in's grant has ended.", 503,
        _("We could not confirm whether the account was connected. Sign in again and check your list of accounts."), _NOTHING),
    "account_unidentified": ErrorCode(
        "The account is connected, but its user at the identity provider is not known. It does not count as evidence for linking.", 200,
        _("The account is connected."), "If it happens often, check PROVIDER_USERINFO and Token Vault."),
    # Linking accounts.
    "wrong_account": ErrorCode(
        "The user signed in with an account that is not one of the candidates.", 403,
        _("You signed in with a different account from the one expected. Please sign in again."), "Look for an account that was created by mistake."),
    "candidate_unknown": ErrorCode(
        "The form names an account that was not offered.", 400,
        _("This step is no longer possible. Please sign in again."), _NOTHING),
    "candidate_gone": ErrorCode(
        "The account to link to was deleted in the meantime. The sign-in continued without it.", 409,
        _("The other account no longer exists."), _NOTHING),
    "newcomer_gone": ErrorCode(
        "The account that signed in was deleted in the meantime, or linked to another account.", 409,
        _("This account changed while you were signing in. Please sign in again."), _NOTHING),
    "newcomer_blocked": ErrorCode(
        "The account that signed in was blocked at the provider in the meantime.", 403,
        _("This account may not sign in here."), "Look at the user in the provider's dashboard."),
    "link_not_allowed": ErrorCode(
        "The evidence for the link no longer holds. The sign-in continued without it.", 409,
        _("The accounts were not linked."), "Read the note in the log. A rule or an email changed."),
    "kept_apart": ErrorCode(
        "The user chose to keep the accounts separate.", 200,
        _("The accounts stay separate."), _NOTHING),
    "logout_state_invalid": ErrorCode(
        "The browser came back from the provider's sign-out without the `state` that it left with.", 400,
        _("You are signed out here. We could not tell whether you are signed out of the sign-in service, too."), _NOTHING),
    # UserInfo, and what only Auth0 has.
    "userinfo_failed": ErrorCode(
        "UserInfo could not be read, or the provider has none. The code is spent, so the user starts again.", 502,
        _("The sign-in service did not respond. Please sign in again."),
        "Check the provider's response times, and that the scope includes `openid`. USERINFO says when it is asked."),
    "userinfo_rejected": ErrorCode(
        "The signed UserInfo has a wrong signature, issuer, or audience.", 403, _BAD_TOKEN, _REPORT_TOKEN),
    "userinfo_subject_mismatch": ErrorCode(
        "UserInfo is about another user than the ID token (OpenID Connect Core §5.3.2).", 403, _BAD_TOKEN, _REPORT_TOKEN),
    "claims_distributed": ErrorCode(
        "The provider keeps claims of the user elsewhere (OpenID Connect Core §5.6.2). They are not fetched.", 403,
        _OUR_SIDE, "Have the provider put the claims named in the message into the token, or set DISTRIBUTED_CLAIMS.", is_site_fault=True),
    "auth0_only": ErrorCode(
        "The feature is Auth0's own, and PROVIDER names another provider.", 500, _OUR_SIDE,
        "Do not call it for this tenant.", is_site_fault=True),
    # Grants, connected accounts, and linked accounts: refused calls and lost refresh tokens.
    "grant_dead": ErrorCode(
        "The provider no longer accepts the refresh token (`invalid_grant`).", 401,
        _("Your access has ended. Please sign in again, then repeat what you were doing."),
        "Nothing, unless it happens often. In that case, compare rotation and lifetimes with REFRESH_TOKEN_ROTATION."),
    "grant_missing": ErrorCode(
        "This sign-in has no refresh token.", 401,
        _("This step requires a new sign-in. Please sign in again, then repeat what you were doing."),
        "Add `offline_access` to SCOPE."),
    "grant_in_use": ErrorCode(
        "Another worker is using this sign-in's refresh token.", 503,
        _("Another page is doing the same thing. Please try again in a moment."), _NOTHING),
    "refresh_lost": ErrorCode(
        "A rotating refresh token was sent, and the response was lost. The token may be used up, so it is not sent again.", 504,
        _("The sign-in service did not respond. Please sign in again, then repeat what you were doing."),
        "Check the provider's response times."),
    "scope_not_granted": ErrorCode(
        "An access token lacks the scope that the call needs. Providers reduce scopes without an error.", 502,
        _("Connecting accounts does not work right now because of a problem on our side. Please try again later."),
        "Grant the scope named in the message: in the API's client grant, and in the application's multi-resource refresh token policy.", is_site_fault=True),
    "audience_not_granted": ErrorCode(
        "A refresh returned an access token for a different API from the requested one.", 502,
        _("Connecting accounts does not work right now because of a problem on our side. Please try again later."),
        "Activate the API, and add its audience to the application's multi-resource refresh token policy.", is_site_fault=True),
    "connection_unknown": ErrorCode(
        "Accounts cannot be connected at this connection.", 400,
        _("Accounts of this kind cannot be connected here. Please choose another one."),
        "Enable the connection for the application, and include Connected Accounts in its purposes."),
    "connect_session_over": ErrorCode(
        "The provider no longer knows the connect request, or the request belongs to another user.", 410,
        _("Connecting the account took too long. Please connect it again."), _NOTHING),
    "connect_code_rejected": ErrorCode(
        "The provider rejected the code that completes the connection: it expired, was used, or belongs to another request.", 400,
        _("The account was not connected. Please connect it again."), _NOTHING),
    "provider_declined": ErrorCode(
        "The user or the identity provider declined the connection.", 403,
        _("The account was not connected because access was declined. To connect it, please try again."), _NOTHING),
    "account_not_connected": ErrorCode(
        "Token Vault has no usable token: the account was never connected, was disconnected, or was revoked at the identity provider.", 409,
        _("This account is no longer connected. Please connect it again."),
        "If it happens often, check the identity provider: some issue no refresh token, or let it expire within days."),
    "connected_account_unknown": ErrorCode(
        "The user has connected accounts at this connection, but not the requested one.", 409,
        _("This account is not connected. Please connect it again."), _NOTHING),
    "token_vault_refused": ErrorCode(
        "Token Vault rejected the application or its request.", 502,
        _("The connected account cannot be used right now because of a problem on our side. Please try again later."),
        "Enable the Token Vault grant type. Check that the application is confidential and first-party, and that its refresh tokens do not rotate.", is_site_fault=True),
    "provider_user_unknown": ErrorCode(
        "The identity provider did not identify the user of its access token.", 502,
        _("We could not identify the connected account. Please connect it again."),
        "Check the scopes of the connection, and PROVIDER_USERINFO."),
    "my_account_token_rejected": ErrorCode(
        "The My Account API rejected the access token.", 401,
        _("Your access has ended. Please sign in again, then connect the account again."),
        "Check that the audience is `me/` at the domain where users sign in."),
    "management_not_configured": ErrorCode(
        "Linking needs the Management API, which is not configured or not installed.", 500,
        _("Linking accounts does not work right now because of a problem on our side. Please try again later."),
        "Install django-stateful-oauth[linking], and set MANAGEMENT_CLIENT_ID and MANAGEMENT_CLIENT_SECRET.", is_site_fault=True),
    "management_refused": ErrorCode(
        "The Management API or the token endpoint rejected the application's own credentials.", 502,
        _("Linking accounts does not work right now because of a problem on our side. Please try again later."),
        "Check MANAGEMENT_CLIENT_ID, MANAGEMENT_CLIENT_SECRET, and the application's client grant. With a custom domain, check MANAGEMENT_DOMAIN too.", is_site_fault=True),
    "management_scope_missing": ErrorCode(
        "The Management API token lacks a scope.", 502,
        _("Linking accounts does not work right now because of a problem on our side. Please try again later."),
        "Add the scope named in the message to the client grant of MANAGEMENT_CLIENT_ID.", is_site_fault=True),
    "link_exists": ErrorCode(
        "The Management API responded with 409: the identity is already linked, to this user or to another one.", 409,
        _("These accounts cannot be linked because one of them is already linked."),
        "Check the identities of both users in the tenant."),
    "link_refused": ErrorCode(
        "The Management API refused to link the two users.", 409,
        _("These accounts cannot be linked. Please sign in the way you did before."),
        "Check both users in the tenant. A user with several identities cannot be linked to another user."),
    "unlink_refused": ErrorCode(
        "The Management API refused to unlink the identity because it is the user's main identity.", 409,
        _("This account cannot be unlinked because all other accounts are linked to it."), _NOTHING),
    "metadata_refused": ErrorCode(
        "The Management API refused to merge the metadata. The profile may have grown beyond Auth0's limit of 10 KB.", 409,
        _("The accounts are linked, but some of their data could not be merged."),
        "Look at the sizes of `user_metadata` and `app_metadata`. The accounts are linked, and the secondary's metadata is lost."),
    "user_unknown": ErrorCode(
        "The tenant has no such user: it was deleted or linked to another user.", 409,
        _("This account no longer exists. Please sign in again."), "Look for the user in the tenant."),
    # Time limits, operators, and the site itself.
    "recovery_exhausted": ErrorCode(
        "Recovery has used all its attempts. What happened at the provider is not known.", 503,
        _("This is taking longer than it should. We are looking into it."),
        "Find out why the provider does not respond, then retry. If you settle the attempt by hand, abandon it."),
    "transaction_expired": ErrorCode(
        "The callback arrived after the deadline.", 410, _("This sign-in took too long. Please sign in again."), _NOTHING),
    "superseded": ErrorCode(
        "The browser started too many sign-ins, and the oldest was closed.", 410,
        _("This sign-in was replaced by a newer one. Please sign in again."), _NOTHING),
    "cancelled_by_operator": ErrorCode(
        "An operator cancelled the transaction.", 410, _("This sign-in was cancelled. Please sign in again."), _NOTHING),
    "abandoned": ErrorCode(
        "An operator abandoned the transaction.", 410, _("This sign-in was cancelled. Please sign in again."), _NOTHING),
    "store_unavailable": ErrorCode(
        "The database did not accept the change.", 503, _OUR_SIDE, "Check the database.", is_site_fault=True),
    "database_not_migrated": ErrorCode(
        "A table or column of the package is missing in the database.", 503, _OUR_SIDE, "Run `manage.py migrate`.", is_site_fault=True),
    "internal_error": ErrorCode(
        "An unexpected exception occurred.", 500, _OUR_SIDE, "Read the error report.", is_site_fault=True),
    # Wrong calls in the project's own code. A user never causes these.
    "parameter_reserved": ErrorCode(
        "The caller tried to set an authorization parameter that the flow sets itself.", 500, _OUR_SIDE,
        "Fix the call. The message names the parameter.", is_site_fault=True),
    "scope_invalid": ErrorCode(
        "The scope lacks `openid`.", 500, _OUR_SIDE, "Fix SCOPE.", is_site_fault=True),
    "input_invalid": ErrorCode(
        "A value passed at the start of a flow has the wrong form.", 500, _OUR_SIDE,
        "Fix the call. The message names the value.", is_site_fault=True),
}  # fmt: skip
