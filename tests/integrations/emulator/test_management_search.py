"""``GET /api/v2/users?q=``: the query language, pages, an index that lags: docs/auth0-contract.md §8.3."""

from __future__ import annotations

import pytest


@pytest.fixture
def crowd(admin):
    add = admin.desk.tenant.add_user
    add(email="Ada@Example.com", name="Ada Social", connection="google-oauth2", user_id="a1")
    add(
        email="eve@sub.example.com",
        name="Eve (the) First",
        user_id="eve",
        app_metadata={"plan": {"id": "p1"}},
    )
    add(email="x@other.example", connection="github", user_id="x", email_verified=False, blocked=True)
    return admin


def found(admin, q, **params):
    reply = admin("GET", "/users", q=q, **params)
    assert reply.status_code == 200, reply.text
    return {user["user_id"] for user in reply.json()}


ADA, BOB, SOCIAL, EVE, X = "auth0|ada", "google-oauth2|123", "google-oauth2|a1", "auth0|eve", "github|x"


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ('email:"ada@example.com"', {ADA, SOCIAL}),
        ("email:ADA@EXAMPLE.COM", {ADA, SOCIAL}),
        ("email:*@example.com", {ADA, BOB, SOCIAL}),
        ("email:?da@example.com", {ADA, SOCIAL}),
        ('email:"*@example.com"', set()),
        ('identities.connection:"google-oauth2"', {BOB, SOCIAL}),
        ("identities.provider:auth0", {ADA, EVE}),
        ('user_id:"auth0|ada"', {ADA}),
        (r"user_id:auth0\|ada", {ADA}),
        ('user_id:"auth0|ADA"', set()),
        ('email:"ada@example.com" AND identities.connection:google-oauth2', {SOCIAL}),
        ('email:"ada@example.com" AND NOT identities.connection:google-oauth2', {ADA}),
        ('email:"ada@example.com" AND -identities.connection:google-oauth2', {ADA}),
        ("user_id:x OR identities.user_id:x", {X}),
        ('identities.user_id:x || email:"bob@example.com"', {BOB, X}),
        ("identities.user_id:x email:bob@example.com", {BOB, X}),
        ("blocked:true && !email_verified:true", {X}),
        ("(identities.user_id:ada OR identities.user_id:eve) AND email:*sub*", {EVE}),
        ("identities.user_id:ada OR identities.user_id:eve AND email:*sub*", {ADA, EVE}),
        ("app_metadata.plan.id:p1", {EVE}),
        ("_exists_:app_metadata.plan", {EVE}),
        ("app_metadata.plan.id:*", {EVE}),
        ('name:"eve (the) first"', {EVE}),
        ("name:ada*", {ADA, SOCIAL}),
        ("ada@example.com", {ADA, SOCIAL}),
        ("*", {ADA, BOB, SOCIAL, EVE, X}),
        ("nothing:here", set()),
    ],
)
def test_the_query_language_of_the_user_search_works(crowd, q, expected):
    assert found(crowd, q) == expected


@pytest.mark.parametrize(
    "q",
    ["(", ")", "email:", "AND", "a AND", "NOT", 'email:"x', "[a TO b]", "a:b:c", "(" * 50 + "x" + ")" * 50],
)
def test_what_is_no_query_is_400(crowd, q):
    reply = crowd("GET", "/users", q=q)
    assert (reply.status_code, reply.json()["errorCode"]) == (400, "invalid_query_string")


def test_the_user_search_has_pages_and_totals(crowd):
    shown = crowd("GET", "/users", include_totals="true", per_page=2, page=1, sort="user_id:1").json()
    assert {key: shown[key] for key in ("start", "limit", "length", "total")} == {
        "start": 2,
        "limit": 2,
        "length": 2,
        "total": 5,
    }
    assert [user["user_id"] for user in shown["users"]] == [X, BOB]
    last = crowd("GET", "/users", per_page=2, page=2, sort="user_id:-1", fields="user_id")
    assert last.json() == [{"user_id": ADA}]
    assert crowd("GET", "/users", include_totals="true").json()["limit"] == 50
    assert {u["user_id"] for u in crowd("GET", "/users", connection="github").json()} == {X}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"per_page": 101}, "invalid_query_string"),
        ({"per_page": "x"}, "invalid_query_string"),
        ({"page": -1}, "invalid_query_string"),
        ({"search_engine": "v2"}, "invalid_query_string"),
        ({"sort": "email"}, "invalid_query_string"),
        ({"include_totals": "1"}, "invalid_query_string"),
        ({"nothing": "1"}, "invalid_query_string"),
        ({"page": 10, "per_page": 100}, "invalid_paging"),
    ],
)
def test_parameters_of_the_user_search_that_are_wrong_are_400(crowd, params, code):
    reply = crowd("GET", "/users", **params)
    assert (reply.status_code, reply.json()["errorCode"]) == (400, code)


