"""Decorators for views that need more than a signed-in user: a recent authentication, an organization."""

from __future__ import annotations

from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.utils.translation import gettext

from stateful_oauth.django.actions.organizations import called
from stateful_oauth.django.actions.starting import start_login
from stateful_oauth.django.actions.stepping_up import start_step_up
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.browser.next_url import page_of
from stateful_oauth.django.pages.flow_pages import outside_of_transactions
from stateful_oauth.django.sessions.current import current_sign_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from stateful_oauth.django.actions.organizations import Organization

View = TypeVar("View", bound="Callable[..., Any]")

# Seconds. The way back from the provider takes some: with less, a slow browser is sent there for ever.
_LEAST_AGE: Final = 30


def recent_sign_in(*, max_age: int | timedelta = 300, acr: str = "") -> Callable[[View], View]:
    """Decorate a view, sync or async, that needs a user who has authenticated a short while ago.

    Any other user is asked to authenticate once more (step-up) and comes back to the view. A user who is not
    signed in signs in first. `auth_time` and `acr` are those of the verified ID token. Auth0 sends
    `auth_time` only if the sign-in asked for it with `max_age`: other sign-ins do not count as recent.

    A form is not kept: after a POST, the user comes back to the page with the form, and a message of Django's
    messages framework says that it has to be sent again. Protect the page that shows the form, too.

    Args:
        max_age: How long ago the user may have authenticated: seconds, at least 30, or a `timedelta`.
        acr: The classes of authentication of which one is needed, separated by spaces; empty for any.

    Raises:
        ValueError: `max_age` is less than 30 seconds.
    """
    age = max_age if isinstance(max_age, timedelta) else timedelta(seconds=max_age)
    if age < timedelta(seconds=_LEAST_AGE):
        raise ValueError(f"max_age must be at least {_LEAST_AGE} seconds: the way back takes a while.")
    classes = frozenset(acr.split())
    asked = {"max_age": int(age.total_seconds()), "acr_values": acr or None}

    def refused(request: HttpRequest) -> HttpResponse | None:
        found = current_sign_in(request)
        if found is None and not request.user.is_authenticated:
            return start_login(request, next=_way_back(request), parameters=asked)
        if found is not None and found.authenticated_within(age) and (not classes or found.acr in classes):
            return None
        return start_step_up(
            request, next=_way_back(request), max_age=int(age.total_seconds()), acr_values=acr
        )

    return _guard(refused)


def organization_required(organization: Organization | None = None) -> Callable[[View], View]:
    """Decorate a view, sync or async, that needs a user who has signed in at an Auth0 organization.

    Any other user is sent to sign in there, and comes back to the view: so users change organizations by
    opening a page of another one. Auth0 refuses a user who is no member (`organization_refused`).

    Args:
        organization: The organization's id (`org_…`), or a function of the request that returns it; None for
            any organization. Names are refused, because sessions know ids.

    Raises:
        ValueError: The organization is a name.
    """
    if isinstance(organization, str):
        _check_id(organization)

    def refused(request: HttpRequest) -> HttpResponse | None:
        found = current_sign_in(request)
        wanted = "" if organization is None else _check_id(called(organization, request))
        if found is not None and found.organization and wanted in ("", found.organization):
            return None
        return start_login(request, next=_way_back(request), organization=wanted or None)

    return _guard(refused)


def _check_id(organization: str) -> str:
    if not organization.startswith("org_"):
        raise ValueError("An organization is named by its id, which begins with org_.")
    return organization


def _guard(refused: Callable[[HttpRequest], HttpResponse | None]) -> Callable[[View], View]:
    """Return a decorator for views that run only for requests that are not refused.

    What it starts must not be in a database transaction; the view itself runs in one as `ATOMIC_REQUESTS`
    says. `LoginRequiredMiddleware` lets it pass, because it sends users to sign in itself.
    """
    in_its_thread = async_twin(refused)

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
                response: HttpResponse = await in_its_thread(request) or await view(request, *args, **kwargs)
                return response

            guarded: Any = guarded_async
        else:

            @wraps(view)
            def guarded_sync(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
                response: HttpResponse = refused(request) or _atomic(view)(request, *args, **kwargs)
                return response

            guarded = guarded_sync
        return cast("View", outside_of_transactions(login_not_required(guarded)))

    return decorate


def _atomic(view: Callable[..., Any]) -> Callable[..., Any]:
    """Return the view as Django would run it under `ATOMIC_REQUESTS`."""
    excepted = getattr(view, "_non_atomic_requests", ())
    for alias, database in connections.settings.items():
        if database["ATOMIC_REQUESTS"] and alias not in excepted:
            view = transaction.atomic(using=alias)(view)
    return view


def _way_back(request: HttpRequest) -> str:
    """Return where the user goes on: the page itself, or after a form, the page that has it."""
    if request.method in ("GET", "HEAD"):
        return page_of(request)
    text = gettext("Please send the form again: it was not sent, because you had to confirm who you are.")
    messages.warning(request, text, fail_silently=True)
    return page_of(request)
