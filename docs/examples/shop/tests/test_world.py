"""The shop, proved: every flow, with the shop's settings, user model and gifts."""

import pytest
from shop_world import ShopWorld

from stateful_oauth.testing import (
    assert_every_transition,
    assert_everything_happened,
    prove,
)


@pytest.mark.django_db(transaction=True)
def test_the_shop_keeps_its_promises():
    figures = prove(ShopWorld, "quick", seconds=5)
    assert_every_transition(figures)
    assert_everything_happened(figures, ShopWorld)
