"""What each step of connecting, linking, disconnecting and unlinking asks of database and provider.

Exactly, so that a change is noticed; and the same with one account of everything and with hundreds.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.storage.models import AccountLink, ConnectedAccount, Identity, identity_digest
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import QWERTY, VICTIM, XPTO, prepare, site
from tests.support.costs import Cost, cost_of
from tests.support.finished import seed_finished

# Commits are only commits where the test does not sit in a transaction of its own.
pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

GOOGLE = "google-oauth2"
TOKEN, BY_EMAIL, USER = "/oauth/token", "/api/v2/users-by-email", "/api/v2/users/{id}"
LINK, UNLINK = "/api/v2/users/{id}/identities", "/api/v2/users/{id}/identities/{provider}/{user_id}"
ME = "/me/v1/connected-accounts"
USERINFO = "/_provider/{connection}/userinfo"

CLAIM = SETTLE = ["UPDATE row", "INSERT log"]
BIRTH = ["INSERT row", "INSERT log"]
WHO_IS_THERE = ["SELECT django_session", "SELECT auth_user"]
# What Django's `login()` and session middleware do for a visitor without a session, and the registry's row.
# Where accounts are linked, questions that wait in the browser are looked for,
# and sign-ins that are held.
NEW_SESSION = [
    "SELECT django_session", "INSERT django_session", "UPDATE auth_user", "INSERT session", "SELECT row",
    "SELECT row", "UPDATE django_session",
]  # fmt: skip
# Whether the session is there still; what `cycle_key()` does, the registry (unless a logout token has ended
# the session meanwhile), and the session middleware.
NEW_KEY = [
    "SELECT django_session", "SELECT django_session", "INSERT django_session", "SELECT django_session",
    "DELETE django_session", "UPDATE session", "UPDATE django_session",
]  # fmt: skip
# An identity that comes later belongs to a user whose sessions may have been ended.
# So may a link that was undone at the provider. A user who is there already may have to be adopted.
NEW_USER = [
    *("SELECT identity", "SELECT accountlink", "SELECT auth_user"),
    *("INSERT auth_user", "SELECT identity", "INSERT identity"),
]
# Whether the provider has ended its session while the sign-in waited for a decision.
GOES_ON = ["SELECT backchannellogout"]
# A sign-in that is kept for a decision, and how it stands with its user's sessions.
HELD = ["SELECT identity", "SELECT identity"]
# Whether the account is linked as far as this site knows: asked once, together with its candidates.
KNOWN_LINK = ["SELECT accountlink"]
GRANT = ["INSERT grant"]
# The refresh token of the account that is gone: a sweep revokes it.
LET_GO = ["INSERT row", "INSERT log"]
REFRESH = ["SELECT grant", "UPDATE grant", "UPDATE grant"]
# What is known here of all candidates.
CANDIDATE = ["SELECT connectedaccount", "SELECT identity", "SELECT accountlink"]
MAY_SIGN_IN = ["SELECT identity"]
NOTE_LINK = [
    "SELECT identity", "UPDATE accountlink", "SELECT accountlink", "INSERT accountlink", "SELECT identity",
]  # fmt: skip


@pytest.fixture(params=[1, 200], ids=["one of everything", "200 of everything"])
def many(request) -> int:
    number: int = request.param
    return number


@pytest.fixture
def tenant(tenant, transactional_db):
    with site():
        prepare(tenant)
        # What is kept in memory is there: metadata, keys, the machine's token.
        Browser(tenant).sign_in("ada@example.com")
        yield tenant


@pytest.fixture
def xpto(tenant, browser, many):
    """Somebody who is signed in, and has connected and linked as many accounts."""
    user = tenant.add_user(email=XPTO, password="a good one")
    browser.sign_in(XPTO)
    fill(tenant, user, many)
    return user


def fill(tenant: Any, user: Any, many: int) -> None:
    """Pile up what a step may not notice: finished attempts, and accounts and links of several users."""
    seed_finished(10 * many)
    owner = Identity.objects.get(subject=user.user_id)
    other = Identity.objects.create(
        digest=identity_digest(tenant.issuer, "auth0|other"),
        issuer=tenant.issuer,
        subject="auth0|other",
        user=get_user_model().objects.create_user("other"),
        created_at=owner.created_at,
    )
    ConnectedAccount.objects.bulk_create(
        ConnectedAccount(
            owner=who, tenant="default", connection=connection, provider_user_id=f"{who.pk}-{number}",
            remote_id=f"cac_{who.pk}x{number}", owner_verified=True, connected_at=owner.created_at,
        )
        for who, connection in ((owner, "github"), (other, GOOGLE)) for number in range(many)
    )  # fmt: skip
    AccountLink.objects.bulk_create(
        AccountLink(
            primary_digest=owner.digest, primary_subject=owner.subject,
            secondary_digest=identity_digest(tenant.issuer, f"github|{number}"),
            secondary_subject=f"github|{number}", tenant="default", connection="github", provider="github",
            provider_user_id=str(number), rule="confirmation", transaction_id=f"{number:032x}",
            linked_at=owner.created_at, unlinked_at=owner.created_at + timedelta(1) if number % 2 else None,
        )
        for number in range(many)
    )  # fmt: skip


# Connecting.


def connect(browser: Any) -> Any:
    return browser.post("/auth/connect/", {"connection": GOOGLE, "next": "/profile/"})


def test_connecting_an_account_costs_its_exact_statements_and_calls(tenant, browser, xpto):
    tenant.add_user(email=QWERTY, connection=GOOGLE, signed_up=False)
    answer, spent = cost_of(tenant, lambda: connect(browser))
    room = ["SELECT row"]  # of the browser's attempts that wait
    asks = {f"{ME}/accounts": 1, f"{ME}/connect": 1}
    expected = [*WHO_IS_THERE, *room, *BIRTH, *REFRESH, *SETTLE]
    assert spent == Cost(expected, 4, {TOKEN: 1, **asks}), "The first time that a token is needed."

    callback = browser.visitor.connect(answer["Location"], as_account=QWERTY)
    answer, spent = cost_of(tenant, lambda: browser.get(callback))
    completed = ["SELECT grant", *SETTLE, "SELECT identity", "INSERT connectedaccount"]
    vault = ["SELECT connectedaccount", "SELECT grant"]
    identified = [*SETTLE, "SELECT connectedaccount", "UPDATE connectedaccount", "UPDATE identity"]
    stands = ["SELECT identity"]  # for a second delivery
    expected = ["SELECT row", *WHO_IS_THERE, *stands, *CLAIM, *completed, *vault, *identified, *NEW_KEY]
    assert spent == Cost(expected, 4, {f"{ME}/complete": 1, TOKEN: 1, USERINFO: 1})

    answer, spent = cost_of(tenant, lambda: connect(browser))
    assert spent == Cost([*WHO_IS_THERE, *room, *BIRTH, "SELECT grant", *SETTLE], 2, asks)

    # The same account once more takes over the row that it has.
    callback = browser.visitor.connect(answer["Location"], as_account=QWERTY)
    _, spent = cost_of(tenant, lambda: browser.get(callback))
    vault = [*vault, "SELECT grant"]  # another account of the connection is here: is it still there?
    identified.insert(3, "DELETE connectedaccount")
    identified.append("DELETE connectedaccount")  # by the id that the provider forgot: none is left
    expected = ["SELECT row", *WHO_IS_THERE, *stands, *CLAIM, *completed, *vault, *identified, *NEW_KEY]
    calls = {f"{ME}/complete": 1, TOKEN: 1, USERINFO: 1, f"{ME}/accounts": 1}
    assert spent == Cost(expected, 4, calls)


def test_declining_to_connect_costs_one_claim(tenant, browser, xpto):
    answer = connect(browser)
    callback = browser.visitor.decline(answer["Location"])
    _, spent = cost_of(tenant, lambda: browser.get(callback))
    assert spent == Cost(["SELECT row", *WHO_IS_THERE, *CLAIM], 1, {})


def test_disconnecting_costs_its_exact_statements_and_calls(tenant, browser, xpto):
    account = ConnectedAccount.objects.filter(owner__subject=xpto.user_id).first()
    step = lambda: browser.post("/auth/disconnect/", {"account": account.remote_id})  # noqa: E731
    _, spent = cost_of(tenant, step)
    own = ["SELECT connectedaccount"]
    expected = [*WHO_IS_THERE, *own, "SELECT row", *BIRTH, *REFRESH, *SETTLE, "DELETE connectedaccount"]
    assert spent == Cost(expected, 4, {TOKEN: 1, f"{ME}/accounts/{{id}}": 1})


def test_unlinking_costs_its_exact_statements_and_calls(tenant, browser, xpto):
    link = AccountLink.objects.filter(unlinked_at=None).first()
    _, spent = cost_of(tenant, lambda: browser.post("/auth/unlink/", {"link": str(link.pk)}))
    own = ["SELECT accountlink"]
    undone = ["SELECT accountlink", "UPDATE accountlink"]
    assert spent == Cost([*WHO_IS_THERE, *own, "SELECT row", *BIRTH, *SETTLE, *undone], 2, {UNLINK: 1})


# Signing in, where accounts are linked.


@pytest.mark.parametrize(("linking", "most"), [("off", 15), ("automatic", 18)])
def test_a_whole_sign_in_of_a_returning_user(tenant, browser, xpto, linking, most):
    with site(LINKING=linking, SCOPE="openid profile email"):
        Browser(tenant).sign_in("ada@example.com")
        again = Browser(tenant)
        location, start = cost_of(tenant, lambda: again.start("/profile/"))
        callback = again.authorize(location, XPTO)
        arrived, end = cost_of(tenant, lambda: again.get(callback))
        _, page = cost_of(tenant, lambda: again.opens(arrived))
    whole = [start, end, page]
    assert sum(len(step.statements) for step in whole) == most, whole
    assert sum(step.commits for step in whole) == 4
    assert [step.calls for step in whole] == [{}, {TOKEN: 1}, {}], (
        "Accounts are looked for once, and not again."
    )


def test_a_first_sign_in_of_somebody_whom_nobody_knows(tenant, browser, xpto):
    tenant.add_user(email="new@example.com", password="a good one")
    fresh = Browser(tenant)
    callback = fresh.authorize(fresh.start(), "new@example.com")
    _, spent = cost_of(tenant, lambda: fresh.get(callback))
    looked = [*HELD, *SETTLE, *KNOWN_LINK, "SELECT connectedaccount"]
    expected = [
        "SELECT row",
        *CLAIM,
        *looked,
        *NEW_USER,
        *GOES_ON,
        *SETTLE,
        *GRANT,
        "UPDATE identity",
        *NEW_SESSION,
    ]
    assert spent == Cost(expected, 4, {TOKEN: 1, BY_EMAIL: 1})


def test_a_sign_in_that_is_linked_without_asking(tenant, browser, xpto):
    social = tenant.add_user(email=XPTO, connection=GOOGLE, user_metadata={"colour": "red"})
    fresh = Browser(tenant)
    callback = fresh.authorize(fresh.start(), social.user_id)
    _, spent = cost_of(tenant, lambda: fresh.get(callback))
    expected = [
        *("SELECT row", *CLAIM),
        *(*HELD, *SETTLE),  # code exchanged
        *(*KNOWN_LINK, *CANDIDATE, *SETTLE, *BIRTH),  # and handed over
        *(*CANDIDATE, "SELECT identity", *SETTLE),  # read by id, and kept
        *(*CANDIDATE, *MAY_SIGN_IN),  # decided anew, right before the call
        *(
            *SETTLE,
            *NOTE_LINK,
            "SELECT identity",
            *GOES_ON,
        ),  # linked, and the user is looked up before the fence
        *(*SETTLE, "UPDATE identity", *LET_GO, *NEW_SESSION),  # merged, and signed in
    ]
    calls = {TOKEN: 1, BY_EMAIL: 2, USER: 5, LINK: 1}
    assert spent == Cost(expected, 7, calls)


def test_candidates_cost_the_same_however_many_they_are(tenant, browser, xpto, many):
    """Each user with the email at another connection is one more; all of them are looked up at once."""
    names = [f"provider-{number}" for number in range(min(many, 12))]
    for name in names:
        tenant.add_connection(name)
        tenant.add_user(email=VICTIM, connection=name)
    newcomer = tenant.add_user(email=VICTIM, password="a good one")
    fresh = Browser(tenant)
    callback = fresh.authorize(fresh.start(), newcomer.user_id)
    answer, spent = cost_of(tenant, lambda: fresh.get(callback))
    assert fresh.opens(answer).content.count(b'name="account"') == len(names)
    handed_over = ["SELECT row", *CLAIM, *HELD, *SETTLE, *KNOWN_LINK, *CANDIDATE, *SETTLE, *BIRTH]
    assert spent == Cost(handed_over, 3, {TOKEN: 1, BY_EMAIL: 1})


def asked(tenant: Any) -> tuple[Any, Any, str]:
    """Have a user asked; return the browser, the account that was there first, and the callback."""
    first = tenant.add_user(email=VICTIM, connection=GOOGLE)
    newcomer = tenant.add_user(email=VICTIM, password="a good one", user_metadata={"colour": "red"})
    fresh = Browser(tenant)
    return fresh, first, fresh.authorize(fresh.start(), newcomer.user_id)


def test_a_link_that_is_proved(tenant, browser, xpto):
    fresh, first, callback = asked(tenant)
    answer, spent = cost_of(tenant, lambda: fresh.get(callback))
    handed_over = ["SELECT row", *CLAIM, *HELD, *SETTLE, *KNOWN_LINK, *CANDIDATE, *SETTLE, *BIRTH]
    assert spent == Cost(handed_over, 3, {TOKEN: 1, BY_EMAIL: 1})

    page = answer["Location"]
    _, spent = cost_of(tenant, lambda: fresh.get(page))
    assert spent == Cost(["SELECT row"] * 2, 0, {})

    answer, spent = cost_of(tenant, lambda: fresh.post(f"{page}confirm/"))
    assert spent == Cost([*["SELECT row"] * 2, *CLAIM], 1, {})

    callback = fresh.authorize(answer["Location"], first.user_id)
    _, spent = cost_of(tenant, lambda: fresh.get(callback))
    expected = [
        *("SELECT row", *CLAIM),
        *("SELECT identity", *SETTLE),  # proved
        *(*CANDIDATE, "SELECT identity", *SETTLE),  # read by id, and kept
        *(*CANDIDATE, *MAY_SIGN_IN),  # decided anew, right before the call
        *(*SETTLE, *NOTE_LINK),  # linked
        *(
            *NEW_USER,
            *GOES_ON,
            *SETTLE,
            *GRANT,
            "UPDATE identity",
            *LET_GO,
            *NEW_SESSION,
        ),  # merged, and signed in
    ]
    assert spent == Cost(expected, 6, {TOKEN: 1, BY_EMAIL: 1, USER: 5, LINK: 1})


def test_keeping_accounts_apart_costs_its_exact_statements(tenant, browser, xpto):
    fresh, _, callback = asked(tenant)
    page = fresh.get(callback)["Location"]
    _, spent = cost_of(tenant, lambda: fresh.post(f"{page}cancel/"))
    still_there = ["SELECT accountlink"]  # another browser may have linked it
    made = [*NEW_USER, *GOES_ON, *SETTLE, *GRANT, "UPDATE identity", *NEW_SESSION]
    expected = [*["SELECT row"] * 2, *still_there, *made]
    assert spent == Cost(expected, 2, {}), (
        "What the user decided is settled at once, and the session is kept."
    )
