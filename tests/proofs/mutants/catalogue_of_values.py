"""Mutants of what comes from outside, and of what must not be shown: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

SECRET = ("tests/flows/engine/test_secret.py",)
CHECKS = ("tests/integrations/django/site/test_checks.py",)
FRAMES = ("tests/integrations/django/sign_in/test_frames_hold_no_secret.py",)
ANSWERS = ("tests/integrations/auth0/test_provider.py",)

MUTANTS = (
    # Secrets and personal data.
    Mutant("a secret can be pickled", "flows/engine/secret.py",
           "    def __reduce_ex__(self, protocol: object) -> NoReturn:\n        self.__getstate__()\n",
           "    def __reduce_ex__(self, protocol: object) -> tuple[type[Secret], tuple[str]]:\n"
           "        return Secret, (self._value,)\n", SECRET),
    Mutant("the repr of an identity shows its claims", "flows/oauth/openid.py",
           "claims={names_only(self.claims)}", "claims={self.claims}", SECRET),
    Mutant("a deployed site may be for development", "integrations/django/checks/__init__.py",
           '    if values.get("ALLOW_INSECURE_HTTP_ON_LOOPBACK"):', "    if False:", CHECKS),
    Mutant("a deployed site may have a provider of the tests", "integrations/django/checks/__init__.py",
           '    if values.get("TRANSPORT_ADAPTER") is not None:', "    if False:", CHECKS),
    # Numbers and dates that a provider sends.
    Mutant("a lifetime has no bound", "integrations/auth0/json_members.py",
           "return int(min(max(value, 0), LONGEST_LIFETIME))", "return int(max(value, 0))", ANSWERS),
    Mutant("a flawed lifetime loses the tokens", "integrations/auth0/json_members.py",
           "        if isinstance(value, bool) or not isinstance(value, (int, float)):\n            return None\n",
           "        if isinstance(value, bool) or not isinstance(value, (int, float)):\n"
           "            raise ValueError(name)\n", ANSWERS),
    Mutant("a token answer is read strictly", "integrations/auth0/oauth_answers.py",
           "members = answer.members(tolerant=True)", "members = answer.members()", ANSWERS),
    Mutant("a kept token lasts for ever", "flows/oauth/access_tokens.py",
           "float(min(max(said, 0), _LONGEST_LIFETIME))", "float(max(said, 0))", ("tests/flows/oauth/test_provider_numbers.py",)),
    Mutant("a date may be of the year 1", "integrations/auth0/json_members.py",
           "_FIRST_YEAR, _LAST_YEAR = 1970, 9998", "_FIRST_YEAR, _LAST_YEAR = 1, 9999",
           ("tests/integrations/auth0/test_my_account.py",)),
    Mutant("numbers may be infinite", "integrations/auth0/json_members.py",
           "number if math.isfinite(number := float(text)) else unusable(text)", "float(text)",
           ("tests/integrations/auth0/test_id_token_rules.py",)),
    Mutant("poisoned metadata hides the users of an email", "integrations/auth0/management.py",
           "email=email, fields=LISTED_FIELDS", "email=email, fields=FIELDS",
           ("tests/flows/account_linking/test_poisoned_metadata.py",)),
    Mutant("poisoned metadata of the primary is replaced", "integrations/auth0/json_members.py",
           "return {key: None if _is_unusable(value) else value for key, value in members.items()}",
           "return {key: value for key, value in members.items() if not _is_unusable(value)}",
           ("tests/integrations/auth0/test_management.py",)),
    # What error reports show.
    Mutant("the request keeps the query of a callback", "integrations/django/actions/callbacks.py",
           "        request.GET = QueryDict()\n", "", FRAMES),
    Mutant("a server's variable keeps the address of a callback", "integrations/django/actions/callbacks.py",
           '                request.META[name] = ""\n', "                pass\n", FRAMES),
    Mutant("the query is taken out after the first look", "integrations/django/actions/callbacks.py",
           "            _guard(request)\n            response: HttpResponse = page(", "            response: HttpResponse = page(", FRAMES),
    Mutant("a row is looked for with the state in clear", "integrations/django/actions/callbacks.py",
           "        state=response.state,", "        state=response.state.reveal(),  # type: ignore[arg-type]", FRAMES),
    Mutant("an answer is read into a list", "integrations/auth0/transport.py",
           "        return Answer(response.status_code, response.headers, body.getvalue())",
           "        whole = body.getvalue()\n        return Answer(response.status_code, response.headers, whole)", FRAMES),
    Mutant("a response shows where it leads", "integrations/django/pages/flow_pages.py",
           'return f"<{type(self).__name__} status_code={self.status_code}>"', "return super().__repr__()", FRAMES),
    Mutant("the URL of a redirect shows its query", "flows/engine/secret.py",
           "return repr(f\"{self.partition('?')[0]}?{REDACTED}\")", "return str.__repr__(self)", FRAMES),
    Mutant("settings that a test changes stay as they were", "integrations/django/conf.py",
           "        vars(self).clear()\n", "        return\n", ("tests/integrations/django/site/test_settings.py",)),
    Mutant("a keyed digest is the same under every key", "integrations/django/keyed_digests.py",
           "(secret.encode() if isinstance(secret, str) else secret)", 'b""', ("tests/integrations/django/site/test_keyed_digests.py",)),
    Mutant("a short key signs ID tokens", "integrations/auth0/signature.py",
           '{"enforce_minimum_key_length": True}', '{"enforce_minimum_key_length": False}',
           ("tests/integrations/auth0/test_signature.py",)),
)  # fmt: skip
