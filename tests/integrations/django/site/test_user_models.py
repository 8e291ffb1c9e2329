"""User models that are not Django's own, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

ANOTHER_MODEL = '''
import sys
from pathlib import Path

folder = Path(sys.argv[1])
(folder / "people").mkdir()
(folder / "people" / "__init__.py").write_text("")
(folder / "people" / "models.py").write_text("""
import uuid
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import PermissionsMixin
from django.db import models

class Person(AbstractBaseUser, PermissionsMixin):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    USERNAME_FIELD = "email"
    class Meta:
        app_label = "people"
""")
sys.path[:0] = [str(folder), sys.argv[2]]

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
from tests.support import tenants
from stateful_oauth.testing.browser import Browser

call_command("migrate", run_syncdb=True, verbosity=0)
tenant = tenants.make_tenant()
tenants.current.append(tenant)

ada = Browser(tenant)
assert ada.sign_in("ada@example.com")["Location"] == "/profile/"
person = get_user_model().objects.get()
assert (str(person.pk), person.email) == (ada.user_id, "ada@example.com")
again = ada.sign_in("ada@example.com")
assert again["Location"] == "/profile/", again["Location"]
del ada.client.cookies["sessionid"]

tenant.add_user(email="ada@example.com", connection="github")
other = Browser(tenant)
location = other.visitor.authorize(other.start(), "ada@example.com", connection="github")
refused = other.get(location)
assert refused["Location"].startswith("/auth/error/account_conflict/"), refused["Location"]
assert other.opens(refused).status_code == 409
assert get_user_model().objects.count() == 1

for email in (None, "", "a" * 250 + "@example.com", "\\0@example.com"):
    tenant.id_token_hook = lambda claims, header: claims.update(email=email)
    nameless = Browser(tenant)
    user = tenant.add_user(email=None, connection="sms")
    refused = nameless.get(nameless.visitor.authorize(nameless.start(), user.user_id))
    assert refused["Location"].startswith("/auth/error/email_missing/"), refused["Location"]
assert get_user_model().objects.count() == 1
print("all as it should be")
'''


@pytest.mark.security("L11", "L15")
def test_a_user_model_with_the_address_as_its_name_and_another_kind_of_key(tmp_path, pytestconfig):
    """An address that is taken is a conflict, which people decide about."""
    script = tmp_path / "another_model.py"
    script.write_text(ANOTHER_MODEL)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), str(pytestconfig.rootpath)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "all as it should be", done.stderr
