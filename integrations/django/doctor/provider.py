"""The stages that look at what signing in needs of a tenant. They need no user, and leave nothing behind."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from stateful_oauth.django.actions.logout_states import return_url
from stateful_oauth.django.actions.signing_out import logout_next_urls
from stateful_oauth.django.conf import conf
from stateful_oauth.django.declarations import callbacks
from stateful_oauth.django.doctor.probe_context import TIME_LIMIT
from stateful_oauth.django.doctor.stages import Finding, Probe, failed, fine, not_probed, warning
from stateful_oauth.flows.engine.errors import FlowError, ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth import pkce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.auth0.probes import Landing
from stateful_oauth.django.doctor.probe_context import ProbeContext

# What a provider answers to `prompt=none` when no user is signed in (OpenID Connect Core §3.1.2.6): the
# request itself was in order.
_IN_ORDER: Final = frozenset(
    {"login_required", "consent_required", "interaction_required", "account_selection_required"}
)
# Other errors that are repeated; any other text is from outside.
_KNOWN_ERRORS: Final = frozenset(
    {"access_denied", "invalid_request", "invalid_scope", "server_error", "temporarily_unavailable"}
    | {"unauthorized", "unauthorized_client", "unsupported_response_type", "request_not_supported"}
)
_ASSERTION_SKEW: Final = 10.0  # seconds by which Auth0 lets the clock of an assertion be off
_CLOCK_STEP: Final = 1.0  # seconds: the Date header counts no finer
_LONGEST_SHOWN: Final = 200
_PAR_ON: Final = "In Auth0 turn on Settings > Advanced > Allow Pushed Authorization Requests (PAR)."


def _discovery(context: ProbeContext) -> Iterator[Finding]:
    issuer = context.provider.issuer
    announced = context.probes.announced_issuer(time_limit=TIME_LIMIT)
    if announced is not None and announced != issuer:
        yield failed(
            f"The provider's issuer is {announced[:_LONGEST_SHOWN]!a}, but the settings say {issuer!r}.",
            "Set ISSUER to exactly the provider's issuer, or correct DOMAIN.",
        )
        return
    if context.config.pushed_authorization_requests and context.offers_no_pushed_requests():
        yield failed(
            "PUSHED_AUTHORIZATION_REQUESTS is True, but the tenant announces no "
            "pushed_authorization_request_endpoint: PAR is off.",
            f"{_PAR_ON} Or set PUSHED_AUTHORIZATION_REQUESTS = False.",
        )
        return
    metadata = context.metadata()
    yield fine(f"{issuer} announces everything that sign-in needs, including S256.")
    if metadata.revocation_endpoint is None and "offline_access" in context.settings.scope.split():
        yield warning(
            "There is no revocation_endpoint. After sign-out, refresh tokens stay valid at the provider.",
            "Use a provider that can revoke tokens (RFC 7009), or remove `offline_access` from SCOPE.",
        )
    if metadata.pushed_authorization_request_endpoint is None and context.settings.linking != "off":
        yield warning(
            "There is no pushed_authorization_request_endpoint: the user of the browser can change what "
            "the proof for linking is asked with.",
            _PAR_ON,
        )
    if metadata.end_session_endpoint is None and context.config.is_auth0:
        yield warning(
            "There is no end_session_endpoint. Sign-out uses Auth0's older /v2/logout.",
            "In Auth0, turn on Settings > Advanced > RP-Initiated Logout End Session Endpoint Discovery.",
        )


def _signing_keys(context: ProbeContext) -> Iterator[Finding]:
    algorithm = context.config.id_token_signing_alg
    if algorithm == "HS256":
        yield fine("ID tokens are signed with CLIENT_SECRET (HS256). There is no key to read.")
        return
    try:
        context.load_keys()
    except ServiceRefused:
        raise
    except FlowError as error:
        if error.code != "keys_unavailable":
            raise
        yield failed(
            f"{error} ID tokens are to be signed with {algorithm}.",
            "In Auth0, compare the application's JSON Web Token Signature Algorithm with "
            f"ID_TOKEN_SIGNING_ALG: the tenant publishes a key for {algorithm} only where one uses it.",
        )
        return
    yield fine(f"The key set has a key for {algorithm}.")


def _clock(context: ProbeContext) -> Iterator[Finding]:
    skew = context.probes.clock_skew(time_limit=TIME_LIMIT)
    if skew is None:
        yield not_probed("The provider sends no Date header.")
        return
    limit = float(context.config.leeway)
    if context.config.client_auth == "private_key_jwt":
        limit = min(limit, _ASSERTION_SKEW)
    where = f"The site's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the provider's"
    if abs(skew) > max(limit, _CLOCK_STEP):
        yield failed(f"{where}. Tokens allow {limit:.0f} s.", _SET_CLOCK)
    elif abs(skew) > max(limit / 2, _CLOCK_STEP):
        yield warning(f"{where}. Tokens allow {limit:.0f} s.", _SET_CLOCK)
    else:
        yield fine("The site's clock and the provider's agree.")


_SET_CLOCK: Final = "Synchronise the machine's clock with NTP (chrony, systemd-timesyncd)."


def _client(context: ProbeContext) -> Iterator[Finding]:
    """Exchange a code that was never issued.

    Harmless: a provider proves the client first, and then finds no such code (RFC 6749 §5.2: `invalid_client`
    and `invalid_grant` are told apart). No user, session or token is touched; Auth0 writes one line
    "Failed Exchange" into the tenant's log.
    """
    try:
        context.provider.exchange_code(
            code=Secret(f"flows-doctor-{pkce.new_nonce()}"),
            redirect_uri=context.callback(),
            code_verifier=Secret(pkce.new_code_verifier()),
            time_limit=TIME_LIMIT,
        )
    except ServiceRefused as error:
        if error.code == "client_rejected" and _knows_no_client(context):
            yield failed(
                f"The provider knows no application {context.config.client_id} with the callback "
                f"{context.callback()} ({error.code}).",
                "Compare CLIENT_ID with the application's page in the tenant of DOMAIN. If they match, add "
                "the callback to its Allowed Callback URLs.",
            )
            return
        if error.code != "code_rejected":
            raise
        yield fine(f"The provider accepts {context.config.client_auth} of {context.config.client_id}.")
    else:
        yield failed("The provider exchanged a code that it never issued.", "Do not use this provider.")


def _knows_no_client(context: ProbeContext) -> bool:
    """Whether the authorization endpoint shows an error page: it redirects for each client that it knows."""
    if context.config.pushed_authorization_requests:
        return False
    url = context.provider.authorization_url(context.request(context.callback()))
    return 400 <= context.probes.open(url, time_limit=TIME_LIMIT).status < 500


def _callbacks(context: ProbeContext) -> Iterator[Finding]:
    """Open the authorization URL with `prompt=none`, as a browser in which no user is signed in.

    Harmless: no page is shown, no session is begun; Auth0 writes one line "Failed Silent Auth".
    """
    for callback, base_url in product(callbacks(context.settings), conf.base_urls):
        redirect_uri = context.callback(callback.name, base_url)
        request = context.request(redirect_uri)
        if context.config.pushed_authorization_requests or (
            # The proof for linking is pushed wherever that is possible.
            callback.name == "link_callback" and context.provider.takes_pushed_authorization_requests()
        ):
            try:
                pushed = context.provider.push_authorization_request(request, time_limit=TIME_LIMIT)
            except ServiceRefused as error:
                if error.code != "request_rejected":
                    raise
                yield failed(f"The provider rejected the pushed request: {error}", _allow(redirect_uri))
                continue
            url = context.provider.pushed_authorization_url(pushed.request_uri)
        else:
            url = context.provider.authorization_url(request)
        landing = context.probes.open(url, time_limit=TIME_LIMIT)
        if landing.error == "invalid_request" and _must_be_pushed(context, redirect_uri):
            yield failed(
                f"{redirect_uri} is allowed, but the application takes pushed requests only: PAR is required "
                f"({landing.error}).",
                "Set PUSHED_AUTHORIZATION_REQUESTS = True, or turn off Require Pushed Authorization Requests "
                "in the application.",
            )
            continue
        yield _landed(context, redirect_uri, landing)


def _must_be_pushed(context: ProbeContext, redirect_uri: str) -> bool:
    """Whether the same request is in order once it is pushed. No text of the provider is relied on."""
    if context.config.pushed_authorization_requests or context.offers_no_pushed_requests():
        return False
    try:
        pushed = context.provider.push_authorization_request(
            context.request(redirect_uri), time_limit=TIME_LIMIT
        )
        url = context.provider.pushed_authorization_url(pushed.request_uri)
        return context.probes.open(url, time_limit=TIME_LIMIT).error in _IN_ORDER
    except FlowError:
        return False


def _landed(context: ProbeContext, redirect_uri: str, landing: Landing) -> Finding:
    if landing.status >= 500:
        return failed(f"The provider responded with {landing.status}.", "Check the provider's status page.")
    if landing.status >= 400:
        return failed(
            f"The provider refuses to send browsers to {redirect_uri} (status {landing.status}).",
            _allow(redirect_uri),
        )
    if not landing.location:
        return warning(
            f"The provider showed a page ({landing.status}), and did not redirect to {redirect_uri}.",
            "Sign in once by hand. The provider ignores prompt=none, so the doctor cannot check this.",
        )
    if landing.url != redirect_uri:
        return warning(
            f"The provider redirected to {_host(landing)} instead of {redirect_uri}.",
            "Sign in once by hand. The provider ignores prompt=none, so the doctor cannot check this.",
        )
    if not landing.error or landing.error in _IN_ORDER:
        return fine(f"{redirect_uri} is allowed.")
    said = landing.error if landing.error in _KNOWN_ERRORS else "another error"
    return failed(
        f"{redirect_uri} is allowed, but the provider rejects the request ({said}).",
        f"Compare SCOPE and AUTHORIZATION_PARAMETERS with the application {context.config.client_id}. "
        "See the tenant's log.",
    )


def _allow(redirect_uri: str) -> str:
    return f"Add {redirect_uri} to the application's Allowed Callback URLs, and check CLIENT_ID."


def _logout(context: ProbeContext) -> Iterator[Finding]:
    """Open the sign-out URL as a browser in which no user is signed in: there is no session to end."""
    homes = [base_url + conf.logout_return_path for base_url in conf.base_urls]
    targets = [*homes, *logout_next_urls()]
    if context.settings.logout_state:
        targets = [return_url(base_url) for base_url in conf.base_urls]
    for target in dict.fromkeys(targets):
        yield _signed_out(context, target)


def _signed_out(context: ProbeContext, home: str) -> Finding:
    url = context.provider.logout_url(return_to=home)
    if url is None:
        return fine(f"The provider has no sign-out: the session here ends, and the browser goes to {home}.")
    landing = context.probes.open(url, time_limit=TIME_LIMIT)
    if landing.status >= 500:
        return failed(f"The provider responded with {landing.status}.", "Check the provider's status page.")
    if landing.status >= 400:
        return failed(
            f"After sign-out, the provider refuses to send browsers to {home} (status {landing.status}).",
            f"Add {home} to the application's Allowed Logout URLs.",
        )
    return fine(f"{home} is allowed after sign-out.")


def _host(landing: Landing) -> str:
    return ascii((urlsplit(landing.url).hostname or "a page of its own")[:_LONGEST_SHOWN])


PROVIDER: Final[tuple[Probe, ...]] = (
    Probe(
        name="discovery",
        looks_at="the discovery document: the exact issuer, S256, and the endpoints that the settings need",
        run=_discovery,
        outbound=True,
    ),
    Probe(
        name="signing_keys",
        looks_at="the key set has a key of ID_TOKEN_SIGNING_ALG",
        run=_signing_keys,
        needs=("discovery",),
        outbound=True,
    ),
    Probe(name="clock", looks_at="the site's clock and the provider's agree", run=_clock, outbound=True),
    Probe(
        name="client",
        looks_at="the client credentials (tried with an invented code)",
        run=_client,
        needs=("discovery", "signing_keys"),
        outbound=True,
    ),
    Probe(
        name="callbacks",
        looks_at="the callback URLs are allowed, and the provider accepts the request, pushed or not",
        run=_callbacks,
        needs=("discovery",),
        outbound=True,
    ),
    Probe(
        name="logout",
        looks_at="the URL after sign-out is allowed",
        run=_logout,
        needs=("discovery",),
        outbound=True,
    ),
)
