"""Mutants of what ends sessions, and of what could make new ones from before: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import ENDINGS, Mutant

HELD = ("tests/flows/account_linking/test_held_sign_ins.py",)
SUCCESSORS = ("tests/flows/connect_account/test_signed_in_again_meanwhile.py",)
OVERTAKEN = ("tests/integrations/django/sessions/test_sign_out_overtakes_a_response.py",)
FAILS = ("tests/flows/end_grant/test_database_that_fails.py",)
FIRST_ATTEMPTS = ("tests/flows/end_grant/test_first_attempts.py",)

MUTANTS = (
    Mutant("a grant goes over to another account of the user", "integrations/django/sessions/sign_ins.py",
           ' and previous.get("sub") == outcome.session.get("sub")', "", ENDINGS),
    Mutant("a second delivery outlives an ending", "integrations/django/sessions/sign_ins.py",
           " or not may_come_back(outcome.standing, user)", "", ENDINGS),
    Mutant("an ending raises no generation", "storage/identities.py",
           ', session_generation=F("session_generation") + 1)', ")", ENDINGS + HELD),
    Mutant("an ending has no time", "storage/identities.py",
           "rows.update(sessions_ended_at=at, ", "rows.update(", ENDINGS),
    Mutant("a proof raises no generation", "storage/identities.py",
           "        row.session_generation += 1\n", "", ENDINGS + HELD),
    Mutant("a proof has no time", "storage/identities.py", "        row.proved_at = now\n", "", ENDINGS),
    Mutant("the password says nothing of a sign-in's standing", "integrations/django/sessions/endings.py",
           "{generation}:{_auth_hash(user)}", "{generation}", ENDINGS + HELD),
    Mutant("a rotated key of the site ends every grace", "integrations/django/sessions/endings.py",
           "zip(settings.SECRET_KEY_FALLBACKS, fallbacks, strict=False)", "()", ENDINGS),
    Mutant("a held sign-in is taken as it was", "integrations/django/backends.py",
           "(identity.standing and not has_standing(identity.standing, row))", "False", HELD),
    Mutant("claims of any age sign in", "integrations/django/backends.py",
           "is_outdated(row, identity) or ", "", ENDINGS + HELD),
    Mutant("a user who was not known when the sign-in was held is not compared", "storage/identities.py",
           'if identity.standing == "" and', 'if False and', HELD),
    Mutant("of two sign-ins with one proof the second fails", "storage/identities.py",
           "at < proved and differs", "at < proved", ENDINGS),
    Mutant("older claims bring an address back", "storage/identities.py",
           "if row.contact_at is not None and at < row.contact_at:", "if False:", ENDINGS),
    Mutant("an account that comes later knows of no ending", "storage/identities.py",
           "                sessions_ended_at=ended,\n", "", ENDINGS),
    Mutant("a sign-in is held for ever", "flows/oauth/sign_in.py",
           "if until is not None and until <= now:", "if False:", HELD),
    Mutant("a held sign-in is looked at when the provider likes", "flows/engine/execution.py",
           "            until = min(until, limit)\n", "            pass\n", HELD),
    Mutant("a question is kept alive by asking again", "flows/engine/definition.py",
           "deadline if limit is None else min(deadline, limit)", "deadline", HELD),
    Mutant("candidates are looked for after the sign-in's time", "flows/engine/execution.py",
           "if limit is not None and limit <= self.clock.now() and not effect.must_complete:", "if False:", HELD),
    Mutant("a late link leaves the other user signed in", "flows/account_linking/effects.py",
           '        _tell_of_link(context, context.services.accounts.user_of(inputs.issuer, inputs.primary))\n', "", HELD),
    Mutant("what is worked on stays bound after a sign-out", "storage/sign_ins.py",
           "for kind in (StateKinds.WAITING, StateKinds.WORKING):", "for kind in (StateKinds.WAITING,):",
           ENDINGS + HELD),
    Mutant("the fence does not see the sign-out", "storage/store.py",
           '            row["browser"] = transaction.browser', "            pass", ENDINGS + HELD),
    Mutant("what came of an effect is lost by a sign-out", "flows/engine/execution.py",
           "                if unbound is None:\n", "                if True:\n", HELD),
    Mutant("an unbound sign-in makes users and grants", "flows/oauth/sign_in.py",
           "    if transaction.is_unbound:\n", "    if False:\n", ENDINGS + HELD),
    Mutant("a sign-in in another tab ends what is under way", "storage/grants.py",
           "        rows.update(successor=successor)\n", "        pass\n", SUCCESSORS),
    Mutant("another account's grant is the successor", "storage/grants.py",
           "_live(grant_id).filter(identity=identity, user=user)", "_live(grant_id)", SUCCESSORS),
    Mutant("a step-up brings a replaced grant back", "integrations/django/sessions/sign_ins.py",
           'grant = present_grant(grant)', "grant = grant", SUCCESSORS),
    Mutant("a successor of a successor is not found", "storage/grants.py",
           "_MOST_SUCCESSIONS: Final = 10", "_MOST_SUCCESSIONS: Final = 1", SUCCESSORS),
    Mutant("an open row is deleted with its token", "integrations/django/sessions/receivers.py",
           "    if instance.state_kind == StateKinds.FINAL:\n        return\n    try:", "    return\n    try:",
           ("tests/flows/end_grant/test_places.py",)),
    Mutant("a late response brings the session back", "integrations/django/sessions/sign_ins.py",
           "            end_registered(made.exclude(pk=own) if own else made)\n", "            pass\n", OVERTAKEN),
    Mutant("a late response of a step-up brings the session back", "integrations/django/sessions/registry.py",
           '        changes["transaction_id"] = transaction\n', "        pass\n", OVERTAKEN),
    Mutant("a database that fails at the settlement drops a token", "flows/engine/execution.py",
           "                self._end_received(run, claimed, pending)\n", "", FAILS),
    Mutant("a late result is dropped with its token while the database fails", "flows/engine/execution.py",
           "                if self._settle(run, claimed, Event(\"fail\", code=effect.lost_code)) is None:\n",
           "                if self._settle(run, claimed, Event(\"fail\", code=effect.lost_code)) is False:\n", FAILS),
    Mutant("a standing that cannot be read is the project's mistake", "integrations/django/actions/callers.py",
           "    @database_answers()\n    def standing_of(self, identity: VerifiedIdentity) -> str:\n"
           '        """Return a keyed digest of what ends the sessions of the identity\'s user."""\n'
           "        return standing_of(identity)\n\n    def session_of(self, subject: str) -> Mapping[str, Any]:\n"
           '        """Return what the session',
           "    def standing_of(self, identity: VerifiedIdentity) -> str:\n"
           "        return standing_of(identity)\n\n    def session_of(self, subject: str) -> Mapping[str, Any]:\n"
           '        """Return what the session', FAILS),
    Mutant("a first attempt does not wait for the commit", "storage/releases.py",
           "        transaction.on_commit(tell, using=alias, robust=True)\n", "        tell()\n", FIRST_ATTEMPTS),
    Mutant("a queue that does not answer fails the request", "integrations/django/sweeps/first_attempts.py",
           "    except Exception as error:", "    except ZeroDivisionError as error:", FIRST_ATTEMPTS),
    Mutant("a grant opens for another user", "storage/grants.py",
           'return f"{self.grant_id}:{self.user_id}:{self.identity.hex()}"', 'return f"{self.grant_id}"',
           ("tests/flows/oauth/test_at_rest.py",)),
    Mutant("a grant of another account of the user outlives the proof", "storage/grants.py",
           "own = Q(identity=identity) | Q(user_id=identity.user_id)", "own = Q(identity=identity)", ENDINGS),
)  # fmt: skip
