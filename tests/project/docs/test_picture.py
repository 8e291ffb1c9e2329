"""The README's picture is the path of a sign-in that happened."""

from __future__ import annotations

from docs import travelled
from tests.support.rows import steps


def test_the_picture_of_the_readme_shows_a_real_sign_in(browser, tenant, settings):
    tenant.settings.par = True
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "PUSHED_AUTHORIZATION_REQUESTS": True}
    tenant.faults.add("/oauth/par", "lost_answer")
    browser.sign_in("ada@example.com")
    assert tuple(steps()) == travelled.PATH
    assert travelled.PICTURE.read_text(encoding="utf-8") == travelled.picture()
