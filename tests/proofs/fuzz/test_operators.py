"""The operators' pages: nothing without permission, nothing broken by any URL, and markup shown as text."""

from __future__ import annotations

import uuid
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import IntegrityError, models, transaction

from stateful_oauth.storage.models import (
    AccountLink,
    ConnectedAccount,
    FlowTransaction,
    Grant,
    Identity,
    TransitionRecord,
)
from tests.support.account_rows import make_accounts
from tests.support.attempts import Attempt
from tests.support.crashes import crash_at
from tests.support.hostile import MARKUP, TEXTS
from tests.support.on_call import REASON, OnCall

pytestmark = [pytest.mark.django_db]

TABLES = (FlowTransaction, Identity, Grant, ConnectedAccount, AccountLink)
LISTS = [
    f"/admin/stateful_oauth/{name}/" for name in ("stucktransaction", *(m._meta.model_name for m in TABLES))
]
FILTERS = (
    "q",
    "p",
    "o",
    "e",
    "_to_field",
    "_popup",
    "started",
    "state",
    "kind",
    "flow",
    "tenant",
    "code",
    "id__in",
    "situation",
    "all",
    "transaction",
    "user__password__startswith",
    "page",
    "_facets",
    "lease_until__gte",
)
VALUES = (
    *TEXTS,
    "2026",
    "2026-11",
    "2026-02-30",
    "9999-12-31",
    "0000",
    "0001-01-01",
    "1969",
    "login",
    "default",
)


@pytest.fixture
def furnished(tenant, clock):
    """One row of every table, and a transaction whose worker died."""
    make_accounts(clock)
    started = Attempt(tenant).authorize()
    with crash_at("claim.after_commit", "callback"):
        started.deliver()
    clock.advance(3600)
    return started


def addresses(rng) -> str:
    model = rng.choice(TABLES)
    at = rng.choice(LISTS)
    keys = [*map(str, model.objects.values_list("pk", flat=True)), str(uuid.uuid4()), "0", "a", "_3Cb_3E"]
    return at + rng.choice(
        [
            "",
            "add/",
            f"{rng.choice(keys)}/change/",
            f"{rng.choice(keys)}/delete/",
            f"{rng.choice(keys)}/history/",
            f"{rng.choice(keys)}/",
            f"operate/{rng.choice(['retry', 'cancel', 'abandon', 'start', 'a'])}/",
        ]
    )


def form(rng) -> dict[str, Any]:
    keys = [*map(str, FlowTransaction.objects.values_list("pk", flat=True)), *TEXTS]
    return {
        "transaction": [rng.choice(keys) for _ in range(rng.randrange(3))],
        "_selected_action": [rng.choice(keys)],
        "action": f"{rng.choice(['retry', 'abandon', 'delete'])}_selected",
        "reason": rng.choice([REASON, *TEXTS]),
        "post": "yes",
        "index": rng.choice(["0", "a", "-1"]),
    }


def picture() -> list[Any]:
    return [list(model.objects.order_by("pk").values_list()) for model in (*TABLES, TransitionRecord)]


def somebody(name: str, *codenames: str, is_staff: bool = True) -> OnCall:
    user = get_user_model().objects.create_user(name, is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return OnCall(user)


def test_random_requests_without_permission_do_and_show_nothing(furnished, rng, rounds):
    people = [
        somebody("una", is_staff=False),
        somebody("stan"),
        somebody("vera", "view_logentry", "add_user", "change_user", "view_session"),
        somebody("abe", "retry_flow", "cancel_flow", "abandon_flow"),  # without the permission to see a row
    ]
    before = picture()
    for _ in rounds(300):
        person, address = rng.choice(people), addresses(rng)
        response = person.get(address) if rng.random() < 0.5 else person.post(address, form(rng))
        # 302: to the sign-in of the admin, or to the right form of the address.
        assert response.status_code in (302, 403, 404, 405), (person.user, address, response.status_code)
        assert str(furnished.id) not in response.content.decode()
    assert picture() == before


def test_random_addresses_break_no_page_of_an_operator(furnished, rng, rounds):
    operator = OnCall(get_user_model().objects.create_superuser("olive"))
    for _ in rounds(200):
        query = urlencode([(rng.choice(FILTERS), rng.choice(VALUES)) for _ in range(rng.randrange(1, 4))])
        address = f"{addresses(rng)}?{query}"
        response = operator.get(address)
        assert response.status_code in (200, 302, 400, 403, 404, 405), (address, response.status_code)


class Reader(HTMLParser):
    """Finds what a browser would make of the markup."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if any(name == "onx" or value == "pwn" for name, value in attrs):
            self.found.append((tag, attrs))


def test_markup_in_every_text_is_shown_as_text(furnished):
    planted = 0
    for model in (*TABLES, TransitionRecord, get_user_model()):
        for field in model._meta.concrete_fields:
            limit = getattr(field, "max_length", None) or len(MARKUP)
            if isinstance(field, models.JSONField):
                value: Any = {MARKUP: [MARKUP, {"email": MARKUP}], "next": MARKUP}
            elif isinstance(field, (models.CharField, models.TextField)) and limit >= len(MARKUP):
                value = MARKUP
            else:
                continue
            for row in model.objects.all():
                try:
                    with transaction.atomic():
                        model.objects.filter(pk=row.pk).update(**{field.name: value})
                        planted += 1
                except IntegrityError:  # a constraint keeps it out
                    continue
    assert planted > 30
    operator = OnCall(get_user_model().objects.create_superuser("olive"))
    pages = list(LISTS)
    for at, model in zip(LISTS[1:], TABLES, strict=True):
        pages += [f"{at}{row.pk}/{page}/" for row in model.objects.all() for page in ("change", "history")]
    for row in FlowTransaction.objects.all():
        pages += [f"{LISTS[0]}{row.pk}/change/", f"{LISTS[0]}operate/abandon/?transaction={row.pk}"]
    for page in pages:
        response = operator.client.get(page, secure=True, HTTP_HOST="app.example", follow=True)
        assert response.status_code == 200, page
        reader = Reader()
        reader.feed(response.content.decode())
        assert reader.found == [], page
