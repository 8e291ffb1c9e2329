"""Mutants of the pages that refuse, and of the ways out of them: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

FORMS = ("tests/integrations/django/sign_in/test_refused_forms.py",)

MUTANTS = (
    Mutant("a form of another site fills in a valid one", "integrations/django/form_protection.py",
           'if code != "form_origin" and _is_own(request):', "if True:", FORMS),
    Mutant("a trusted origin fills in a valid form", "integrations/django/form_protection.py",
           'if code != "form_origin" and _is_own(request):', 'if code != "form_origin":', FORMS),
    Mutant("another user's sign-in keeps the secret of forms", "integrations/django/sessions.py",
           "keeps_forms=same_user and _has_current_hash(request, user)", "keeps_forms=True", FORMS),
    Mutant("a renewed sign-in breaks the forms of other tabs", "integrations/django/sessions.py",
           "keeps_forms=same_user and _has_current_hash(request, user)", "keeps_forms=False", FORMS),
    Mutant("a changed password keeps the secret of forms", "integrations/django/sessions.py",
           "keeps_forms=same_user and _has_current_hash(request, user)", "keeps_forms=same_user", FORMS),
)  # fmt: skip
