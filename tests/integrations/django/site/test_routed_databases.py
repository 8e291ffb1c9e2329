"""Views of the package are outside of `ATOMIC_REQUESTS`, whichever database a router chooses."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db import connections
from django.http import HttpResponse
from django.urls import resolve

from stateful_oauth.django.pages import flow_pages as pages
from stateful_oauth.django.views.readiness import readiness_view
from stateful_oauth.storage.models import FlowTransaction, StuckTransaction

ADDRESSES = ("/auth/login/", "/auth/callback/", "/auth/logout/", "/auth/restart/")


@pytest.mark.parametrize("view", [*(resolve(address).func for address in ADDRESSES), readiness_view])
def test_no_view_runs_in_a_surrounding_transaction(view):
    assert view._non_atomic_requests == set(connections)


def test_nor_in_one_of_a_database_beside_the_default_one(monkeypatch):
    """This site has one database; a decorator that knew only of that would pass above."""
    monkeypatch.setattr(pages, "connections", ["default", "of sign-ins"])
    assert pages.flow_view(HttpResponse)._non_atomic_requests == {"default", "of sign-ins"}
    for model in (StuckTransaction, FlowTransaction):
        operate = admin.site._registry[model].get_urls()[0].callback
        assert operate._non_atomic_requests == {"default", "of sign-ins"}
