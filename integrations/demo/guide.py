"""Guided tours of what connecting and linking do, for the first page: who signs in, and what you see then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stateful_oauth.demo.people import (
    MALLORY,
    PAT,
    PAT_BY_GOOGLE,
    SAM,
    SAM_BY_PASSWORD,
    UMA,
    XENIA,
    XENIA_AT_HOME,
    Person,
)


@dataclass(frozen=True, slots=True)
class Tour:
    """One guided tour.

    Attributes:
        people: Who takes part, in the order in which they sign in.
        steps: What to do, one after another.
        result: What you see then.
    """

    title: str
    people: tuple[Person, ...]
    steps: tuple[str, ...]
    result: str


GUIDE: Final = (
    Tour(
        "A connected account signs in",
        (XENIA, XENIA_AT_HOME),
        (
            "Sign in as Xenia Pto.",
            "On “Accounts” connect Google, and choose Xenia at home there.",
            "Sign out. Sign in with Google, as Xenia at home.",
        ),
        "You are Xenia Pto, without a question: she connected this account herself.",
    ),
    Tour(
        "A password first, Google later",
        (PAT, PAT_BY_GOOGLE),
        ("Sign in as Pat Password, and sign out.", "Sign in with Google, as Pat by Google."),
        "You are Pat Password: both emails are the same, and both are verified.",
    ),
    Tour(
        "GitHub first, a password later",
        (SAM, SAM_BY_PASSWORD),
        (
            "Sign in with GitHub, as Sam Social, and sign out.",
            "Sign in with the password, as Sam by password.",
            "Say that it is you, and sign in as Sam Social. Or as another user, or not at all.",
        ),
        "You are asked, because a password account proves little. The older account stays.",
    ),
    Tour(
        "Another person took the email",
        (MALLORY, UMA),
        (
            "Sign in as Mallory Early, who signed up with Uma's email and never verified it. Sign out.",
            "Sign in with Google, as Uma Real.",
        ),
        "Two users. Mallory gains nothing, and Uma is not even asked.",
    ),
)
