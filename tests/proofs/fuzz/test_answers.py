"""A provider that answers anything: no error of ours, no row left working, no token lost that came."""

from __future__ import annotations

import io
import json
import logging
from contextlib import suppress
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from stateful_oauth.django.actions.tokens import access_token, provider_token
from stateful_oauth.django.sweeps.sweeping import expire_due, recover_due
from stateful_oauth.emulator import PageShown
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site
from tests.support.hostile import HEADERS, spoilt
from tests.support.project_requests import request_of
from tests.support.rows import check_rows, nothing_working

pytestmark = [pytest.mark.django_db(transaction=True)]

XPTO = accounts_site.XPTO
CLAIMS = (
    None,
    "",
    "a",
    "\0",
    "a" * 300,
    0,
    -1,
    10**30,
    253_402_300_800,
    1.5,
    True,
    [],
    {},
    ["web"],
    ["web", "other"],
)


class Spoiling(BaseAdapter):
    """The tenant's adapter, which spoils every few answers while it is told to."""

    def __init__(self, tenant: Any, rng: Any) -> None:
        super().__init__()
        self.inner, self.rng, self.share, self.spoilt = tenant.adapter(), rng, 0.0, 0

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = self.inner.send(request, **options)
        if self.rng.random() >= self.share:
            return response
        self.spoilt += 1
        status, headers, body = response.status_code, dict(response.headers), response.raw.read()
        if self.rng.random() < 0.75:
            try:
                body = spoilt(self.rng, json.loads(body)).encode()
            except ValueError:
                body = b"{"
            headers.pop("Content-Length", None)
        else:
            status = self.rng.choice([status, 429, 429, 500, 302, 204, 403])
            name, value = self.rng.choice(HEADERS)
            headers[name] = value
        made = requests.Response()
        made.status_code, made.headers, made.request = status, CaseInsensitiveDict(headers), request
        made.raw = HTTPResponse(io.BytesIO(body), headers=headers, status=status, preload_content=False)
        return made

    def close(self) -> None:
        self.inner.close()


def spoil_claims(claims: dict[str, Any], header: dict[str, Any], rng: Any, share: float) -> None:
    """Have the tenant sign a token with another claim, or another header, every few times."""
    if rng.random() < share / 2:
        chosen = rng.choice([claims, claims, claims, header])
        name = rng.choice([*chosen, "nbf", "azp", "org_id", "acr", "crit", "b64", "jku"])
        chosen[name] = rng.choice(CLAIMS)


def visit(tenant: Any, browser: Browser, people: list[Any], rng: Any) -> None:
    """Do what people do; every answer of the site is one that the design knows."""

    def fine(response: Any) -> Any:
        assert response.status_code in (200, 202, 302, 303), response.status_code
        return response

    start = fine(browser.get("/auth/login/"))["Location"]
    if not start.startswith(tenant.issuer):
        return
    back = fine(browser.get(browser.authorize(start, rng.choice(people).user_id)))["Location"]
    if back.startswith("/auth/link/"):
        fine(browser.post(f"{back}cancel/"))
    if not browser.client.session.get("stateful_oauth"):
        return
    request = request_of(browser)
    for call in (
        lambda: access_token(request, audience=tenant.my_account_audience),
        lambda: provider_token(request, "github"),
    ):
        with suppress(FlowError):
            call()
    started = fine(browser.post("/auth/connect/", {"connection": "github"}))["Location"]
    if started.startswith(tenant.issuer):
        fine(browser.get(browser.visitor.connect(started, as_account="c@example.com")))
    fine(browser.post("/auth/logout/"))


def test_random_answers_of_the_provider_break_nothing(tenant, clock, rng, rounds, caplog):
    caplog.set_level(logging.CRITICAL)
    accounts_site.prepare(tenant)
    tenant.add_user(email="c@example.com", connection="github", signed_up=False)
    people = [tenant.add_user(email=XPTO, password="x", user_metadata={"plan": "free"})]
    people.append(tenant.add_user(email=XPTO, connection="google-oauth2", user_metadata={"colour": "red"}))
    adapter = Spoiling(tenant, rng)
    tenant.id_token_hook = lambda claims, header: spoil_claims(claims, header, rng, adapter.share)
    with accounts_site.site(TRANSPORT_ADAPTER=adapter, DUPLICATE_PATIENCE=0.01):
        for _ in rounds(60):
            adapter.share = rng.choice([0.1, 0.3, 0.9])
            browser = Browser(tenant)
            with suppress(PageShown):  # a spoilt answer sent the browser to a page of the tenant
                visit(tenant, browser, people, rng)
            clock.advance(rng.choice([1, 60, 3600, 100_000]))
        assert adapter.spoilt > 60
        adapter.share = 0.0
        for _ in range(12):
            clock.advance(7200)
            recover_due()
            expire_due()
        check_rows()
        nothing_working()
        assert Browser(tenant).sign_in("ada@example.com")["Location"] == "/profile/"
