"""How long ago the user authenticated, by the package's clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stateful_oauth.django import CurrentSignIn


def sign_in(auth_time):
    return CurrentSignIn(user_id="1", issuer="https://i.example/", subject="s", auth_time=auth_time)


@pytest.mark.parametrize(("seconds", "recent"), [(0, True), (300, True), (301, False)])
def test_authentication_is_recent_for_a_period(tenant, clock, seconds, recent):
    known = sign_in(clock.now())
    clock.advance(seconds)
    assert known.authenticated_within(timedelta(minutes=5)) is recent


def test_authentication_at_an_unknown_time_is_never_recent(tenant):
    assert not sign_in(None).authenticated_within(timedelta(days=1000))
