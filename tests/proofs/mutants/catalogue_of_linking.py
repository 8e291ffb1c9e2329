"""Mutants of linking: a decision that is made anew, a proof that belongs to one question: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import POLICY, Mutant

ANEW = ("tests/flows/account_linking/test_decided_anew.py",)
PROOF = ("tests/flows/account_linking/test_proof.py",)
UNDONE = ("tests/flows/account_linking/test_undone_at_the_provider.py",)
MERGING = ("tests/flows/account_linking/test_merged_metadata.py",)

MUTANTS = (
    Mutant(
        "the time of the proof has a leeway",
        "integrations/auth0/id_token.py",
        "moment < math.floor(expected.asked_at.timestamp()) + _ahead(case)",
        "moment < math.floor(expected.asked_at.timestamp()) + _ahead(case) - case.config.leeway",
        PROOF,
    ),
    Mutant(
        "the time of the proof is read on two clocks",
        "integrations/auth0/id_token.py",
        "math.floor(expected.asked_at.timestamp()) + _ahead(case)",
        "math.floor(expected.asked_at.timestamp())",
        PROOF,
    ),
    Mutant(
        "the proof is asked in the open",
        "flows/account_linking/machine.py",
        "            pushed = context.services.provider.takes_pushed_authorization_requests()\n",
        "            pushed = provider.uses_pushed_authorization_requests()\n",
        PROOF,
    ),
    Mutant(
        "the reference of an earlier push is used again",
        "flows/account_linking/machine.py",
        '        self.transition.drop_secrets("request_uri")\n',
        "",
        PROOF,
    ),
    Mutant(
        "another sign-in leaves a question open",
        "integrations/django/sessions/sign_ins.py",
        "    end_questions_of_others(\n        request, issuer=conf",
        "    dict(\n        request=request, issuer=conf",
        PROOF,
    ),
    Mutant(
        "a sign-in by other means leaves a question open",
        "integrations/django/sessions/receivers.py",
        "        end_questions_of_others(request)\n",
        "        return\n",
        PROOF,
    ),
    Mutant(
        "a question that a worker has in hand outlives another sign-in",
        "storage/sign_ins.py",
        "        rows.filter(pk__in=over & held.keys()).update(browser=UNBOUND)\n",
        "",
        ("tests/flows/account_linking/test_proof_under_way.py",),
    ),
    Mutant(
        "a held sign-in replaces who has signed in since",
        "storage/sign_ins.py",
        'if row.state != "finding_candidates":',
        "if True:",
        ("tests/flows/account_linking/test_proof_under_way.py",),
    ),
    Mutant(
        "one tab of a person cuts off the other",
        "storage/sign_ins.py",
        "over = {key for key, newcomer in others.items() if newcomer not in linked}",
        "over = {*asked, *held}",
        PROOF,
    ),
    Mutant(
        "the page of the question shows whole addresses",
        "integrations/django/pages/link_page.py",
        '"email": masked(account.email),',
        '"email": account.email,',
        PROOF,
    ),
    Mutant(
        "a newcomer who was blocked signs in",
        "flows/login/effects.py",
        "    if context.payload in (_GONE, _BLOCKED):",
        "    if context.payload == _GONE:",
        ANEW,
    ),
    Mutant(
        "a link is made on the decision of before",
        "flows/account_linking/effects.py",
        "    check_still_allowed(context, primary, newcomer, accounts.same_email)\n",
        "",
        ANEW,
    ),
    Mutant(
        "only the chosen candidate is looked at again",
        "flows/account_linking/effects.py",
        "check_still_allowed(context, primary, newcomer, accounts.same_email)",
        "check_still_allowed(context, primary, newcomer)",
        ANEW,
    ),
    Mutant(
        "a decision for another account links this one",
        "flows/account_linking/candidates.py",
        "primary.user_id not in {each.profile.user_id for each in decision.candidates}",
        "not decision.candidates",
        ("tests/flows/account_linking/test_decided_for_this_account.py",),
    ),
    Mutant(
        "a newcomer with another e-mail is linked without a look at who has that",
        "flows/account_linking/candidates.py",
        "(decision.rule, newcomer.email) == (inputs.rule, inputs.newcomer.email)",
        'decision.rule == inputs["rule"]',
        ("tests/flows/account_linking/test_decided_for_this_account.py",),
    ),
    Mutant(
        "another rule than the decided one links as well",
        "flows/account_linking/candidates.py",
        "(decision.rule, newcomer.email) == (inputs.rule, inputs.newcomer.email)",
        'decision.is_automatic and newcomer.email == inputs["newcomer"]["email"]',
        ANEW,
    ),
    Mutant(
        "a blocked newcomer is kept apart, and signed in",
        "flows/account_linking/candidates.py",
        "    if newcomer.blocked:\n",
        "    if False:\n",
        ANEW,
    ),
    Mutant(
        "a blocked newcomer is linked",
        "flows/account_linking/policy.py",
        "    if newcomer_inactive or newcomer.blocked:\n",
        "    if newcomer_inactive:\n",
        POLICY,
    ),
    Mutant(
        "a newcomer with an inactive user is linked",
        "flows/account_linking/candidates.py",
        "return Found(candidates, newcomer.user_id in inactive)",
        "return Found(candidates)",
        ANEW,
    ),
    Mutant(
        "the settings of today do not count",
        "flows/account_linking/candidates.py",
        "LinkingRules.of(inputs.linking).within(today)",
        "LinkingRules.of(inputs.linking)",
        ANEW,
    ),
    Mutant(
        "the settings of today overrule those of before",
        "flows/account_linking/policy.py",
        "mode=max(self.mode, other.mode, key=_STRICTNESS.index),",
        "mode=other.mode,",
        POLICY,
    ),
    Mutant(
        "who may sign in is asked after the link",
        "flows/account_linking/effects.py",
        "    account_caller(context.caller).check_may_sign_in(_sign_in_after(context.transaction).identity)\n",
        "",
        ANEW,
    ),
    Mutant(
        "who may sign in is asked with three claims",
        "integrations/django/backends.py",
        "        self.may_sign_in(identity.with_all_claims, None if row is None else row.user)\n"
        "        if row is not None and not",
        "        self.may_sign_in(identity, None if row is None else row.user)\n"
        "        if row is not None and not",
        ANEW,
    ),
    Mutant(
        "an account that another browser has linked is kept apart",
        "flows/account_linking/effects.py",
        "    if is_gone or is_linked(inputs.issuer, sign_in.identity.subject):",
        "    if is_gone:",
        ANEW,
    ),
    Mutant(
        "a link that was undone at the provider is made again",
        "flows/account_linking/candidates.py",
        "profile.user_id in unlinked or profile.user_id == parted_from,",
        "profile.user_id in unlinked,",
        UNDONE,
    ),
    Mutant(
        "a link that was undone at the provider stays open",
        "integrations/django/backends.py",
        "        if row is None and _close_undone_link(identity):\n",
        "        if False:\n",
        UNDONE,
    ),
    Mutant(
        "a comparison closes links of a primary that is not shown",
        "integrations/django/sweeps/reconciling.py",
        "    elif profile is None:\n",
        "    elif profile is None and not _close(row, asked_at):\n",
        ("tests/integrations/django/sweeps/test_reconciling.py",),
    ),
    Mutant(
        "what the primary has got since the snapshot is replaced",
        "flows/account_linking/effects.py",
        "    missing = still_missing(primary, snapshot, keys)\n",
        "    missing = snapshot\n",
        MERGING,
    ),
    Mutant(
        "a form may name any connection",
        "integrations/django/conf.py",
        "return not named or connection in named or ANY_CONNECTION in named",
        "return True",
        ("tests/flows/connect_account/test_names_of_connections.py",),
    ),
)
