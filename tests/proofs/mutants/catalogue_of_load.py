"""Mutants of what bounds the calls to a slow or failing provider, and of databases: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

BULKHEAD = ("tests/integrations/django/load/test_bulkhead.py",)
BREAKER = ("tests/integrations/django/load/test_circuit_breaker.py",)
SLOW = ("tests/integrations/django/load/test_handing_over.py",)
READ_ONLY = ("tests/integrations/django/site/test_read_only_database.py",)

TOGETHER = ("tests/integrations/django/sweeps/test_expiring_together.py",)

MUTANTS = (
    Mutant(
        "load: any number of effects at once",
        "flows/engine/admission.py",
        "if self._at_once and self._in_flight[tenant] >= self._at_once:",
        "if False:",
        BULKHEAD,
    ),
    Mutant(
        "load: room is never given back",
        "flows/engine/admission.py",
        "self._in_flight[tenant] -= 1",
        "pass",
        BULKHEAD,
    ),
    Mutant(
        "load: failures hold back nothing",
        "flows/engine/admission.py",
        "if failures >= self._limit:",
        "if False:",
        BREAKER,
    ),
    Mutant(
        "load: a refusal counts as a failure",
        "flows/engine/admission.py",
        "isinstance(error, AnswerLost | ServiceUnreachable)",
        "error is not None",
        BREAKER,
    ),
    Mutant(
        "load: all calls probe at once",
        "flows/engine/admission.py",
        "        if probes:\n",
        "        if False:\n",
        BREAKER,
    ),
    Mutant(
        "load: a start does not ask the circuit breaker",
        "flows/engine/engine.py",
        "            self._execution.admission.check(tenant, run.flow.irreplaceable_effects)\n",
        "",
        BREAKER,
    ),
    Mutant(
        "load: what is handed over makes a session for its old request",
        "flows/engine/handing_over.py",
        "alone = replace(run, caller=run.caller.without_request())",
        "alone = run",
        SLOW,
    ),
    Mutant(
        "load: room of what is handed over is given back at once",
        "flows/engine/handing_over.py",
        "        run.slot.hand_over()\n",
        "        pass\n",
        BULKHEAD,
    ),
    Mutant(
        "load: a request waits although calls are slow",
        "integrations/django/background.py",
        "min(_BRIEFLY, left) if self._is_slow() else left",
        "left",
        SLOW,
    ),
    Mutant(
        "load: a database that takes no writes is ready",
        "integrations/django/doctor/site.py",
        "FlowTransaction.objects.using(alias).filter(pk=_NIL).update(version=1)",
        "pass",
        READ_ONLY,
    ),
    Mutant(
        "load: rows that are not due expire together",
        "flows/engine/bulk_expiry.py",
        "row.deadline is None or row.deadline > now",
        "row.deadline is None",
        TOGETHER,
    ),
    Mutant(
        "load: rows that expire together are told to no observer",
        "flows/engine/bulk_expiry.py",
        "        execution.observer.transitioned(each.before, each.transaction, each.log)\n",
        "        pass\n",
        TOGETHER,
    ),
)
