"""Starting flows: the functions behind the package's own views, and for views of a project's own."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from django.http import Http404

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callbacks import callback_url, tenant_or_404
from stateful_oauth.django.actions.callers import BrowserCaller
from stateful_oauth.django.actions.organizations import called, organization_of
from stateful_oauth.django.actions.start_requests import starts
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.browser.hosts import base_url_of
from stateful_oauth.django.browser.next_url import may_go_to, requested_next
from stateful_oauth.django.conf import DEFAULT_TENANT, TenantSettings, conf
from stateful_oauth.django.pages.flow_pages import FlowResponse, sign_in_needed, whole_response
from stateful_oauth.django.pages.permissions import has_just_arrived, not_permitted
from stateful_oauth.django.pages.responses import respond
from stateful_oauth.django.sessions.accounts import (
    own_connected_account,
    own_link,
    was_own_account,
    was_own_link,
)
from stateful_oauth.django.sessions.sign_ins import session_details
from stateful_oauth.flows.connect_account.inputs import ConnectAccountInputs
from stateful_oauth.flows.disconnect_account.inputs import DisconnectAccountInputs
from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.engine.outcomes import Outcome, Rejected
from stateful_oauth.flows.login.inputs import LoginInputs
from stateful_oauth.flows.oauth.inputs import LinkingChoices
from stateful_oauth.flows.oauth.outcomes import Disconnected, Unlinked
from stateful_oauth.flows.unlink_account.inputs import UnlinkAccountInputs
from stateful_oauth.storage.models import AccountLink, ConnectedAccount

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.http import HttpRequest

    from stateful_oauth.django.actions.organizations import Organization
    from stateful_oauth.flows.engine.inputs import FlowInputs

_AGE: Final = re.compile(r"[0-9]{1,9}")
_LONGEST_PARAMETER: Final = 512  # characters; an invitation has 32


@starts()
@whole_response
def start_flow(
    request: HttpRequest,
    kind: str,
    inputs: FlowInputs | Mapping[str, Any],
    *,
    tenant: str = DEFAULT_TENANT,
) -> FlowResponse:
    """Start a flow in this browser.

    Args:
        kind: The flow's kind, for example `"shop.gift"`.
        inputs: The flow's own inputs, or a mapping of their fields.
        tenant: The tenant's alias.

    Returns:
        The way on. `response.outcome` is what the flow answered, for a view that renders a page of its own.

    Raises:
        Http404: There is no such tenant.
        InsideTransaction: The view runs in a database transaction. Decorate it with `flow_view`.
        InvalidInput: The inputs are wrong. Nothing was started.
        Quarantined: There is no such flow.
    """
    tenant_or_404(tenant)
    return respond(_started(request, kind, inputs, tenant), request)


@starts("login")
@whole_response
def start_login(
    request: HttpRequest,
    *,
    next: str | None = None,  # noqa: A002 - Django's own name for it
    tenant: str = DEFAULT_TENANT,
    parameters: Mapping[str, Any] | None = None,
    scope: str | None = None,
    subject: str = "",
    redirect_uri: str = "",
    organization: Organization | None = None,
) -> FlowResponse:
    """Start a sign-in.

    Args:
        next: The URL to go to in the end: a path, or a URL on a host of `ALLOWED_NEXT_HOSTS`. Any other URL
            counts as empty, which means `LOGIN_REDIRECT_URL`. None means the request's own `next`.
        tenant: The tenant's alias.
        parameters: Authorization parameters, over those of `AUTHORIZATION_PARAMETERS` and
            `REQUEST_PARAMETERS`, for example `{"screen_hint": "signup"}`.
        scope: Separated by spaces, instead of `SCOPE`.
        subject: The account that has to sign in: the `sub` of its ID token. Any other one fails with
            `subject_mismatch`.
        redirect_uri: The URL of a callback view of your own. It has to be an Allowed Callback URL.
        organization: The Auth0 organization to sign in at: an id (`org_…`), a name, or a function of the
            request that returns one. It goes over `ORGANIZATION`. Any other one fails with
            `organization_mismatch`; a session of another organization is replaced.

    Returns:
        A redirect to the provider, with the browser's binding cookie. For a GET that asks for nothing of its
        own, from a user who has signed in for the very same a moment ago: the page `not_permitted`, because
        the page at `next` has sent the user away.

    Raises:
        Http404: There is no such tenant.
        InsideTransaction: The view runs in a database transaction. Decorate it with `flow_view`.
        InvalidInput: `parameter_reserved`, `scope_invalid` or `input_invalid`. Nothing was started.
    """
    if organization is not None and (chosen := called(organization, request)):
        parameters = {**(parameters or {}), "organization": chosen}
    is_plain = request.method == "GET" and parameters is None and scope is None and not subject
    inputs = login_inputs(request, tenant_or_404(tenant), next_url=_next(request, next))
    if parameters or scope is not None or subject or redirect_uri:
        inputs = replace(
            inputs,
            parameters={**inputs.parameters, **(parameters or {})},
            scope=inputs.scope if scope is None else scope,
            subject=subject,
            redirect_uri=redirect_uri or inputs.redirect_uri,
        )
    if is_plain and has_just_arrived(request, inputs, tenant):
        return not_permitted(request, inputs.next, tenant)
    return respond(_started(request, "login", inputs, tenant), request)


@starts("connect_account")
@whole_response
def start_connect(
    request: HttpRequest,
    connection: str,
    *,
    next: str | None = None,  # noqa: A002 - Django's own name for it
    scopes: Iterable[str] = (),
    parameters: Mapping[str, Any] | None = None,
    unlisted: bool = False,
) -> FlowResponse:
    """Start to connect an account of the signed-in user at another identity provider.

    Call it only for a POST that Django's CSRF check has passed.

    Args:
        connection: The connection's name.
        next: As for `start_login`.
        scopes: For the identity provider, beside those of `CONNECTIONS`.
        parameters: `authorization_params`, over those of `CONNECTIONS`.
        unlisted: Whether the connection may be one that `CONNECTIONS` does not name. Leave it out where the
            request names the connection.

    Returns:
        A redirect to the provider; to the page `sign_in_needed` for a user who is not signed in there; or to
        the page `connection_unknown`.

    Raises:
        InsideTransaction: The view runs in a database transaction. Decorate it with `flow_view`.
        InvalidInput: `input_invalid`. Nothing was started.
    """
    if refused := sign_in_needed(request, _next(request, next)):
        return refused
    tenant = tenant_or_404(session_details(request).get("tenant", DEFAULT_TENANT))
    if not unlisted and not tenant.may_connect(connection):
        return respond(_unknown_connection(tenant), request)
    inputs = connect_inputs(request, tenant, connection, scopes=scopes, parameters=parameters, next_url=next)
    try:
        outcome = _started(request, "connect_account", inputs, tenant.alias)
    except InvalidInput as error:
        if error.code != "connection_unknown":
            raise  # a mistake of the project; this one is the user's
        outcome = _unknown_connection(tenant)
    return respond(outcome, request)


@starts("disconnect_account")
@whole_response
def start_disconnect(
    request: HttpRequest,
    account: ConnectedAccount | str,
    *,
    next: str | None = None,  # noqa: A002 - Django's own name for it
) -> FlowResponse:
    """Disconnect an account of the signed-in user.

    Call it only for a POST that Django's CSRF check has passed.

    Args:
        account: One of `connected_accounts(request)`, or its id (`cac_…`).
        next: As for `start_login`.

    Returns:
        A redirect to `next`, or to a page that says what went wrong, or that the user has to sign in.

    Raises:
        Http404: The user has no such account.
        InsideTransaction: The view runs in a database transaction. Decorate it with `flow_view`.
    """
    next_url = _next(request, next)
    if refused := sign_in_needed(request, next_url):
        return refused
    account_id = account.remote_id if isinstance(account, ConnectedAccount) else account
    own, details = own_connected_account(request, account_id), session_details(request)
    if own is None:
        if was_own_account(request, account_id):  # sent twice, and the first one is over
            return respond(Disconnected(kind="disconnect_account", next_url=next_url, replayed=True), request)
        raise Http404
    inputs = DisconnectAccountInputs(
        account=own.remote_id,
        connection=own.connection,
        subject=details.get("sub") or "",
        grant=details.get("grant") or "",
        next=next_url,
    )
    tenant = details.get("tenant", DEFAULT_TENANT)
    return respond(_started(request, "disconnect_account", inputs, tenant), request)


@starts("unlink_account")
@whole_response
def start_unlink(
    request: HttpRequest,
    link: AccountLink | int | str,
    *,
    next: str | None = None,  # noqa: A002 - Django's own name for it
) -> FlowResponse:
    """Unlink an account from the signed-in user's account.

    The account that was there first is no link: the last way in cannot be unlinked. Call it only for a POST
    that Django's CSRF check has passed.

    Args:
        link: One of `linked_accounts(request)`, or its primary key.
        next: As for `start_login`.

    Returns:
        A redirect to `next`, or to a page that says what went wrong, or that the user has to sign in.

    Raises:
        Http404: The user has no such link.
        InsideTransaction: The view runs in a database transaction. Decorate it with `flow_view`.
    """
    next_url = _next(request, next)
    if refused := sign_in_needed(request, next_url):
        return refused
    key = str(link.pk if isinstance(link, AccountLink) else link)
    own = own_link(request, key)
    if own is None:
        if was_own_link(request, key):  # sent twice, and the first one is over
            return respond(Unlinked(kind="unlink_account", next_url=next_url, replayed=True), request)
        raise Http404
    inputs = UnlinkAccountInputs(
        primary=own.primary_subject,
        secondary=own.secondary_subject,
        connection=own.connection,
        provider=own.provider,
        provider_user_id=own.provider_user_id,
        next=next_url,
    )
    tenant = session_details(request).get("tenant", DEFAULT_TENANT)
    return respond(_started(request, "unlink_account", inputs, tenant), request)


astart_flow = async_twin(start_flow)
astart_login = async_twin(start_login)
astart_connect = async_twin(start_connect)
astart_disconnect = async_twin(start_disconnect)
astart_unlink = async_twin(start_unlink)


def login_inputs(request: HttpRequest, tenant: TenantSettings, *, next_url: str | None = None) -> LoginInputs:
    """Return what a sign-in is started with: settings, `next`, and nothing else of the request by default.

    `REQUEST_PARAMETERS` names what the request may add, for example `invitation` and `organization`.

    Args:
        next_url: A checked one; None for the request's own.
    """
    parameters = dict(tenant.authorization_parameters)
    if found := organization_of(request, tenant):
        parameters["organization"] = found
    for name in tenant.request_parameters:
        value = request.GET.get(name, "")
        if _may_be_asked(name, value):
            parameters[name] = value
    linking = None
    if tenant.linking != "off":
        linking = LinkingChoices(
            mode=tenant.linking,
            redirect_uri=callback_url(tenant.alias, "link_callback", base_url=base_url_of(request)),
            trusted=tuple(tenant.linking_trusted_connections),
            app_metadata=tuple(tenant.linking_app_metadata_keys),
            tries=tenant.linking_tries,
            held_for=conf.held_sign_in_lifetime,
        )
    return LoginInputs(
        redirect_uri=callback_url(tenant.alias, base_url=base_url_of(request)),
        scope=tenant.scope,
        parameters=parameters,
        next=requested_next(request) if next_url is None else next_url,
        linking=linking,
    )


def connect_inputs(
    request: HttpRequest,
    tenant: TenantSettings,
    connection: str,
    *,
    scopes: Iterable[str] = (),
    parameters: Mapping[str, Any] | None = None,
    next_url: str | None = None,
) -> ConnectAccountInputs:
    """Return what connecting is started with.

    Scopes and parameters are those of `CONNECTIONS` for this connection, and those of the call; never the
    form's, because a page of another site could ask for anything. For the same reason `start_connect` refuses
    a connection that `CONNECTIONS` does not name.
    """
    chosen = tenant.connections.get(connection, {})
    details = session_details(request)
    return ConnectAccountInputs(
        connection=connection,
        redirect_uri=callback_url(tenant.alias, "connect_callback", base_url=base_url_of(request)),
        scopes=(*chosen.get("scopes", ()), *scopes),
        parameters={**chosen.get("parameters", {}), **(parameters or {})},
        subject=details.get("sub") or "",
        grant=details.get("grant") or "",
        next=_next(request, next_url),
    )


def _unknown_connection(tenant: TenantSettings) -> Outcome:
    return Rejected(kind="connect_account", tenant=tenant.alias, code="connection_unknown")


def _started(request: HttpRequest, kind: str, inputs: FlowInputs | Mapping[str, Any], tenant: str) -> Outcome:
    return wiring.engine().start(kind, inputs, BrowserCaller(request, bind=True), tenant=tenant)


def _next(request: HttpRequest, chosen: str | None) -> str:
    if chosen is None:
        return requested_next(request)
    return chosen if may_go_to(chosen) else ""


def _may_be_asked(name: str, value: str) -> bool:
    """Whether a visitor's value can mean anything: what cannot is left out, and is no error of the site."""
    if name == "max_age":
        return _AGE.fullmatch(value) is not None
    return 0 < len(value) <= _LONGEST_PARAMETER and value.isprintable()
