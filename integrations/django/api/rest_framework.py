"""Authentication for Django REST framework. Needs the extra `drf`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException

from stateful_oauth.django.api.bearer import NoBearerToken, bearer_token, challenge, error_of, status_of
from stateful_oauth.django.api.verifying import names_in, user_of, verify_access_token
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.error_codes import ERROR_CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rest_framework.request import Request

    from stateful_oauth.auth0.access_token import VerifiedAccessToken


class TokenUser:
    """The `request.user` of a request that brought an access token: the token's user, or its application.

    It has no row, no groups and no permissions of the site; decide by `token.scopes` and `token.permissions`.

    Attributes:
        token: The verified token.
    """

    is_active = is_authenticated = True
    is_anonymous = is_staff = is_superuser = False
    pk: ClassVar[None] = None
    id: ClassVar[None] = None

    def __init__(self, token: VerifiedAccessToken) -> None:
        self.token = token

    def __str__(self) -> str:
        return self.token.subject

    def get_username(self) -> str:
        """Return the token's `sub`."""
        return self.token.subject

    def has_perm(self, perm: str, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Return False: the site knows of no permissions."""
        return False

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Return False: the site knows of no permissions."""
        return False

    def has_module_perms(self, app_label: str) -> bool:  # noqa: ARG002 - Django's signature
        """Return False: the site knows of no permissions."""
        return False


class Refused(APIException):  # type: ignore[misc] # Django REST framework has no types
    """A refusal of RFC 6750 §3.1, as `bearer_required` has it, in the form of Django REST framework."""

    def __init__(self, error: FlowError, scopes: Iterable[str]) -> None:
        super().__init__()
        entry = ERROR_CODES.get(error.code) if status_of(error) != 503 else None
        self.status_code = status_of(error)
        self.detail = {
            "error": error_of(error),
            "error_description": "" if entry is None else entry.user,
            "code": error.code,
        }
        if self.status_code == 503:
            self.wait = 30  # seconds: becomes `Retry-After`
        elif header := challenge(error, scopes):
            self.auth_header = header  # becomes `WWW-Authenticate`


class Auth0Bearer(BaseAuthentication):  # type: ignore[misc] # Django REST framework has no types
    """Takes the access token of the `Authorization` header (RFC 6750).

    `request.auth` is a `VerifiedAccessToken`, and `request.user` a user without a row that is authenticated.
    A subclass changes what is asked for:

        class Reports(Auth0Bearer):
            scopes = "read:reports"

    Attributes:
        audience: The API's identifier; by default API_AUDIENCE of the settings.
        scopes: All of these must be granted: texts, or one text with spaces.
        permissions: All of these must be in Auth0's `permissions` (RBAC).
        organization: The organization that the token must be for, or None for any.
        tenant: The tenant's alias in the settings.
        finds_user: Make `request.user` the user who signed in at the site as the token's `sub`; without an
            active one the request is refused with `access_token_user`.
    """

    audience: str = ""
    scopes: str | Iterable[str] = ()
    permissions: str | Iterable[str] = ()
    organization: str | None = None
    tenant: str = DEFAULT_TENANT
    finds_user: bool = False

    def authenticate(self, request: Request) -> tuple[Any, VerifiedAccessToken] | None:
        """Return user and token, or None for a request without a bearer token."""
        try:
            token = verify_access_token(
                bearer_token(request),
                audience=self.audience,
                scopes=self.scopes,
                permissions=self.permissions,
                organization=self.organization_of(request),
                tenant=self.tenant,
            )
            return (user_of(token) if self.finds_user else TokenUser(token)), token
        except NoBearerToken:
            return None
        except FlowError as error:
            refused = Refused(error, names_in(self.scopes))
        raise refused

    def organization_of(self, request: Request) -> str | None:  # noqa: ARG002 - for subclasses
        """Return the organization that the token must be for; a subclass may read it from the request."""
        return self.organization

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - of the base class
        """Return the challenge for a request without a token."""
        return challenge(NoBearerToken())
