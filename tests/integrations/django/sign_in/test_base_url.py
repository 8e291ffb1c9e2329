"""BASE_URL may be written as people write URLs: it counts as browsers write it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from stateful_oauth.django.browser.next_url import may_go_to
from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import Form

pytestmark = [pytest.mark.django_db, pytest.mark.security("S10")]

WRITTEN = {
    "https://App.Example": "https://app.example",
    "HTTPS://app.example/": "https://app.example",
    "https://app.example:443": "https://app.example",
    "https://app.example:8443/": "https://app.example:8443",
    "http://localhost:80": "http://localhost",
    "https://b\u00fccher.example": "https://xn--bcher-kva.example",
    "https://B\u00dcCHER.example:443/": "https://xn--bcher-kva.example",
    "https://www.stra\u00dfe.example": "https://www.xn--strae-oqa.example",
    "https://\u4f8b\u3048.\u30c6\u30b9\u30c8": "https://xn--r8jz45g.xn--zckzah",
    "https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
    "https://[0:0:0:0:0:0:0:1]:8443": "https://[::1]:8443",
    "https://[2001:DB8::1]": "https://[2001:db8::1]",
}
EACH = pytest.mark.parametrize(("written", "origin"), WRITTEN.items(), ids=WRITTEN)


@pytest.fixture
def at(settings, configure, tenant):
    """Return what asks the site at its own host, with `BASE_URL` written in some way."""
    settings.ALLOWED_HOSTS = ["*"]

    def ask(method, path, written, origin, data=None, **headers):
        configure(BASE_URL=written)
        parts = urlsplit(origin)
        client = Client(enforce_csrf_checks=True)
        secure = parts.scheme == "https"
        return client, getattr(client, method)(
            path, data, secure=secure, headers={"host": parts.netloc, **headers}
        )

    return ask


@EACH
def test_start_goes_to_the_provider_at_once_and_comes_back_there(at, written, origin):
    _, response = at("get", "/auth/login/", written, origin, {"next": "/profile/"})
    query = parse_qs(urlsplit(response["Location"]).query)
    assert query["redirect_uri"] == [f"{origin}/auth/callback/"]
    assert FlowTransaction.objects.count() == 1


@EACH
def test_form_behind_a_proxy_that_hides_the_scheme_is_taken(at, written, origin):
    client, page = at("get", "/auth/restart/", written, origin)
    form = Form.of(page)
    headers = {"host": urlsplit(origin).netloc, "origin": origin}
    response = client.post(form.action, form.fields, headers=headers)
    assert response["Location"].startswith("https://tenant.example/authorize")


@EACH
def test_next_may_name_the_site_as_browsers_do(configure, written, origin):
    configure(BASE_URL=written)
    assert may_go_to(f"{origin}/profile/?tab=2")


@pytest.mark.parametrize(
    "written",
    ["", "app.example", "https://", "https://[::1", "https://[zz::1]", "https://app.example:port", "https://a@b.example"],
)  # fmt: skip
def test_what_is_no_origin_stays_for_the_check_to_refuse(configure, written):
    from django.core.checks import run_checks

    configure(BASE_URL=written)
    assert "stateful_oauth.E003" in {message.id for message in run_checks()}
