"""The configuration of one tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from stateful_oauth.auth0.urls import check_url
from stateful_oauth.auth0.userinfo_endpoints import userinfo_endpoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.secret import Secret

ClientAuth = Literal[
    "client_secret_post",
    "client_secret_basic",
    "client_secret_jwt",
    "private_key_jwt",
    "tls_client_auth",
    "none",
]
AssertionAlg = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
SigningAlg = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256"
]
UserInfoMode = Literal["never", "when_missing", "always"]
ResponseMode = Literal["query", "form_post"]
DistributedClaims = Literal["refuse", "ignore"]
AssertionAudience = Literal["issuer", "token_endpoint"]

_MAX_LEEWAY: Final = 60  # seconds; docs/security-checklist.md T9
_ASSERTIONS: Final = {"client_secret_jwt": "HS256"}  # whose key is the secret
_HMAC_KEY_BYTES: Final = 32  # RFC 7518 §3.2: as long as the hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth0Config:
    """How to talk to one tenant. All durations are in seconds.

    Attributes:
        issuer: Byte-exact; Auth0's ends with a slash: `https://tenant.eu.auth0.com/`.
        client_secret: For the `client_secret_…` methods, and the key of HS256.
        private_key: PEM of a key that fits `private_key_alg`, for `private_key_jwt`.
        private_key_id: `kid` of the credential, when the application has several.
        client_auth: How the application proves itself at the token, PAR and revocation endpoints.
        client_assertion_audience: Which `aud` an assertion of `…_jwt` has: the issuer, or where it is sent.
        client_certificate: File of the certificate chain, as PEM, for `tls_client_auth` (RFC 8705 §2.1).
        client_certificate_key: File of its private key, where the certificate's own does not hold it.
        pkce_without_metadata: The provider verifies S256 although its metadata do not say so. S256 is sent in
            any case.
        response_mode: How the provider sends the browser back: `query` or `form_post`.
        userinfo: When a sign-in asks UserInfo: `never`, `when_missing` (the ID token lacks what the scope
            promises), or `always`.
        distributed_claims: What becomes of a sign-in whose claims are elsewhere (OpenID Connect Core §5.6.2):
            `refuse`, or `ignore` them.
        keep_unasked_refresh_tokens: Keep a refresh token that came without `offline_access` in the scope.
        end_session_endpoint: In the place of the announced one; empty for that.
        revocation_endpoint: The same.
        logout_return_parameter: Its parameter for where to go after the sign-out.
        logout_sends_sid: Send the provider's session id as `logout_hint`, which is what Auth0 takes there.
        logout_sends_id_token: Send the ID token as `id_token_hint`; the session keeps it encrypted.
        is_auth0: Whether the provider is Auth0, with APIs and sign-out of its own.
        id_token_signing_alg: The only algorithm that an ID token may have (docs/security-checklist.md T7).
        access_token_signing_alg: The only algorithm that an access token for an API of the site may have.
        leeway: By how much two clocks may differ.
        max_token_age: How long ago an ID token may have been issued (docs/security-checklist.md T10).
        pushed_authorization_requests: Push authorization requests (RFC 9126).
        trusted_audiences: Other values that `aud` of an ID token may have beside the client id.
        connect_timeout: For DNS, TCP and TLS together. The system's resolver has a limit of its own.
        read_timeout: For a whole call: from its start to the last byte of the answer.
        max_response_bytes: Longer answers are refused.
        allow_insecure_http_on_loopback: Accept http to this machine, for the emulator.
        metadata_lifetime: How long the discovery document and the keys are believed.
        jwks_refetch_interval: How often an unknown key may make us read the keys again
            (docs/security-checklist.md T20), and how often we try to renew an old discovery document.
        ca_bundle: File or folder of trusted certificates. Otherwise REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or
            SSL_CERT_FILE, as they are when the transport is made; otherwise certifi's.
        refresh_token_rotation: Whether a refresh token must be assumed dead once it was sent: a setting of
            the application at the provider, which no call can read.
        my_account_base_url: Of Auth0's My Account API; `me/v1` at the issuer by default.
        my_account_audience: What its tokens are asked for with; `me/` at the issuer by default.
        management_client_id: Of the machine-to-machine application that calls the Management API: another one
            than `client_id` (docs/security-checklist.md B17). Empty: the API is not used.
        management_client_secret: Its secret.
        management_base_url: Scheme and host of the Management API and of its tokens' endpoint: the canonical
            domain of the tenant, whatever its custom domain is. The issuer by default.
        management_audience: `api/v2/` at `management_base_url` by default.
        provider_userinfo: Where identity providers say whose access token it is, by connection or strategy:
            `{"url": …, "subject": "sub", "email": "email", "prefix": ""}`; see `userinfo_endpoints`.

    Raises:
        ValueError: The values do not go together; the message names the field and never shows a secret.
    """

    issuer: str
    client_id: str
    client_secret: Secret | None = None
    client_auth: ClientAuth = "client_secret_post"
    private_key: Secret | None = None
    private_key_id: str | None = None
    private_key_alg: AssertionAlg = "RS256"
    client_assertion_audience: AssertionAudience = "issuer"
    client_certificate: str = ""
    client_certificate_key: str = ""
    pkce_without_metadata: bool = False
    response_mode: ResponseMode = "query"
    userinfo: UserInfoMode = "never"
    distributed_claims: DistributedClaims = "refuse"
    keep_unasked_refresh_tokens: bool = False
    end_session_endpoint: str = ""
    revocation_endpoint: str = ""
    logout_return_parameter: str = "post_logout_redirect_uri"
    logout_sends_sid: bool = True
    logout_sends_id_token: bool = False
    is_auth0: bool = True
    id_token_signing_alg: SigningAlg = "RS256"  # noqa: S105 - not a password
    access_token_signing_alg: AssertionAlg = "RS256"  # noqa: S105 - not a password
    leeway: int = 30
    max_token_age: int = 600
    pushed_authorization_requests: bool = False
    trusted_audiences: tuple[str, ...] = ()
    connect_timeout: float = 3.0
    read_timeout: float = 10.0
    max_response_bytes: int = 1_048_576
    allow_insecure_http_on_loopback: bool = False
    metadata_lifetime: float = 3600.0
    jwks_refetch_interval: float = 30.0
    ca_bundle: str | None = None
    refresh_token_rotation: bool = True
    my_account_base_url: str = ""
    my_account_audience: str = ""
    management_client_id: str = ""
    management_client_secret: Secret | None = None
    management_base_url: str = ""
    management_audience: str = ""
    provider_userinfo: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_url(self.issuer, "issuer", allow_http_on_loopback=self.allow_insecure_http_on_loopback)
        for name in ("end_session_endpoint", "revocation_endpoint"):
            if url := getattr(self, name):
                check_url(url, name, allow_http_on_loopback=self.allow_insecure_http_on_loopback)
        if "?" in self.issuer:
            raise ValueError("issuer must not have a query (OpenID Connect Core §2).")
        if not self.client_id:
            raise ValueError("client_id must not be empty.")
        self._check_choices()
        self._check_credentials()
        self._check_durations()
        self._place_apis()
        userinfo_endpoints(
            self.provider_userinfo, allow_http_on_loopback=self.allow_insecure_http_on_loopback
        )

    @property
    def call_limit(self) -> float:
        """Seconds for a call without a limit of its own."""
        return self.read_timeout

    def _check_choices(self) -> None:
        for name, choices in (
            ("client_auth", ClientAuth),
            ("private_key_alg", AssertionAlg),
            ("client_assertion_audience", AssertionAudience),
            ("response_mode", ResponseMode),
            ("userinfo", UserInfoMode),
            ("distributed_claims", DistributedClaims),
            ("id_token_signing_alg", SigningAlg),
            ("access_token_signing_alg", AssertionAlg),
        ):
            if getattr(self, name) not in get_args(choices):
                raise ValueError(f"{name} must be one of {', '.join(get_args(choices))}.")
        if isinstance(self.trusted_audiences, str):
            raise ValueError("trusted_audiences must be a sequence of texts, not one text.")  # noqa: TRY004

    def _check_credentials(self) -> None:
        if self.client_auth == "private_key_jwt" and not self.private_key:
            raise ValueError("client_auth private_key_jwt needs private_key.")
        if self.client_auth.startswith("client_secret") and not self.client_secret:
            raise ValueError(f"client_auth {self.client_auth} needs client_secret.")
        if self.client_auth == "tls_client_auth" and not self.client_certificate:
            raise ValueError("client_auth tls_client_auth needs client_certificate.")
        if "HS256" in {self.id_token_signing_alg, _ASSERTIONS.get(self.client_auth)}:
            secret = self.client_secret.reveal() if self.client_secret else ""
            if len(secret.encode()) < _HMAC_KEY_BYTES:
                raise ValueError(f"HS256 needs a client_secret of at least {_HMAC_KEY_BYTES} bytes.")
        if self.management_client_id and not self.management_client_secret:
            raise ValueError("management_client_id needs management_client_secret.")

    def _place_apis(self) -> None:
        """Fill in the defaults of Auth0's APIs that were not given, and check the URLs."""
        root = self.issuer.removesuffix("/") + "/"
        management = self.management_base_url.removesuffix("/") + "/" if self.management_base_url else root
        for name, value in (
            ("my_account_base_url", self.my_account_base_url or root + "me/v1"),
            ("my_account_audience", self.my_account_audience or root + "me/"),
            ("management_base_url", management),
            ("management_audience", self.management_audience or management + "api/v2/"),
        ):
            object.__setattr__(self, name, value)
        for name in ("my_account_base_url", "management_base_url"):
            url = getattr(self, name)
            check_url(url, name, allow_http_on_loopback=self.allow_insecure_http_on_loopback)
            if "?" in url:
                raise ValueError(f"{name} must not have a query.")

    def _check_durations(self) -> None:
        if not 0 <= self.leeway <= _MAX_LEEWAY:
            raise ValueError(f"leeway must be between 0 and {_MAX_LEEWAY} seconds.")
        for name in (
            "max_token_age",
            "connect_timeout",
            "read_timeout",
            "max_response_bytes",
            "metadata_lifetime",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0.")
        if self.jwks_refetch_interval < 0:
            raise ValueError("jwks_refetch_interval must not be negative.")
