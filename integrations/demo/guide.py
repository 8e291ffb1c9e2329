"""A walk through what connecting and linking do, for the first page: who signs in, and what comes of it."""

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
class Walk:
    """One walk.

    Attributes:
        people: Who takes part, in the order in which they sign in.
        steps: What to do, one after another.
        comes_of_it: What you see then.
    """

    title: str
    people: tuple[Person, ...]
    steps: tuple[str, ...]
    comes_of_it: str


GUIDE: Final = (
    Walk(
        "A connected account signs in",
        (XENIA, XENIA_AT_HOME),
        (
            "Sign in as Xenia Pto.",
            "On “Accounts” connect Google, and choose Xenia at home there.",
            "Sign out. Sign in with Google, as Xenia at home.",
        ),
        "You are Xenia Pto, without a question: she connected this account herself.",
    ),
    Walk(
        "A password first, Google later",
        (PAT, PAT_BY_GOOGLE),
        ("Sign in as Pat Password, and sign out.", "Sign in with Google, as Pat by Google."),
        "You are Pat Password: both addresses are the same, and both are verified.",
    ),
    Walk(
        "GitHub first, a password later",
        (SAM, SAM_BY_PASSWORD),
        (
            "Sign in with GitHub, as Sam Social, and sign out.",
            "Sign in with the password, as Sam by password.",
            "Say that it is you, and sign in as Sam Social. Or as somebody else, or not at all.",
        ),
        "You are asked, because anybody can sign up with a password. The account that was first stays.",
    ),
    Walk(
        "Somebody took the address",
        (MALLORY, UMA),
        (
            "Sign in as Mallory Early, who signed up with Uma's address and never verified it. Sign out.",
            "Sign in with Google, as Uma Real.",
        ),
        "Two users. Mallory gains nothing, and Uma is not even asked.",
    ),
)
