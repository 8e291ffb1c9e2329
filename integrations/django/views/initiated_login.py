"""A sign-in that the provider, or a portal, starts (OpenID Connect Core §4): the `initiate_login_uri`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from stateful_oauth.django.actions.start_requests import starts
from stateful_oauth.django.actions.starting import start_login
from stateful_oauth.django.browser.next_url import may_go_to
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.flow_pages import SeeOther, error_page, flow_view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, QueryDict

# What goes on to the provider: of the standard, and of Auth0's invitations.
_SENT_ON: Final = ("login_hint", "organization", "invitation")
_LONGEST: Final = 512  # characters


@starts("login", is_view=True)
@csrf_exempt
@flow_view
@require_http_methods(["GET", "POST"])
def initiated_login(request: HttpRequest) -> HttpResponse:
    """Start a sign-in for `iss`, which has to be the issuer of one of the site's tenants, to the letter.

    `target_link_uri` is where the user goes on, if `next` might lead there, too; `login_hint`, `organization`
    and `invitation` go on to the provider. A form of another site comes without cookies, so the browser is
    sent here once more, by GET.
    """
    if request.method == "POST":
        return SeeOther(f"{request.path}?{_short(request.POST)}")
    tenant = next(
        (each for each in conf.tenant_aliases if conf.tenant(each).issuer == request.GET.get("iss")), ""
    )
    if not tenant or len(request.GET.getlist("iss")) != 1:
        return error_page(request, "issuer_mismatch" if "iss" in request.GET else "issuer_missing")
    target = request.GET.get("target_link_uri", "")
    asked = {name: request.GET[name] for name in _SENT_ON if _is_usable(request.GET.get(name, ""))}
    return start_login(request, tenant=tenant, next=target if may_go_to(target) else "", parameters=asked)


def _short(sent: QueryDict) -> str:
    copy = sent.copy()
    for name in [*copy]:
        if name not in ("iss", "target_link_uri", *_SENT_ON):
            del copy[name]
    return copy.urlencode()


def _is_usable(value: str) -> bool:
    return 0 < len(value) <= _LONGEST and value.isprintable()


urlpatterns = [path("initiate-login/", initiated_login, name="initiate_login")]
