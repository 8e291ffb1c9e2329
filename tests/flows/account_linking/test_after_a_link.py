"""After a link everything speaks of the primary, and nothing is left of the secondary."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.django.backends import Auth0Backend
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, Grant, Identity
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import XPTO
from tests.support.crashes import at
from tests.support.error_pages import error_code
from tests.support.rows import check_rows, dump, nothing_working

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

called: list[tuple[bool, str, str]] = []


class Moving(Auth0Backend):
    """What a project may do with the user whose account is gone."""

    def accounts_linked(self, request, *, primary, secondary):
        called.append((request is not None, str(primary.pk), str(secondary.pk)))
        primary.first_name = f"also {secondary.first_name}"
        primary.save()
        secondary.delete()


class Failing(Auth0Backend):
    """A project's own mistake."""

    def accounts_linked(self, request, *, primary, secondary):
        primary.first_name = "half done"
        primary.save()
        raise RuntimeError("the project's own mistake")


@pytest.fixture(autouse=True)
def no_calls():
    called.clear()
    yield
    check_rows()
    nothing_working()


@pytest.fixture
def two_users(tenant, browser, settings):
    """Two accounts of one person with a user each here, of before accounts were linked.

    The browser is signed in as the primary; `browser.other` as the secondary, with a connected account.
    """
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "LINKING": "off"}
    password = tenant.add_user(email=XPTO, password="a good one", given_name="Xena")
    google = tenant.add_user(email=XPTO, connection="google-oauth2", given_name="Greta")
    tenant.add_user(email="hub@example.com", connection="github", signed_up=False)
    browser.sign_in(password.user_id)
    browser.other = Browser(tenant)
    browser.other.sign_in(google.user_id)
    browser.other.connect("github", "hub@example.com")
    assert ConnectedAccount.objects.get().owner.subject == google.user_id
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "LINKING": "automatic"}
    browser.password, browser.google = password, google
    return browser


def link(tenant, browser):
    """Sign in with the secondary in a third browser: the accounts are linked."""
    third = Browser(tenant)
    third.sign_in(browser.google.user_id)
    return third


def signed_in(browser):
    return browser.get("/profile/").status_code == 200


@pytest.mark.security("B43")
def test_everything_speaks_of_the_primary(tenant, two_users):
    primary, secondary = two_users.user_id, two_users.other.user_id
    third = link(tenant, two_users)
    assert third.user_id == primary
    assert third.client.session["stateful_oauth"]["sub"] == two_users.password.user_id
    assert [i.subject for i in Identity.objects.all()] == [two_users.password.user_id]
    assert {str(grant.user_id) for grant in Grant.objects.all()} == {primary}
    assert not ConnectedAccount.objects.exists(), "The secondary's are gone at the tenant, too."
    assert get_user_model().objects.filter(pk=secondary).exists(), "Its data are the project's business."
    linking = FlowTransaction.objects.get(kind="account_linking")
    assert (linking.state, str(linking.user_id)) == ("linked", primary)


@pytest.mark.security("L1")
def test_the_secondarys_grants_are_dead_here_and_at_the_tenant(tenant, two_users):
    held = Grant.objects.get(identity__subject=two_users.google.user_id)
    families = tenant.issued.families(two_users.google.user_id, "web")
    assert len(families) == 1
    link(tenant, two_users)
    assert not Grant.objects.filter(pk=held.pk).exists()
    assert tenant.issued.families(two_users.google.user_id, "web") == []
    assert two_users.google.user_id not in tenant.people.users


@pytest.mark.security("L1")
def test_the_secondarys_other_sessions_end_and_the_primarys_stay(tenant, two_users):
    assert signed_in(two_users.other)
    third = link(tenant, two_users)
    assert signed_in(third)
    assert signed_in(two_users), "The primary's own sessions go on."
    assert not signed_in(two_users.other)


def test_a_secondary_that_is_connecting_an_account_is_told_to_sign_in_again(tenant, two_users):
    """At the provider the account is gone with its owner."""
    with at("effect.after", "complete_connection", lambda: link(tenant, two_users)):
        response = two_users.other.connect("github", "hub@example.com")
    assert error_code(response) == "grant_dead"
    assert "Sign in again" in two_users.other.opens(response).content.decode()
    assert not ConnectedAccount.objects.exists()


def test_a_secondary_with_a_password_of_its_own_here_keeps_its_sessions(tenant, two_users):
    user = get_user_model().objects.get(pk=two_users.other.user_id)
    user.set_password("for the admin")
    user.save()
    link(tenant, two_users)
    user.refresh_from_db()
    assert user.check_password("for the admin")


