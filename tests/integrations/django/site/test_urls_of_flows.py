"""URLs come from what flows declare, a project replaces any of them, and its own flow has the same means."""

from __future__ import annotations

import sys
from importlib import reload
from types import ModuleType

import pytest
from django.http import HttpResponse
from django.urls import include, path, resolve, reverse

from stateful_oauth.django import urls
from stateful_oauth.django.pages.failures import Way, failure
from stateful_oauth.django.pages.progress import progress_of
from stateful_oauth.flows.registry import BUILT_IN
from stateful_oauth.storage.models import FlowTransaction

NAMES = {pattern.name for pattern in urls.urlpatterns}


@pytest.fixture
def urlconf(settings):
    """Use a project's list of URLs."""

    def use(*patterns):
        module = ModuleType("urls_of_a_project")
        module.urlpatterns = [*patterns, path("auth/", include("stateful_oauth.django.urls"))]
        sys.modules[module.__name__] = module
        settings.ROOT_URLCONF = module.__name__

    yield use
    sys.modules.pop("urls_of_a_project", None)


@pytest.fixture
def own_flow(settings, urlconf):
    """The package's URLs as a process has them whose settings name a flow of the project's own."""
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "FLOWS": ["tests.support.toy_declared.TOY"]}
    reload(urls)
    urlconf()
    yield
    del settings.STATEFUL_OAUTH
    reload(urls)


@pytest.mark.parametrize("flow", [flow for flow in BUILT_IN if flow.callback], ids=lambda flow: flow.kind)
def test_each_callback_has_its_url_and_one_for_each_tenant(flow):
    name = f"stateful_oauth:{flow.callback.name}"
    assert reverse(name) == f"/auth/{flow.callback.path}"
    assert reverse(name, kwargs={"tenant": "partners"}) == f"/auth/partners/{flow.callback.path}"
    assert resolve(reverse(name)).view_name == name


@pytest.mark.parametrize("name", sorted(NAMES))
def test_any_single_url_can_be_replaced_by_a_view_of_the_project(client, urlconf, name):
    """The same path before the `include`; links and redirects of the package lead there, by their name."""

    def mine(request, **kwargs):
        return HttpResponse(f"mine {sorted(kwargs)}")

    pattern = next(each for each in urls.urlpatterns if each.name == name)
    urlconf(path(f"auth/{pattern.pattern}", mine))
    arguments = {"code": "access_denied", "transaction_id": "0193d3b8-0000-7000-8000-000000000000"}
    taken = {key: value for key, value in arguments.items() if key in pattern.pattern.converters}
    url = reverse(f"stateful_oauth:{name}", kwargs=taken)
    assert client.get(url).content.decode() == f"mine {sorted(taken)}"


def test_own_flow_has_a_callback_that_refuses_what_is_not_its_own(client, own_flow, db):
    assert reverse("stateful_oauth:toy_callback") == "/auth/toy/callback/"
    response = client.get("/auth/toy/callback/?state=forged&prize=x")
    assert response.headers["Location"] == "/auth/error/transaction_unknown/?kind=tests.declared"
    page = client.get(response.headers["Location"]).content.decode()
    assert "<h1>The game is lost</h1>" in page
    assert "response_incomplete" in client.get("/auth/toy/callback/?state=forged&code=x").headers["Location"]


def test_own_flow_says_what_happened_and_how_to_start_again(own_flow):
    shown = failure("transaction_expired", "tests.declared", {"connection": "github"}, "default")
    assert (shown.heading, shown.message) == ("The game is over", "You took too long to play.")
    assert (shown.way, shown.label) == (Way.RESTART, "Play with GitHub again")
    assert (shown.url, shown.fields) == ("/auth/connect/", {"connection": "github"})


def test_own_flow_that_cannot_be_started_again_leads_back(own_flow):
    assert failure("transaction_expired", "tests.declared", {}, "default").way is Way.BACK


def test_own_flow_says_what_it_is_doing(own_flow, clock):
    row = FlowTransaction(kind="tests.declared", changed_at=clock.now())
    assert progress_of(row).heading == "Playing…"


def test_a_wrong_setting_keeps_no_url_from_working(settings):
    """The system check says what is wrong; without the URLs it could not."""
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "FLOWS": ["nowhere.Flow"]}
    assert reload(urls) is urls
    assert {pattern.name for pattern in urls.urlpatterns} == NAMES


def test_a_tenants_alias_hides_no_other_url():
    by_tenant = [str(pattern.pattern).startswith("<slug:tenant>/") for pattern in urls.urlpatterns]
    assert by_tenant == sorted(by_tenant)
