"""Mutants of what the provider says, and who is told: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

_DENIALS = ("tests/integrations/django/sign_in/test_denials.py",)

MUTANTS = (
    Mutant("every denial is the user's own", "flows/oauth/authorization_response.py",
           'return "sign_in_refused"', 'return "access_denied"', _DENIALS),
    Mutant("a wrong request is the user's own no", "flows/oauth/authorization_response.py",
           "if words.search(said):", "if False:", _DENIALS),
    Mutant("the provider's description is dropped", "flows/engine/definition.py",
           'readable(event.detail) if event.detail else ""', '""', _DENIALS),
    Mutant("the description is kept without a bound", "flows/engine/transaction.py",
           "if c.isprintable())[:LONGEST_DETAIL]", "if c.isprintable())", _DENIALS),
    Mutant("every user reads the provider's description", "integrations/django/views/pages.py",
           "if row and conf.show_untrusted_error_description", "if row", _DENIALS),
)  # fmt: skip
