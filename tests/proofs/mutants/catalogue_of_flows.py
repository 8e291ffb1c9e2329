"""Mutants of what flows declare, and of step-up: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

STEP_UP = ("tests/flows/step_up/test_step_up.py",)
DECLARED = ("tests/flows/engine/test_flow_declarations.py",)
ENDING = ("tests/flows/end_grant/test_places.py",)
URLS = ("tests/integrations/django/site/test_urls_of_flows.py",)

MUTANTS = (
    # Declarations.
    Mutant("a flow's sessions outlive the sign-out", "flows/step_up/__init__.py",
           '    session_states=("stepped_up",),\n', "", (*DECLARED, *STEP_UP)),
    Mutant("signing out withdraws no finished sign-in", "storage/sign_ins.py",
           "rows.filter(pk__in=found).update", "rows.none().update",
           ("tests/integrations/django/sessions/test_signed_out_stays_out.py", *STEP_UP)),
    Mutant("a machine of another kind is loaded", "flows/engine/registry.py",
           "    if (machine.kind, machine.needs_user) != (declaration.kind, declaration.needs_user):",
           "    if False:", DECLARED),
    Mutant("a wrong setting takes the URLs away", "integrations/django/declarations.py",
           "    except (ImportError, TypeError):", "    except ZeroDivisionError:", URLS),
    Mutant("a tenant's alias hides the callbacks of other flows", "integrations/django/urls.py",
           'urlpatterns.sort(key=lambda pattern: str(pattern.pattern).startswith("<slug:tenant>/"))\n', "", URLS),
    Mutant("every callback takes its code by the same name", "integrations/django/actions/callbacks.py",
           '    code_parameter = "code" if declared is None else declared.code_parameter\n',
           '    code_parameter = "code"\n', URLS),
    # The end of grants.
    Mutant("refused tokens are forgotten", "flows/oauth/held_tokens.py",
           "    if not before:\n", "    if True:\n", ENDING),
    Mutant("a late result takes its token along", "flows/engine/execution.py",
           "        self._let_go(run, claimed)\n        row", "        row", ENDING),
    Mutant("a deleted grant is not revoked", "integrations/django/sessions/receivers.py",
           "    release_grant(instance, now=wiring.clock.now())\n", "    return\n", ENDING),
    # Step-up.
    Mutant("any account steps up", "flows/step_up/effects.py", "        subject=inputs.subject,\n", "", STEP_UP),
    Mutant("no authentication context class is demanded", "flows/step_up/effects.py",
           "        acr_values=tuple(inputs.acr_values.split()),\n", "", STEP_UP),
    Mutant("a remembered session steps up", "flows/step_up/effects.py",
           '        else {"asked_at": datetime.fromisoformat(inputs.asked_at)}\n', "        else {}\n", STEP_UP),
    Mutant("another user's callback steps up", "flows/step_up/machine.py",
           "        if context.caller.user_id != context.transaction.user_id:", "        if False:", STEP_UP),
    Mutant("a step-up brings a session back that was signed out", "integrations/django/sessions/sign_ins.py",
           '    if str(user.pk) != outcome.user_id or previous.get("sub") != outcome.session["sub"]:',
           "    if False:", STEP_UP),
    Mutant("a step-up keeps the session's key", "integrations/django/sessions/sign_ins.py",
           "    session.cycle_key()\n    # `acr`", "    # `acr`", STEP_UP),
    Mutant("a class of before is kept", "integrations/django/sessions/sign_ins.py",
           'if name not in ("acr", "amr", "auth_time")}', "}", STEP_UP),
)  # fmt: skip
