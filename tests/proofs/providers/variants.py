"""The providers, each with its variants."""

from __future__ import annotations

import json
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm

from tests.proofs.providers.foreign import Variant

_KEY = ec.generate_private_key(ec.SECP256R1())
_PEM: Final = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
_JWKS: Final = {"keys": [{**json.loads(ECAlgorithm.to_jwk(_KEY.public_key())), "use": "sig", "alg": "ES256"}]}

_NO_PAR: Final = {"PAR": "it takes no pushed requests"}
_NO_NO: Final = {"errors": "its pages have no way to decline"}
_NO_TOKEN: Final = {"back-channel": "it sends no logout tokens"}
_TOOLKIT: Final = {**_NO_PAR, **_NO_NO, **_NO_TOKEN}

VARIANTS: Final = (
    Variant(
        provider="oidc-provider", name="thin ID token", server="panva.mjs",
        settings={"PROVIDER": "generic", "CLIENT_AUTHENTICATION": "client_secret_basic", "LOGOUT_SENDS_ID_TOKEN": True,
                  "SCOPE": "openid profile email offline_access", "AUTHORIZATION_PARAMETERS": {"prompt": "consent"}},
        lacks={"PAR": "the next variant pushes"},
    ),
    Variant(
        provider="oidc-provider", name="PAR, ES256, private_key_jwt, signed UserInfo, issuer with a path",
        server="panva.mjs", path="/realms/one",
        settings={"PROVIDER": "keycloak", "PUSHED_AUTHORIZATION_REQUESTS": True, "ID_TOKEN_SIGNING_ALG": "ES256",
                  "CLIENT_AUTHENTICATION": "private_key_jwt", "PRIVATE_KEY": _PEM, "PRIVATE_KEY_ALG": "ES256"},
        options={"path": "/realms/one", "alg": "ES256", "auth": "private_key_jwt", "assertion_alg": "ES256",
                 "jwks": _JWKS, "signed_userinfo": True, "generous": True},
    ),
    Variant(
        provider="oidc-provider", name="full ID token, EdDSA, client_secret_jwt", server="panva.mjs",
        settings={"PROVIDER": "generic", "ID_TOKEN_SIGNING_ALG": "EdDSA", "USERINFO": "never",
                  "CLIENT_AUTHENTICATION": "client_secret_jwt", "LOGOUT_SENDS_ID_TOKEN": True},
        options={"alg": "EdDSA", "auth": "client_secret_jwt", "assertion_alg": "HS256", "thin": False, "generous": True},
        lacks={"PAR": "the variant before pushes", "userinfo": "the ID token has everything"},
    ),
    Variant(
        provider="oidc-provider", name="HS256, client_secret_post", server="panva.mjs",
        settings={"PROVIDER": "generic", "ID_TOKEN_SIGNING_ALG": "HS256", "LOGOUT_SENDS_ID_TOKEN": True},
        options={"alg": "HS256", "auth": "client_secret_post", "generous": True},
        lacks={"PAR": "another variant pushes", "key rotation": "the secret is the key"},
    ),
    Variant(
        provider="django-oauth-toolkit", name="thin ID token", server="toolkit.py", path="/o",
        settings={"PROVIDER": "generic", "REVOCATION_ENDPOINT": "{issuer}/revoke_token/"}, options={"thin": True},
        lacks={**_TOOLKIT},
    ),
    Variant(
        provider="django-oauth-toolkit", name="HS256, no rotation, client_secret_basic", server="toolkit.py", path="/o",
        settings={"PROVIDER": "generic", "ID_TOKEN_SIGNING_ALG": "HS256", "REFRESH_TOKEN_ROTATION": False,
                  "CLIENT_AUTHENTICATION": "client_secret_basic", "LOGOUT_SENDS_ID_TOKEN": True},
        options={"alg": "HS256", "rotation": False},
        lacks={**_TOOLKIT, "userinfo": "the ID token has everything", "key rotation": "the secret is the key"},
    ),
    Variant(
        provider="oidc-provider-mock", name="as it is", server="mock.py",
        settings={"PROVIDER": "generic", "PKCE_WITHOUT_METADATA": True, "CLIENT_AUTHENTICATION": "client_secret_basic"},
        lacks={**_NO_PAR, **_NO_TOKEN, "userinfo": "the ID token has everything", "errors": "its refusal has no `state`"},
    ),
    Variant(
        provider="oauth2-mock-server", name="as it is", server="mock_server.mjs",
        settings={"PROVIDER": "generic"},
        options={"thin": True},
        lacks={**_NO_PAR, **_NO_TOKEN, **_NO_NO},
    ),
    Variant(
        provider="oauth2-mock-server", name="ES256, public client", server="mock_server.mjs",
        settings={"PROVIDER": "generic", "ID_TOKEN_SIGNING_ALG": "ES256", "CLIENT_AUTHENTICATION": "none"},
        options={"alg": "ES256"},
        lacks={**_NO_PAR, **_NO_TOKEN, **_NO_NO, "userinfo": "the ID token has everything"},
    ),
)  # fmt: skip
