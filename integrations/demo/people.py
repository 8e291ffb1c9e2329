"""Who can sign in at the demo, and what is special about some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PASSWORDS: Final = "Username-Password-Authentication"
GOOGLE: Final = "google-oauth2"
GITHUB: Final = "github"
REFUSED_DOMAIN: Final = "@rival.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person with an account at the tenant.

    Attributes:
        password: Empty where the provider does not ask for one: then a click will do.
        note: What is special, for the table.
        verified: Whether the provider has verified the email.
        known: Whether the tenant knows the account already. Otherwise it becomes one with its first sign-in.
    """

    name: str
    email: str
    sub: str
    connection: str
    password: str = ""
    note: str = ""
    verified: bool = True
    known: bool = True


ADA: Final = Person(
    name="Ada Lovelace",
    email="ada@example.com",
    sub="auth0|ada",
    connection=PASSWORDS,
    password="analytical-engine",  # noqa: S106 - printed on the first page
)
GRACE: Final = Person(
    name="Grace Hopper", email="grace@example.com", sub="google-oauth2|10619061219920101", connection=GOOGLE
)
ALAN: Final = Person(name="Alan Turing", email="alan@example.com", sub="github|19120623", connection=GITHUB)
IVY: Final = Person(
    name="Ivy Idle",
    email="ivy@example.com",
    sub="google-oauth2|10000000000000001",
    connection=GOOGLE,
    note="inactive at this site",
)
REX: Final = Person(
    name="Rex Rival",
    email=f"rex{REFUSED_DOMAIN}",
    sub="google-oauth2|10000000000000002",
    connection=GOOGLE,
    note="refused by this site's backend",
)
CONNIE: Final = Person(
    name="Connie Conflict",
    email="connie@example.com",
    sub="github|10000003",
    connection=GITHUB,
    note="the user name is taken here",
)
BEA: Final = Person(
    name="Bea Blocked",
    email="bea@example.com",
    sub="github|10000004",
    connection=GITHUB,
    note="blocked at the tenant",
)

XENIA: Final = Person(
    name="Xenia Pto",
    email="xpto@acme.com",
    sub="auth0|xenia",
    connection=PASSWORDS,
    password="forty-two-widgets",  # noqa: S106 - printed on the first page
    note="at work",
)
XENIA_AT_HOME: Final = Person(
    name="Xenia at home",
    email="qwerty@gmail.com",
    sub="google-oauth2|10000000000000021",
    connection=GOOGLE,
    known=False,
    note="the same person with another email",
)
PAT: Final = Person(
    name="Pat Password",
    email="pat@example.com",
    sub="auth0|pat",
    connection=PASSWORDS,
    password="came-with-a-password",  # noqa: S106 - printed on the first page
    note="signed up with a password",
)
PAT_BY_GOOGLE: Final = Person(
    name="Pat by Google",
    email="pat@example.com",
    sub="google-oauth2|10000000000000022",
    connection=GOOGLE,
    known=False,
    note="the same email, verified",
)
SAM: Final = Person(
    name="Sam Social",
    email="sam@example.com",
    sub="github|10000023",
    connection=GITHUB,
    note="signed up with GitHub",
)
SAM_BY_PASSWORD: Final = Person(
    name="Sam by password",
    email="sam@example.com",
    sub="auth0|sam",
    connection=PASSWORDS,
    password="came-later-with-this",  # noqa: S106 - printed on the first page
    known=False,
    note="the same email, later",
)
UMA: Final = Person(
    name="Uma Real",
    email="uma@example.com",
    sub="google-oauth2|10000000000000024",
    connection=GOOGLE,
    known=False,
    note="owns the email",
)
MALLORY: Final = Person(
    name="Mallory Early",
    email="uma@example.com",
    sub="auth0|mallory",
    connection=PASSWORDS,
    password="not-my-email",  # noqa: S106 - printed on the first page
    verified=False,
    note="registered Uma's email, and never verified it",
)

PEOPLE: Final = (ADA, GRACE, ALAN)
"""The first three can just sign in."""
SPECIAL: Final = (IVY, REX, CONNIE, BEA)
"""With these something happens."""
TWICE: Final = (XENIA, XENIA_AT_HOME, PAT, PAT_BY_GOOGLE, SAM, SAM_BY_PASSWORD, UMA, MALLORY)
"""People with two accounts, and one who wants to look like another."""

ORGANIZATION: Final = "org_engines"
OTHER_ORGANIZATION: Final = "org_looms"

OPERATOR_NAME: Final = "operator"
OPERATOR_PASSWORD: Final = "on-call-tonight"  # noqa: S105 - printed when the demo starts
"""Who is on call: a user of Django's own, for the admin."""
