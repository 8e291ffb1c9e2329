"""What a process loads before anybody signs in: management commands and cold starts pay for every import."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.checkout import ROOT

_LOADED = """
import sys, django
django.setup()
import stateful_oauth.django.urls
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.support.testsite.settings",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", _LOADED], env=environment, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("package", ["statemachine", "jwt", "requests", "urllib3", "auth0", "httpx"])
def test_a_package_that_only_a_sign_in_needs_is_not_loaded(loaded, package):
    assert package not in loaded


def test_the_lists_of_loaded_modules_name_this_package(loaded):
    assert {"django", "stateful_oauth"} <= loaded
