"""Mutants of the registry of sessions, of logout tokens, and of what ends sessions by them: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

REGISTRY = ("tests/integrations/django/sessions/test_registry.py",)

TOKENS = ("tests/integrations/django/sessions/test_backchannel_logout.py",)

EVERYWHERE = ("tests/integrations/django/sessions/test_sign_out_everywhere.py",)

_RULES = (
    ("issuer", "_check_issuer"),
    ("audience", "_check_audience"),
    ("times", "_check_moments"),
    ("events", "_check_events"),
    ("nonce", "_check_nonce"),
    ("subject and session", "_check_subject"),
    ("own id", "_check_id"),
)

MUTANTS = (
    Mutant("a sign-in that was kept outlives its logout token", "integrations/django/backends.py",
           "        if identity.standing is not None or identity.came_with:", "        if False:",
           ("tests/proofs/world/test_found_by_the_world.py",)),
    Mutant("signing out everywhere leaves grants without a session", "integrations/django/sessions/endings.py",
           "        end_grants_of_user(user.pk, now=wiring.clock.now())\n", "", EVERYWHERE),
    Mutant("a deactivated user keeps the sessions", "integrations/django/sessions/receivers.py",
           '    if created or not is_about_it or getattr(instance, "is_active", True):', "    if True:", EVERYWHERE),
    Mutant("the sessions of a deleted user stay", "integrations/django/sessions/receivers.py",
           "    end_registered(session_rows().filter(user_id=instance.pk))\n\n\n# By", "    pass\n\n\n# By", EVERYWHERE),
    Mutant("any operator signs users out", "integrations/django/operators/user_page.py",
           ', permissions=["change"])', ")", EVERYWHERE),
    *(
        Mutant(f"a logout token is taken whatever its {name}", "integrations/auth0/logout_token.py",
               f"    {rule},\n", "", TOKENS)
        for name, rule in _RULES
    ),
    Mutant("a logout token may be for others as well", "integrations/auth0/logout_token.py",
           "if not set(audience) <= {case.config.client_id, *case.config.trusted_audiences}:", "if False:", TOKENS),
    Mutant("a logout token of the future is taken", "integrations/auth0/logout_token.py",
           'if issued > latest or _moment(case.claims, "nbf", issued) > latest:', "if False:", TOKENS),
    Mutant("a logout token lasts for ever", "integrations/auth0/logout_token.py",
           "if case.now >= expires + case.config.leeway:", "if False:", TOKENS),
    Mutant("a logout token may last for a year", "integrations/auth0/logout_token.py",
           "expires - issued > _LONGEST_LIFE", "False", TOKENS),
    Mutant("any event is a logout", "integrations/auth0/logout_token.py",
           " or not isinstance(events.get(EVENT), dict)", "", TOKENS),
    Mutant("an empty nonce is none", "integrations/auth0/logout_token.py",
           'if "nonce" in case.claims:', 'if case.claims.get("nonce"):', TOKENS),
    Mutant("tokens of any kind are logout tokens", "integrations/auth0/logout_token.py",
           '_TYPES: Final = frozenset({"logout+jwt", "jwt"})', '_TYPES: Final = frozenset({"logout+jwt", "jwt", "at+jwt"})',
           TOKENS),
    Mutant("a logout token is used twice", "storage/backchannel_logouts.py",
           "        if not _insert(line, alias):\n            return None\n", "        _insert(line, alias)\n", TOKENS),
    Mutant("a logout token ends sessions of other tenants", "storage/backchannel_logouts.py",
           "    named = Q(tenant=tenant, sid=sid)", "    named = Q(sid=sid)", TOKENS),
    Mutant("a logout token of one session ends all of the user", "storage/backchannel_logouts.py",
           'Q(tenant=tenant, subject=subject, sid="")', "Q(tenant=tenant, subject=subject)", TOKENS),
    Mutant("an ending without sid is forgotten by a second delivery", "storage/backchannel_logouts.py",
           "ended_at=None if sid else now", "ended_at=None", TOKENS),
    Mutant("a session is made after its logout token", "storage/sessions.py",
           "    return _table(alias).insert_unless(row, _logouts(alias), ended)\n",
           "    _table(alias).insert([row])\n    return True\n", TOKENS),
    Mutant("a session with a new key is not found any more", "integrations/django/sessions/registry.py",
           "    if row and digest == _digest(registered_key(session)):", "    if row:", REGISTRY),
    Mutant("a session that was ended goes on under another key", "integrations/django/sessions/registry.py",
           "        session.flush()\n", "        pass\n", REGISTRY),
    Mutant("the end of a session leaves its grant", "integrations/django/sessions/registry.py",
           "for row in ended if row.grant_id is not None]", "for row in ended if False]", REGISTRY),
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
