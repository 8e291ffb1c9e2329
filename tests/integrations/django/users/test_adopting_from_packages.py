"""`adopt_users` reads the real tables of other packages, as their own migrations and models make them."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROJECT = """
import sys
sys.path.insert(0, sys.argv[1])

from django.conf import settings
import django
from tests.support.testsite import settings as base

options = {name: getattr(base, name) for name in dir(base) if name.isupper()}
options["INSTALLED_APPS"] = [*base.INSTALLED_APPS, *sys.argv[3:]]
options["MIDDLEWARE"] = [*base.MIDDLEWARE, *(
    ["allauth.account.middleware.AccountMiddleware"] if "allauth" in sys.argv else []
)]
options["DATABASES"] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
settings.configure(**options)
django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from stateful_oauth.storage.models import Identity
from stateful_oauth.testing.browser import Browser
from tests.support import tenants

call_command("migrate", verbosity=0)
ada = get_user_model().objects.create_user("ada")
bob = get_user_model().objects.create_user("bob")
tenant = tenants.make_tenant()
tenants.current.append(tenant)
sub = next(iter(tenant.people.users))

if sys.argv[2] == "social-auth":
    from social_django.models import UserSocialAuth

    UserSocialAuth.create_social_auth(ada, sub, "auth0")
    UserSocialAuth.create_social_auth(bob, "google-17", "google-oauth2")
    other = ["--provider", "google-oauth2"]
else:
    from allauth.socialaccount.models import SocialAccount

    SocialAccount.objects.create(user=ada, provider="auth0", uid=sub)
    SocialAccount.objects.create(user=bob, provider="google", uid="google-17")
    other = ["--provider", "google"]

call_command("adopt_users", "--from", sys.argv[2], "--dry-run")
assert not Identity.objects.exists()
call_command("adopt_users", "--from", sys.argv[2])
assert list(Identity.objects.values_list("user", "subject")) == [(ada.pk, sub)]
browser = Browser(tenant)
assert browser.sign_in("ada@example.com")["Location"] == "/profile/"
assert browser.user_id == str(ada.pk)
call_command("adopt_users", "--from", sys.argv[2], *other)
assert Identity.objects.get(user=bob).subject == "google-17"
print("adopted all of them")
"""


@pytest.mark.parametrize(
    ("source", "apps"),
    [
        ("social-auth", ["social_django"]),
        ("allauth", ["allauth", "allauth.account", "allauth.socialaccount"]),
    ],
)
def test_users_of_another_package_sign_in_as_themselves(tmp_path, pytestconfig, source, apps):
    pytest.importorskip(apps[0])
    script = tmp_path / "project.py"
    script.write_text(PROJECT)
    done = subprocess.run(
        [sys.executable, str(script), str(pytestconfig.rootpath), source, *apps],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("adopted all of them\n"), done.stdout
