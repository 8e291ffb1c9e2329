"""Two browsers prove two primaries for one newcomer: each is signed in as the one that it proved."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import AccountLink, FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import XPTO
from tests.support.crashes import at
from tests.support.link_pages import asked
from tests.support.rows import check_rows, nothing_working, show

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def people(tenant):
    """Two social accounts of one email, and a password account that comes later."""
    first = tenant.add_user(email=XPTO, connection="google-oauth2")
    second = tenant.add_user(email=XPTO, connection="github")
    return first, second, tenant.add_user(email=XPTO, password="a good one")


@pytest.fixture
def questions(tenant, people):
    """The same question in two browsers."""
    browsers = Browser(tenant), Browser(tenant)
    return [(each, asked(each, each.sign_in(people[2].user_id))) for each in browsers]


def sub(browser):
    return browser.client.session["stateful_oauth"]["sub"]


def second_is_signed_in_as_the_one_it_proved(tenant, people, one, other):
    text = "\n".join(map(show, FlowTransaction.objects.values_list("pk", flat=True)))
    assert sub(one) == people[0].user_id, text
    assert sub(other) == people[1].user_id, text
    assert AccountLink.objects.get().primary_subject == people[0].user_id, text
    assert tenant.ledger.count("identity_linked") == 1
    nothing_working()
    check_rows()


def test_second_browser_is_signed_in_as_the_primary_that_it_proved(tenant, people, questions):
    (one, first), (other, second) = questions
    assert first.confirm(people[0].user_id, first.position_of("google-oauth2"))["Location"] == "/profile/"
    assert second.confirm(people[1].user_id, second.position_of("github"))["Location"] == "/profile/"
    second_is_signed_in_as_the_one_it_proved(tenant, people, one, other)


@pytest.mark.parametrize(
    ("moment", "step"),
    [
        ("effect.before", "read_profiles"),
        ("effect.after", "read_profiles"),
        ("effect.before", "link_accounts"),
    ],
)
def test_second_browser_that_is_overtaken_is_signed_in_as_well(tenant, people, questions, moment, step):
    (one, first), (other, second) = questions
    overtaken = []

    def overtake():
        if not overtaken:
            overtaken.append(True)
            first.confirm(people[0].user_id, first.position_of("google-oauth2"))

    with at(moment, step, overtake):
        assert second.confirm(people[1].user_id, second.position_of("github"))["Location"] == "/profile/"
    second_is_signed_in_as_the_one_it_proved(tenant, people, one, other)


def test_newcomer_that_is_blocked_meanwhile_signs_no_browser_in(tenant, people, questions):
    _, (other, second) = questions
    with at("effect.before", "read_profiles", lambda: tenant.block_user(people[2].user_id)):
        second.confirm(people[1].user_id, second.position_of("github"))
    assert other.user_id is None
    assert not AccountLink.objects.exists()
