"""The "what if" menu: every entry makes a real situation happen, against the real engine and the emulator."""

from __future__ import annotations

from typing import Final

from stateful_oauth.demo.scenarios.answers import ANSWERS
from stateful_oauth.demo.scenarios.connecting import CONNECTING
from stateful_oauth.demo.scenarios.linking import LINKING
from stateful_oauth.demo.scenarios.provider import PROVIDER
from stateful_oauth.demo.scenarios.scenario import Group, Scenario
from stateful_oauth.demo.scenarios.site import ACCOUNTS, CALLBACK_URLS, OPERATIONS
from stateful_oauth.demo.scenarios.visitors import AGAIN, FIRST, REFUSALS
from stateful_oauth.flows.error_codes import ERROR_CODES

GROUPS: Final[tuple[Group, ...]] = (
    FIRST,
    AGAIN,
    REFUSALS,
    PROVIDER,
    ANSWERS,
    ACCOUNTS,
    CALLBACK_URLS,
    CONNECTING,
    LINKING,
    OPERATIONS,
)
SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.slug: scenario for group in GROUPS for scenario in group.scenarios
}

NOT_IN_MENU: Final[dict[str, str]] = {
    **{
        code: "It answers a client of an API, which sees no page."
        for code in ERROR_CODES
        if code.startswith(("access_token_", "authorization_"))
    },
    "wrong_flow": "It takes a callback of one flow at the URL of another, which no provider sends.",
    "event_not_allowed": "The page that asks sends such a click back to the question.",
    "in_progress": 'It is the page that waits: "double-click" shows it, under its own URL.',
    "fence_lost": "It takes a worker that outlives its lease; tests reach it with crash points.",
    "internal_error": "It takes a bug.",
    "logout_state_invalid": "It takes LOGOUT_STATE, and a provider that changes it.",
    "userinfo_failed": "It takes USERINFO, which the demo's tenant does not need.",
    "userinfo_rejected": "It takes USERINFO, which the demo's tenant does not need.",
    "userinfo_subject_mismatch": "It takes USERINFO, which the demo's tenant does not need.",
    "claims_distributed": "It takes another provider: Auth0 keeps no claims elsewhere.",
    "auth0_only": "It takes another provider, and the demo's is Auth0.",
    "parameter_reserved": "It takes a wrong call in a project's code, which no visitor makes.",
    "scope_invalid": "It takes a wrong setting, which the system check refuses.",
    "input_invalid": "It takes a wrong call in a project's code, which no visitor makes.",
    "sign_in_needed": "The accounts page asks for a sign-in first.",
    "kept_apart": 'It is in the log of "link-asked", when you decide so.',
    "candidate_unknown": "It takes a form that was written by hand.",
    "audience_not_granted": "The emulator narrows the scope first: connect-narrowed.",
    "connect_unconfirmed": "It takes a lost answer and a grant that dies with it; tests have both.",
    "connect_code_rejected": "It takes a spoilt code; what is left of it is connect-session-over.",
    "link_not_allowed": "It takes a rule that changes within a second.",
    "newcomer_gone": "It takes an account that is deleted while it signs in.",
    "link_exists": "The link is read again then, and counts.",
    "link_refused": "It takes a tenant that refuses what it allowed a moment ago.",
    "metadata_refused": "It takes a profile that is nearly as large as Auth0 allows.",
    "unlink_refused": "It takes the main identity, which is no link here.",
    "user_unknown": "It takes an account that is deleted between two calls.",
    "grant_in_use": "It takes two workers with one refresh token at once.",
    "refresh_lost": "It takes a rotating refresh token, and the demo's do not rotate.",
    "my_account_token_rejected": "It takes a token that ends between two calls.",
    "account_not_connected": "It is shown on the accounts page, when a token is asked for.",
    "connected_account_unknown": "It is shown on the accounts page, when a token is asked for.",
    "token_vault_refused": "It takes an application without the Token Vault grant.",
    "provider_user_unknown": "It takes a provider that does not take its own token.",
    "management_not_configured": "It takes a wrong setting, which the system check refuses.",
    "management_refused": "It takes a wrong secret; link-unavailable shows what becomes of the sign-in.",
    "newcomer_blocked": "It takes an account that is blocked while its sign-in waits; tests do it.",
    "sign_in_held_too_long": "It takes a sign-in that waits for half an hour; tests move the clock.",
    "sign_in_outdated": "It takes a password change while a sign-in waits; tests do both.",
    "signed_out": "It takes a sign-out while a worker is at the sign-in; tests hold the worker.",
    "management_scope_missing": "It takes a missing scope; link-unavailable shows what becomes of it.",
    "cookies_blocked": "It takes a browser that keeps no cookies; the menu itself needs them.",
    "code_sent_before": "It takes a code under the `state` of another attempt; tests do it.",
    "database_not_migrated": "It takes a release whose migrations were not run.",
    "email_missing": "It takes a user model that demands an email; the demo's does not.",
    "form_cookie_missing": "It takes a browser that sends no CSRF cookie.",
    "form_origin": "It takes a proxy that hides the site's scheme or host.",
    "form_needed": "It takes a link to a URL that takes a form.",
    "form_outdated": "It takes a form of before another tab's sign-in.",
    "id_token_too_large": "It takes an ID token of more than 256 KiB.",
    "invitation_invalid": "It takes an invitation of an organization; the demo has none.",
    "too_many_starts": "It takes hundreds of visits without cookies.",
    "busy": "It takes as many slow calls at once as EFFECTS_AT_ONCE allows.",
    "service_failing": "It takes calls that fail in a row; the demo never holds calls back.",
    "navigation_needed": "It takes a request by a script, which shows no page.",
    "not_permitted": "It takes a page that asks for a permission; the demo has none but the admin's.",
    "provider_speaks_no_tls": "It takes a wrong setting: https for a server that speaks http.",
    "revocation_unsupported": "It takes a provider without a revocation endpoint.",
    "user_not_created": "It takes a user model with another required column.",
}
"""Error codes that no entry shows, with the reason. A test holds both against the table."""

__all__ = ["GROUPS", "NOT_IN_MENU", "SCENARIOS", "Group", "Scenario"]
