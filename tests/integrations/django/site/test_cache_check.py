"""`check --deploy` says when the processes of a site do not share the default cache."""

from __future__ import annotations

import pytest
from django.core.checks import Tags, run_checks

LOCAL = "django.core.cache.backends.locmem.LocMemCache"
NONE = "django.core.cache.backends.dummy.DummyCache"


def checked(deploy: bool = True) -> set[str | None]:
    return {each.id for each in run_checks(tags=[Tags.security], include_deployment_checks=deploy)}


@pytest.mark.parametrize("backend", [LOCAL, NONE])
def test_a_cache_of_one_process_is_told(settings, backend):
    settings.CACHES = {"default": {"BACKEND": backend}}
    assert "stateful_oauth.W007" in checked()


def test_a_shared_cache_is_fine(settings, tmp_path):
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(tmp_path)}}
    assert "stateful_oauth.W007" not in checked()


def test_a_cache_of_one_process_is_no_concern_while_you_develop(settings):
    settings.CACHES = {"default": {"BACKEND": LOCAL}}
    assert "stateful_oauth.W007" not in checked(deploy=False)
