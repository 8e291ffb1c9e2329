"""Sealed values that somebody moves between rows and columns open nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from stateful_oauth.django.actions.tokens import access_token
from stateful_oauth.flows.engine.errors import Quarantined, ServiceRefused
from stateful_oauth.storage.models import FlowTransaction, Grant
from stateful_oauth.storage.store import DjangoTransactionStore
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site
from tests.support.project_requests import request_of

pytestmark = [pytest.mark.django_db(transaction=True)]

PEOPLE = ("ada@example.com", "bob@example.com", "eve@example.com")


def test_sealed_values_that_are_moved_open_nowhere(tenant, clock, rng, rounds):
    accounts_site.prepare(tenant)
    tenant.add_user(email=PEOPLE[2], password="x")
    with accounts_site.site(LINKING="off"):
        browsers = {}
        for email in PEOPLE:
            browser = Browser(tenant)
            browser.sign_in(email)
            browser.start()
            browsers[browser.client.session["stateful_oauth"]["grant"]] = browser
        for browser in browsers.values():
            access_token(request_of(browser), audience=tenant.my_account_audience)
        places: list[tuple[Any, str]] = [
            *((row, "secrets") for row in FlowTransaction.objects.filter(state_kind="waiting")),
            *((row, name) for row in Grant.objects.all() for name in ("refresh_token", "access_tokens")),
        ]
        asked = tenant.requests["/oauth/token"]
        for _ in rounds(60):
            (row, name), (other, column) = rng.sample(places, 2)
            type(row).objects.filter(pk=row.pk).update(**{name: getattr(other, column)})
            if isinstance(row, FlowTransaction):
                stored = DjangoTransactionStore().load(row.pk)
                assert stored is not None
                with pytest.raises(Quarantined):
                    stored.secrets["state"]
            else:
                with pytest.raises(ServiceRefused) as caught:
                    access_token(request_of(browsers[str(row.pk)]), audience=tenant.my_account_audience)
                assert caught.value.code == "grant_dead"
            type(row).objects.filter(pk=row.pk).update(**{name: getattr(row, name)})
        assert tenant.requests["/oauth/token"] == asked, "nothing was sent with another's token"
