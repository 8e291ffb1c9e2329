"""Random `next` values and Host headers: a browser stays on this site, as browsers read URLs."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils.encoding import iri_to_uri

from stateful_oauth.django.browser.next_url import may_go_to

pytestmark = pytest.mark.django_db

PARTS = (
    "https:",
    "http:",
    "HTTPS:",
    "javascript:",
    "data:text/html,",
    "ftp:",
    "blob:",
    "//",
    "/",
    "\\",
    "\\\\",
    "/\\",
    "app.example",
    "evil.example",
    "app.example.evil.example",
    "user@",
    "user:pw@",
    "@",
    ":443",
    ":8443",
    ":",
    "?",
    "#",
    ".",
    "..",
    ";",
    "%2f",
    "%5c",
    "%00",
    "%09",
    "\t",
    "\n",
    "\r",
    " ",
    "\x00",
    "\x0b",
    "\x1f",
    "\x7f",
    "\u00a0",
    "\u2000",
    "\u3000",
    "\ufeff",
    "\uff0f",
    "\u3002",
    "\uff41pp.example",
    "[",
    "]",
    "[::1]",
    "profile/",
    "a=b",
    "next=",
    "127.0.0.1",
    "0x7f.1",
    "xn--app-",
    "\u00ad",
    "ß",
    "\N{GRINNING FACE}",
)
SPECIAL = ("https", "http", "ftp", "ws", "wss")


def host_of(url: str, base_host: str = "app.example") -> tuple[str, str]:
    """Return scheme and host that a browser on that site goes to (URL Standard, "basic URL parser")."""
    text = url.strip("".join(map(chr, range(0x21))))
    text = re.sub(r"[\t\n\r]", "", text)
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text)
    scheme, rest = (found[1].lower(), text[found.end() :]) if found else ("https", text)
    if found and scheme not in SPECIAL:
        return scheme, ""
    rest = rest.replace("\\", "/")
    if not rest.startswith("//") and (not found or scheme == "https"):
        return scheme, base_host  # relative
    authority = re.split(r"[/?#]", rest.lstrip("/"), maxsplit=1)[0]
    return scheme, authority.rpartition("@")[2].removesuffix(":443").removesuffix(":").lower()


def drawn(rng) -> str:
    return "".join(rng.choice(PARTS) for _ in range(rng.randint(1, 6)))


def test_random_destinations_stay_on_this_site(rng, rounds):
    allowed = 0
    for _ in rounds(20_000):
        url = drawn(rng)
        if may_go_to(url):
            allowed += 1
            assert host_of(iri_to_uri(url)) == ("https", "app.example"), ascii(url)
    assert allowed > 500, "most draws would prove nothing"


@pytest.mark.security("S9")
def test_random_destinations_end_on_this_site(browser, tenant, rng, rounds):
    for _ in rounds(60):
        url = drawn(rng)
        location = browser.sign_in("ada@example.com", next_url=url)["Location"]
        assert host_of(location) == ("https", "app.example"), (ascii(url), location)


@pytest.mark.security("S10")
def test_random_hosts_are_in_no_address(browser, rng, rounds):
    hosts = (
        "evil.example",
        "evil.example:80",
        "app.example:8443",
        "app.example.",
        "APP.example",
        "",
        " ",
        "a" * 300,
        "app.example\r\nX: y",
        "evil.example/app.example",
        "app.example@evil.example",
        "[::1]",
        "é.example",
        "evil.example#",
        "localhost",
        "127.0.0.1",
    )
    pages = (
        "/auth/login/",
        "/auth/restart/",
        "/auth/error/access_denied/",
        "/auth/callback/?code=a",
        "/auth/logout/",
    )
    for _ in rounds(150):
        host, page = rng.choice(hosts), rng.choice(pages)
        forwarded = {name: host for name in ("HTTP_X_FORWARDED_HOST", "HTTP_FORWARDED") if rng.random() < 0.5}
        response = browser.get(page, HTTP_HOST=host, **forwarded)
        assert response.status_code < 500 or "error" in page, (host, page)
        if response.status_code in (302, 303):
            query = parse_qs(urlsplit(response["Location"]).query)
            assert query.get("redirect_uri", ["https://app.example/auth/callback/"]) == [
                "https://app.example/auth/callback/"
            ]
            assert "evil" not in response["Location"], (host, page)
        if response.status_code == 200:
            assert "evil.example" not in response.content.decode(), (host, page)
