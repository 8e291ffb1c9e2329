"""The worked example of docs/testing.md is a project of its own, and passes its tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.support.checkout import ROOT

SHOP = ROOT / "docs" / "examples" / "shop"
EXCERPTS = re.findall(r"```python (\S+)\n(.*?)```", (ROOT / "docs/testing.md").read_text(), re.DOTALL)


def test_the_page_quotes_its_files():
    assert EXCERPTS
    for path, excerpt in EXCERPTS:
        assert excerpt in (ROOT / path).read_text(), f"docs/testing.md does not say what {path} says."


@pytest.mark.slow
def test_the_shop_passes_its_tests():
    """In a process of its own, with its own settings, user model and flow."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTEST_"))
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=SHOP,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_the_shop_has_its_migrations():
    done = subprocess.run(
        [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"],
        cwd=SHOP,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "shop.settings", "PYTHONPATH": str(SHOP)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
