"""Signing in, as a visitor sees it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.database


def test_a_visitor_signs_in_and_lands_where_they_wanted_to_go(browser):
    response = browser.sign_in("ada@example.com", next_url="/profile/?tab=2")
    assert response.status_code == 303
    assert response["Location"] == "/profile/?tab=2"
    assert browser.opens(response).content.decode() == f"user:{browser.user_id}"
