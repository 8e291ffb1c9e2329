"""Who is linked to whom, and who is asked first: every rule and every reason, as a table of cases."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from stateful_oauth.flows.account_linking.policy import Candidate, Evidence, LinkingRules, Mode, Rule, decide
from stateful_oauth.flows.oauth.accounts import ProfileIdentity, UserProfile
from stateful_oauth.flows.oauth.inputs import LinkingChoices

ADDRESS = "ada@example.com"
DATABASE, GOOGLE, GITHUB = "Username-Password-Authentication", "google-oauth2", "github"
TRUSTED = (DATABASE, GOOGLE)
EARLIER, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def account(
    provider, number, email=ADDRESS, *, verified=True, connection="", more=(), blocked=False, created_at=None
):
    """Return a user with one identity, and more where they are named."""
    main = ProfileIdentity(
        connection=connection or (DATABASE if provider == "auth0" else provider),
        provider=provider,
        user_id=str(number),
    )
    return UserProfile(
        user_id=f"{provider}|{number}",
        email=email,
        email_verified=verified,
        blocked=blocked,
        identities=(main, *more),
        created_at=created_at,
    )


PASSWORD, SOCIAL, OTHER_SOCIAL = account("auth0", 1), account(GOOGLE, 2), account(GITHUB, 3)
SECOND_IDENTITY = ProfileIdentity(connection=GITHUB, provider=GITHUB, user_id="77")


def candidate(profile, evidence=Evidence.E_MAIL, **known):
    return Candidate(profile=profile, evidence=evidence, **known)


@dataclass(frozen=True)
class Case:
    """A newcomer, who may be meant, and what the answer has to be."""

    newcomer: UserProfile
    candidates: tuple[Candidate, ...]
    rule: Rule
    reason: str = ""
    mode: Mode = Mode.AUTOMATIC
    trusted: tuple[str, ...] = TRUSTED
    newcomer_inactive: bool = False


CASES = {
    # Rule 1.
    "connected before, another address": Case(
        account(GOOGLE, 2, "qwerty@gmail.com"),
        (candidate(PASSWORD, Evidence.CONNECTED),),
        Rule.CONNECTED_ACCOUNT,
    ),
    "connected before, the same address": Case(
        SOCIAL, (candidate(PASSWORD, Evidence.CONNECTED),), Rule.CONNECTED_ACCOUNT
    ),
    "connected before, by a social account, from a connection that nobody trusts": Case(
        OTHER_SOCIAL, (candidate(SOCIAL, Evidence.CONNECTED),), Rule.CONNECTED_ACCOUNT, trusted=()
    ),
    "connected before the owner's address was verified": Case(
        SOCIAL,
        (candidate(PASSWORD, Evidence.CONNECTED_UNVERIFIED),),
        Rule.CONFIRMATION,
        "connected_unverified",
    ),
    "connected by somebody whose address is not verified any more": Case(
        SOCIAL,
        (candidate(account("auth0", 1, verified=False), Evidence.CONNECTED),),
        Rule.CONFIRMATION,
        "unverified_email",
    ),
    "connected, and its own address is not verified": Case(
        account(GITHUB, 2, verified=False),
        (candidate(PASSWORD, Evidence.CONNECTED),),
        Rule.CONFIRMATION,
        "unverified_email",
    ),
    "connected, and it has no address at all": Case(
        account(GITHUB, 2, "", verified=False),
        (candidate(PASSWORD, Evidence.CONNECTED),),
        Rule.CONFIRMATION,
        "unverified_email",
    ),
    "connected by two": Case(
        SOCIAL,
        (
            candidate(account("auth0", 1, "x@example.com"), Evidence.CONNECTED),
            candidate(account("auth0", 9, "y@example.com"), Evidence.CONNECTED),
        ),
        Rule.CONFIRMATION,
        "several_candidates",
    ),
    "connected by one, the address of another": Case(
        SOCIAL,
        (candidate(account("auth0", 9, "x@example.com"), Evidence.CONNECTED), candidate(PASSWORD)),
        Rule.CONFIRMATION,
        "several_candidates",
    ),
    "connected by somebody with several identities": Case(
        SOCIAL,
        (candidate(account("auth0", 1, more=(SECOND_IDENTITY,)), Evidence.CONNECTED),),
        Rule.CONFIRMATION,
        "candidate_has_identities",
    ),
    "connected, and unlinked before": Case(
        SOCIAL,
        (candidate(PASSWORD, Evidence.CONNECTED, was_unlinked=True),),
        Rule.CONFIRMATION,
        "unlinked_before",
    ),
    "connected by an inactive user": Case(
        SOCIAL,
        (candidate(PASSWORD, Evidence.CONNECTED, inactive=True),),
        Rule.NONE,
        "candidate_inactive",
    ),
    "connected by a blocked user": Case(
        SOCIAL,
        (candidate(account("auth0", 1, blocked=True), Evidence.CONNECTED),),
        Rule.NONE,
        "candidate_inactive",
    ),
    # Rule 2.
    "password first, social later": Case(SOCIAL, (candidate(PASSWORD),), Rule.VERIFIED_EMAIL),
    "password first, a social connection later that nobody trusts": Case(
        OTHER_SOCIAL, (candidate(PASSWORD),), Rule.CONFIRMATION, "connection_not_trusted"
    ),
    "password first, at a database that nobody trusts": Case(
        SOCIAL,
        (candidate(account("auth0", 1, connection="legacy-users")),),
        Rule.CONFIRMATION,
        "connection_not_trusted",
    ),
    "password first, and nobody is trusted": Case(
        SOCIAL, (candidate(PASSWORD),), Rule.CONFIRMATION, "connection_not_trusted", trusted=()
    ),
    "social first at the provider, and it signs in after the password": Case(
        account(GOOGLE, 2, created_at=EARLIER),
        (candidate(account("auth0", 1, created_at=LATER)),),
        Rule.NONE,
        "candidate_is_newer",
    ),
    "password first at the provider": Case(
        account(GOOGLE, 2, created_at=LATER),
        (candidate(account("auth0", 1, created_at=EARLIER)),),
        Rule.VERIFIED_EMAIL,
    ),
    "both at once": Case(
        account(GOOGLE, 2, created_at=LATER),
        (candidate(account("auth0", 1, created_at=LATER)),),
        Rule.VERIFIED_EMAIL,
    ),
    "nobody says when the password account was made": Case(
        account(GOOGLE, 2, created_at=EARLIER), (candidate(PASSWORD),), Rule.VERIFIED_EMAIL
    ),
    "connected by a younger account": Case(
        account(GOOGLE, 2, created_at=EARLIER),
        (candidate(account("auth0", 1, created_at=LATER), Evidence.CONNECTED),),
        Rule.CONNECTED_ACCOUNT,
    ),
    "always ask does not ask about a younger account": Case(
        account(GOOGLE, 2, created_at=EARLIER),
        (candidate(account("auth0", 1, created_at=LATER)),),
        Rule.NONE,
        "candidate_is_newer",
        Mode.CONFIRM,
    ),
    # Rule 3.
    "social first, password later": Case(
        PASSWORD, (candidate(SOCIAL),), Rule.CONFIRMATION, "candidate_not_password"
    ),
    "social first, another social later": Case(
        account(GITHUB, 3), (candidate(SOCIAL),), Rule.CONFIRMATION, "candidate_not_password"
    ),
    "password first, password at another database later": Case(
        account("auth0", "new|5", connection="legacy-users"),
        (candidate(PASSWORD),),
        Rule.CONFIRMATION,
        "newcomer_is_password",
    ),
    # Rule 4.
    "the newcomer's address is not verified": Case(
        account(GOOGLE, 2, verified=False), (candidate(PASSWORD),), Rule.CONFIRMATION, "unverified_email"
    ),
    "a password sign-up that has not been verified, social first": Case(
        account("auth0", 1, verified=False), (candidate(SOCIAL),), Rule.CONFIRMATION, "unverified_email"
    ),
    "the candidate's address is not verified": Case(
        SOCIAL, (candidate(account("auth0", 1, verified=False)),), Rule.NONE, "candidate_unverified"
    ),
    "neither address is verified": Case(
        account(GOOGLE, 2, verified=False),
        (candidate(account("auth0", 1, verified=False)),),
        Rule.NONE,
        "candidate_unverified",
    ),
    "two with the address": Case(
        SOCIAL, (candidate(PASSWORD), candidate(OTHER_SOCIAL)), Rule.CONFIRMATION, "several_candidates"
    ),
    "two with the address, of whom one is not verified": Case(
        SOCIAL,
        (candidate(PASSWORD), candidate(account(GITHUB, 3, verified=False))),
        Rule.VERIFIED_EMAIL,
    ),
    "two with the address, of whom one is inactive": Case(
        SOCIAL, (candidate(PASSWORD), candidate(OTHER_SOCIAL, inactive=True)), Rule.VERIFIED_EMAIL
    ),
    "the candidate has several identities": Case(
        SOCIAL,
        (candidate(account("auth0", 1, more=(SECOND_IDENTITY,))),),
        Rule.CONFIRMATION,
        "candidate_has_identities",
    ),
    "the newcomer has several identities": Case(
        account(GOOGLE, 2, more=(SECOND_IDENTITY,)),
        (candidate(PASSWORD),),
        Rule.NONE,
        "newcomer_has_identities",
    ),
    "the newcomer has no identity": Case(
        replace(SOCIAL, identities=()), (candidate(PASSWORD),), Rule.NONE, "newcomer_has_identities"
    ),
    "the candidate has no identity": Case(
        SOCIAL, (candidate(replace(PASSWORD, identities=())),), Rule.NONE, "candidate_incomplete"
    ),
    "unlinked before": Case(
        SOCIAL, (candidate(PASSWORD, was_unlinked=True),), Rule.CONFIRMATION, "unlinked_before"
    ),
    "an inactive user": Case(SOCIAL, (candidate(PASSWORD, inactive=True),), Rule.NONE, "candidate_inactive"),
    "a newcomer who is blocked": Case(
        replace(SOCIAL, blocked=True), (candidate(PASSWORD),), Rule.NONE, "newcomer_inactive"
    ),
    "a newcomer who is blocked, connected by somebody": Case(
        replace(SOCIAL, blocked=True),
        (candidate(PASSWORD, Evidence.CONNECTED),),
        Rule.NONE,
        "newcomer_inactive",
    ),
    "a newcomer whose user is inactive": Case(
        SOCIAL, (candidate(PASSWORD),), Rule.NONE, "newcomer_inactive", newcomer_inactive=True
    ),
    "a blocked user": Case(
        SOCIAL, (candidate(account("auth0", 1, blocked=True)),), Rule.NONE, "candidate_inactive"
    ),
    "neither has an address": Case(
        account(GITHUB, 2, "", verified=False),
        (candidate(account("auth0", 1, "", verified=False)),),
        Rule.NONE,
        "other_email",
    ),
    "empty addresses that somebody calls verified": Case(
        account(GITHUB, 2, ""), (candidate(account("auth0", 1, "")),), Rule.NONE, "other_email"
    ),
    "nobody": Case(SOCIAL, (), Rule.NONE, "no_candidate"),
    "only the newcomer itself": Case(SOCIAL, (candidate(SOCIAL),), Rule.NONE, "no_candidate"),
    "the newcomer itself beside another": Case(
        SOCIAL, (candidate(SOCIAL), candidate(PASSWORD)), Rule.VERIFIED_EMAIL
    ),
    # Rule 5.
    "always ask: connected": Case(
        SOCIAL, (candidate(PASSWORD, Evidence.CONNECTED),), Rule.CONFIRMATION, "always_ask", Mode.CONFIRM
    ),
    "always ask: by address": Case(
        SOCIAL, (candidate(PASSWORD),), Rule.CONFIRMATION, "always_ask", Mode.CONFIRM
    ),
    "always ask does not ask about an account that nobody has verified": Case(
        SOCIAL,
        (candidate(account("auth0", 1, verified=False)),),
        Rule.NONE,
        "candidate_unverified",
        Mode.CONFIRM,
    ),
    "off": Case(SOCIAL, (candidate(PASSWORD, Evidence.CONNECTED),), Rule.NONE, "linking_off", Mode.OFF),
}


@pytest.mark.security("L8", "B39", "B40")
@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_policy_decides_each_case_of_its_table(case):
    rules = LinkingRules(mode=case.mode, trusted_connections=case.trusted)
    decision = decide(case.newcomer, case.candidates, rules, newcomer_inactive=case.newcomer_inactive)
    assert (decision.rule, decision.reason) == (case.rule, case.reason)
    assert decision.is_automatic is (case.rule in (Rule.CONNECTED_ACCOUNT, Rule.VERIFIED_EMAIL))
    offered = {each.profile.user_id for each in decision.candidates}
    assert case.newcomer.user_id not in offered
    if decision.is_automatic:
        assert len(offered) == 1, "Who the primary is must not be a matter of order."
    if case.rule is Rule.NONE:
        assert not offered


@pytest.mark.parametrize("before", Mode)
@pytest.mark.parametrize("today", Mode)
def test_todays_choice_may_only_narrow_the_one_of_before(before, today):
    order = [Mode.AUTOMATIC, Mode.CONFIRM, Mode.OFF]
    rules = LinkingRules(mode=before, trusted_connections=(DATABASE, GOOGLE))
    narrowed = rules.within(LinkingChoices(mode=str(today), trusted=(GOOGLE, GITHUB)))
    assert narrowed.mode is order[max(order.index(before), order.index(today))]
    assert set(narrowed.trusted_connections) == {GOOGLE}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_order_in_which_candidates_are_read_decides_nothing(case):
    rules = LinkingRules(mode=case.mode, trusted_connections=case.trusted)
    inactive = case.newcomer_inactive
    forwards = decide(case.newcomer, case.candidates, rules, newcomer_inactive=inactive)
    backwards = decide(case.newcomer, case.candidates[::-1], rules, newcomer_inactive=inactive)
    assert (forwards.rule, forwards.reason) == (backwards.rule, backwards.reason)
    assert {each.profile.user_id for each in forwards.candidates} == {
        each.profile.user_id for each in backwards.candidates
    }


def test_every_reason_has_a_case():
    """Read from the policy's own text, so that a new reason needs a case here."""
    import inspect
    import re

    from stateful_oauth.flows.account_linking import policy as linking_policy

    source = inspect.getsource(linking_policy.decide) + inspect.getsource(linking_policy._flaw)
    reasons = set(re.findall(r'"([a-z_]+)"', source))
    reasons |= set(re.findall(r'"([a-z_]+)":', inspect.getsource(linking_policy._reason_to_ask)))
    assert reasons == {case.reason for case in CASES.values()} - {""}


