"""Mutants of what other OpenID Providers need: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

ALGORITHMS = ("tests/integrations/auth0/test_algorithms.py",)
DISCOVERY = ("tests/integrations/auth0/test_discovery.py",)
CLIENTS = ("tests/integrations/auth0/test_client_authentication.py",)
USERINFO = ("tests/integrations/django/providers/test_userinfo.py",)
SIGN_OUT = ("tests/integrations/django/providers/test_sign_out.py",)
FORM_POST = ("tests/integrations/django/providers/test_form_post.py",)
CONFORMANCE = ("tests/proofs/conformance",)
TOKENS = ("tests/integrations/django/providers/test_unasked_refresh_tokens.py",)

MUTANTS = (
    Mutant("a missing word about PKCE is enough", "integrations/auth0/discovery.py",
           "        if methods is None and self._config.pkce_without_metadata:\n",
           "        if methods is None:\n", DISCOVERY),
    Mutant("a setting outdoes what a provider announces about PKCE", "integrations/auth0/discovery.py",
           "        if methods is None and self._config.pkce_without_metadata:\n",
           "        if self._config.pkce_without_metadata:\n", DISCOVERY),
    Mutant("a key that was changed under its id is not noticed", "integrations/auth0/signature.py",
           "        changed = key_again(key_id, found)\n", "        changed = None\n", ALGORITHMS),
    Mutant("a key may be on any curve", "integrations/auth0/algorithms.py",
           "                and key.curve.name == self.curve\n", "", ALGORITHMS),
    Mutant("every hash is SHA-256", "integrations/auth0/id_token.py",
           "    algorithm = ALGORITHMS[case.config.id_token_signing_alg]\n",
           '    algorithm = ALGORITHMS["RS256"]\n', ALGORITHMS),
    Mutant("an alias for certificates serves secrets too", "integrations/auth0/discovery.py",
           'self._config.client_auth == "tls_client_auth" and aliases', "aliases", CLIENTS),
    Mutant("userinfo may be about another user", "integrations/auth0/userinfo.py",
           '        if claims.get("sub") != identity.subject:\n', "        if False:\n", USERINFO),
    Mutant("userinfo says how the user authenticated", "integrations/auth0/userinfo.py",
           "        if name not in _OF_THE_ID_TOKEN\n", "        if True\n", USERINFO),
    Mutant("a word about one email verifies another", "integrations/auth0/userinfo.py",
           "        and (name not in _SAYS_OF or", "        and (True or", USERINFO),
    Mutant("distributed claims pass unseen", "integrations/auth0/userinfo.py",
           '        names = claims.get("_claim_names")\n', "        names = None\n", USERINFO),
    Mutant("any provider is sent to the sign-out of Auth0", "integrations/auth0/logout.py",
           "        if not config.is_auth0 or not _has_auth0_urls(config, metadata):\n",
           "        if False:\n", SIGN_OUT),
    Mutant("the session keeps an ID token in clear", "integrations/django/sessions/id_token_hints.py",
           "    return encryption.seal(id_token, context=_CONTEXT)\n", "    return id_token.reveal()\n", SIGN_OUT),
    Mutant("a token that cannot be revoked waits to be", "flows/oauth/authorization_code.py",
           "if refresh_token is not None and context.services.provider.revokes_refresh_tokens():",
           "if refresh_token is not None:", TOKENS),
    Mutant("an unasked token is always kept", "flows/oauth/authorization_code.py",
           "    if not provider.keeps_refresh_token(inputs.scope):\n", "    if False:\n", TOKENS),
    Mutant("tokens that cannot be revoked pile up as rows", "storage/releases.py",
           "[each for each in tokens if can_revoke(each.tenant)]", "[*tokens]", TOKENS),
    Mutant("a form of the provider's is taken without the bridge", "integrations/django/actions/form_posts.py",
           "    return request.content_type == _FORM and _BRIDGED in request.POST\n", "    return True\n", FORM_POST),
    Mutant("a code in a URL is taken where forms are asked for", "integrations/django/actions/callbacks.py",
           '    if request.method == "GET" and kind != "connect_account" and takes_form_posts(tenant):\n',
           "    if False:\n", FORM_POST),
    Mutant("any state ends a sign-out", "integrations/django/actions/logout_states.py",
           "not constant_time_compare(given[0], state):", "False:", CONFORMANCE),
)  # fmt: skip
