"""The page of a stuck linking shows both accounts and their users."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support.on_call import ALL

pytestmark = [pytest.mark.database, pytest.mark.django_db]

GRACE, GITHUB = "grace@example.com", "github"


@pytest.mark.parametrize("proves", [False, True])
def test_page_of_a_linking_shows_both_accounts(operator, tenant, settings, proves):
    settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"LINKING": "confirm"}
    primary = tenant.add_user(email=GRACE).user_id
    first = Browser(tenant)
    assert first.sign_in(GRACE, "/profile/")["Location"] == "/profile/"
    secondary = tenant.add_user(email=GRACE, connection=GITHUB).user_id
    second = Browser(tenant)
    question = second.get(second.visitor.authorize(second.start(), secondary))
    if proves:
        tenant.faults.add("/api/v2/users/{id}/identities", "rate_limit", method="POST")
        second.confirm(question["Location"], primary)
    row = FlowTransaction.objects.get(kind="account_linking")
    page = operator.page(f"{ALL}{row.pk}/change/")
    assert primary in page
    assert secondary in page
    assert "github" in page
    assert GRACE in page
    assert f"({first.user_id})" in page


def test_page_of_a_sign_in_has_no_table_of_accounts(operator, browser):
    browser.sign_in("ada@example.com")
    row = FlowTransaction.objects.get()
    assert "so-accounts" not in operator.page(f"{ALL}{row.pk}/change/")
