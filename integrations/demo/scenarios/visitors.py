"""What people do: decline, come back twice, wait too long, use two tabs."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Final

import requests
from django.contrib.auth import logout as end_session

from stateful_oauth.demo.people import ADA, ALAN, BEA, GRACE
from stateful_oauth.demo.scenarios.scenario import Group, Scenario, Step
from stateful_oauth.django.conf import conf
from stateful_oauth.django.views.logout import logout as sign_out_page
from stateful_oauth.emulator import MFA_POLICY
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from django.http import HttpResponse

    from stateful_oauth.demo.clock import OffsetClock
    from stateful_oauth.demo.scenarios.visit import Attempt, Visit

_MINUTE: Final = 60
_ANSWER_LIMIT: Final = 20  # seconds
_SLOW: Final = 6  # seconds; longer than a late delivery waits, shorter than a call may take


def decline(visit: Visit) -> HttpResponse:
    """Decline at the provider."""
    return visit.come_back(visit.start().declined())


def sign_in(visit: Visit) -> HttpResponse:
    """Sign in once; the entry's page offers the rest."""
    return visit.come_back(visit.start().signed_in_as(ADA))


def open_again(visit: Visit) -> HttpResponse:
    """Open the first answer again."""
    return visit.go(visit.note.callbacks[0])


def open_second(visit: Visit) -> HttpResponse:
    """Open the second answer."""
    return visit.go(visit.note.callbacks[1])


def wait_too_long(visit: Visit) -> HttpResponse:
    """Sign in at the provider, and come back after the deadline."""
    attempt = visit.start().signed_in_as(ADA)
    visit.demo.clock.advance(conf.transaction_lifetime + _MINUTE)
    return visit.come_back(attempt)


def two_tabs(visit: Visit) -> HttpResponse:
    """Start two sign-ins; neither has come back yet."""
    visit.take(visit.start().signed_in_as(ADA), visit.start().signed_in_as(ADA))
    return visit.land()


def sign_out_and_open_again(visit: Visit) -> HttpResponse:
    """Sign out as the package does, and then open the answer again."""
    response = sign_out_page(visit.request)  # ends the session, revokes the grant, forgets the browser
    response["Location"] = visit.note.callbacks[0]
    return response


def lose_the_session_and_open_again(visit: Visit) -> HttpResponse:
    """Lose the session without signing out, and open the answer again when the grace is over."""
    callback = visit.note.callbacks[0]
    end_session(visit.request)
    visit.demo.clock.advance(conf.duplicate_grace + _MINUTE)
    return visit.go(callback)


def a_scanner_opens_it(visit: Visit) -> HttpResponse:
    """Let a scanner of links open the answer first: a client without the cookie."""
    attempt = visit.start().signed_in_as(ADA)
    with requests.Session() as scanner:
        scanner.trust_env = False
        answer = scanner.get(attempt.callback, timeout=_ANSWER_LIMIT)
    visit.take(attempt, remark=f"The scanner was shown an error page (HTTP {answer.status_code}).")
    return visit.land()


def open_another_users_callback(visit: Visit) -> HttpResponse:
    """Open the answer to a sign-in that another browser started."""
    return visit.come_back(visit.start(in_another_browser=True).signed_in_as(GRACE))


def open_another_users_refusal(visit: Visit) -> HttpResponse:
    """Open the answer to a sign-in that another browser started, and whose user declined."""
    return visit.come_back(visit.start(in_another_browser=True).declined())


def double_click(visit: Visit) -> HttpResponse:
    """Open the answer while an earlier delivery of it waits for a slow provider."""
    attempt = visit.start().signed_in_as(ADA)
    visit.tenant.faults.add("/oauth/token", "slow", match={"code": attempt.code}, delay=_SLOW)
    _deliver(attempt.callback, visit.cookies)
    _wait_until_claimed(attempt, visit.demo.clock)
    return visit.come_back(attempt)


def too_many_tabs(visit: Visit) -> HttpResponse:
    """Start one more sign-in than a browser may have open, and finish the first."""
    first = visit.start()
    for _ in range(conf.open_per_browser):
        visit.start()
    return visit.come_back(first.signed_in_as(ADA))


def silently_without_session(visit: Visit) -> HttpResponse:
    """Ask for a sign-in without a page, when no user is signed in at the provider."""
    return visit.come_back(visit.start(parameters={"prompt": "none"}).silently())


def silently_without_second_factor(visit: Visit) -> HttpResponse:
    """Ask for a sign-in without a page, when the provider has to ask for something."""
    visit.start().signed_in_as(ADA)  # so that the robot has a session at the provider
    asked = {"prompt": "none", "acr_values": MFA_POLICY}
    return visit.come_back(visit.start(parameters=asked).silently())


def blocked(visit: Visit) -> HttpResponse:
    """Sign in as a user that the tenant has blocked."""
    return visit.come_back(visit.start().signed_in_as(BEA))


def not_a_member(visit: Visit) -> HttpResponse:
    """Sign in to an organization whose member one is not."""
    return visit.come_back(visit.start(parameters={"organization": "org_engines"}).signed_in_as(ALAN))


def _deliver(callback: str, cookies: dict[str, str]) -> None:
    """Open the answer with the visitor's cookies, and do not wait for what comes of it."""

    def deliver() -> None:
        with requests.Session() as first_click:
            first_click.trust_env = False
            first_click.get(callback, cookies=cookies, timeout=_ANSWER_LIMIT, allow_redirects=False)

    Thread(target=deliver, daemon=True).start()


