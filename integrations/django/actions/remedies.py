"""What a user can do about an error of a token: the flow to start, and where to come back to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from stateful_oauth.django.actions.starting import start_connect, start_login
from stateful_oauth.django.actions.stepping_up import start_step_up
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.browser.next_url import page_of
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.pages.flow_pages import FlowResponse, SeeOther, error_page
from stateful_oauth.django.sessions.sign_ins import session_details
from stateful_oauth.flows.engine.errors import FlowError

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

# The flow that helps, by code. About all others a user can do nothing.
_FLOWS: Final = {
    "grant_missing": "login",
    "grant_dead": "login",
    "refresh_lost": "login",
    "my_account_token_rejected": "login",
    "step_up_required": "step_up",
    "account_not_connected": "connect_account",
    "connected_account_unknown": "connect_account",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """The flow that helps with an error: `error.remedy` of the functions that hand out tokens.

    Attributes:
        code: The error's.
        flow: The kind: `login`, `step_up` or `connect_account`.
        connection: Of `connect_account`: what to connect.
    """

    code: str
    flow: str
    connection: str = ""

    def start(self, request: HttpRequest, *, next: str | None = None) -> HttpResponse:  # noqa: A002 - as in `start_login`
        """Start the flow, and come back to the page that the user was at.

        An account is connected after a POST only. For a GET this is a page with a button for it.

        Args:
            next: As for `start_login`. None means the request's own page, or after a form, the page with it.

        Returns:
            The response for the view to return.

        Raises:
            InsideTransaction: The view runs in a database transaction. Decorate it with `flow_view`.
        """
        back = page_of(request) if next is None else next
        if self.flow == "step_up":
            return start_step_up(request, next=back)
        if self.flow == "login":
            return self._sign_in(request, back)
        if request.method == "POST":
            return start_connect(request, self.connection, next=back, unlisted=True)
        asked = {"connection": self.connection, "next": back}
        return error_page(request, self.code, kind="connect_account", inputs=asked)

    async def astart(self, request: HttpRequest, *, next: str | None = None) -> HttpResponse:  # noqa: A002 - as in `start_login`
        """Do the same as `start`, for async views."""
        return await async_twin(self.start)(request, next=next)

    def _sign_in(self, request: HttpRequest, back: str) -> FlowResponse | SeeOther:
        """Start a sign-in of the same account that brings a refresh token."""
        details = session_details(request)
        alias = details.get("tenant", DEFAULT_TENANT)
        tenant = conf.tenant(alias if alias in conf.tenant_aliases else conf.tenant_aliases[0])
        scope = " ".join(dict.fromkeys([*tenant.scope.split(), "offline_access"]))
        organization = details.get("organization")
        return start_login(
            request,
            next=back,
            tenant=tenant.alias,
            scope=scope,
            subject=details.get("sub") or "",
            organization=organization,
        )


def with_remedy(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Decorate a function whose `FlowError`s carry the flow that helps, as `remedy`, or None.

    A keyword argument or the second argument `connection` says which account is meant.
    """

    @wraps(function)
    def remedied(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return function(*args, **kwargs)
        except FlowError as error:
            connection = kwargs.get("connection") or (args[1] if len(args) > 1 else "")
            flow = _FLOWS.get(error.code)
            if flow is not None:
                error.remedy = Remedy(
                    code=error.code,
                    flow=flow,
                    connection=str(connection) if flow == "connect_account" else "",
                )
            raise

    return remedied