@pytest.mark.security("B48")
def test_a_project_decides_what_becomes_of_the_secondarys_user(tenant, two_users, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Moving"]
    primary, secondary = two_users.user_id, two_users.other.user_id
    third = link(tenant, two_users)
    assert called == [(True, primary, secondary)]
    assert get_user_model().objects.get().first_name == "also Greta"
    assert third.user_id == primary
    assert AccountLink.objects.get().secondary_user_id is None


def test_an_account_with_a_user_of_its_own_here_is_linked_once_somebody_connects_it(tenant, browser):
    """It was looked at before, with nothing to find; what is connected since is looked at again."""
    google = tenant.add_user(email="own@gmail.com", connection="google-oauth2")
    own = Browser(tenant)
    own.sign_in(google.user_id)
    before = own.user_id
    password = tenant.add_user(email=XPTO, password="a good one")
    browser.sign_in(password.user_id)
    assert own.user_id != browser.user_id
    browser.connect("google-oauth2", google.user_id)

    again = Browser(tenant)
    assert again.sign_in(google.user_id)["Location"] == "/profile/"
    assert again.user_id == browser.user_id
    link = AccountLink.objects.get()
    assert (link.rule, str(link.secondary_user_id)) == (
        "connected_account",
        before,
    )
    assert not signed_in(own)


def test_the_newcomers_refresh_token_is_kept_for_nobody(tenant, browser):
    tenant.add_user(email=XPTO, password="x")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(google.user_id)
    assert AccountLink.objects.exists()
    assert not Grant.objects.exists(), "The user that it was issued for does not exist any more."


def test_a_newcomer_without_a_user_here_is_no_business_of_the_project(tenant, browser, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Moving"]
    tenant.add_user(email=XPTO, password="a good one")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(google.user_id)
    assert called == []
    assert AccountLink.objects.get().secondary_user_id is None


def test_a_project_whose_decision_fails_leaves_nothing_half_done(tenant, two_users, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Failing"]
    third = Browser(tenant, raise_request_exception=False)
    callback = third.authorize(third.start(), two_users.google.user_id)
    assert third.get(callback).status_code == 500
    assert third.user_id is None
    primary = get_user_model().objects.get(pk=two_users.user_id)
    assert primary.first_name == "Xena", "What the project had written is rolled back."
    linking = FlowTransaction.objects.get(kind="account_linking")
    assert (linking.state, linking.code) == ("failed", "internal_error")
    assert AccountLink.objects.get().secondary_subject == two_users.google.user_id, "It is linked."

    settings.AUTHENTICATION_BACKENDS = ["stateful_oauth.django.backends.Auth0Backend"]
    again = Browser(tenant)
    assert again.sign_in(two_users.google.user_id)["Location"] == "/profile/"
    assert again.user_id == two_users.user_id


def test_a_link_keeps_the_evidence_of_its_decision(tenant, browser):
    password = tenant.add_user(email=XPTO, password="a good one")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(google.user_id)
    link = AccountLink.objects.get()
    assert (link.primary_subject, link.secondary_subject) == (password.user_id, google.user_id)
    assert (link.connection, link.provider) == ("google-oauth2", "google-oauth2")
    assert link.provider_user_id == google.identities[0].user_id
    assert (link.email, link.tenant, link.unlinked_at) == (XPTO, "default", None)
    assert link.transaction_id == FlowTransaction.objects.get(kind="account_linking").pk
    assert link.evidence == {
        "reason": "",
        "candidates": 1,
        "evidence": "e-mail",
        "primary_connection": "Username-Password-Authentication",
        "primary_email_verified": True,
        "secondary_connection": "google-oauth2",
        "secondary_email_verified": True,
        "same_email": True,
    }


def test_a_finished_link_keeps_nothing_of_what_was_read(tenant, browser):
    tenant.add_user(email=XPTO, password="x", user_metadata={"diary": "dear diary"})
    google = tenant.add_user(email=XPTO, connection="google-oauth2", user_metadata={"plan": "secret plan"})
    browser.sign_in(google.user_id)
    assert FlowTransaction.objects.get(kind="account_linking").secrets is None
    assert not [place for place, text in dump().items() if "secret plan" in text or "dear diary" in text]


# Metadata.

OURS = {"colour": "red", "nested": {"a": 1}, "falsy": 0}
THEIRS = {
    "colour": "blue",
    "nested": {"a": 2, "b": 3},
    "falsy": 1,
    "new": [1, 2],
    "null": None,
    "deep": {"x": {}},
}


@pytest.fixture
def pair(tenant):
    def make(ours, theirs, kind="user_metadata"):
        password = tenant.add_user(email=XPTO, password="x", **{kind: ours})
        google = tenant.add_user(email=XPTO, connection="google-oauth2", **{kind: theirs})
        return password, google

    return make


def patches(tenant):
    return [(e.fields["kind"], e.fields["keys"]) for e in tenant.ledger.entries("metadata_patched")]


def test_the_primary_gets_what_only_the_secondary_had(tenant, browser, pair):
    password, google = pair(OURS, THEIRS)
    browser.sign_in(google.user_id)
    assert tenant.users.get(password.user_id).user_metadata == {**OURS, "new": [1, 2], "deep": {"x": {}}}
    assert patches(tenant) == [("user_metadata", "deep,new")]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(None, None), (OURS, None), (OURS, {}), (OURS, {"colour": "blue"}), (OURS, {"null": None}), ({}, {})],
)
def test_nothing_to_merge_sends_nothing(tenant, browser, pair, ours, theirs):
    """`PATCH {}` would delete all of it."""
    password, google = pair(ours, theirs)
    browser.sign_in(google.user_id)
    assert AccountLink.objects.exists()
    assert tenant.users.get(password.user_id).user_metadata == ours
    assert patches(tenant) == []


def test_a_primary_without_metadata_gets_all(tenant, browser, pair):
    password, google = pair(None, {"new": "\N{SNOWMAN}"})
    browser.sign_in(google.user_id)
    assert tenant.users.get(password.user_id).user_metadata == {"new": "\N{SNOWMAN}"}


ROLES = {"roles": ["admin"], "plan": "gold", "limits": {"seats": 5}}


@pytest.mark.security("L9")
@pytest.mark.parametrize("keys", [(), ("plan",), ("plan", "limits", "roles"), ("nothing",)])
def test_app_metadata_goes_over_for_named_keys_only(tenant, browser, pair, settings, keys):
    """The secondary's admin role never reaches the primary, which has roles of its own, if any."""
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "LINKING_APP_METADATA_KEYS": keys}
    password, google = pair({"roles": ["user"]}, ROLES, "app_metadata")
    browser.sign_in(google.user_id)
    expected = {"roles": ["user"]} | {key: ROLES[key] for key in keys if key in ("plan", "limits")}
    assert tenant.users.get(password.user_id).app_metadata == expected
    wanted = sorted(set(keys) & {"plan", "limits"})
    assert patches(tenant) == ([("app_metadata", ",".join(wanted))] if wanted else [])


