"""Mutants of access tokens for APIs of the site: one for each rule. See `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

RULES = ("tests/integrations/auth0/test_access_token_rules.py",)
VIEWS = ("tests/integrations/django/api/test_bearer.py",)
GUARDED = ("tests/integrations/django/front_door/test_guarded_views.py",)
INITIATED = ("tests/integrations/django/sign_in/test_initiated_login.py",)
GUARDS = "integrations/django/actions/guards.py"
BACKGROUND = ("tests/flows/connect_account/test_tokens_of_users.py",)
TOKENS = "integrations/django/actions/tokens.py"
MANAGEMENT = ("tests/integrations/django/api/test_management.py",)
SHARED = ("tests/integrations/django/api/test_shared_tokens.py",)
TOKEN = "integrations/auth0/access_token.py"
VERIFYING = "integrations/django/api/verifying.py"

MUTANTS = (
    Mutant("an access token may be signed as it likes", TOKEN,
           "algorithm=config.access_token_signing_alg,", "algorithm=config.id_token_signing_alg,", RULES),
    Mutant("an access token may be of any type", TOKEN,
           "            types=_TYPES,\n", '            types=_TYPES | {"logout+jwt", "dpop+jwt"},\n', RULES),
    Mutant("the claims of an access token have any type", TOKEN, "    _check_types,\n", "", RULES),
    Mutant("the standard's profile needs no claims of its own", TOKEN,
           "    if case.is_profile and not", "    if False and not", RULES),
    Mutant("an ID token is an access token", TOKEN, "    _check_kind,\n", "", RULES),
    Mutant("an access token of another issuer is taken", TOKEN, "    _check_issuer,\n", "", RULES),
    Mutant("an access token for another API is taken", TOKEN, "    _check_audience,\n", "", RULES),
    Mutant("an audience is looked for in a text", TOKEN,
           "return (value,) if isinstance(value, str) else tuple(value)", "return value", RULES),
    Mutant("an expired access token is taken", TOKEN, "    _check_expiry,\n", "", RULES),
    Mutant("an access token of the future is taken", TOKEN, "    _check_issued_at,\n", "", RULES),
    Mutant("a token that is bound to a key is taken without a proof", TOKEN, "    _check_binding,\n", "", RULES),
    Mutant("an access token of another organization is taken", TOKEN, "    _check_organization,\n", "", RULES),
    Mutant("an empty organization fits a token without one", TOKEN,
           " == wanted.lower() != \"\"", " == wanted.lower()", RULES),
    Mutant("scopes are not asked for", TOKEN,
           "if not case.expected.scopes <= case.scopes or", "if", RULES),
    Mutant("permissions are not asked for", TOKEN,
           " or not case.expected.permissions <= case.permissions:", ":", RULES),
    Mutant("one scope of several is enough", TOKEN,
           "if not case.expected.scopes <= case.scopes or",
           "if (case.expected.scopes and not case.expected.scopes & case.scopes) or", RULES),
    Mutant("the audience of an API may be the client id", VERIFYING,
           "    if wanted == chosen.client_id:", "    if False:", VIEWS),
    Mutant("an API takes the tokens of inactive users", VERIFYING,
           "if user is None or not user.is_active:", "if user is None:", VIEWS),
    Mutant("an application speaks for a user", VERIFYING,
           "None if token.is_machine else user_of_subject(", "user_of_subject(", VIEWS,
           survivor="No user signs in with the `sub` of an application."),
    Mutant("a token outlives the ending of its user's sessions", "storage/identities.py",
           "    if ended is not None and at < ended.replace(microsecond=0):\n        return None\n", "", VIEWS),
    # Views that need more than a signed-in user, and sign-ins that others start.
    Mutant("an old authentication is recent", GUARDS,
           "found.authenticated_within(age) and ", "", GUARDED),
    Mutant("any class of authentication will do", GUARDS,
           " and (not classes or found.acr in classes)", "", GUARDED),
    Mutant("a member of any organization will do", GUARDS,
           'wanted in ("", found.organization)', "True", GUARDED),
    Mutant("a form of another site chooses where to go on", GUARDS,
           'if page.netloc == request.get_host() else ""', "", GUARDED),
    Mutant("what a guard starts is in the project's transaction", GUARDS,
           "outside_of_transactions(login_not_required(guarded))", "login_not_required(guarded)", GUARDED),
    Mutant("a step-up leaves the organization", "integrations/django/actions/stepping_up.py",
           '    if details.get("organization"):\n        parameters["organization"] = details["organization"]\n', "", GUARDED),
    Mutant("a host that the settings do not name chooses an organization", "integrations/django/actions/organizations.py",
           '"" if own == hostname(urlsplit(conf.base_url).netloc) else own.partition(".")[0]', 'own.partition(".")[0]', GUARDED),
    Mutant("any issuer starts a sign-in", "integrations/django/views/initiated_login.py",
           'if conf.tenant(each).issuer == request.GET.get("iss")', "", INITIATED),
    Mutant("a portal chooses where to go on", "integrations/django/views/initiated_login.py",
           'target if may_go_to(target) else ""', "target", INITIATED,
           survivor="`start_login` checks `next` again."),
    # Tokens in the background, and what a user can do about an error.
    Mutant("an inactive user's tokens are handed out", TOKENS, "    if not user.is_active:", "    if False:", BACKGROUND),
    Mutant("an ended grant is the newest", "storage/grants.py",
           "rows.filter(user_id=user_id, tenant=tenant, ended_at__isnull=True)", "rows.filter(user_id=user_id, tenant=tenant)", BACKGROUND),
    Mutant("the oldest grant is used", "storage/grants.py",
           'ended_at__isnull=True).order_by("-pk")\n        key', 'ended_at__isnull=True).order_by("pk")\n        key', BACKGROUND),
    Mutant("a remedy connects an account by GET", "integrations/django/actions/remedies.py",
           '        if request.method == "POST":', "        if True:", BACKGROUND),
    Mutant("a remedy brings no refresh token", "integrations/django/actions/remedies.py",
           '[*tenant.scope.split(), "offline_access"]', "tenant.scope.split()", BACKGROUND),
    # The Management API for a project.
    Mutant("the SDK's client keeps a token that is not taken", "integrations/auth0/management_client.py",
           "        if answer.status == 401:", "        if False:", MANAGEMENT),
    Mutant("a scope that is missing is the SDK's error", "integrations/auth0/management_client.py",
           'if problem is not None and problem.code == "insufficient_scope":', "if False:", MANAGEMENT),
    Mutant("each process fetches a machine token", "integrations/auth0/management_token.py",
           "        if shared is None:\n            return self._fetched(time_limit)",
           "        if True:\n            return self._fetched(time_limit)", SHARED),
    Mutant("processes at once do not wait for each other", "integrations/auth0/management_token.py",
           "            if shared.claim(self._name, seconds=time_limit + 1):", "            if True:", SHARED),
    Mutant("a token that was kept meanwhile is fetched again", "integrations/auth0/management_token.py",
           "            found = self._shared_by_others(shared)\n            if found is not None:\n                return found\n", "", SHARED,
           survivor="Only a race shows it: the look and the claim are microseconds apart."),
    Mutant("a refused token is taken from the cache again", "integrations/auth0/management_token.py",
           "or kept.value == self._refused", "", SHARED),
    Mutant("a machine token outlives its end in the cache", "integrations/auth0/management_token.py",
           "if kept is None or now >= kept.ends_at or", "if kept is None or", SHARED),
    Mutant("a profile is kept for ever", "integrations/django/api/management.py",
           "if kept is not None and 0 <= now - kept[0] < max_age:", "if kept is not None:", MANAGEMENT),
    Mutant("a profile lies in the cache in clear", "integrations/django/api/management.py",
           "cache.set(key, sealed, timeout=86_400)", "cache.set(key, json.dumps(value), timeout=86_400)", MANAGEMENT),
    Mutant("the ping asks for no scopes", "integrations/django/doctor/ping.py",
           "sorted(self._scopes - (self._claims.scopes or frozenset()))", "[]", MANAGEMENT),
    Mutant("a view of an API demands a CSRF token", "integrations/django/api/bearer.py",
           '        return cast("View", csrf_exempt(login_not_required(protected)))',
           '        return cast("View", login_not_required(protected))', VIEWS),
    Mutant("a view of an API demands a session", "integrations/django/api/bearer.py",
           '        return cast("View", csrf_exempt(login_not_required(protected)))',
           '        return cast("View", csrf_exempt(protected))', VIEWS),
)  # fmt: skip
