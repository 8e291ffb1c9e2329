"""Views of the package are outside of `ATOMIC_REQUESTS`, whichever database a router chooses."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import connections
from django.http import HttpResponse
from django.urls import resolve

from stateful_oauth.django.pages import flow_pages as pages
from stateful_oauth.django.views.readiness import readiness_view
from stateful_oauth.storage.models import FlowTransaction, StuckTransaction
from stateful_oauth.testing.browser import Browser

ADDRESSES = ("/auth/login/", "/auth/callback/", "/auth/logout/", "/auth/restart/")


@pytest.mark.parametrize("view", [*(resolve(address).func for address in ADDRESSES), readiness_view])
def test_no_view_runs_in_a_surrounding_transaction(view):
    assert view._non_atomic_requests == set(connections)


class ReplicaWithoutAnything:
    """Sends the package's reads to a database that is not there."""

    def db_for_read(self, model, **hints):
        return "nowhere" if model._meta.app_label == "stateful_oauth" else None


@pytest.mark.database
def test_no_page_of_a_sign_in_reads_a_replica(browser, tenant, settings):
    settings.DATABASE_ROUTERS = [ReplicaWithoutAnything()]
    assert browser.sign_in("ada@example.com")["Location"] == "/profile/"
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), "ada@example.com")
    pk = FlowTransaction.objects.using("default").latest("pk").pk
    assert browser.get(f"/auth/progress/{pk}/").status_code == 303
    assert browser.get(f"/auth/error/access_denied/?transaction={pk}").status_code == 403
    assert browser.get(callback)["Location"] == "/profile/?tab=2"
    assert Browser(tenant).get(callback).status_code == 303
    call_command("rotate_secrets", verbosity=0)
    call_command("expire_flows", verbosity=0)
    call_command("recover_flows", verbosity=0)
    call_command("purge_flows", older_than="1d", verbosity=0)
    assert browser.post("/auth/logout/").status_code == 303


def test_a_view_is_not_atomic_in_any_database_of_the_site(monkeypatch):
    """This site has one database; a decorator that knew only of that would pass above."""
    monkeypatch.setattr(pages, "connections", ["default", "of sign-ins"])
    assert pages.flow_view(HttpResponse)._non_atomic_requests == {"default", "of sign-ins"}
    for model in (StuckTransaction, FlowTransaction):
        operate = admin.site._registry[model].get_urls()[0].callback
        assert operate._non_atomic_requests == {"default", "of sign-ins"}
