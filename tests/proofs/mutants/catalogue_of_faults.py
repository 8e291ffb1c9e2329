"""Mutants of answers that are lost, narrowed, late or of another browser: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

REPEATED = ("tests/proofs/repeated_writes/test_table.py",)
KEYS = ("tests/integrations/auth0/test_keys.py", "tests/integrations/django/sign_in/test_rotated_keys.py")
NARROWED = ("tests/flows/oauth/test_narrowed_tokens.py",)
EVERY_FLOW = ("tests/proofs/races/test_callbacks_of_every_flow.py",)

RECONCILING = ("tests/integrations/django/sweeps/test_reconciling.py",)

MUTANTS = (
    # Comparing with the tenant.
    Mutant("fault: any account of the email is where a user has gone", "integrations/django/sweeps/reconciling.py",
           "        if wanted in {(identity.provider, identity.user_id) for identity in each.identities}:\n",
           "        if True:\n", RECONCILING),
    Mutant("fault: a dry run drops connected accounts", "integrations/django/sweeps/reconciling.py",
           "    if not dry_run:\n        keep_in_step", "    if True:\n        keep_in_step", RECONCILING),
    Mutant("fault: only the first page of connected accounts counts", "integrations/auth0/management.py",
           "            if not cursor:\n", "            if True:\n", RECONCILING),
    Mutant("fault: a whole run forgets what it found of other tenants", "storage/reconciling.py",
           "rows.filter(tenant=tenant, found_at__lt=before)", "rows.filter(found_at__lte=before)", RECONCILING),
    # Repeated writes.
    Mutant("fault: a refused unlinking is not read back", "flows/unlink_account/effects.py",
           "    if is_out:\n", "    if False:\n", REPEATED),
    Mutant("fault: an unlinking is made again without looking", "flows/unlink_account/effects.py",
           'return Event("account_unlinked") if _is_out(context) else unlink(context)',
           "return unlink(context)", ("tests/flows/unlink_account/test_interrupted_unlinkings.py", *REPEATED)),
    Mutant("fault: a refused disconnection is not read back", "flows/disconnect_account/effects.py",
           "    if is_gone:\n", "    if False:\n", REPEATED),
    Mutant("fault: a bare 404 says that there is no user", "integrations/auth0/management.py",
           'return problem.code == "inexistent_user" or "user does not exist" in problem.text', "return True",
           ("tests/integrations/auth0/test_not_found.py",)),
    Mutant("fault: a block ends the grant", "integrations/auth0/oauth_answers.py",
           '    "invalid_grant: user is blocked": "sign_in_refused",', "",
           ("tests/flows/oauth/test_denied_refreshes.py",)),
    Mutant("fault: a denial at the token endpoint is a lost answer", "integrations/auth0/oauth_answers.py",
           '    "500 access_denied": "sign_in_refused",', "", ("tests/integrations/auth0/test_provider.py",)),
    Mutant("fault: a rotating token is used after a denial", "flows/oauth/access_tokens.py",
           "        except RefusedWithServerError as error:\n            if provider.rotates_refresh_tokens():",
           "        except RefusedWithServerError as error:\n            if False:",
           ("tests/flows/oauth/test_denied_refreshes.py",)),
    Mutant("fault: a merge is not read back", "flows/account_linking/effects.py",
           "    if any(lost.values()):\n", "    if False:\n",
           ("tests/flows/account_linking/test_merged_metadata.py",)),
    Mutant("fault: the primary is read last before a link", "flows/account_linking/effects.py",
           "    is_listed = bool(email) and inputs.candidate(inputs.primary).email == email\n",
           "    is_listed = True\n", ("tests/flows/account_linking/test_blocked_meanwhile.py",)),
    # Keys.
    Mutant("fault: a failed fetch of keys counts", "integrations/auth0/cached.py",
           "            copy = self._attempt(time_limit)\n            self._forced[reason] = copy.fetched_at\n",
           "            self._forced[reason] = self._seconds()\n            self._is_wanted = False\n"
           "            copy = self._attempt(time_limit)\n", KEYS),
    Mutant("fault: a code is sent for a key that cannot be had", "integrations/auth0/jwks.py",
           "self._cached.wanted(time_limit)", "self._cached.get(time_limit)", KEYS),
    Mutant("fault: forged key ids are not capped", "integrations/auth0/cached.py",
           "len(self._forced) >= _MOST_REASONS", "False", KEYS),
    # Narrowed tokens.
    Mutant("fault: a token's own scope does not count", "flows/oauth/narrowing.py",
           "for narrower in (claims.scope, claims.permissions):", "for narrower in (claims.permissions,):", NARROWED),
    Mutant("fault: a token's permissions do not count", "flows/oauth/narrowing.py",
           "for narrower in (claims.scope, claims.permissions):", "for narrower in (claims.scope,):", NARROWED),
    Mutant("fault: a token that cannot be read is for every API", "flows/oauth/narrowing.py",
           "if audience and (claims.is_opaque or elsewhere):", "if audience and elsewhere:", NARROWED),
    # Deliveries.
    Mutant("fault: a session that is gone counts as signed in", "integrations/django/sessions/sign_ins.py",
           "        if _is_stored(request, outcome.user_id):", "        if True:", EVERY_FLOW),
    Mutant("fault: a connection keeps the grant of its start", "flows/connect_account/machine.py",
           'grant=payload.session.get("grant", inputs.grant)', "grant=inputs.grant", EVERY_FLOW),
    Mutant("fault: who proved another primary is not signed in", "flows/account_linking/effects.py",
           "        if proved is None or is_linked(inputs.issuer, inputs.primary):", "        if True:",
           ("tests/flows/account_linking/test_two_primaries.py",)),
    Mutant("fault: a busy service counts as a lost worker", "flows/engine/errors.py",
           "    if code == RateLimited.CODE:\n", "    if False:\n",
           ("tests/flows/account_linking/test_busy_management.py",)),
)  # fmt: skip
