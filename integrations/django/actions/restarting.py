"""Starting an attempt again, from what the last one was started with.

A form of an error page names the attempt. What that was started with comes from its row, and from no URL or
page; and only in the browser that started it.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from stateful_oauth.django.actions.callers import BrowserCaller
from stateful_oauth.django.declarations import declaration_of
from stateful_oauth.storage.store import started_by

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from django.http import HttpRequest

    from stateful_oauth.django.conf import TenantSettings
    from stateful_oauth.storage.models import FlowTransaction


def asks_for_another_account(request: HttpRequest) -> bool:
    """Whether the user pressed the button that asks the provider for another account."""
    return request.method == "POST" and request.POST.get("account") == "another"


def earlier_login(request: HttpRequest, tenant: TenantSettings) -> dict[str, Any]:
    """Return the arguments of `start_login` that the attempt before had; none for an unknown attempt.

    With the button "Use another account", they have the provider ask, too.
    """
    row = _named_by(request)
    if row is not None and row.kind == "account_linking":  # the sign-in that opened it
        row = _own(request, str(row.inputs.get("login", "")))
    kept = _kept(row, "login", tenant.alias)
    arguments: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    if row is not None and kept:
        # What the settings ask for by default is asked for only if it was asked for then.
        parameters = {**dict.fromkeys(tenant.authorization_parameters), **kept.get("parameters", {})}
        left_out = _left_out(row.code, tenant)
        parameters = {name: value for name, value in parameters.items() if name not in left_out}
        if "none" in str(parameters.get("prompt")).split():
            parameters["prompt"] = None  # it would be refused again: the user has to be asked something
        arguments = {
            name: kept[name] for name in ("next", "scope", "subject", "redirect_uri") if name in kept
        }
    if asks_for_another_account(request):
        parameters["prompt"] = tenant.another_account_prompt
    return {**arguments, "parameters": parameters} if parameters else arguments


def earlier_connect(request: HttpRequest) -> dict[str, Any]:
    """Return the arguments of `start_connect` that the attempt before had; none for an unknown attempt."""
    row = _named_by(request)
    kept = _kept(row, "connect_account", "" if row is None else row.tenant)
    if row is None or not kept or row.user_id is None or str(row.user_id) != str(request.user.pk):
        return {}
    # The connection was allowed when the attempt was started.
    unlisted = kept.get("connection") == request.POST.get("connection")
    return (
        {
            "scopes": kept.get("scopes", ()),
            "parameters": kept.get("parameters", {}),
            "unlisted": unlisted,
        }
        if unlisted
        else {}
    )


def _left_out(code: str, tenant: TenantSettings) -> Collection[str]:
    """Return the parameters that a new attempt leaves out, because the provider would refuse them again."""
    if code == "request_rejected":
        names: Collection[str] = tenant.request_parameters  # what the user's URL added
        return names
    return ("invitation",) if code == "invitation_invalid" else ()


def _kept(row: FlowTransaction | None, kind: str, tenant: str) -> Mapping[str, Any]:
    restart = declaration_of(kind).restart
    if row is None or restart is None or (row.kind, row.tenant) != (kind, tenant):
        return {}
    names = {"next", *restart.fields, *restart.optional_fields, *restart.inputs}
    return {name: value for name, value in row.inputs.items() if name in names}


def _named_by(request: HttpRequest) -> FlowTransaction | None:
    return _own(request, request.POST.get("attempt", "")) if request.method == "POST" else None


def _own(request: HttpRequest, attempt: str) -> FlowTransaction | None:
    browsers = BrowserCaller(request).browsers
    try:
        transaction_id = uuid.UUID(attempt)
    except ValueError:
        return None
    return started_by(browsers, transaction_id) if browsers else None
