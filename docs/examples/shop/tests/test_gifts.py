"""The flow of the shop's own: every path of it, and its matrix."""

import pytest
from gift_walker import GiftWalker

from stateful_oauth.testing import assert_every_path, assert_matrix

pytestmark = pytest.mark.django_db


def test_every_path_of_a_gift(auth0_clock, auth0_accounts, auth0_browser):
    auth0_browser.sign_in(auth0_accounts["Ada"].email)
    paths = assert_every_path(lambda: GiftWalker(auth0_clock, auth0_browser))
    assert "start-accept-voucher_issued--given" in paths


def test_what_a_gift_takes_in_which_state(auth0_tenant):
    matrix = assert_matrix("shop.gift")
    assert [cell.state for cell in matrix if cell.event == "accept" and cell.targets] == [
        "awaiting_acceptance"
    ]
