"""What a user writes into their own metadata takes neither the sign-in nor the link from anybody."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import AccountLink
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import XPTO

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

NOT_FINITE = float("inf")


@pytest.mark.parametrize("poisoned", ["primary", "secondary", "an unverified copy", "all"])
def test_accounts_are_linked_beside_poisoned_metadata(tenant, browser, poisoned):
    def metadata(of, **others):
        return {**others, "poison": NOT_FINITE} if poisoned in (of, "all") else others

    password = tenant.add_user(email=XPTO, password="x", user_metadata=metadata("primary", plan="free"))
    google = tenant.add_user(
        email=XPTO, connection="google-oauth2", user_metadata=metadata("secondary", colour="red")
    )
    tenant.add_user(
        email=XPTO, connection="github", email_verified=False, user_metadata=metadata("an unverified copy")
    )
    Browser(tenant).sign_in(password.user_id)
    browser.sign_in(google.user_id)
    assert AccountLink.objects.count() == 1
    expected = {"plan": "free", "colour": "red", **metadata("primary")}
    assert tenant.users.get(password.user_id).user_metadata == expected, "the primary's own stays as it was"


UNREADABLE = {
    "a text": "everything",
    "a list": ["a"],
    "more than an answer may have": {"a": "x" * 3_000_000},
    "deep": {"a": {}},
}


@pytest.mark.parametrize("metadata", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("kind", ["user_metadata", "app_metadata"])
def test_candidate_whose_metadata_cannot_be_read_is_left_out_alone(tenant, browser, metadata, kind):
    """It is a candidate by its email, and the readable one is linked beside it."""
    first = tenant.add_user(email=XPTO, password="x")
    other = tenant.add_user(email=XPTO, connection="github", email_verified=False)
    setattr(tenant.users.get(other.user_id), kind, metadata)
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    assert browser.sign_in(google.user_id)["Location"] == "/profile/"
    assert AccountLink.objects.get().primary_subject == first.user_id


def test_primary_whose_metadata_cannot_be_read_is_not_linked_and_the_sign_in_goes_on(tenant, browser):
    first = tenant.add_user(email=XPTO, password="x")
    tenant.users.get(first.user_id).user_metadata = "everything"
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    assert browser.sign_in(google.user_id)["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == google.user_id
    assert not AccountLink.objects.exists()
