"""Callbacks by `response_mode=form_post` (OAuth 2.0 Form Post Response Mode), and the bridge to our cookies.

The provider's page posts the form, so the request is cross-site, and a browser sends no `SameSite=Lax` cookie
with it. It gets a page that posts the same form once more: from our own site, with the cookies. Nothing is
decided, and no row is touched, before that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.template.loader import render_to_string

from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.pages.flow_pages import FlowResponse
from stateful_oauth.flows.engine.secret import Hidden, Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest

_BRIDGED: Final = "stateful_oauth_bridged"
_FORM: Final = "application/x-www-form-urlencoded"
_PARAMETERS: Final = ("code", "state", "iss", "error", "error_description")
_MOST_VALUES: Final = 16
_LONGEST: Final = 4096  # characters of a value; a longer one is refused by every reader of it


def takes_form_posts(tenant: str = DEFAULT_TENANT) -> bool:
    """Whether the provider of a tenant is asked for `form_post`; False for a tenant that there is not."""
    try:
        return bool(conf.tenant(tenant).response_mode == "form_post")
    except KeyError:
        return False


def is_bridged(request: HttpRequest) -> bool:
    """Whether a form comes from our own bridge.

    Another site can write that, and gains nothing: a form from elsewhere brings no cookie, and so no binding.
    """
    return request.content_type == _FORM and _BRIDGED in request.POST


def bridge(request: HttpRequest) -> FlowResponse:
    """Return the page that posts the provider's form once more.

    Raises:
        BadRequest: It is no such form.
    """
    if request.content_type != _FORM:
        raise BadRequest("An authorization response is a form.")
    values = [
        Hidden((name, value[: _LONGEST + 1])) for name in _PARAMETERS for value in request.POST.getlist(name)
    ]
    fields = Hidden([each.value for each in values[:_MOST_VALUES]])
    request.POST = QueryDict()
    # Without the request: a template that shows who is signed in would ask the database.
    return FlowResponse(
        render_to_string("stateful_oauth/form_post.html", {"fields": fields.value, "marker": _BRIDGED})
    )


def taken_from_form(request: HttpRequest) -> Sequence[tuple[str, Sequence[Secret]]]:
    """Return the fields of a bridged form as secrets, and leave none of them in the request."""
    found = [(name, [Secret(value) for value in values]) for name, values in request.POST.lists()]
    request.POST = QueryDict()
    return found
