"""Mutants of what other OpenID Providers need: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

ALGORITHMS = ("tests/integrations/auth0/test_algorithms.py",)
DISCOVERY = ("tests/integrations/auth0/test_discovery.py",)
CLIENTS = ("tests/integrations/auth0/test_client_authentication.py",)

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
)  # fmt: skip
