"""The error codes of access tokens for APIs of the site: one for each rule (RFC 9068 §4, RFC 6750 §3.1).

A client of the API sees them, and no user.
"""

from __future__ import annotations

from typing import Final

from stateful_oauth.flows.engine.declaration import gettext_noop as _
from stateful_oauth.flows.error_code import ErrorCode

_BAD_ACCESS_TOKEN: Final = _("The access token is not valid.")
_BAD_API_CALL: Final = "Look at the client that sent it. Nothing, unless it happens often."

ACCESS_TOKEN_CODES: Final[dict[str, ErrorCode]] = {
    "authorization_malformed": ErrorCode(
        "The `Authorization` header of a call to an API is not `Bearer` and one token.", 400,
        _("The `Authorization` header is not valid."), _BAD_API_CALL),
    "access_token_malformed": ErrorCode("The access token is not a JWT.", 401, _BAD_ACCESS_TOKEN, _BAD_API_CALL),
    "access_token_too_large": ErrorCode(
        "The access token is longer than 256 KiB.", 401, _BAD_ACCESS_TOKEN, _BAD_API_CALL),
    "access_token_encrypted": ErrorCode(
        "The access token is encrypted: it is for the provider itself, because no audience was asked for.", 401,
        _BAD_ACCESS_TOKEN, "Have the client ask for a token with the API's identifier as `audience`."),
    "access_token_algorithm": ErrorCode(
        "The access token is not signed with ACCESS_TOKEN_SIGNING_ALG.", 401, _BAD_ACCESS_TOKEN,
        "Compare the setting with the API's signing algorithm."),
    "access_token_header": ErrorCode(
        "The access token's header has another `typ`, brings its own key, or requires extensions.", 401,
        _BAD_ACCESS_TOKEN, _BAD_API_CALL),
    "access_token_key_unknown": ErrorCode(
        "No key of the provider has the access token's `kid`, even after the keys were read again.", 401,
        _BAD_ACCESS_TOKEN, _BAD_API_CALL),
    "access_token_signature": ErrorCode(
        "The access token's signature is wrong.", 401, _BAD_ACCESS_TOKEN, _BAD_API_CALL),
    "access_token_claims": ErrorCode(
        "A required claim of the access token is missing or has the wrong type.", 401, _BAD_ACCESS_TOKEN,
        _BAD_API_CALL),
    "access_token_kind": ErrorCode(
        "The token is an ID token or a logout token, and no access token.", 401, _BAD_ACCESS_TOKEN,
        "Have the client send its access token."),
    "access_token_issuer": ErrorCode(
        "The access token comes from another issuer.", 401, _BAD_ACCESS_TOKEN,
        "With a custom domain, clients have to ask there."),
    "access_token_audience": ErrorCode(
        "The access token is for another API.", 401, _BAD_ACCESS_TOKEN,
        "Have the client ask for a token with the API's identifier as `audience`."),
    "access_token_expired": ErrorCode(
        "`exp` of the access token is in the past.", 401, _("The access token has expired."), "Nothing, unless it happens often."),
    "access_token_issued_at": ErrorCode(
        "`iat` or `nbf` of the access token is in the future.", 401, _BAD_ACCESS_TOKEN, "Check the workers' clocks."),
    "access_token_bound": ErrorCode(
        "The access token is bound to a key (`cnf`): it is no bearer token.", 401, _BAD_ACCESS_TOKEN,
        "Switch sender constraining (DPoP, mTLS) off for the API: proofs are not supported."),
    "access_token_organization": ErrorCode(
        "`org_id` of the access token is not the organization that the view demands.", 401,
        _("The access token is for another organization."), "Nothing, unless it happens often."),
    "access_token_scope": ErrorCode(
        "The access token lacks a scope or a permission.", 403,
        _("The access token does not have the scope that this request needs."),
        "Have the client ask for the scope, and grant it."),
    "access_token_user": ErrorCode(
        "The site has no active user for the `sub` of the access token, or the user's sessions were ended after it was issued.", 403,
        _("No user of this site belongs to the access token."), "The user has to sign in at the site first."),
}  # fmt: skip