def _wait_until_claimed(attempt: Attempt, clock: OffsetClock) -> None:
    for _ in range(100):
        if not FlowTransaction.objects.filter(pk=attempt.id, state="awaiting_callback").exists():
            return
        clock.sleep(0.02)


_AGAIN: Final = Step("again", "Open the callback again", open_again)

FIRST: Final = Group(
    "Start here",
    "The four things that people really do.",
    (
        Scenario(
            slug="decline",
            title="Decline at the provider",
            what="You are sent to the provider, press “Decline” there, and come back.",
            codes=("access_denied",),
            begin=decline,
        ),
        Scenario(
            slug="twice",
            title="Come back twice",
            what="You sign in as Ada, and then the same callback is opened again, as by a double click or "
            "the back button.",
            begin=sign_in,
            steps=(_AGAIN,),
            afterwards="You are signed in as Ada. Open the same callback again, as often as you like: the "
            "code is sent once, and every further delivery is refused, written down, and does you no harm.",
        ),
        Scenario(
            slug="too-late",
            title="Wait too long",
            what="You sign in at the provider, the demo's clock moves on by eleven minutes, and then you "
            "come back.",
            codes=("transaction_expired",),
            begin=wait_too_long,
        ),
        Scenario(
            slug="two-tabs",
            title="Two tabs",
            what="You start two sign-ins, as in two tabs, and finish both, in any order.",
            begin=two_tabs,
            steps=(
                Step("first", "Finish the first tab", open_again),
                Step("second", "Finish the second tab", open_second),
            ),
            afterwards="Each tab has its own transaction, with its own state, nonce and verifier. Finish "
            "one, then the other.",
        ),
    ),
)

AGAIN: Final = Group(
    "Again, elsewhere, at once",
    "The same callback at another time, in another place, or in several places.",
    (
        Scenario(
            slug="after-sign-out",
            title="Come back after signing out",
            what="You sign in, sign out, and then press “back” as far as the callback.",
            codes=("browser_unknown",),
            begin=sign_in,
            steps=(Step("sign-out", "Sign out and open the callback again", sign_out_and_open_again),),
            afterwards="You are signed in as Ada. Now sign out: that also forgets the cookie which ties this "
            "browser to its attempts, so that no later user of this computer can go back into the session.",
        ),
        Scenario(
            slug="much-later",
            title="Come back much later",
            what="You sign in, lose your session without signing out, and open the callback two minutes "
            "later.",
            codes=("already_completed",),
            begin=sign_in,
            steps=(Step("later", "Lose the session and come back later", lose_the_session_and_open_again),),
            afterwards="You are signed in as Ada. For a minute a second delivery would give you the session "
            "again, because a browser follows the last answer it gets; afterwards it does not.",
        ),
        Scenario(
            slug="stolen",
            title="A scanner opens yours",
            what="Your callback is opened by a scanner of links, which does not have your cookie, before you "
            "open it.",
            begin=a_scanner_opens_it,
            steps=(Step("mine", "Finish it in this browser", open_again),),
            afterwards="Nothing moved, and the code was not sent: your attempt still waits for you.",
        ),
        Scenario(
            slug="not-yours",
            title="You open another user's callback",
            what="You open the callback of a sign-in that another browser started, as in a login CSRF "
            "attack. Your browser has seen the code now, so that attempt ends.",
            codes=("browser_mismatch",),
            begin=open_another_users_callback,
        ),
        Scenario(
            slug="not-your-refusal",
            title="You open another user's refusal",
            what="You open the callback of a sign-in that another browser started, and whose user declined. "
            "There is no code in it, so nothing ends.",
            codes=("other_browser",),
            begin=open_another_users_refusal,
        ),
        Scenario(
            slug="double-click",
            title="Double click, slow provider",
            what="The callback arrives twice while the token endpoint takes six seconds: you get the second "
            "one, a page that waits, and then the first one's outcome.",
            begin=double_click,
            steps=(_AGAIN,),
            afterwards="You are signed in as Ada, by the delivery that was not yours; the code was sent "
            "once.",
        ),
        Scenario(
            slug="too-many-tabs",
            title="Too many tabs",
            what="You start more sign-ins than one browser may have open, and finish the first.",
            codes=("superseded",),
            begin=too_many_tabs,
        ),
    ),
)

REFUSALS: Final = Group(
    "The provider says no",
    "It answers properly, and the answer is an error.",
    (
        Scenario(
            slug="blocked",
            title="Blocked user",
            what="Bea signs in. The tenant has blocked her.",
            codes=("sign_in_refused",),
            begin=blocked,
        ),
        Scenario(
            slug="not-a-member",
            title="Not a member",
            what="Alan signs in to the organization “Analytical Engines”, to which he does not belong.",
            codes=("organization_refused",),
            begin=not_a_member,
        ),
        Scenario(
            slug="silent",
            title="prompt=none without a session",
            what="The site asks for a sign-in without a page, and you are not signed in at the provider.",
            codes=("login_required",),
            begin=silently_without_session,
        ),
        Scenario(
            slug="silent-mfa",
            title="prompt=none, but a factor is missing",
            what="The same with a session at the provider, which would have to ask for a second factor.",
            codes=("interaction_required",),
            begin=silently_without_second_factor,
        ),
    ),
)
