"""Going on with flows: the functions behind the package's own views, and for views of a project's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callbacks import callback_outcome, callback_view
from stateful_oauth.django.actions.callers import BrowserCaller
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.pages.flow_pages import FlowResponse, SeeOther, whole_response
from stateful_oauth.django.pages.responses import respond
from stateful_oauth.django.sessions.sign_ins import signed_in_again
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import Rejected
from stateful_oauth.storage.store import started_by

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from stateful_oauth.flows.engine.declaration import FlowDeclaration
    from stateful_oauth.flows.engine.outcomes import Outcome


@whole_response
def complete(request: HttpRequest, *, kind: str = "login", tenant: str = DEFAULT_TENANT) -> FlowResponse:
    """Take the provider's answer, in a callback view of your own.

    Every delivery of the same callback gets the same outcome, and signs in the same browser. Decorate the
    view with `callback_view`, which keeps the code out of error reports.

    Args:
        kind: The flow that the URL belongs to. Each flow has a callback URL of its own (RFC 9700 §4.4).
        tenant: The alias of the tenant that the URL belongs to.

    Returns:
        The way on: a redirect to where the user wanted to go, or to a page that says what went wrong.
        Nothing is rendered at the callback's URL, because it holds the code (RFC 9700 §4.2).
        `response.outcome` is the outcome.

    Raises:
        Http404: There is no such tenant.
        InsideTransaction: The view runs in a database transaction. Decorate it with `callback_view`.
    """
    return _answer(callback_outcome(request, kind, tenant), request)


@whole_response
def send_event(
    request: HttpRequest,
    transaction_id: uuid.UUID,
    event: str,
    payload: Any = None,
    *,
    kind: str,
    code: str = "",
    tenant: str | None = None,
) -> FlowResponse:
    """Send an event of this browser to a transaction that it started.

    Args:
        event: One of the flow's `browser_events`.
        payload: What the flow's guards and actions see.
        kind: The flow that the view belongs to. A transaction of another flow is refused (`wrong_flow`).
        code: An error code that the event brings, for example for a `cancel`.
        tenant: The tenant's alias. None means that of the transaction, which takes a query to find out.

    Returns:
        The way on. `response.outcome` is what the flow answered, for a view that renders a page of its own.

    Raises:
        InsideTransaction: The view runs in a database transaction. Decorate it with `flow_view`.
    """
    caller = BrowserCaller(request)
    if tenant is None:
        row: Any = started_by(caller.browsers, transaction_id) if caller.browsers else None
        tenant = DEFAULT_TENANT if row is None else row.tenant
    sent = Event(event, payload, code)
    return _answer(wiring.engine().dispatch(transaction_id, sent, caller, kind=kind, tenant=tenant), request)


def callback_of(flow: FlowDeclaration) -> Callable[..., HttpResponse]:
    """Return the view of a flow's callback URL."""

    def callback(request: HttpRequest, tenant: str = DEFAULT_TENANT) -> HttpResponse:
        """Take the provider's answer."""
        return complete(request, kind=flow.kind, tenant=tenant)

    return callback_view(callback)


acomplete = async_twin(complete)
asend_event = async_twin(send_event)


def followed(request: HttpRequest, transaction_id: uuid.UUID) -> Outcome:
    """Return how a transaction stands; a finished sign-in signs its browser in, as a second delivery does."""
    return signed_in_again(request, wiring.engine().follow(transaction_id, BrowserCaller(request)))


def _answer(outcome: Outcome, request: HttpRequest) -> FlowResponse:
    outcome = signed_in_again(request, outcome)
    if (
        isinstance(outcome, Rejected)
        and outcome.kind == "account_linking"
        and outcome.code in ("event_not_allowed", "candidate_unknown")
    ):
        # Sent or delivered twice, or an older copy of the page: the page knows how it stands.
        response = SeeOther(reverse("stateful_oauth:link", args=[outcome.transaction_id]))
        response.outcome = outcome
        return response
    return respond(outcome, request)
