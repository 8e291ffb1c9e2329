"""Starting a step-up: the function behind the package's own view, and for views of a project's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callbacks import callback_url, tenant_or_404
from stateful_oauth.django.actions.callers import BrowserCaller
from stateful_oauth.django.actions.start_requests import starts
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.browser.hosts import base_url_of
from stateful_oauth.django.browser.next_url import may_go_to, requested_next
from stateful_oauth.django.conf import DEFAULT_TENANT, TenantSettings
from stateful_oauth.django.pages.flow_pages import FlowResponse, sign_in_needed, whole_response
from stateful_oauth.django.pages.responses import respond
from stateful_oauth.django.sessions.sign_ins import session_details

if TYPE_CHECKING:
    from django.http import HttpRequest


@starts("step_up")
@whole_response
def start_step_up(
    request: HttpRequest,
    *,
    next: str | None = None,  # noqa: A002 - Django's own name for it
    max_age: int = 0,
    acr_values: str = "",
    connection: str = "",
) -> FlowResponse:
    """Ask the signed-in user to authenticate once more.

    Afterwards `current_sign_in(request)` has the new `auth_time`, `acr` and `amr`, and the session a new key.
    No other user is signed in by it: another account fails with `subject_mismatch`.

    Args:
        next: As for `start_login`.
        max_age: How many seconds ago the user may have authenticated, at most (OpenID Connect Core §3.1.2.1);
            0 asks for it now.
        acr_values: The classes of which one is asked for, in order of preference, separated by spaces. Any
            other one fails with `id_token_acr`.
        connection: The one connection to authenticate with; empty for the user's choice.

    Returns:
        A redirect to the provider, or to the page `sign_in_needed` for a user who is not signed in there.

    Raises:
        InsideTransaction: The view runs in a database transaction. Decorate it with `flow_view`.
        InvalidInput: `input_invalid`. Nothing was started.
    """
    wanted = requested_next(request) if next is None else next if may_go_to(next) else ""
    if refused := sign_in_needed(request, wanted):
        return refused
    tenant = tenant_or_404(session_details(request).get("tenant", DEFAULT_TENANT))
    inputs = _inputs(request, tenant) | {
        "next": wanted,
        "max_age": max_age,
        "acr_values": acr_values,
        "connection": connection,
    }
    caller = BrowserCaller(request, bind=True)
    return respond(wiring.engine().start("step_up", inputs, caller, tenant=tenant.alias), request)


astart_step_up = async_twin(start_step_up)


def _inputs(request: HttpRequest, tenant: TenantSettings) -> dict[str, Any]:
    details = session_details(request)
    own = ("acr_values", "connection", "max_age", "prompt")
    parameters = {name: each for name, each in tenant.authorization_parameters.items() if name not in own}
    if details.get("organization"):
        parameters["organization"] = details["organization"]
    return {
        "redirect_uri": callback_url(tenant.alias, "step_up_callback", base_url=base_url_of(request)),
        "scope": tenant.scope,
        "parameters": parameters,
        "subject": details.get("sub"),
        "grant": details.get("grant"),
    }
