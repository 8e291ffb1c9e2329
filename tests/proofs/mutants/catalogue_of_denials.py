"""Mutants of what the provider says, and who is told: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

_DENIALS = ("tests/integrations/django/sign_in/test_denials.py",)
_PROJECTS = ("tests/integrations/django/site/test_real_projects.py",)
_TOKENS = ("tests/integrations/django/sign_in/test_real_tokens.py",)
_TOLD = ("tests/integrations/django/site/test_developers_are_told.py",)

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
    Mutant("every user reads the provider's description of a linking", "integrations/django/views/account_linking.py",
           "if not conf.show_untrusted_error_description or", "if",
           ("tests/flows/account_linking/test_descriptions.py",)),
    Mutant("a refusal above 499 is a lost answer", "integrations/auth0/oauth_answers.py",
           "return error not in _FAULTS and (error in refusals or error in _STANDARD)", "return False",
           ("tests/integrations/auth0/test_refusals_with_server_errors.py",)),
    Mutant("a refusal above 499 ends a grant that may be alive", "flows/oauth/access_tokens.py",
           ' or isinstance(error, RefusedWithServerError):', ":",
           ("tests/flows/oauth/test_denied_refreshes.py",)),
    Mutant("another browser is led back to nowhere", "integrations/django/pages/flow_pages.py",
           "    if elsewhere and found.way is Way.BACK:\n", "    if False:\n",
           ("tests/integrations/django/accounts/test_in_another_browser.py",)),
    # Projects and tokens as they really are.
    Mutant("null is a claim", "integrations/auth0/id_token.py", "            del claims[name]\n", "            pass\n", _TOKENS),
    Mutant("a scope is one text", "integrations/auth0/oauth_answers.py", "            scope=_scope(members),\n",
           '            scope=members.optional_text("scope"),\n', _TOKENS),
    Mutant("recovery asks all backends", "integrations/django/actions/callers.py",
           "user = backend.authenticate(None, identity=identity)", "user = authenticate(None, identity=identity)",
           _PROJECTS),
    Mutant("an email column of its own takes two empty texts", "integrations/django/backends.py",
           "email_field not in fields and takes_no_missing_email(model)", "False", _PROJECTS),
    Mutant("no check looks at the user model's columns", "integrations/django/user_model.py",
           "return not field.null", "return False", _PROJECTS),
    Mutant("any text says that an email is verified", "integrations/auth0/id_token.py",
           "value.lower() in _FLAGS", "value", _TOKENS),
    Mutant("a large token is a broken one", "integrations/auth0/signature.py",
           'IdTokenRejected("id_token_too_large"', 'IdTokenRejected("id_token_malformed"', _TOKENS),
    # The developer is told.
    Mutant("faults of the site are not logged", "integrations/django/pages/site_faults.py",
           "if line.code in SITE_FAULTS:", "if False:", _TOLD),
    Mutant("every user reads the remedy", "integrations/django/pages/site_faults.py",
           "if not settings.DEBUG:", "if False:", _TOLD),
    Mutant("a missing table is a database that is down", "storage/availability.py",
           "if any(text in str(error) for text in _MISSING):", "if False:", _TOLD),
    Mutant("a server without TLS is only unreachable", "integrations/auth0/connections.py",
           "kind = NoTls if _speaks_no_tls(error) else NotSent", "kind = NotSent", _TOLD),
    Mutant("sweeps always print", "integrations/django/management/sweep_command.py",
           '> (0 if happened else 1)', '>= 0', ("tests/integrations/django/sweeps/test_commands.py",)),
    Mutant("purging asks nothing", "integrations/django/management/commands/purge_flows.py",
           'if answer.strip().lower() != "yes":', "if False:", ("tests/integrations/django/sweeps/test_commands.py",)),
    Mutant("the answer of a gateway is a refusal", "integrations/auth0/oauth_answers.py",
           "if answer.status in UNDECLARED:", "if False:", ("tests/integrations/auth0/test_undeclared_statuses.py",)),
    Mutant("a stuck linking hides its accounts", "integrations/django/operators/linked_accounts.py",
           'if row.state_kind == "final" or', "if True or",
           ("tests/integrations/django/operators/test_accounts_of_a_link.py",)),
    Mutant("the page of a user has no inlines", "integrations/django/operators/user_page.py",
           "if page is not None:", "if False:", ("tests/integrations/django/operators/test_accounts.py",)),
)  # fmt: skip
