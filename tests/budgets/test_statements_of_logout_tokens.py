"""What a logout token asks of the database: as much for 100 sessions as for one, and little for 10,000."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.sessions.models import Session as DjangoSession
from django.test import Client
from django.utils import timezone

from stateful_oauth.flows.engine.identifiers import new_transaction_id
from stateful_oauth.storage.models import Identity, Session
from stateful_oauth.testing.browser import Browser
from tests.support.counting import counted

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True), pytest.mark.security("S19")]

TIMEOUT = 5.0  # seconds: Auth0 waits no longer
ONCE = ["INSERT backchannellogout", "UPDATE identity", "SELECT session"]
BATCH = 500


def sign_in_often(tenant, clock, number):
    """Sign in once, and copy what that left."""
    Browser(tenant).sign_in("ada@example.com")
    row, kept = Session.objects.get(), DjangoSession.objects.get()
    later = timezone.now() + timedelta(days=1)
    names = [f"copy{index:028d}" for index in range(number - 1)]
    DjangoSession.objects.bulk_create(
        [DjangoSession(session_key=name, session_data=kept.session_data, expire_date=later) for name in names]
    )
    columns = {
        field.attname: getattr(row, field.attname)
        for field in Session._meta.concrete_fields
        if field.attname not in ("id", "session_key")
    }
    Session.objects.bulk_create(
        [Session(id=new_transaction_id(clock.now()), session_key=name, **columns) for name in names]
    )
    return row.subject


@pytest.mark.parametrize("number", [1, 100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_token_ends_all_sessions_of_a_user_in_few_statements(tenant, clock, number):
    subject = sign_in_often(tenant, clock, number)
    token = tenant.logout_token("web", subject, "", sid=None)
    client = Client(headers={"host": "app.example"})
    started = time.monotonic()
    with counted() as count:
        response = client.post(
            "/auth/backchannel-logout/",
            urlencode({"logout_token": token}),
            content_type="application/x-www-form-urlencoded",
            secure=True,
        )
    took = time.monotonic() - started
    assert response.status_code == 200
    batches = -(-number // BATCH)
    ended = [*["DELETE session"] * batches, *["DELETE django_session"] * batches]
    assert count.statements == [*ONCE, *ended, "UPDATE backchannellogout"]
    assert count.commits == 1
    assert (Session.objects.count(), DjangoSession.objects.count()) == (0, 0)
    assert Identity.objects.get().session_generation > 0
    assert took < TIMEOUT
