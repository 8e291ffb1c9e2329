"""Where the visitor goes in the end: only to this site, checked at the start and again at the end."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlencode

import pytest
from django.utils.encoding import iri_to_uri

from tests.support.error_pages import Form, shown
from tests.support.rows import the_row

pytestmark = pytest.mark.database_in_ci

ADA = "ada@example.com"
DEFAULT = "/profile/"

ELSEWHERE = [
    "https://evil.example/",
    "http://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "////evil.example/",
    "\\\\evil.example/",
    "/\\evil.example/",
    "\\/evil.example/",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "\t//evil.example/",
    " //evil.example/",
    "\x00//evil.example/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "ftp://app.example/",
    "https://app.example@evil.example/",
    "https://app.example:pw@evil.example/",
    "https://evil.example\\@app.example/",
    "https://evil.example#@app.example/",
    "https://app.example.evil.example/",
    "https://app.example:8443/",
    "https://evil.example/https://app.example/",
    "http://app.example/profile/",  # http, on a site that is https
    "https://\uff41pp.example/",  # a letter that only looks like one
    "https://[::1/",
    "https://evil\u3002example/",
]
BROKEN = [
    "",
    "//",
    "\\\\",
    "//?a",
    "//#a",
    "/" + "a" * 16_384,
    "a" * 3_000 + "://evil.example/",
    "a" * 3_000 + ":/evil.example/",
    "//" + "a" * 3_000 + ".example/",
    "https://evil.example/?q=" + "x" * 8_192,
    "//evil.example/?q=" + "x" * 8_192,
    "/\\evil.example/?q=" + "x" * 8_192,
    "\\\\evil.example/?q=" + "x" * 8_192,
    "https://app.example@evil.example/?q=" + "x" * 8_192,
    "https://" + "a" * 3_000 + "@app.example/",
    "/profile/\0",
    "/profile/\r\nSet-Cookie: a=b",
    "/pro\tfile/",
    "/\x7f",
]
HERE = {
    "/profile/": "/profile/",
    "/profile/?tab=2#notes": "/profile/?tab=2#notes",
    "/": "/",
    "?tab=2": "?tab=2",
    "profile/": "profile/",
    "https://app.example/profile/": "https://app.example/profile/",
    "/profile/?next=//evil.example/": "/profile/?next=//evil.example/",
    "/café/?q=ß": "/caf%C3%A9/?q=%C3%9F",
    "/%2f/evil.example/": "/%2f/evil.example/",
    "/a b": "/a%20b",
    "/" + "a" * 2047: "/" + "a" * 2047,
    "/" + "a" * 16_383: "/" + "a" * 16_383,
    "https://app.example/profile/?q=" + "x" * 8_192: "https://app.example/profile/?q=" + "x" * 8_192,
}


@pytest.mark.security("S9", "B29")
@pytest.mark.parametrize("target", [*ELSEWHERE, *BROKEN], ids=repr)
def test_a_next_that_leads_elsewhere_is_replaced_by_the_default(browser, target):
    assert browser.sign_in(ADA, next_url=target)["Location"] == DEFAULT
    assert "next" not in the_row().inputs


@pytest.mark.parametrize("target", HERE, ids=repr)
def test_on_this_site_they_land_where_they_wanted_to_go(browser, target):
    assert browser.sign_in(ADA, next_url=target)["Location"] == HERE[target]


LONG = {
    "8 kB of a query": "/profile/?q=" + "x" * 8_192,
    "many fields": "/profile/?" + "&".join(f"column={number}" for number in range(800)),
    "8 kB of non-ASCII letters": "/profile/?q=" + "é" * 4_096,
    "8,192 non-ASCII letters": "/profile/?q=" + "漢" * 8_192,
    "percent-encoded": "/profile/?q=" + "%E6%BC%A2" * 1_000,
    "a relative path": "profile/?q=" + "x" * 8_192,
    "a long path and a fragment": "/" + "ß/" * 4_000 + "?q=ü#é",
}


@pytest.mark.parametrize("target", LONG.values(), ids=LONG)
@pytest.mark.parametrize("way", ["query", "form"])
def test_long_next_survives_the_whole_sign_in(browser, target, way):
    if way == "query":
        location = browser.start(target)
    else:
        location = browser.post("/auth/login/", {"next": target})["Location"]
    assert browser.get(browser.authorize(location, ADA))["Location"] == iri_to_uri(target)


@pytest.mark.parametrize("target", LONG.values(), ids=LONG)
def test_long_next_survives_a_refusal_and_a_new_start(strict_browser, target):
    browser = strict_browser
    page = browser.opens(browser.get(str(browser.visitor.decline(browser.start(target)))))
    assert Form.of(page).fields["next"] == target
    location = Form.of(page).submit(browser)["Location"]
    assert browser.get(browser.authorize(location, ADA))["Location"] == iri_to_uri(target)


@pytest.mark.parametrize("target", LONG.values(), ids=LONG)
def test_long_next_survives_the_page_that_asks_to_sign_in(strict_browser, target):
    browser = strict_browser
    page = browser.get("/auth/restart/?" + urlencode({"next": target}))
    needed = browser.post(
        "/auth/connect/",
        {
            "next": target,
            "connection": "github",
            "csrfmiddlewaretoken": Form.of(page).fields["csrfmiddlewaretoken"],
        },
        HTTP_ORIGIN="https://app.example",
    )
    assert Form.of(browser.opens(needed)).fields["next"] == target


@pytest.mark.security("S9")
@pytest.mark.parametrize("target", [target for target in ELSEWHERE if "\0" not in target], ids=repr)
def test_a_target_that_got_into_the_row_is_checked_again_at_the_end(browser, target):
    """Settings change between start and end, and rows are written by more than one release."""
    callback = browser.visitor.authorize(browser.start("/profile/"), ADA)
    row = the_row()
    row.inputs = {**row.inputs, "next": target}
    row.save()
    assert browser.get(callback)["Location"] == DEFAULT


@pytest.mark.security("S9")
def test_a_host_is_allowed_by_its_setting_and_no_longer_when_the_setting_is_gone(browser, configure):
    """At the start and at the end."""
    target = "https://shop.example/basket/"
    configure(ALLOWED_NEXT_HOSTS=["shop.example"])
    callback = browser.visitor.authorize(browser.start(target), ADA)
    assert browser.sign_in(ADA, next_url=target)["Location"] == target
    configure(ALLOWED_NEXT_HOSTS=[])
    assert browser.get(callback)["Location"] == DEFAULT


def test_a_star_among_the_allowed_hosts_allows_nothing(browser, configure, settings):
    """allauth 65.19.5: an open redirect with ALLOWED_HOSTS = ["*"]."""
    settings.ALLOWED_HOSTS = ["*"]
    configure(ALLOWED_NEXT_HOSTS=["*"])
    assert browser.sign_in(ADA, next_url="https://evil.example/")["Location"] == DEFAULT


def test_a_site_on_plain_http_may_be_gone_to_by_http(browser, tenant, configure):
    tenant.clients["web"].callbacks = ["http://app.example/auth/callback/"]
    configure(BASE_URL="http://app.example")
    target = "http://app.example/profile/?tab=2"
    assert browser.sign_in(ADA, next_url=target)["Location"] == target


def test_the_default_is_djangos_and_may_be_the_name_of_a_view(browser, settings):
    settings.LOGIN_REDIRECT_URL = "stateful_oauth:restart"
    assert browser.sign_in(ADA)["Location"] == "/auth/restart/"


def test_next_is_taken_from_a_form_as_well(browser):
    location = browser.post("/auth/login/", {"next": "/profile/?tab=3"})["Location"]
    assert browser.get(browser.visitor.authorize(location, ADA))["Location"] == "/profile/?tab=3"


@pytest.mark.parametrize("target", ELSEWHERE, ids=repr)
def test_the_restart_page_offers_no_way_elsewhere(browser, target):
    page = browser.post("/auth/login/", {"next": target})
    assert page.status_code == 303
    assert "next" not in the_row().inputs
    restart = browser.client.get(
        "/auth/restart/", {"next": target}, secure=True, headers={"host": "app.example"}
    )
    page = restart.content.decode()
    assert target not in unescape(page)
    assert "evil.example" not in page
    assert "next" not in Form.of(restart).fields


def test_an_error_page_keeps_the_destination_and_escapes_it(strict_browser):
    """Issue 582 of mozilla-django-oidc: `next` is kept when a sign-in fails, per tab."""
    browser = strict_browser
    wanted = '/profile/?q="><script>alert(1)</script>'
    response = browser.get(str(browser.visitor.decline(browser.start(wanted))))
    assert shown(browser, response) == ("access_denied", 403)
    page = browser.opens(response)
    assert "<script>" not in page.content.decode()
    assert Form.of(page).fields["next"] == wanted
    assert unescape(re.search(r'name="next" value="([^"]*)"', page.content.decode())[1]) == wanted
    again = Form.of(page).submit(browser)["Location"]
    assert browser.get(browser.visitor.authorize(again, ADA))["Location"].startswith(
        "/profile/?q=%22%3E%3Cscript"
    )


def test_a_destination_that_is_no_longer_allowed_is_not_offered_on_the_error_page(browser, configure):
    configure(ALLOWED_NEXT_HOSTS=["shop.example"])
    response = browser.get(str(browser.visitor.decline(browser.start("https://shop.example/"))))
    configure(ALLOWED_NEXT_HOSTS=[])
    assert "shop.example" not in browser.opens(response).content.decode()
