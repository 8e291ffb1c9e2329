"""The snippets of docs/users.md work as they stand."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth import get_user, get_user_model
from django.contrib.auth.models import Group
from django.core import mail
from django.http import HttpRequest
from django.test import TestCase

from stateful_oauth.django import signed_in
from stateful_oauth.django.checks import check_settings
from tests.support.checkout import ROOT

ADA = "ada@example.com"
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/users.md").read_text(), re.DOTALL)

pytestmark = pytest.mark.django_db


def loaded(word: str) -> dict[str, Any]:
    """Return what the snippet that has this word defines."""
    (source,) = (each for each in SNIPPETS if word in each)
    module: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, "docs/users.md", "exec"), module)
    return module


CompanyBackend = loaded("class CompanyBackend")["CompanyBackend"]


def test_each_snippet_of_the_page_about_users_is_tried():
    words = ("USER_FIELDS", "class CompanyBackend", '"ROLES"', "def greeting", "def greet(")
    assert sorted(sum(word in each for each in SNIPPETS) for word in words) == [1] * len(SNIPPETS)


def test_fields_are_taken_from_the_claims_that_the_page_names(browser, tenant, settings):
    fields = loaded("USER_FIELDS")["STATEFUL_OAUTH"]["USER_FIELDS"]
    own = {"phone": "username", "city": None}  # columns of a user model of one's own
    fields = {own.get(name, name): claim for name, claim in fields.items() if name != "city"}
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "USER_FIELDS": fields}
    assert check_settings() == []
    tenant.id_token_hook = lambda claims, header: claims.update({"https://example.com/phone": "+441"})
    browser.sign_in(ADA)
    assert get_user_model().objects.get().username == "+441"


def test_hooks_of_the_page_find_greet_and_spare_a_user(browser, tenant, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.CompanyBackend"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    there = get_user_model().objects.create_user("e-17", email=ADA)
    claim = "https://example.com/employee"
    tenant.id_token_hook = lambda claims, header: claims.update({claim: "e-17"})
    browser.sign_in(ADA)
    assert browser.user_id == str(there.pk)
    assert mail.outbox == []


def test_roles_of_the_page_give_what_it_says(browser, tenant, settings):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, **loaded('"ROLES"')["STATEFUL_OAUTH"]}
    assert check_settings() == []
    Group.objects.bulk_create([Group(name="Editors"), Group(name="Leads")])
    claim = settings.STATEFUL_OAUTH["ROLES"]["claim"]
    tenant.action = lambda event, api: api.set_id_token_claim(claim, ["support", "lead"])
    browser.sign_in(ADA)
    user = get_user_model().objects.get()
    assert (user.is_staff, user.is_superuser, user.groups.count()) == (True, False, 2)


def test_greeting_of_the_page_has_the_name(browser):
    greeting = loaded("def greeting")["greeting"]
    browser.sign_in(ADA)
    request = HttpRequest()
    request.session = browser.client.session
    request.user = get_user(request)
    assert greeting(request) == "Hello Ada Lovelace"


def test_receiver_of_the_page_hears_of_a_new_user(browser, capsys):
    greet = loaded("def greet(")["greet"]
    try:
        with TestCase.captureOnCommitCallbacks(execute=True):
            browser.sign_in(ADA)
            browser.sign_in(ADA)
    finally:
        signed_in.disconnect(greet)
    assert capsys.readouterr().out.startswith(f"new user: {browser.user_id} auth0|")
