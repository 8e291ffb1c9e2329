"""What changes something takes a POST with a token of the site."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import Form

pytestmark = pytest.mark.database_in_ci

ADA = "ada@example.com"

ALLOWED = {
    "/auth/login/": {"GET", "POST"},
    "/auth/callback/": {"GET"},
    "/auth/logout/": {"POST"},
    "/auth/restart/": {"GET", "HEAD"},
    "/auth/error/access_denied/": {"GET", "HEAD"},
    "/auth/progress/0190163d-8694-739b-aea5-966c26f8ad91/": {"GET"},
}


@pytest.mark.security("S13", "S17")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("address", ALLOWED)
def test_each_page_takes_its_methods_and_no_other(browser, address, method):
    """A POST to the callback is not accepted."""
    response = browser.client.generic(method, address, secure=True, headers={"host": "app.example"})
    if method in ALLOWED[address]:
        assert response.status_code != 405
    else:
        assert response.status_code == 405
        assert set(response["Allow"].split(", ")) == ALLOWED[address]


@pytest.fixture(params=["with the middleware", "without the middleware"])
def site(request, settings):
    """The site with Django's CSRF middleware, and without."""
    if request.param == "without the middleware":
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]


@pytest.mark.security("S13")
@pytest.mark.usefixtures("site")
def test_signing_out_without_a_token_is_refused(strict_browser):
    """The check is the view's own."""
    browser = strict_browser
    browser.sign_in(ADA)
    user = browser.user_id
    assert browser.post("/auth/logout/").status_code == 403
    assert browser.user_id == user


@pytest.mark.security("S13")
@pytest.mark.usefixtures("site")
def test_starting_by_post_without_a_token_is_refused(strict_browser):
    """Or another site could start sign-ins with a `next` of its choice under the visitor's cookies."""
    assert strict_browser.post("/auth/login/", {"next": "/profile/"}).status_code == 403
    assert not FlowTransaction.objects.exists()


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "address", ["/auth/restart/?next=/profile/%3Ftab=2", "/auth/error/transaction_expired/"]
)
def test_the_button_of_our_own_pages_works(strict_browser, address):
    """With the token and the Origin header that a browser sends for that page."""
    response = Form.of(strict_browser.get(address)).submit(strict_browser)
    assert response.status_code == 303, response.content.decode()
    assert response["Location"].startswith("https://tenant.example/authorize?")


@pytest.mark.usefixtures("site")
def test_the_form_of_another_site_is_refused_though_it_stole_a_token(strict_browser):
    form = Form.of(strict_browser.get("/auth/restart/"))
    form.origin = "https://evil.example"
    assert form.submit(strict_browser).status_code == 403


def test_the_token_may_live_in_the_session(strict_browser, settings):
    settings.CSRF_USE_SESSIONS = True
    assert Form.of(strict_browser.get("/auth/restart/")).submit(strict_browser).status_code == 303


@pytest.mark.security("S13")
def test_starting_by_get_is_allowed(strict_browser):
    """`LOGIN_URL` is gone to by redirects."""
    assert strict_browser.get("/auth/login/").status_code == 303
