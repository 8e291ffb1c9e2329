"""User models and backends of real projects: an email that is unique, columns that are required, lockouts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied

from stateful_oauth.django import Auth0Backend
from stateful_oauth.django.sweeps.sweeping import recover_due
from tests.support.error_pages import Form, shown
from tests.support.rows import nothing_working, the_row

PROJECT = '''
import sys
from pathlib import Path

folder, support_folder, fields, body = sys.argv[1:5]
(Path(folder) / "people").mkdir()
(Path(folder) / "people" / "__init__.py").write_text("")
(Path(folder) / "people" / "models.py").write_text("""
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

class Company(models.Model):
    class Meta:
        app_label = "people"

class Person(AbstractUser):
""" + fields)
sys.path[:0] = [folder, support_folder]

from django.conf import settings
import django
from tests.support.testsite import settings as base

options = {name: getattr(base, name) for name in dir(base) if name.isupper()}
options["INSTALLED_APPS"] = [*base.INSTALLED_APPS, "people"]
options["AUTH_USER_MODEL"] = "people.Person"
options["DATABASES"] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
settings.configure(**options)
django.setup()

from django.core.management import call_command
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from tests.support import tenants
from stateful_oauth.testing.browser import Browser

call_command("migrate", run_syncdb=True, verbosity=0)
tenant = tenants.make_tenant()
tenants.current.append(tenant)
people = get_user_model().objects


def found():
    return {each.id: each.msg for each in run_checks(tags=["security"]) if each.id.startswith("stateful")}


def nameless():
    user = tenant.add_user(email=None, connection="sms")
    browser = Browser(tenant)
    response = browser.get(browser.visitor.authorize(browser.start(), user.user_id))
    page = browser.opens(response) if "/error/" in response["Location"] else None
    return response["Location"].partition("?")[0], page and page.status_code


exec(body)
print("as it should be")
'''

NULLABLE = "    email = models.EmailField(unique=True, null=True, blank=True, default='')\n"
UNIQUE = "    email = models.EmailField(unique=True, blank=True)\n"
FOLDED = """    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="one_email")]
"""
PARTIAL = """    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["email"], condition=~models.Q(email=""), name="one_email")
        ]
"""
COMPANY = "    company = models.ForeignKey(Company, models.PROTECT)\n"
BIRTHDAY = "    born = models.DateField()\n"
PHONE = "    phone = models.CharField(max_length=20, unique=True)\n"
HARMLESS = """    joined = models.DateTimeField(auto_now_add=True)
    company = models.ForeignKey(Company, models.PROTECT, null=True)
    title = models.CharField(max_length=20)
    level = models.IntegerField(default=1)
"""
TWO_ARE_MADE = """
assert nameless() == ("/profile/", None), nameless()
assert nameless() == ("/profile/", None)
assert people.count() == 2
assert not {"stateful_oauth.E049", "stateful_oauth.W019"} & found().keys(), found()
"""
EMAIL_IS_MISSING = """
assert nameless() == ("/auth/error/email_missing/", 403)
assert nameless() == ("/auth/error/email_missing/", 403)
assert people.count() == 0
assert "Person.email" in found()["stateful_oauth.W019"]
assert Browser(tenant).sign_in("ada@example.com")["Location"] == "/profile/"
"""
COLUMN_IS_NAMED = """
nameless()
assert nameless() == ("/auth/error/user_not_created/", 503), nameless()
assert "%s" in found()["stateful_oauth.E049"]
"""


@pytest.mark.security("L11")
@pytest.mark.parametrize(
    ("fields", "body"),
    [
        pytest.param(NULLABLE, TWO_ARE_MADE, id="NULL where the column allows it"),
        pytest.param(PARTIAL, TWO_ARE_MADE, id="a constraint that leaves out users without an email"),
        pytest.param(HARMLESS, TWO_ARE_MADE, id="columns with defaults"),
        pytest.param(UNIQUE, EMAIL_IS_MISSING, id="a unique column"),
        pytest.param(FOLDED, EMAIL_IS_MISSING, id="a unique expression"),
        pytest.param(COMPANY, COLUMN_IS_NAMED % "company", id="a required relation"),
        pytest.param(BIRTHDAY, COLUMN_IS_NAMED % "born", id="a required date"),
        pytest.param(PHONE, COLUMN_IS_NAMED % "phone", id="another unique column"),
    ],
)
def test_two_users_without_an_email_are_made_or_refused_with_the_reason(tmp_path, pytestconfig, fields, body):
    script = tmp_path / "project.py"
    script.write_text(PROJECT)
    support = pytestconfig.rootpath
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(support), fields, body],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "as it should be", done.stderr[-3000:]


class Lockout(ModelBackend):
    """Of a project that counts failures by the network address: it needs a request."""

    def authenticate(self, request: Any, username: Any = None, **credentials: Any) -> None:
        assert request is not None, "this backend needs a request"


@pytest.mark.database
def test_recovery_asks_our_own_backend_alone(browser, tenant, settings, clock):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Lockout", "stateful_oauth.django.Auth0Backend"]
    settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"LINKING": "confirm", "HELD_SIGN_IN_LIFETIME": 7200}
    tenant.faults.add("/api/v2/users-by-email", "rate_limit")
    callback = browser.visitor.authorize(browser.start("/profile/"), "ada@example.com")
    waiting = browser.get(callback)
    assert "/progress/" in waiting["Location"]
    clock.advance(3600)
    report = recover_due()
    assert report.counts["broken"] == 0, report
    assert (the_row().state, the_row().code) == ("signed_in", "")
    assert get_user_model().objects.count() == 1
    nothing_working()


class OnlyFromTheOffice(Auth0Backend):
    """A project's own Auth0 backend that reads the request, and forgets that recovery has none."""

    def authenticate(self, request, *, identity):
        if request.META["REMOTE_ADDR"] != "127.0.0.1":
            raise PermissionDenied
        return super().authenticate(request, identity=identity)


@pytest.mark.database
def test_own_backend_that_needs_a_request_stops_no_sweep_and_shows_a_page(
    strict_browser, another_browser, tenant, settings, clock, caplog
):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.OnlyFromTheOffice"]
    settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"LINKING": "confirm", "HELD_SIGN_IN_LIFETIME": 7200}
    tenant.faults.add("/api/v2/users-by-email", "rate_limit", times=2)
    pages = {}
    for each in (strict_browser, another_browser()):
        callback = each.visitor.authorize(each.start("/profile/"), "ada@example.com")
        pages[each] = each.get(callback)["Location"]
        assert "/progress/" in pages[each]
    clock.advance(3600)
    report = recover_due()
    assert [problem.code for problem in report.problems] == ["AttributeError", "AttributeError"]
    assert "has no attribute 'META'" in caplog.text, "The developer reads what the backend lacks."
    nothing_working()
    for browser, url in pages.items():
        assert shown(browser, browser.get(url)) == ("internal_error", 500)
    page = strict_browser.opens(strict_browser.get(pages[strict_browser]))
    location = Form.of(page).submit(strict_browser)["Location"]
    callback = strict_browser.authorize(location, "ada@example.com")
    assert strict_browser.get(callback)["Location"] == "/profile/", "Here the backend has a request."
