"""The wheel, installed into an empty environment, works there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.project.packaging.conftest import Environment

pytestmark = pytest.mark.slow
DEMO = "stateful_oauth.demo"
FIRST_PAGE = """
import json
import django
from django.test import Client
from django.test.runner import DiscoverRunner

django.setup()
runner = DiscoverRunner(interactive=False, verbosity=0)
runner.setup_test_environment()
databases = runner.setup_databases()
page = Client().get("/")
runner.teardown_databases(databases)
import stateful_oauth.flows
shown = {"status": page.status_code, "length": len(page.content), "from": stateful_oauth.flows.__file__}
print(json.dumps(shown))
"""
EVERY_MODULE = """
import importlib, pkgutil, sys
sys.modules["django"] = None  # as if it were not installed; python-statemachine imports it where it finds it
for room in ("flows", "diagrams", "auth0", "emulator"):
    package = importlib.import_module("stateful_oauth." + room)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(("__main__", "transports_httpx")):  # httpx is not in the demo's extra
            importlib.import_module(module.name)
"""
IN_A_PROJECT = """
import django
from django.conf import settings

settings.configure(
    DEBUG=True,
    SECRET_KEY="of this test",
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions",
                    "stateful_oauth.storage", "stateful_oauth.django"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("makemigrations", "--check", "--dry-run", verbosity=0)
"""


def test_the_first_page_of_the_demo_is_shown(environment: Environment) -> None:
    result = environment.run("-W", "error", "-c", FIRST_PAGE, DJANGO_SETTINGS_MODULE=f"{DEMO}.settings")
    assert result.returncode == 0, result.stderr
    shown = json.loads(result.stdout.splitlines()[-1])
    assert shown["status"] == 200
    assert shown["length"] > 0
    assert shown["from"].startswith(str(environment.folder.resolve()))


def test_the_demo_starts_shows_its_pages_and_stops(environment: Environment) -> None:
    result = environment.run("-m", DEMO, "--smoke")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_rooms_without_django_import_without_it(environment: Environment) -> None:
    result = environment.run("-W", "error", "-c", EVERY_MODULE)
    assert result.returncode == 0, result.stderr


def test_the_migrations_run_in_a_project(environment: Environment) -> None:
    result = environment.run("-W", "error", "-c", IN_A_PROJECT)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("room", ["flows", "storage", "integrations", "diagrams", "tests"])
def test_the_wheel_takes_no_name_of_the_users_project(environment: Environment, room: str) -> None:
    result = environment.run("-c", f"import {room}")
    assert f"No module named '{room}'" in result.stderr
