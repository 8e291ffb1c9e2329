"""Views that take a bearer token (RFC 6750), and how they refuse one."""

from __future__ import annotations

import re
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, JsonResponse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt

from stateful_oauth.django.api.verifying import names_in, user_of, verify_access_token
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.flows.oauth.errors import AccessTokenRejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.http import HttpRequest

View = TypeVar("View", bound="Callable[..., Any]")

_BEARER: Final = re.compile(r"(?i:bearer) +([A-Za-z0-9\-._~+/]+=*)")  # RFC 6750 §2.1
_SCHEME: Final = re.compile(r"(?i:bearer)(?: |$)")
_ERRORS: Final = {400: "invalid_request", 401: "invalid_token", 403: "insufficient_scope"}
_RETRY_AFTER: Final = "30"  # seconds: the provider's keys are asked for again by then


class NoBearerToken(Exception):
    """The request has no bearer token: other authentication may apply."""


def bearer_required(
    audience: str = "",
    *,
    scopes: str | Iterable[str] = (),
    permissions: str | Iterable[str] = (),
    organization: str | Callable[[HttpRequest], str] | None = None,
    tenant: str = DEFAULT_TENANT,
    user: bool = False,
) -> Callable[[View], View]:
    """Decorate a view of an API, sync or async: it runs only for a request with a good access token.

    The view reads the token as `request.access_token`, a `VerifiedAccessToken`. It has no CSRF check and
    needs no session and no user. The token comes from the `Authorization` header alone (RFC 6750 §2.1).
    A refusal is a JSON body with `error`, `error_description` and `code`, and a `WWW-Authenticate` header
    (RFC 6750 §3): status 400, 401 or 403; 503 where the provider's keys cannot be read.

    Args:
        audience: The API's identifier; by default API_AUDIENCE of the settings.
        scopes: All of these must be granted: texts, or one text with spaces.
        permissions: All of these must be in Auth0's `permissions` (RBAC).
        organization: The organization that the token must be for, or a function of the request that says it.
        tenant: The tenant's alias in the settings.
        user: Set `request.user` to the user who signed in at the site as the token's `sub`; without an active
            one the request is refused with `access_token_user`.
    """
    wanted, needed = names_in(scopes), names_in(permissions)

    def authenticate(request: Any) -> None:
        request.access_token = verify_access_token(
            bearer_token(request),
            audience=audience,
            scopes=wanted,
            permissions=needed,
            organization=organization(request) if callable(organization) else organization,
            tenant=tenant,
        )
        if user:
            request.user = user_of(request.access_token)
            request.auser = _of_request(request)

    refuse = partial(_refusal, scopes=wanted)

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):
            in_its_thread = async_twin(authenticate)

            @wraps(view)
            async def protected_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
                try:
                    await in_its_thread(request)
                except (NoBearerToken, FlowError) as error:
                    return refuse(error)
                return _varied(await view(request, *args, **kwargs))

            return cast("View", csrf_exempt(login_not_required(protected_async)))

        @wraps(view)
        def protected(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                authenticate(request)
            except (NoBearerToken, FlowError) as error:
                return refuse(error)
            return _varied(view(request, *args, **kwargs))

        return cast("View", csrf_exempt(login_not_required(protected)))

    return decorate


def bearer_token(request: HttpRequest) -> Secret:
    """Return the token of the `Authorization` header.

    Raises:
        NoBearerToken: There is none.
        AccessTokenRejected: The header is not as RFC 6750 §2.1 has it. Code: `authorization_malformed`.
    """
    found = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if found is not None:
        return Secret(found.group(1))
    if _SCHEME.match(request.headers.get("Authorization", "")):
        raise AccessTokenRejected("authorization_malformed")
    raise NoBearerToken


def challenge(error: Exception, scopes: Iterable[str] = ()) -> str:
    """Return the value of `WWW-Authenticate` for a refusal (RFC 6750 §3); empty where there is none.

    Args:
        scopes: What the resource needs, told to a client whose token has too little.
    """
    kind = error_of(error)
    if isinstance(error, NoBearerToken):
        return 'Bearer realm="api"'
    if kind == "temporarily_unavailable":
        return ""
    parts = ['Bearer realm="api"', f'error="{kind}"', f'error_description="{_description(error)}"']
    if kind == "insufficient_scope" and scopes:
        parts.append(f'scope="{" ".join(sorted(scopes))}"')
    return ", ".join(parts)


def error_of(error: Exception) -> str:
    """Return the error code of RFC 6750 §3.1, or `temporarily_unavailable`; empty without a token."""
    if isinstance(error, NoBearerToken):
        return ""
    if not isinstance(error, AccessTokenRejected):
        return "temporarily_unavailable"
    return _ERRORS[status_of(error)]


def status_of(error: Exception) -> int:
    """Return the HTTP status of a refusal."""
    if isinstance(error, NoBearerToken):
        return 401
    return ERROR_CODES[error.code].status if isinstance(error, AccessTokenRejected) else 503


def _refusal(error: Exception, *, scopes: frozenset[str]) -> HttpResponse:
    if isinstance(error, FlowError):
        text = gettext(_description(error))
        body = {"error": error_of(error), "error_description": text, "code": error.code}
    else:
        body = {"error": "unauthorized", "error_description": gettext("This request needs an access token.")}
    response = JsonResponse(body, status=status_of(error))
    if said := challenge(error, scopes):
        response["WWW-Authenticate"] = said
    if response.status_code == 503:
        response["Retry-After"] = _RETRY_AFTER
    response["Cache-Control"] = "no-store"
    return _varied(response)


def _description(error: Exception) -> str:
    """Return what the client is told: English, which is ASCII (RFC 6750 §3), and nothing of the token."""
    return ERROR_CODES[error.code].user if isinstance(error, FlowError) else ""


def _varied(response: HttpResponse) -> HttpResponse:
    patch_vary_headers(response, ("Authorization",))
    return response


def _of_request(request: HttpRequest) -> Callable[[], Any]:
    async def auser() -> Any:
        return request.user

    return auser
