"""Mutants of what a project calls from views of its own: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

_OWN = ("tests/integrations/django/front_door/test_own_views.py",)

MUTANTS = (
    Mutant("a view in a database transaction starts a flow", "integrations/django/pages/flow_pages.py",
           "        _check_outside_of_transactions()\n", "", _OWN),
    Mutant("a second delivery is answered and not signed in", "integrations/django/actions/completing.py",
           "    outcome = signed_in_again(request, outcome)\n", "", _OWN),
    Mutant("a prefetch starts a flow in a view of the project", "integrations/django/pages/flow_pages.py",
           "        if is_prefetch(request):\n            return _with_headers(request, FlowResponse(status=204))\n        _check",
           "        _check", _OWN),
    Mutant("a view may connect what the settings do not name", "integrations/django/actions/starting.py",
           "if not unlisted and not tenant.may_connect(connection):", "if False:", _OWN),
    Mutant("a project's `next` may lead anywhere", "integrations/django/actions/starting.py",
           'return chosen if may_go_to(chosen) else ""', "return chosen", _OWN),
    Mutant("a session without a user has a sign-in", "integrations/django/sessions/current.py",
           " or not request.user.is_authenticated", "", _OWN),
    Mutant("an error of the provider goes on as a success in a flow without a route", "flows/engine/machine.py",
           "        if not code:\n            return event", "        return event",
           ("tests/integrations/django/front_door/test_own_callbacks.py",)),
    Mutant("an authentication of any age is recent", "integrations/django/sessions/current.py",
           " and wiring.clock.now() - self.auth_time <= period", "",
           ("tests/integrations/django/front_door/test_current_sign_in.py",)),
)  # fmt: skip
