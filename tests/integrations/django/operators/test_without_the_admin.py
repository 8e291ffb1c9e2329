"""A project that does not use Django's admin has none of it: no page, no import, no complaint."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.checkout import ROOT

_PROJECT = """
import sys
from tests.support.testsite import settings as usual

left_out = ("django.contrib.admin", "django.contrib.messages", "django.contrib.staticfiles")
usual.INSTALLED_APPS = [app for app in usual.INSTALLED_APPS if app not in left_out]
usual.MIDDLEWARE = [name for name in usual.MIDDLEWARE if "messages" not in name]
usual.ROOT_URLCONF = "without_admin"

import types
from django.urls import include, path

import django
django.setup()
urls = types.ModuleType("without_admin")
urls.urlpatterns = [path("auth/", include("stateful_oauth.django.urls"))]
sys.modules["without_admin"] = urls
from django.core.management import call_command
call_command("check", fail_level="WARNING")
ours, djangos = "stateful_oauth.django.operators", "django.contrib.admin"
print(" ".join(sorted(name for name in sys.modules if name.startswith((ours, djangos)))))
"""


def test_it_is_checked_without_a_complaint_and_loads_nothing_of_it():
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.support.testsite.settings",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROJECT],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.splitlines()[-1] == ""
