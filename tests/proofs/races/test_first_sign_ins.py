"""One new user in thirty-two browsers at once: one Django user, one identity, thirty-two sign-ins."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.storage.models import Identity
from stateful_oauth.testing.browser import Browser
from tests.support import rows
from tests.support.lockstep import DELIVERIES
from tests.support.together import together

pytestmark = pytest.mark.database


@pytest.mark.security("L11")
def test_one_user_in_many_browsers(tenant):
    browsers = [Browser(tenant) for _ in range(DELIVERIES)]
    callbacks = [browser.authorize(browser.start("/profile/"), "ada@example.com") for browser in browsers]
    responses = together([lambda b=b, c=c: b.get(c) for b, c in zip(browsers, callbacks, strict=True)])
    assert {(r.status_code, r["Location"]) for r in responses} == {(303, "/profile/")}
    assert (Identity.objects.count(), get_user_model().objects.count()) == (1, 1)
    assert {browser.user_id for browser in browsers} == {str(get_user_model().objects.get().pk)}
    assert tenant.requests["/oauth/token"] == DELIVERIES
    rows.check_rows()


def test_many_users_at_once_do_not_mix(tenant):
    people = [tenant.add_user(email=f"person{number}@example.com") for number in range(16)]
    browsers = [Browser(tenant) for _ in people]
    callbacks = [
        browser.authorize(browser.start("/profile/"), person.email)
        for browser, person in zip(browsers, people, strict=True)
    ]
    together([lambda b=b, c=c: b.get(c) for b, c in zip(browsers, callbacks, strict=True)])
    for browser, person in zip(browsers, people, strict=True):
        identity = Identity.objects.get(user_id=browser.user_id)
        assert identity.subject == person.user_id, f"{person.email} was signed in as {identity.email}."