def test_at_most_1000_users_are_found(admin):
    for number in range(1001):
        admin.desk.tenant.add_user(user_id=f"n{number}")
    body = admin("GET", "/users", page=9, per_page=100, include_totals="true").json()
    assert (body["length"], body["total"]) == (100, 1003)
    assert admin("GET", "/users", page=10, per_page=100).status_code == 400


def test_a_new_user_is_found_after_the_lag_but_by_email_at_once(admin):
    tenant = admin.desk.tenant
    tenant.add_user(email="late@example.com", connection="github", user_id="late", signed_up=False)
    admin.desk.code(as_user="late@example.com")
    assert found(admin, "email:late@example.com") == set()
    assert admin.user("github|late")
    assert admin("GET", "/users-by-email", email="late@example.com").json()
    tenant.clock.advance(tenant.settings.search_lag - 1)
    assert found(admin, "email:late@example.com") == set()
    tenant.clock.advance(1)
    assert found(admin, "email:late@example.com") == {"github|late"}


def test_a_change_is_seen_after_the_lag_and_until_then_as_it_was(admin):
    tenant = admin.desk.tenant
    tenant.settings.search_lag = 60
    admin("PATCH", "/users/auth0|ada", {"user_metadata": {"colour": "red"}})
    tenant.clock.advance(30)
    admin("PATCH", "/users/auth0|ada", {"user_metadata": {"colour": "blue"}})
    colours = []
    for _ in range(4):
        user = admin("GET", "/users", q='user_id:"auth0|ada"').json()[0]
        colours.append(user.get("user_metadata", {}).get("colour"))
        tenant.clock.advance(30)
    assert colours == [None, "red", "blue", "blue"]


def test_the_index_does_not_grow_with_every_change(admin):
    tenant = admin.desk.tenant
    for number in range(50):
        admin("PATCH", "/users/auth0|ada", {"user_metadata": {"number": number}})
        tenant.clock.advance(3)
    assert len(tenant.index._versions["auth0|ada"]) < 5
    tenant.settings.search_lag = 3600
    assert found(admin, "*") == {ADA, BOB}


def test_a_deleted_or_linked_user_is_found_until_the_lag_is_over(admin):
    tenant = admin.desk.tenant
    tenant.users.link("auth0|ada", "google-oauth2", "123")
    admin("DELETE", "/users/auth0|ada")
    assert found(admin, "*") == {ADA, BOB}
    tenant.clock.advance(5)
    assert found(admin, "*") == set()


def test_the_user_search_has_no_lag_when_switched_off(admin):
    admin.desk.tenant.settings.search_lag = 0
    admin("DELETE", "/users/auth0|ada")
    assert found(admin, "*") == {BOB}


def test_what_a_test_changes_by_hand_lags_too(admin):
    tenant = admin.desk.tenant
    tenant.people.users["auth0|ada"].name = "Countess"
    del tenant.people.users["google-oauth2|123"]
    assert found(admin, "name:Countess") == set()
    assert found(admin, "*") == {ADA, BOB}
    tenant.clock.advance(5)
    assert found(admin, "name:Countess") == {ADA}
    assert found(admin, "*") == {ADA}


def test_profile_data_of_linked_identities_is_found_by_search_only(admin):
    admin.desk.tenant.users.link("auth0|ada", "google-oauth2", "123")
    admin.desk.tenant.clock.advance(5)
    assert found(admin, 'identities.profileData.email:"BOB@example.com"') == {ADA}
    assert admin("GET", "/users-by-email", email="bob@example.com").json() == []


def test_configured_users_are_found_at_once_also_after_a_reset(admin):
    tenant = admin.desk.tenant
    assert found(admin, "*") == {ADA, BOB}
    tenant.block_user("auth0|ada")
    tenant.reset()
    assert found(admin, "blocked:true") == {ADA}
