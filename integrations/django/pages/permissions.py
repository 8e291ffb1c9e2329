"""Users without the permission for a page: they are told so, because another sign-in changes nothing.

`permission_required`, `user_passes_test` and the admin send such a user to sign in. The provider has a
session, asks nothing, and sends the browser back to the page, which sends it to sign in again, for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext

from stateful_oauth.django import wiring
from stateful_oauth.django.browser.next_url import destination
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.pages.failures import Failure, Way
from stateful_oauth.django.pages.flow_pages import FlowResponse, flow_view, refused_page
from stateful_oauth.django.sessions.sign_ins import ARRIVED_KEY, session_details

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from stateful_oauth.flows.oauth.inputs import AuthorizationInputs

_JUST_NOW: Final = 30  # seconds; a browser that is sent in circles takes a few
_CODE: Final = "not_permitted"


def has_just_arrived(request: HttpRequest, asked: AuthorizationInputs, tenant: str) -> bool:
    """Whether this user has signed in for the very same page a moment ago, and that page sent them back."""
    arrived = request.session.get(ARRIVED_KEY) if hasattr(request, "session") else None
    if not asked.next or not isinstance(arrived, list) or arrived[0] != asked.asked:
        return False
    age = wiring.clock.now().timestamp() - arrived[1]
    same_tenant = session_details(request).get("tenant", DEFAULT_TENANT) == tenant
    return same_tenant and -_JUST_NOW < age < _JUST_NOW and request.user.is_authenticated


def not_permitted(request: HttpRequest, next_url: str, tenant: str = "") -> FlowResponse:
    """Render the page for a signed-in user who may not open a page: who it is, and the ways out."""
    user = _shown(request)
    message = gettext("You are signed in as %(user)s, who may not open this page.") % {"user": user}
    if not user:
        message = gettext("This page needs a user with a permission for it. Please sign in.")
    found = Failure(
        heading=gettext("You may not open this page"),
        message=message,
        way=Way.ANOTHER_ACCOUNT if user else Way.SIGN_IN,
        label=gettext("Use another account") if user else gettext("Sign in"),
        takes_another_account=bool(user),
    )
    home = next((url for url in (destination(""), "/") if url not in (next_url, request.path)), "")
    alias = tenant or session_details(request).get("tenant", "")
    return refused_page(request, _CODE, found, next_url=next_url, back_url=home, tenant=alias)


@flow_view
def permission_denied_view(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    """Answer a refused permission with that page: for `handler403` in your root URLconf."""
    next_url = request.get_full_path() if request.method == "GET" else ""
    return not_permitted(request, next_url)


def _shown(request: HttpRequest) -> str:
    """Return what the signed-in user knows itself by, or an empty string if no user is signed in."""
    user = request.user
    if not user.is_authenticated:
        return ""
    email = getattr(user, user.get_email_field_name(), "") if hasattr(user, "get_email_field_name") else ""
    name = user.get_full_name() if hasattr(user, "get_full_name") else ""
    return str(email or name or user.get_username())
