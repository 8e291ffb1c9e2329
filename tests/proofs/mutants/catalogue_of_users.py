"""Mutants of what users get from claims, and of adopting users: see `catalogue`."""

from __future__ import annotations

from tests.proofs.mutants.catalogue import Mutant

USERS = "tests/integrations/django/users"
ROLES = (f"{USERS}/test_roles.py",)
NEWEST = (f"{USERS}/test_newest_token.py",)
FIELDS = (f"{USERS}/test_fields.py",)
KEPT = (f"{USERS}/test_kept_claims.py",)
ADOPTING = (f"{USERS}/test_adopting.py",)

_RULES = "integrations/django/users/role_rules.py"
_ROLES = "integrations/django/users/roles.py"
_FIELDS = "integrations/django/users/fields.py"

MUTANTS = (
    Mutant("roles are never taken away", _ROLES,
           "if stored[column] is not value}", "if value and not stored[column]}", ROLES),
    Mutant("groups are never taken away", _ROLES,
           "if name in governed and name not in wanted.groups}", "if False}", ROLES),
    Mutant("roles take groups away that they do not give", _ROLES,
           "if name in governed and name not in wanted.groups}", "if name not in wanted.groups}", ROLES),
    Mutant("a role gives an operators' group of its name", _ROLES,
           "(wanted.mirrored & (rules.mirror_existing | ours.keys()))", "wanted.mirrored", ROLES),
    Mutant("a role gives a group that a rule means for another", _ROLES,
           "(wanted.mirrored & (rules.mirror_existing | ours.keys()))", "(wanted.mirrored & governed)", ROLES),
    Mutant("missing groups are always made", _ROLES, "if rules.makes_groups and (", "if (", ROLES),
    Mutant("any identity has roles", _ROLES,
           "if identity.tenant not in conf.tenant_aliases or identity.came_with:", "if identity.came_with:", ROLES),
    Mutant("roles of another issuer count", _ROLES, "    if identity.issuer != tenant.issuer:\n        return None\n", "", ROLES),
    Mutant("claims that the user came with before a link give roles", _ROLES,
           "if identity.tenant not in conf.tenant_aliases or identity.came_with:",
           "if identity.tenant not in conf.tenant_aliases:", (f"{USERS}/test_roles_after_links.py",)),
    Mutant("an older token decides, too", "storage/roles.py",
           "    known = rows.filter(Q(issued_at__lt=issued_at) | Q(issued_at=issued_at, asked_at__lte=asked_at))\n",
           "    known = rows\n", NEWEST),
    Mutant("tokens of one second are one", "storage/roles.py", ", asked_at__lte=asked_at))", "))", NEWEST),
    Mutant("flags are compared with what was read before", _ROLES,
           "        setattr(user, column, stored[column])\n", "        stored[column] = getattr(user, column)\n", NEWEST),
    Mutant("the log does not say what roles changed", "flows/login/effects.py",
           "context.transaction.code, user.note)", "context.transaction.code)", ROLES),
    Mutant("the admin's history does not say what roles changed", _ROLES,
           "        _tell_the_admin(user, changes)\n", "", ROLES),
    Mutant("a user whom the project excludes has roles", "integrations/django/backends.py",
           " and self.takes_roles(identity, user):", ":", ROLES),
    Mutant("a text counts as a list of roles", _RULES,
           "if not isinstance(found, list):", "if not isinstance(found, list | str):", ROLES),
    Mutant("an object counts as a list of roles", _RULES,
           "if not isinstance(found, list):", "if not isinstance(found, list | dict):", ROLES),
    Mutant("any number of roles counts", _RULES, "if len(found) > MOST_ROLES:", "if False:", ROLES),
    Mutant("entries of any type count", _RULES,
           "if not all(isinstance(role, str) and 0 < len(role) <= _LONGEST_ROLE for role in found):",
           "if not all(isinstance(role, str) for role in map(str, found)):", ROLES),
    Mutant("a role may hold control characters", _RULES,
           "if not all(role.isprintable() for role in found):", "if False:", ROLES),
    Mutant("a token without the claim keeps roles", _RULES,
           "return None if self.keeps_if_absent else frozenset()", "return None", ROLES),
    Mutant("any organization has the general rules", _RULES,
           "self.organizations.get(organization, Rule()) if organization else self.general",
           "self.organizations.get(organization, self.general)", ROLES),
    Mutant("another organization leaves what the last one gave", _RULES,
           "return (self.general, *self.organizations.values())", "return (self.general,)", ROLES),
    Mutant("a claim sets any column", _FIELDS,
           "    if name in NEVER_FROM_CLAIMS or getattr(field, \"primary_key\", False):",
           "    if getattr(field, \"primary_key\", False):", FIELDS),
    Mutant("an email that is not verified replaces another", _FIELDS,
           "        wanted.pop(email_field, None)\n", "        pass\n", FIELDS),
    Mutant("users are written though nothing changed", _FIELDS,
           " if getattr(user, name) != value}", "}", FIELDS),
    Mutant("a value that another user has ends the sign-in", _FIELDS,
           "        if not unique:\n            raise\n", "        raise\n", FIELDS),
    Mutant("signed_in is sent before the commit", "integrations/django/actions/callers.py",
           "    transaction.on_commit(send, using=router.db_for_write(type(user)), robust=True)\n", "    send()\n",
           (f"{USERS}/test_signal.py",)),
    Mutant("a settled row keeps claims in clear", "integrations/django/users/claims.py",
           "    return seal(Secret(json.dumps(kept)), context=_context(identity.issuer, identity.subject))\n",
           "    return json.dumps(kept)\n", KEPT),
    Mutant("claims of any size are kept", "integrations/django/users/claims.py",
           " or len(json.dumps(value)) > _LONGEST_VALUE:", ":", KEPT),
    Mutant("an unverified email adopts a user", "integrations/django/users/sources.py",
           "verified = [row for row in rows if row[\"email_verified\"].lower() in _TRUE]", "verified = rows", ADOPTING),
    Mutant("a sub that two users have goes to the first", "integrations/django/users/adopting.py",
           "        if len(several) > 1:\n", "        if False:\n", ADOPTING),
    Mutant("a dry run adopts", "integrations/django/users/adopting.py",
           "    if not dry_run and certain:", "    if certain:", ADOPTING),
)  # fmt: skip
