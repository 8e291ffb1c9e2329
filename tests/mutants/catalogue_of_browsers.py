"""Mutants of the binding between transactions and browsers: see `catalogue`."""

from __future__ import annotations

from catalogue import Mutant

MUTANTS = (
    Mutant("a code that another browser has seen can be used", "flows/engine/engine.py",
           "if is_here and self._end_seen(row, event, caller):", "if False:",
           ("tests/django/test_browser_swapping.py",)),
    Mutant("a scanner ends an attempt", "flows/engine/engine.py",
           "is_seen = caller.is_navigation and getattr", "is_seen = getattr", ("tests/django/test_browser_swapping.py",)),
    Mutant("an error from another browser ends an attempt", "flows/engine/engine.py",
           'caller.is_navigation and getattr(event.payload, "is_proof", False)', "caller.is_navigation",
           ("tests/django/test_browser_swapping.py",)),
    Mutant("a known id tells another browser that there is a transaction", "flows/engine/refusals.py",
           "    return Rejected(kind=row.kind, code=code) if knows_state else Rejected(code=\"transaction_unknown\")\n",
           "    return rejected(row, code)\n",
           ("tests/django/test_browser_binding.py",)),
    Mutant("a second delivery waits for a postponed row", "flows/engine/definition.py",
           "return until - transaction.changed_at == timedelta(seconds=effect.lease)", "return True",
           ("tests/django/test_postponed_rows.py",)),
    Mutant("a look-alike of the binding cookie is read", "integrations/django/browser.py",
           "        if name == ours.encode():\n", "        if _looks_like(name, ours):\n",
           ("tests/django/test_planted_cookies.py",)),
    Mutant("one of two binding cookies is read", "integrations/django/browser.py",
           "    if len(values) > 1:\n", "    if False:\n", ("tests/django/test_planted_cookies.py",)),
    Mutant("a binding cookie without our signature is read", "integrations/django/browser.py",
           "        text = _signer().unsign(value)\n", "        text = value.rpartition(\":\")[0]\n",
           ("tests/django/test_planted_cookies.py",)),
    Mutant("a binding cookie never ends", "integrations/django/browser.py",
           "return -_SKEW <= now - each.used_at <= lifetime", "return True",
           ("tests/django/test_renewed_bindings.py",)),
    Mutant("a sign-in keeps the binding", "integrations/django/sessions.py",
           "    renew_binding(request, str(user.pk))\n", "", ("tests/django/test_renewed_bindings.py",)),
    Mutant("a renewed binding forgets the other tabs", "integrations/django/browser.py",
           "(_Id(secret, _now()), *self.ids[:_EARLIER])", "(_Id(secret, _now()),)",
           ("tests/django/test_renewed_bindings.py",)),
    Mutant("a renewed binding can be known before", "integrations/django/browser.py",
           'f"{self.ids[0].secret}\\0{user_id}"', 'self.ids[0].secret',
           ("tests/django/test_renewed_bindings.py",)),
)  # fmt: skip
