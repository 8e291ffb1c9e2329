"""The package's URLs, to be included where the project likes.

`path("auth/", include("stateful_oauth.django.urls"))`

Each flow brings its own: the callback that it declares, and the `urlpatterns` of its module in `views/`. To
replace a single URL by a view of your own, name the same path before the `include`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from django.urls import path

from stateful_oauth.django.actions.completing import callback_of
from stateful_oauth.django.declarations import usable_declarations
from stateful_oauth.django.views import backchannel_logout, initiated_login, logout, pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from django.urls import URLPattern

    from stateful_oauth.flows.engine.declaration import FlowDeclaration

app_name = "stateful_oauth"


def _urls_of(flow: FlowDeclaration) -> Iterator[URLPattern]:
    views = _views_of(flow)
    callback = flow.callback
    if callback is not None:
        view = callback_of(flow)
        yield path(callback.path, view, name=callback.name)
        # A site with several tenants gives each its own callbacks (RFC 9700 §4.4).
        yield path(f"<slug:tenant>/{callback.path}", view, name=callback.name)
    yield from getattr(views, "urlpatterns", ())


def _views_of(flow: FlowDeclaration) -> ModuleType | None:
    """Return the flow's module in `views/`. A project's own flow, whose kind has a dot, has none."""
    name = f"stateful_oauth.django.views.{flow.kind}"
    if "." in flow.kind or find_spec(name) is None:
        return None
    return import_module(name)


urlpatterns = [
    *(pattern for flow in usable_declarations() for pattern in _urls_of(flow)),
    *initiated_login.urlpatterns,
    path("logout/", logout.logout, name="logout"),
    path("signed-out/", logout.signed_out, name="signed_out"),
    path("backchannel-logout/", backchannel_logout.backchannel_logout, name="backchannel_logout"),
    path(
        "<slug:tenant>/backchannel-logout/", backchannel_logout.backchannel_logout, name="backchannel_logout"
    ),
    path("restart/", pages.restart, name="restart"),
    path("error/<slug:code>/", pages.error, name="error"),
    path("progress/<uuid:transaction_id>/", pages.progress, name="progress"),
]
# Last, because a tenant's alias may be the first part of another path.
urlpatterns.sort(key=lambda pattern: str(pattern.pattern).startswith("<slug:tenant>/"))