@pytest.mark.security("L9")
def test_an_admin_role_reaches_nobody_who_has_none(tenant, browser, pair):
    password, google = pair(None, ROLES, "app_metadata")
    browser.sign_in(google.user_id)
    assert AccountLink.objects.exists()
    assert tenant.users.get(password.user_id).app_metadata is None


@pytest.mark.security("B44")
@pytest.mark.parametrize("kind", ["lost_request", "lost_answer", "html", "server_error"])
def test_a_merge_whose_answer_is_lost_is_repeated_and_changes_nothing_more(tenant, browser, pair, kind):
    password, google = pair(OURS, THEIRS)
    tenant.faults.add("/api/v2/users/{id}", kind, method="PATCH")
    assert browser.sign_in(google.user_id)["Location"] == "/profile/"
    assert tenant.users.get(password.user_id).user_metadata == {**OURS, "new": [1, 2], "deep": {"x": {}}}
    assert tenant.ledger.count("identity_linked") == 1


def test_what_the_user_changed_meanwhile_is_not_undone(tenant, browser, pair):
    """The merge comes from snapshots: a key that the primary got after them stays what it became."""
    password, google = pair({}, {"new": "theirs"})
    browser.sign_in(google.user_id)
    tenant.users.patch(password.user_id, {"user_metadata": {"new": "changed since"}})
    Browser(tenant).sign_in(google.user_id)
    assert tenant.users.get(password.user_id).user_metadata == {"new": "changed since"}


@pytest.mark.security("B44")
def test_a_link_that_fails_leaves_the_primarys_metadata_alone(tenant, browser, pair):
    password, google = pair(OURS, THEIRS)
    tenant.faults.add(
        "/api/v2/users/{id}/identities",
        "answer",
        None,
        status=400,
        json={
            "statusCode": 400,
            "error": "Bad Request",
            "message": "Unable to link with the secondary account.",
        },
    )
    assert browser.sign_in(google.user_id)["Location"] == "/profile/"
    assert browser.client.session["stateful_oauth"]["sub"] == google.user_id
    assert tenant.users.get(password.user_id).user_metadata == OURS
    assert tenant.users.get(google.user_id).user_metadata == THEIRS
    assert not AccountLink.objects.exists()
