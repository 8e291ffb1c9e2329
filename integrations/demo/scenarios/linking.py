"""What happens while two accounts of one person are linked, or of two persons are not."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse

from stateful_oauth.demo.people import GITHUB, GOOGLE, PASSWORDS
from stateful_oauth.demo.scenarios.scenario import Action, Group, Scenario, Step
from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import OperatorCaller, SystemCaller
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from django.http import HttpResponse

    from stateful_oauth.demo.people import Person
    from stateful_oauth.demo.scenarios.visit import Attempt, Visit
    from stateful_oauth.emulator.faults import FaultKind

_IDENTITIES: Final = "/api/v2/users/{id}/identities"
_USER: Final = "/api/v2/users/{id}"
_BY_EMAIL: Final = "/api/v2/users-by-email"
_RATE_LIMIT: Final = 4  # seconds
_BETWEEN_SWEEPS: Final = 60  # seconds; all of them end before the sign-in is held too long
_MOST_SWEEPS: Final = 20
_AWAY: Final = "management api"


def _password_first(visit: Visit) -> tuple[Person, Person]:
    """Make an account with a password, and one at Google with the same verified email."""
    first = visit.demo.passer_by(PASSWORDS)
    return first, visit.demo.passer_by(GOOGLE, email=first.email, known=False)


def _social_first(visit: Visit) -> tuple[Person, Person]:
    """Make an account at GitHub, and one with a password with the same email."""
    first = visit.demo.passer_by(GITHUB)
    return first, visit.demo.passer_by(PASSWORDS, email=first.email, known=False)


def _linking_of(attempt: Attempt) -> uuid.UUID:
    """Return the account linking that a sign-in has opened."""
    return uuid.UUID(FlowTransaction.objects.get(pk=attempt.id).result["linking"])


def ask(visit: Visit) -> HttpResponse:
    """Sign in with a password where a GitHub account was first; the visitor answers the question."""
    _, newcomer = _social_first(visit)
    attempt, linking = visit.asked(newcomer)
    visit.take(attempt, linking=linking)
    return visit.go(reverse("stateful_oauth:link", args=[linking]))


def ask_about_two(visit: Visit) -> HttpResponse:
    """Do the same with two accounts to choose from."""
    first, newcomer = _social_first(visit)
    visit.demo.passer_by(GOOGLE, email=first.email)
    attempt, linking = visit.asked(newcomer)
    visit.take(attempt, linking=linking)
    return visit.go(reverse("stateful_oauth:link", args=[linking]))


def _answers_with(tries: int) -> Action:
    """Sign in with the wrong account, a number of times."""

    def begin(visit: Visit) -> HttpResponse:
        _, newcomer = _social_first(visit)
        wrong_person = visit.demo.passer_by(GITHUB)
        attempt, linking = visit.asked(newcomer)
        for _ in range(tries - 1):
            visit.deliver(visit.confirm(linking).signed_in_as(wrong_person))
        proof = visit.confirm(linking).signed_in_as(wrong_person)
        visit.take(attempt, linking=linking)
        return visit.go(proof.callback)

    return begin


def decline_the_proof(visit: Visit) -> HttpResponse:
    """Decline at the provider, after having said that the accounts are to be linked."""
    _, newcomer = _social_first(visit)
    attempt, linking = visit.asked(newcomer)
    proof = visit.confirm(linking).declined()
    visit.take(attempt, linking=linking)
    return visit.go(proof.callback)


def _automatic(endpoint: str, kind: FaultKind, method: str = "POST", **details: Any) -> Action:
    """Sign in with Google where a password account was first, while something goes wrong."""

    def begin(visit: Visit) -> HttpResponse:
        first, newcomer = _password_first(visit)
        attempt = visit.start().signed_in_as(newcomer)
        match = {"email": first.email} if endpoint == _BY_EMAIL else {"id": first.sub}
        visit.tenant.faults.add(endpoint, kind, method=method, match=match, **details)
        return visit.come_back(attempt)

    return begin


def pre_hijacked(visit: Visit) -> HttpResponse:
    """Sign in with Google after another person registered the email, and never verified it."""
    early = visit.demo.passer_by(PASSWORDS, verified=False)
    owner = visit.demo.passer_by(GOOGLE, email=early.email, known=False)
    return visit.come_back(visit.start().signed_in_as(owner))


def stays_away(visit: Visit) -> HttpResponse:
    """Keep the Management API from answering until recovery leaves it to a person."""
    first, newcomer = _password_first(visit)
    attempt = visit.start().signed_in_as(newcomer)
    # The profiles can still be read, once; the link is asked for, and its answer is lost.
    faults, primary = visit.tenant.faults, {"id": first.sub}
    away = [
        faults.add(_IDENTITIES, "server_error", method="POST", times=None, match=primary),
        faults.add(_USER, "server_error", method="GET", times=None, skip=1, match=primary),
    ]

    def come_back() -> None:
        for each in away:
            faults.remove(each)

    visit.demo.broken_until(_AWAY, come_back)
    visit.deliver(attempt)
    linking = _linking_of(attempt)
    for _ in range(_MOST_SWEEPS):
        if FlowTransaction.objects.filter(pk=linking, stuck_since__isnull=False).exists():
            break
        visit.demo.clock.advance(_BETWEEN_SWEEPS)
        wiring.engine().recover(linking, SystemCaller())
    visit.take(attempt, linking=linking)
    return visit.go(reverse("stateful_oauth:progress", args=[linking]))


def operator_retries(visit: Visit) -> HttpResponse:
    """Have the Management API answer again, and an operator retry."""
    visit.demo.repair(_AWAY)
    linking = visit.note.attempts[-1]
    wiring.engine().recover(linking, OperatorCaller("demo", "The Management API is back."))
    return visit.go(reverse("stateful_oauth:progress", args=[linking]))


LINKING: Final = Group(
    "Linking accounts",
    "A passer-by has an account, and signs in with another one that may be theirs, too.",
    (
        Scenario(
            slug="link-asked",
            title="Is this your account too?",
            what="You signed up with GitHub. Now you sign in with a password and the same email: you "
            "are asked, and answer by signing in at the provider, with that account or another one.",
            begin=ask,
            ends="you decide",
            afterwards="That was your decision: two users of this site, or one.",
        ),
        Scenario(
            slug="link-two",
            title="Two accounts to choose from",
            what="There are two accounts with the same email, so nothing happens without asking.",
            begin=ask_about_two,
            ends="you decide",
            afterwards="That was your decision.",
        ),
        Scenario(
            slug="link-wrong",
            title="The wrong account",
            what="You say that the accounts are yours, and then sign in as another user. You may try again.",
            begin=_answers_with(tries=1),
            ends="you may try again",
        ),
        Scenario(
            slug="link-wrong-thrice",
            title="The wrong account, three times",
            what="After three tries nothing is linked, and you are not signed in.",
            codes=("wrong_account",),
            begin=_answers_with(tries=3),
        ),
        Scenario(
            slug="link-declined",
            title="Decline the proof",
            what="You say that the accounts are yours, and press “Decline” at the provider. The question is "
            "still open.",
            begin=decline_the_proof,
            ends="you decide",
            log_codes=("access_denied",),
        ),
        Scenario(
            slug="link-lost",
            title="The answer is lost",
            what="A password account, then Google with the same verified email: they are linked without "
            "asking. The link is made, and its answer is lost.",
            begin=_automatic(_IDENTITIES, "lost_answer"),
            ends="linked",
            log_codes=("provider_answer_lost",),
            afterwards="Linked once. After the lost answer the profile was read, and the link was there.",
        ),
        Scenario(
            slug="link-busy",
            title="The Management API is busy",
            what="It answers 429 in the middle. The attempt is kept, and goes on when the limit is over: a "
            "few seconds, which you see a page for.",
            begin=_automatic(_IDENTITIES, "rate_limit", reset=_RATE_LIMIT),
            ends="linked a little later",
            log_codes=("rate_limited",),
            afterwards="Linked, when the provider took requests again. No request waited for it.",
        ),
        Scenario(
            slug="link-gone",
            title="The other account is deleted",
            what="Between the decision and the link the other account disappears. You are signed in all the "
            "same, as who you came as.",
            begin=_automatic(
                _USER, "answer", "GET", status=404, json={"statusCode": 404, "error": "Not Found",
                "message": "The user does not exist.", "errorCode": "inexistent_user"}
            ),
            log_codes=("candidate_gone",),
            afterwards="The accounts stay apart, and the log says why.",
        ),
        Scenario(
            slug="link-unavailable",
            title="Other accounts cannot be looked for",
            what="The Management API fails when other accounts are looked for. You are signed in all the "
            "same, and the next sign-in looks again.",
            begin=_automatic(_BY_EMAIL, "server_error", "GET", times=None),
            log_codes=("provider_answer_invalid",),
            afterwards="You are signed in, and nothing was linked. The next sign-in looks again.",
        ),
        Scenario(
            slug="link-unverified",
            title="Another person took your email",
            what="Before you came, another person signed up with your email and a password, and could never "
            "verify it. You sign in with Google: they gain nothing.",
            begin=pre_hijacked,
            afterwards="You have an account of your own. The other one was not even offered: only an "
            "unverified email speaks for it.",
        ),
        Scenario(
            slug="link-stuck",
            title="The Management API stays away",
            what="The link was asked for, and the answers that would tell whether it happened never "
            "come. It is not forgotten: it waits for an operator.",
            begin=stays_away,
            steps=(Step("retry", "It is back, and an operator retries", operator_retries),),
            ends="stuck, then linked",
            log_codes=("recovery_exhausted",),
            afterwards="The attempt is stuck: it waits for an operator.",
        ),
    ),
)  # fmt: skip