# What a mail server, a database or a person may take for the same address.
ALIKE = {
    "letter case": ("Ada@example.com", "ada@example.com"),
    "letter case of the domain": ("ada@Example.com", "ada@example.com"),
    "composed and decomposed": (
        unicodedata.normalize("NFC", "adä@example.com"),
        unicodedata.normalize("NFD", "adä@example.com"),
    ),
    "dots that Gmail ignores": ("a.da@gmail.com", "ada@gmail.com"),
    "a plus tag": ("ada+news@example.com", "ada@example.com"),
    "a dot at the end of the domain": ("ada@example.com.", "ada@example.com"),
    "a Cyrillic a": ("\u0430da@example.com", "ada@example.com"),
    "a dotless i": ("m\u0131ke@example.com", "mike@example.com"),
    "a capital dotted i": ("m\u0130ke@example.com", "mike@example.com"),
    "sharp s": ("strauß@example.com", "strauss@example.com"),
    "the Kelvin sign": ("\u212aim@example.com", "kim@example.com"),
    "full width": ("\uff41da@example.com", "ada@example.com"),
    "a ligature": ("o\ufb03ce@example.com", "office@example.com"),
    "punycode": ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    "a space before": (" ada@example.com", "ada@example.com"),
    "a space after": ("ada@example.com ", "ada@example.com"),
    "a soft hyphen": ("a\u00adda@example.com", "ada@example.com"),
    "a zero-width space": ("ada\u200b@example.com", "ada@example.com"),
    "googlemail": ("ada@googlemail.com", "ada@gmail.com"),
    "quotes": ('"ada"@example.com', "ada@example.com"),
}


