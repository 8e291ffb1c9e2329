"""What each provider needs: defaults of tenant settings, by the value of `PROVIDER`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTH0: Final = "auth0"

# Of every provider that is not Auth0.
_OTHER: Final[Mapping[str, Any]] = {
    "KEEP_UNASKED_REFRESH_TOKENS": True,
    "LOGOUT_SENDS_SID": False,
}
_ACCOUNT_LIST: Final[Mapping[str, Any]] = {"ANOTHER_ACCOUNT_PROMPT": "select_account"}

PROFILES: Final[Mapping[str, Mapping[str, Any]]] = {
    AUTH0: {},
    # Verifies S256 and does not announce it. `_claim_names` stands for groups beyond 200.
    "entra": {
        **_OTHER,
        **_ACCOUNT_LIST,
        "CLIENT_ASSERTION_AUDIENCE": "token_endpoint",
        "DISTRIBUTED_CLAIMS": "ignore",
        "PKCE_WITHOUT_METADATA": True,
    },
    "google": {**_OTHER, **_ACCOUNT_LIST},
    # Its ID tokens of the code flow are thin, and it answers 400 to a sign-out without `id_token_hint`.
    "okta": {
        **_OTHER,
        "CLIENT_ASSERTION_AUDIENCE": "token_endpoint",
        "LOGOUT_SENDS_ID_TOKEN": True,
        "USERINFO": "when_missing",
    },
    # Asks the user to confirm a sign-out without `id_token_hint`.
    "keycloak": {**_OTHER, "LOGOUT_SENDS_ID_TOKEN": True, "USERINFO": "when_missing"},
    # Verifies S256 and does not announce it. Its `/logout` takes `logout_uri`.
    "cognito": {**_OTHER, "LOGOUT_RETURN_PARAMETER": "logout_uri", "PKCE_WITHOUT_METADATA": True},
    "generic": {**_OTHER, "USERINFO": "when_missing"},
}
