"""Fixtures of the operators' pages: who is on call, and transactions in every situation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from stateful_oauth.emulator import Tenant
from stateful_oauth.testing.clock import ManualClock

# This file is read before Django is set up: what needs it is imported in the fixtures.
if TYPE_CHECKING:
    from tests.support.attempts import Attempt
    from tests.support.on_call import OnCall
    from tests.support.toy import Counter


@pytest.fixture
def staff(db: None) -> Callable[..., OnCall]:
    """Make a user of the admin, with these permissions of the app and no others."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Permission

    from tests.support.on_call import OnCall

    def make(*codenames: str, name: str = "carol", **client: Any) -> OnCall:
        user = get_user_model().objects.create_user(name, f"{name}@example.com", is_staff=True)
        found = Permission.objects.filter(codename__in=codenames, content_type__app_label="stateful_oauth")
        assert {permission.codename for permission in found} == set(codenames)
        user.user_permissions.set(found)
        return OnCall(user, **client)

    return make


@pytest.fixture
def operator(db: None) -> OnCall:
    """An operator with every permission."""
    from django.contrib.auth import get_user_model

    from tests.support.on_call import OnCall

    return OnCall(get_user_model().objects.create_superuser("olive", "olive@example.com", "a password"))


@pytest.fixture
def counter(settings: Any, tenant: Tenant) -> Counter:
    """Give the site the toy flow, whose one effect counts."""
    from tests.support import toy_for_site

    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "FLOWS": ["tests.support.toy_for_site.Toy"]}
    shared = toy_for_site.COUNTER
    shared.troubles, shared.value, shared.calls = [], 0, []
    shared.keeps = lambda context: None
    return shared


@pytest.fixture
def attempt(tenant: Tenant, db: None) -> Callable[..., Attempt]:
    """Start a sign-in, at the engine."""
    from tests.support.attempts import Attempt

    return lambda **inputs: Attempt(tenant, **inputs)


@pytest.fixture
def crashed(attempt: Callable[..., Attempt], clock: ManualClock) -> Callable[[], Any]:
    """Make a sign-in whose worker died over the code, long ago."""
    from tests.support.crashes import crash_at
    from tests.support.rows import the_row

    def make() -> Any:
        started = attempt().authorize()
        with crash_at("claim.after_commit", "callback"):
            started.deliver()
        clock.advance(3600)
        return the_row(started.id)

    return make


@pytest.fixture
def toy(counter: Counter, clock: ManualClock, db: None) -> Callable[..., Any]:
    """Start a toy and let it go; return its row. Troubles say what goes wrong, see `toy.Counter`."""
    from stateful_oauth.django import wiring
    from stateful_oauth.flows.engine.effects import Event
    from tests.support.callers import Person
    from tests.support.crashes import crash_at
    from tests.support.rows import the_row
    from tests.support.toy import KIND

    def make(*troubles: str, crash: bool = False) -> Any:
        person, engine = Person(), wiring.engine()
        made = engine.start(KIND, {}, person).transaction_id
        assert made is not None
        counter.troubles[:] = troubles
        if crash:
            with crash_at("claim.after_commit", "go"):
                engine.dispatch(made, Event("go"), person, kind=KIND)
        else:
            engine.dispatch(made, Event("go"), person, kind=KIND)
        return the_row(made)

    return make


@pytest.fixture
def stuck_toy(toy: Callable[..., Any], counter: Counter, clock: ManualClock) -> Callable[[], Any]:
    """Make a toy stuck, as recovery does in the end. From then on all is well with the counter."""
    from stateful_oauth.django import wiring
    from tests.support.callers import SystemCaller
    from tests.support.rows import the_row

    def make() -> Any:
        row = toy(*["request lost"] * 3)
        clock.advance(3600)
        wiring.engine().recover(row.pk, SystemCaller())
        row = the_row(row.pk)
        assert row.stuck_since is not None, f"{row.state}: {row.code}"
        assert counter.troubles == []
        clock.advance(3600)
        return row

    return make
