"""A decision anew is about the two accounts of the attempt: that another account would do does not count."""

from __future__ import annotations

import pytest

from stateful_oauth.emulator import DATABASE
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, Identity
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import QWERTY, XPTO, site
from tests.support.crashes import at
from tests.support.rows import check_rows, nothing_working, show

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

GOOGLE, SECOND = "google-oauth2", "second-database"
MOVED = "moved@example.com"


@pytest.fixture
def first(tenant):
    return tenant.add_user(email=XPTO, password="a good one")


@pytest.fixture
def connected(tenant, first):
    """An account that the first one has connected, and that never signed in."""
    account = tenant.add_user(email=QWERTY, connection=GOOGLE, signed_up=False)
    owner = Browser(tenant)
    owner.sign_in(first.user_id)
    owner.connect(GOOGLE, account.user_id)
    return account


def stays_apart(tenant, browser, newcomer, change):
    """The newcomer signs in, and something changes between the decision and the link."""
    with at("effect.before", "link_accounts", change):
        assert browser.sign_in(newcomer.user_id)["Location"] == "/profile/"
    row = FlowTransaction.objects.get(kind="account_linking")
    assert (row.state, row.code) == ("kept_apart", "link_not_allowed"), show(row.pk)
    assert browser.client.session["stateful_oauth"]["sub"] == newcomer.user_id
    assert tenant.ledger.count("identity_linked") == 0
    assert not AccountLink.objects.exists()
    nothing_working()
    check_rows()


@pytest.mark.parametrize("change", [{"blocked": True}, {"email": MOVED, "email_verified": True}])
def test_another_account_that_fits_does_not_speak_for_the_primary(tenant, browser, first, change):
    """The primary fits no longer, and by now another password account does."""
    tenant.add_connection(SECOND, strategy="auth0")
    other = tenant.add_user(email=XPTO, connection=SECOND, password="a good one", email_verified=False)
    newcomer = tenant.add_user(email=XPTO, connection=GOOGLE)

    def swap():
        tenant.users.patch(first.user_id, change)
        tenant.users.patch(other.user_id, {"email_verified": True})

    with site(LINKING_TRUSTED_CONNECTIONS=(DATABASE, SECOND, GOOGLE)):
        stays_apart(tenant, browser, newcomer, swap)


def test_a_connected_account_of_another_owner_by_now_is_no_evidence(tenant, browser, connected):
    second = tenant.add_user(email="second@example.com", password="a good one")
    Browser(tenant).sign_in(second.user_id)

    def change_owner():
        ConnectedAccount.objects.update(owner=Identity.objects.get(subject=second.user_id))

    stays_apart(tenant, browser, connected, change_owner)


def test_a_newcomer_who_has_the_email_of_another_account_by_now_is_not_linked(tenant, browser, connected):
    """There would be two candidates, and a question."""
    tenant.add_user(email=MOVED, password="a good one")
    email = {"email": MOVED, "email_verified": True}
    stays_apart(tenant, browser, connected, lambda: tenant.users.patch(connected.user_id, email))