@pytest.mark.security("L4")
@pytest.mark.parametrize(("ours", "theirs"), ALIKE.values(), ids=list(ALIKE))
@pytest.mark.parametrize("mode", [Mode.AUTOMATIC, Mode.CONFIRM])
def test_addresses_that_look_alike_are_different(ours, theirs, mode):
    """Equal to the letter or not at all, and so nobody is even asked."""
    rules = LinkingRules(mode=mode, trusted_connections=TRUSTED)
    for first, second in ((ours, theirs), (theirs, ours)):
        decision = decide(account(GOOGLE, 2, first), [candidate(account("auth0", 1, second))], rules)
        assert (decision.rule, decision.reason) == (Rule.NONE, "other_email")
    same = decide(account(GOOGLE, 2, ours), [candidate(account("auth0", 1, ours))], rules)
    assert same.rule is not Rule.NONE, "The same address, odd as it is, is the same."


def test_rules_come_back_from_what_a_row_keeps():
    kept = {"mode": "confirm", "trusted": ["a", "b"], "tries": 3, "redirect_uri": "https://app.example/"}
    rules = LinkingRules.of(LinkingChoices.from_json(kept))
    assert rules == LinkingRules(mode=Mode.CONFIRM, trusted_connections=("a", "b"))
    assert LinkingRules.of(LinkingChoices.from_json({"mode": "off"})) == LinkingRules(mode=Mode.OFF)
