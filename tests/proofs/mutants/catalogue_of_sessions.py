"""Mutants of the registry of sessions, and of what ends sessions by it: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

REGISTRY = ("tests/integrations/django/sessions/test_registry.py",)

MUTANTS = (
    Mutant("a session with a new key is not found any more", "integrations/django/sessions/registry.py",
           "    if row and digest == _digest(registered_key(session)):", "    if row:", REGISTRY),
    Mutant("a session that was ended goes on under another key", "integrations/django/sessions/registry.py",
           "        session.flush()\n", "        pass\n", REGISTRY),
    Mutant("the end of a session leaves its grant", "integrations/django/sessions/registry.py",
           "            if row.grant_id is not None:\n", "            if False:\n", REGISTRY),
    Mutant("a session is registered before it has a key", "integrations/django/sessions/sign_ins.py",
           "    if request.session.session_key in (before, None):", "    if request.session.session_key == before:",
           REGISTRY),
    Mutant("a session that was replaced keeps its row", "integrations/django/sessions/sign_ins.py",
           "    forget_registered(row)\n", "", REGISTRY),
    Mutant("a session that was ended comes back by its callback", "integrations/django/sessions/own_sessions.py",
           "        note_ending(user.pk, at=wiring.clock.now())\n", "", REGISTRY),
    Mutant("the sessions of a cache are left alone", "integrations/django/sessions/session_stores.py",
           "            cache.delete_many([engine.cache_key_prefix + key for key in some])\n", "            pass\n",
           REGISTRY),
    Mutant("a purge forgets sessions that go on", "storage/sessions.py",
           "[row.pk for row in window if row.session_key not in goes_on]", "[row.pk for row in window]", REGISTRY),
)  # fmt: skip
