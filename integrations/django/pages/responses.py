"""Outcomes as responses: one function per type of outcome.

The error page has a URL of its own, so that no page is ever shown under the callback's URL, which holds the
code (RFC 9700 §4.2).
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.urls import reverse

from stateful_oauth.django.browser.binding import write_binding
from stateful_oauth.django.browser.next_url import destination
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.pages import other_browser
from stateful_oauth.django.pages.flow_pages import FlowResponse, SeeOther, try_later_page
from stateful_oauth.flows.engine.outcomes import (
    Abandoned,
    Cancelled,
    Expired,
    Failed,
    InProgress,
    Mismatched,
    Outcome,
    RedirectTo,
    Rejected,
    TryLater,
)
from stateful_oauth.flows.oauth.outcomes import (
    ConfirmationNeeded,
    Connected,
    Disconnected,
    SignedIn,
    Unlinked,
)
from stateful_oauth.flows.registry import SIGN_IN

if TYPE_CHECKING:
    from django.http import HttpRequest


def respond(outcome: Outcome, request: HttpRequest) -> FlowResponse:
    """Turn an outcome into a response: where the browser has to go next, with its binding cookie.

    Makes no session: see `sessions.signed_in_again`.
    """
    if isinstance(outcome, Expired) and goes_on(request, outcome.kind, outcome.code):
        response: FlowResponse = SeeOther(destination(outcome.next_url))
    elif isinstance(outcome, TryLater):
        response = try_later_page(request, outcome)
    else:
        response = _respond(outcome)
    if outcome.code in other_browser.CODES and outcome.transaction_id is None:
        other_browser.add_way_on(request, response)
    response.outcome = outcome
    write_binding(request, response)
    return response


def goes_on(request: HttpRequest, kind: str, code: str) -> bool:
    """Whether an attempt to sign in that took too long is of no matter: a user is signed in by now.

    Not for a question about linking: its user has to read that the accounts were not linked.
    """
    is_over = code in ("transaction_expired", "superseded")
    return is_over and kind == SIGN_IN.kind and request.user.is_authenticated


@singledispatch
def _respond(outcome: Outcome) -> FlowResponse:
    """Default: the error page of the code, or, without a code, on to `next`: an outcome of a project."""
    return to_error_page(outcome, outcome.code) if outcome.code else SeeOther(destination(outcome.next_url))


@_respond.register(Cancelled)
@_respond.register(Mismatched)
@_respond.register(Failed)
@_respond.register(Expired)
@_respond.register(Abandoned)
@_respond.register(Rejected)
def _(outcome: Outcome) -> FlowResponse:
    return to_error_page(outcome, outcome.code or "internal_error")


@_respond.register(RedirectTo)
def _(outcome: RedirectTo) -> FlowResponse:
    return SeeOther(outcome.url)


@_respond.register(SignedIn)
def _(outcome: SignedIn) -> FlowResponse:
    return SeeOther(destination(outcome.next_url))


@_respond.register(Connected)
@_respond.register(Disconnected)
@_respond.register(Unlinked)
def _(outcome: Outcome) -> FlowResponse:
    return SeeOther(destination(outcome.next_url))


@_respond.register(ConfirmationNeeded)
def _(outcome: ConfirmationNeeded) -> FlowResponse:
    return SeeOther(reverse("stateful_oauth:link", args=[outcome.transaction_id]))


@_respond.register(InProgress)
def _(outcome: InProgress) -> FlowResponse:
    return SeeOther(reverse("stateful_oauth:progress", args=[outcome.transaction_id]))


def to_error_page(outcome: Outcome, code: str) -> FlowResponse:
    """Redirect to the page of an error code."""
    known = {
        "transaction": "" if outcome.transaction_id is None else str(outcome.transaction_id),
        "tenant": "" if outcome.tenant == DEFAULT_TENANT else outcome.tenant,
        # For a transaction that this browser did not start, or none at all.
        "kind": "" if outcome.kind == SIGN_IN.kind else outcome.kind,
    }
    query = urlencode({name: value for name, value in known.items() if value})
    # Browsers take the fragment along, unless there is one (Fetch Standard, HTTP-redirect fetch).
    # With another response mode it holds the code, and nothing else came.
    fragment = "#" if code == "state_missing" else ""
    return SeeOther(reverse("stateful_oauth:error", args=[code]) + ("?" + query if query else "") + fragment)
