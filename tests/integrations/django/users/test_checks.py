"""The system checks of `USER_FIELDS`, `ROLES` and `CALLBACK_URL`."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.django.checks import check_settings
from tests.support.users_and_claims import CLAIM


def found():
    return [message.id.removeprefix("stateful_oauth.") for message in check_settings()]


@pytest.mark.parametrize(
    ("number", "keys"),
    [
        ("E070", {"USER_FIELDS": {"no_such_field": "x"}}),
        ("E070", {"USER_FIELDS": {"is_staff": "x"}}),
        ("E070", {"USER_FIELDS": {"id": "x"}}),
        ("E070", {"USER_FIELDS": {"groups": "x"}}),
        ("E070", {"USER_FIELDS": {"first_name": 7}}),
        ("E070", {"USER_FIELDS": {"first_name": []}}),
        ("E070", {"USER_FIELDS": {"first_name": None}}),
        ("E071", {"ROLES": {"staff": ["support"]}}),
        ("E071", {"ROLES": {"claim": CLAIM, "staff": "support"}}),
        ("E071", {"ROLES": {"claim": CLAIM, "superuser": [7]}}),
        ("E071", {"ROLES": {"claim": CLAIM, "groups": "copy"}}),
        ("E071", {"ROLES": {"claim": CLAIM, "groups": {"editor": "E" * 151}}}),
        ("E071", {"ROLES": {"claim": CLAIM, "missing_groups": "ignore"}}),
        ("E071", {"ROLES": {"claim": CLAIM, "stuff": ["support"]}}),
        ("E071", {"ROLES": {"claim": CLAIM, "keep_if_absent": "no"}}),
        ("E071", {"ROLES": {"claim": CLAIM, "organizations": ["org_a"]}}),
        ("E071", {"ROLES": {"claim": CLAIM, "organizations": {"org_a": {"claim": "x"}}}}),
        ("E016", {"ROLES": ["support"]}),
        (
            "W070",
            {
                "ROLES": {"claim": CLAIM, "staff": ["support"]},
                "AUTHORIZATION_PARAMETERS": {"organization": "org_a"},
            },
        ),
        ("E073", {"CALLBACK_URL": "no-such-name"}),
        ("E073", {"CALLBACK_URL": "/no/such/path/"}),
        ("E073", {"CALLBACK_URL": "https://elsewhere.example/auth/callback/"}),
        ("E073", {"CALLBACK_URL": "/auth/callback/?a=b"}),
    ],
)
def test_each_check_speaks_of_what_it_is_about(choose, number, keys):
    choose(**keys)
    assert number in found()


@pytest.mark.parametrize(
    "keys",
    [
        {"USER_FIELDS": {"email": None, "last_name": ["a", "b"]}},
        {"ROLES": {"claim": CLAIM, "staff": ["a"], "groups": {"a": "A", "b": ("B", "C")}}},
        {
            "ROLES": {
                "claim": ["realm_access", "roles"],
                "groups": "mirror",
                "organizations": {"org_a": {"superuser": ["owner"]}},
            },
            "AUTHORIZATION_PARAMETERS": {"organization": "org_a"},
        },
        {"CALLBACK_URL": "stateful_oauth:callback"},
        {"CALLBACK_URL": "/auth/callback/"},
        {"CALLBACK_URL": "https://app.example/auth/callback/"},
    ],
)
def test_checks_of_users_are_silent_about_right_values(choose, keys):
    choose(**keys)
    assert found() == []


def test_user_model_without_the_columns_that_roles_decide_is_told(choose, monkeypatch):
    options = get_user_model()._meta
    fields = [field for field in options.get_fields() if field.name not in ("groups", "is_staff")]
    monkeypatch.setattr(options, "get_fields", lambda *args, **kwargs: fields)
    choose(ROLES={"claim": CLAIM, "superuser": ["admin"]})
    assert found() == []
    choose(ROLES={"claim": CLAIM, "staff": ["admin"], "groups": "mirror"})
    assert found() == ["E072"]
