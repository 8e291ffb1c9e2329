"""Every entry of the "what if" menu, over HTTP, against the running demo."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest

from stateful_oauth.demo.scenarios import NOT_IN_MENU, SCENARIOS
from stateful_oauth.demo.smoke import HttpVisitor, Page
from stateful_oauth.flows.error_codes import ERROR_CODES

# Each visits a running demo over HTTP; .ci/run runs them, and `make demo-smoke` visits every page.
pytestmark = pytest.mark.slow

ONE_PRESS = [
    (scenario.slug, {}, scenario.codes[0])
    for scenario in SCENARIOS.values()
    if scenario.codes and not scenario.steps and not scenario.choices
]
CHOICES = [
    (scenario.slug, {"choice": choice.slug}, choice.code)
    for scenario in SCENARIOS.values()
    for choice in scenario.choices
]


def error_code(page: Page) -> str:
    """The code of the error page that is shown; empty for any other page."""
    parts = page.path.strip("/").split("/")
    return parts[2] if parts[:2] == ["auth", "error"] else ""


@pytest.mark.parametrize(("slug", "fields", "code"), ONE_PRESS + CHOICES)
def test_an_entry_shows_the_page_of_its_code(visitor: HttpVisitor, slug, fields, code):
    page = visitor.what_if(slug, **fields)
    assert page.status == ERROR_CODES[code].status, page.text
    page.shows(f"<code>{code}</code>")


LANDS = [
    scenario.slug
    for scenario in SCENARIOS.values()
    if scenario.slug.startswith(("connect-", "link-"))
    and not scenario.codes
    and "you " not in scenario.ends
    and scenario.slug not in {"link-busy", "link-stuck"}
]


@pytest.mark.parametrize("slug", LANDS)
def test_an_entry_that_ends_well_shows_what_its_log_has(visitor: HttpVisitor, slug):
    page = visitor.what_if(slug).at(f"/what-if/{slug}/")
    scenario = SCENARIOS[slug]
    page.shows(scenario.afterwards)
    for code in scenario.log_codes:
        page.shows(f"<code>{code}</code>")
    if scenario.ends in {"connected", "linked"}:
        page.shows(f'<span class="chip good">{scenario.ends}</span>')


@pytest.mark.parametrize(
    ("slug", "words"),
    [
        ("link-asked", "Is this your account too?"),
        ("link-two", "Is this your account too?"),
        ("link-wrong", "You used a different account"),
        ("link-declined", "Is this your account too?"),
    ],
)
def test_an_entry_that_asks_shows_the_question(visitor: HttpVisitor, slug, words):
    page = visitor.what_if(slug).shows(words)
    assert page.path.startswith("/auth/link/")
    assert page.text.count("/confirm/") == (2 if slug == "link-two" else 1)
    apart = visitor.submit(page.form_to(f"{page.path}cancel/"))
    apart.at(f"/what-if/{slug}/").shows("kept apart")


def test_a_busy_management_api_is_waited_for(visitor: HttpVisitor):
    page = visitor.what_if("link-busy")
    assert page.status == 202
    page.shows("Linking your accounts…").shows("This is taking longer than usual.")
    followed(visitor, page).at("/what-if/link-busy/").shows(">linked</span>").shows("rate_limited")


def test_what_nobody_can_find_out_waits_for_an_operator(visitor: HttpVisitor):
    page = visitor.what_if("link-stuck")
    page.shows("Not finished yet")
    entry = visitor.open("/what-if/link-stuck/").shows("recovery_exhausted")
    done = visitor.submit(entry.form(step="retry"))
    followed(visitor, done).at("/what-if/link-stuck/").shows(">linked</span>")


def followed(visitor: HttpVisitor, page: Page) -> Page:
    """What a page that waits becomes."""
    progress = page.path
    for _ in range(300):  # a minute
        if page.status != 202:
            break
        time.sleep(0.2)
        page = visitor.open(progress)
    return page


def test_everything_works_again_after_the_faults_of_the_menu(visitor: HttpVisitor):
    visitor.what_if("down")
    visitor.what_if("secret-changed")
    visitor.what_if("keys-gone")
    visitor.what_if("discovery-wrong")
    visitor.what_if("no-issuer")
    visitor.sign_in().at("/profile/")


def test_the_menu_shows_every_code_that_a_visitor_can_reach():
    shown = {code for each in SCENARIOS.values() for code in (*each.codes, *each.log_codes)}
    assert shown | NOT_IN_MENU.keys() == ERROR_CODES.keys()
    assert not shown & NOT_IN_MENU.keys()


def test_coming_back_twice_is_refused_and_does_no_harm(visitor: HttpVisitor):
    first = visitor.what_if("twice").shows("ada@example.com").shows("exchange_code")
    assert "already_completed" not in first.text
    for _ in range(2):
        again = visitor.what_if("twice", step="again")
        again.shows("ada@example.com").shows("already_completed")
    assert again.text.count("exchange_code") == 1


def test_two_tabs_finish_in_any_order(visitor: HttpVisitor):
    assert visitor.what_if("two-tabs").text.count("awaiting callback") == 2
    second = visitor.what_if("two-tabs", step="second")
    assert second.text.count("awaiting callback") == 1
    first = visitor.what_if("two-tabs", step="first")
    assert "awaiting callback" not in first.text
    first.shows("ada@example.com")


def test_after_signing_out_the_callback_is_a_strangers(visitor: HttpVisitor):
    visitor.what_if("after-sign-out").shows("ada@example.com")
    assert error_code(visitor.what_if("after-sign-out", step="sign-out")) == "browser_unknown"
    visitor.open("/").shows("Not signed in")
    visitor.open("/what-if/after-sign-out/").shows(
        "browser_unknown"
    )  # the timeline is not lost with the cookie


def test_much_later_the_callback_is_used_up(visitor: HttpVisitor):
    visitor.what_if("much-later").shows("ada@example.com")
    assert error_code(visitor.what_if("much-later", step="later")) == "already_completed"
    visitor.open("/").shows("Not signed in")


def test_what_another_browser_opens_can_still_be_finished(visitor: HttpVisitor):
    stolen = visitor.what_if("stolen").shows("HTTP 403").shows("browser_unknown")
    stolen.shows("awaiting callback").shows("Not signed in")
    visitor.what_if("stolen", step="mine").shows("ada@example.com")


def test_a_double_click_waits_for_the_first_one(visitor: HttpVisitor):
    page = visitor.what_if("double-click")
    assert page.status == 202
    assert page.path.startswith("/auth/progress/")
    page = followed(visitor, page)
    page.shows("ada@example.com")
    assert page.text.count("code_exchanged") == 1


@pytest.mark.parametrize("slug", SCENARIOS)
def test_every_entry_has_a_page_before_it_was_begun(visitor: HttpVisitor, slug):
    page = visitor.open(f"/what-if/{slug}/")
    assert page.status == 200
    page.shows("Try it")
    if SCENARIOS[slug].steps:
        step = visitor.submit(page.form_to(f"/what-if/{slug}/"), step=SCENARIOS[slug].steps[0].slug)
        assert step.path == "/what-if/"


def test_nothing_happens_without_the_forms_token(visitor: HttpVisitor):
    form = visitor.open("/what-if/").form_to("/what-if/decline/")
    assert visitor.submit(form, csrfmiddlewaretoken="x" * 64).status == 403
    assert visitor.open("/what-if/nonsense/").status == 404


def test_the_error_page_leads_to_the_attempts_timeline(visitor: HttpVisitor):
    page = visitor.what_if("html")
    path = page.text.partition('href="/timeline/')[2].partition('"')[0]
    attempt = visitor.open("/timeline/" + path)
    attempt.shows("provider_answer_invalid").shows("exchanging_code").shows("<svg").shows("travelled")


def test_another_visitors_attempts_are_not_shown(demo, visitor: HttpVisitor):
    page = visitor.what_if("html")
    path = "/timeline/" + page.text.partition('href="/timeline/')[2].partition('"')[0]
    with HttpVisitor(demo.site) as stranger:
        assert stranger.open(path).status == 404
        stranger.open("/timeline/").shows("There is nothing yet")


def test_no_page_needs_a_script_or_anything_from_outside(demo, visitor: HttpVisitor):
    visitor.sign_in()
    for path in ("/", "/profile/", "/timeline/", "/what-if/", "/what-if/twice/", "/auth/restart/"):
        page = visitor.open(path)
        assert "<script" not in page.text
        assert " style=" not in page.text
        assert "http://" not in page.text.replace(demo.site, "").replace(demo.emulator, "").replace(
            "http://www.w3.org/2000/svg", ""
        )
        assert "https://" not in page.text
        assert urlsplit(page.url).hostname == "127.0.0.1"
