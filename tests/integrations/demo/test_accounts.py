"""The accounts page, the walks of the first page, and the timeline of all five flows, over HTTP."""

from __future__ import annotations

import re

import pytest

from stateful_oauth.demo.guide import GUIDE
from stateful_oauth.demo.people import (
    GITHUB,
    GOOGLE,
    MALLORY,
    PAT,
    PAT_BY_GOOGLE,
    SAM,
    SAM_BY_PASSWORD,
    TWICE,
    UMA,
    XENIA,
    XENIA_AT_HOME,
)
from stateful_oauth.demo.smoke import HttpVisitor, Page

# Each visits a running demo over HTTP; .ci/run runs them, and `make demo-smoke` visits every page.
pytestmark = pytest.mark.slow


def attempts(visitor: HttpVisitor, title: str) -> list[str]:
    """The addresses of the visitor's attempts of that kind, newest first."""
    rows = re.findall(r"<tr>.*?</tr>", visitor.open("/timeline/").text, re.DOTALL)
    return [re.search(r'href="(/timeline/[^"]+)"', row)[1] for row in rows if f">{title}<" in row]


def test_the_walks_name_everybody_who_is_there_twice():
    assert {person for walk in GUIDE for person in walk.people} == set(TWICE)


def test_a_connected_account_signs_in_and_every_flow_has_its_timeline(start):
    """The first walk, and then everything taken back."""
    with HttpVisitor(start().site) as visitor:
        visitor.sign_in(XENIA)
        visitor.connect(XENIA_AT_HOME).at("/accounts/").shows(XENIA_AT_HOME.email)
        visitor.sign_out()
        visitor.sign_in_by_clicking(XENIA_AT_HOME).at("/profile/").shows(XENIA.sub)
        visitor.open("/accounts/").shows("you had connected it").shows("This step requires a new sign-in.")
        visitor.submit(visitor.open("/accounts/").form_to("/auth/unlink/")).shows("None. Sign out")
        visitor.sign_out()
        visitor.sign_in(XENIA)
        visitor.submit(visitor.open("/accounts/").form_to("/auth/disconnect/")).shows("None yet.")
        for title, drawn in (
            ("Connecting an account", "connect_account-state-connected"),
            ("Linking accounts", "account_linking-state-linked"),
            ("Unlinking an account", "unlink_account-state-unlinked"),
            ("Disconnecting an account", "disconnect_account-state-disconnected"),
            ("Sign-in", "login-state-signed_in"),
        ):
            page = visitor.open(attempts(visitor, title)[0])
            assert re.search(rf'id="{drawn}" class="[^"]*current', page.text), title
        linking = attempts(visitor, "Linking accounts")[0]
        opened_by = re.search(r'Opened by</dt><dd><a href="([^"]+)"', visitor.open(linking).text)
        assert opened_by is not None
        visitor.open(opened_by[1]).shows("Goes on as").shows(f'href="{linking}"').shows("link pending")


def test_a_password_first_and_google_later(start):
    with HttpVisitor(start().site) as visitor:
        visitor.sign_in(PAT)
        visitor.sign_out()
        visitor.sign_in_by_clicking(PAT_BY_GOOGLE).at("/profile/").shows(PAT.sub)
        visitor.open("/accounts/").shows("the same verified email")


def test_github_first_and_a_password_later(start):
    with HttpVisitor(start().site) as visitor:
        visitor.sign_in_by_clicking(SAM)
        visitor.sign_out()
        asked = visitor.sign_in(SAM_BY_PASSWORD).shows("Is this your account too?").shows("s•••@e•••.com")
        provider = visitor.submit(asked.form_to(f"{asked.path}confirm/"))
        visitor.submit(provider.form(account=SAM.sub)).at("/profile/").shows(SAM.sub)
        visitor.open("/accounts/").shows("you showed that it is yours")


def test_a_user_whose_email_was_taken_gets_an_account_alone(start):
    with HttpVisitor(start().site) as visitor:
        visitor.sign_in(MALLORY).at("/profile/").shows("not verified")
        visitor.sign_out()
        visitor.sign_in_by_clicking(UMA).at("/profile/").shows(UMA.sub)
        visitor.open("/accounts/").shows("None. Sign out")


def test_more_scopes_are_asked_for_when_they_are_needed(visitor: HttpVisitor):
    signed_in = visitor.what_if("connect-lost").shows(">connected</span>")
    assert signed_in.path == "/what-if/connect-lost/"
    page = visitor.open("/accounts/").shows("Read the calendar, too")
    account = re.search(r"<code>(\d+)</code> · since", page.text)
    assert account is not None, page.text
    more = visitor.submit(page.form_to("/accounts/connect-more/"))
    same = more.form(account=f"{GOOGLE}|{account[1]}")
    page = visitor.submit(same).at("/accounts/").shows("calendar.readonly")
    assert page.text.count(f'name="connection" value="{GITHUB}"') == 1
    token = visitor.submit(page.form_to("/accounts/token/"))
    token.at("/accounts/").shows("Token Vault gave a token of Google")
    visitor.submit(token.form_to("/accounts/compare/")).shows("Compared: 1 connected.")


@pytest.mark.parametrize("path", ["/accounts/token/", "/accounts/connect-more/"])
def test_what_is_not_the_visitors_own_is_not_there(visitor: HttpVisitor, path):
    visitor.sign_in()
    form = visitor.open("/accounts/").form(connection=GOOGLE)
    form.action = form.action.replace("/auth/connect/", path)
    answer: Page = visitor.submit(form, connection="carrier-pigeon", account="cac_somebody_elses")
    assert answer.status == 404


def test_a_button_that_is_pressed_after_signing_out_elsewhere_leads_back_to_the_page(visitor: HttpVisitor):
    visitor.sign_in()
    page = visitor.open("/accounts/")
    visitor.sign_out()
    provider = visitor.submit(page.form_to("/accounts/compare/"))
    visitor.submit(provider.form(account="auth0|ada")).at("/accounts/").shows("Your accounts")


def test_a_visitor_who_is_nobody_signs_in_first(visitor: HttpVisitor):
    provider = visitor.open("/accounts/")
    visitor.submit(provider.form(account="auth0|ada")).at("/accounts/").shows("Your accounts")
