"""Machine-to-machine tokens: one fetch for all processes of a site."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from django.core.cache import cache

from stateful_oauth.django import management_api, wiring

pytestmark = [pytest.mark.django_db]

ADA = "ada@example.com"


def another_process():
    """Forget what this process knows: it has the cache, and nothing else."""
    wiring.provider.cache_clear()


@pytest.fixture
def ada(tenant):
    return tenant.users.by_email(ADA)[0].user_id


def fetched(tenant):
    return tenant.requests["/oauth/token"]


def test_second_process_uses_the_token_of_the_first(tenant, ada):
    for _ in range(4):
        assert management_api().users.get(ada).user_id == ada
        another_process()
    assert fetched(tenant) == 1


def test_processes_at_once_fetch_one_token(tenant, ada):
    barrier, found = threading.Barrier(4), []

    def run(provider):
        barrier.wait()
        found.append(provider.management.client(frozenset(), time_limit=9).users.get(ada).user_id)

    processes = []
    for _ in range(4):
        another_process()
        processes.append(wiring.provider("default"))
    threads = [threading.Thread(target=run, args=(each,)) for each in processes]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert found == [ada] * 4
    assert fetched(tenant) == 1


def test_token_lasts_as_long_as_the_provider_says(tenant, clock, ada):
    management_api().users.get(ada)
    another_process()
    clock.advance(86_400 - 61)
    management_api().users.get(ada)
    assert fetched(tenant) == 1
    another_process()
    clock.advance(2)
    management_api().users.get(ada)
    assert fetched(tenant) == 2


def test_token_that_is_not_taken_is_replaced_for_all(tenant, ada):
    management_api().users.get(ada)
    another_process()
    tenant.faults.add("/api/v2/*", "answer", 1, effect=False, status=401, json={"statusCode": 401})
    management_api().users.get(ada)
    assert fetched(tenant) == 2
    another_process()
    management_api().users.get(ada)
    assert fetched(tenant) == 2


def test_tokens_of_other_scopes_are_not_shared(tenant, ada):
    management_api(required_scopes=["read:users"]).users.get(ada)
    another_process()
    management_api(required_scopes=["update:users", "read:users"]).users.get(ada)
    assert fetched(tenant) == 2


def test_process_that_died_while_it_fetched_is_not_waited_for_long(tenant, ada):
    management_api().users.get(ada)
    (sealed,) = [key for key in _keys() if "machine-token" in key]
    cache.delete(sealed)
    cache.add(f"{sealed}.claimed", 1, timeout=60)
    another_process()
    management_api(time_limit=0.5).users.get(ada)
    assert fetched(tenant) == 2


@pytest.mark.security("B17", "S16")
def test_cache_has_no_token_in_clear(tenant, ada):
    management_api().users.get(ada)
    (holder,) = wiring.provider("default").management._tokens_by_scopes.values()
    shown = str(cache._cache)
    assert "machine-token" in shown
    assert holder.get(5).value.value.reveal() not in shown


@contextmanager
def broken(monkeypatch):
    def fail(*args, **kwargs):
        raise ConnectionError("redis://planted")

    with monkeypatch.context() as patched:
        for name in ("get", "set", "add", "delete"):
            patched.setattr(type(cache._connections[cache._alias]), name, fail)
        yield


def test_cache_that_fails_costs_a_fetch_and_no_more(tenant, monkeypatch, ada):
    with broken(monkeypatch):
        for _ in range(2):
            assert management_api().users.get(ada).user_id == ada
            another_process()
    assert fetched(tenant) == 2


def test_site_that_wants_no_sharing_keeps_tokens_in_the_process(tenant, settings, ada):
    settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | {"SHARE_MACHINE_TOKENS": False}
    for _ in range(2):
        management_api().users.get(ada)
        another_process()
    assert fetched(tenant) == 2
    assert not _keys()


def _keys():
    return [each.split(":", 2)[2] for each in cache._cache]
