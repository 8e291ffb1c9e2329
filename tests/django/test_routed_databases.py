"""Views of the package are outside of `ATOMIC_REQUESTS`, whichever database a router chooses."""

from __future__ import annotations

from django.db import connections
from django.urls import resolve


def test_no_view_runs_in_a_surrounding_transaction_of_any_database():
    for address in ("/auth/login/", "/auth/callback/", "/auth/logout/", "/auth/restart/"):
        view = resolve(address).func
        assert view._non_atomic_requests == set(connections), address
