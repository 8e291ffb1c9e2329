"""`ROLES`: which privileges a role of the ID token gives. Pure: it reads no table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from stateful_oauth.django.users.claims import ABSENT, claim_at
from stateful_oauth.django.users.fields import is_claim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MIRROR: Final = "mirror"
MOST_ROLES: Final = 500
_LONGEST_ROLE: Final = 255  # characters
_LONGEST_GROUP: Final = 150  # characters; `Group.name`
_GIVEN: Final = ("staff", "superuser", "groups")
_KEYS: Final = frozenset(
    {*_GIVEN, "claim", "keep_if_absent", "mirror_existing", "missing_groups", "organizations"}
)


class RolesRejected(Exception):
    """The claim is not a list of roles: nothing changes."""


@dataclass(frozen=True, slots=True)
class Privileges:
    """What roles give.

    Attributes:
        staff: The user's `is_staff`, or None where roles do not decide it.
        superuser: The same for `is_superuser`.
        groups: Names of groups, as settings or roles name them.
        mirrored: Those of them that are named by a role alone.
    """

    staff: bool | None = None
    superuser: bool | None = None
    groups: frozenset[str] = frozenset()
    mirrored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """What roles give at one organization, or outside of all; None where the setting does not say."""

    staff: frozenset[str] | None = None
    superuser: frozenset[str] | None = None
    groups: Mapping[str, tuple[str, ...]] | Literal["mirror"] | None = None

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Rule:
        """Return what a setting says."""
        groups = written.get("groups")
        if isinstance(groups, Mapping):
            groups = {
                role: (names,) if isinstance(names, str) else (*names,) for role, names in groups.items()
            }
        return cls(
            staff=frozenset(written["staff"]) if "staff" in written else None,
            superuser=frozenset(written["superuser"]) if "superuser" in written else None,
            groups=groups,
        )

    @property
    def named_groups(self) -> frozenset[str]:
        """The groups that the setting names."""
        return (
            frozenset(name for names in self.groups.values() for name in names)
            if isinstance(self.groups, Mapping)
            else frozenset()
        )


@dataclass(frozen=True, slots=True)
class RoleRules:
    """The setting `ROLES` of one tenant.

    Attributes:
        claim: The claim of the ID token, by name or by path.
        general: What roles give to a user who signed in at no organization.
        organizations: What they give at an organization, by its id (`org_…`). At any other one they give
            nothing, because its own administrators may assign roles of any name.
        keeps_if_absent: Whether a token without the claim changes nothing; by default, it means no roles.
        makes_groups: Whether a group that is missing is made.
        mirror_existing: Groups that were not made for roles and that a role of the same name may give.
    """

    claim: str | Sequence[str]
    general: Rule
    organizations: Mapping[str, Rule] = field(default_factory=dict)
    keeps_if_absent: bool = False
    makes_groups: bool = False
    mirror_existing: frozenset[str] = frozenset()

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> RoleRules | None:
        """Return the rules of a setting, or None where it is empty."""
        if not written:
            return None
        return cls(
            claim=written["claim"],
            general=Rule.of(written),
            organizations={key: Rule.of(rule) for key, rule in written.get("organizations", {}).items()},
            keeps_if_absent=written.get("keep_if_absent") is True,
            makes_groups=written.get("missing_groups") == "make",
            mirror_existing=frozenset(written.get("mirror_existing", ())),
        )

    @property
    def mirrors(self) -> bool:
        """Whether a role may give the group of its own name."""
        return any(rule.groups == MIRROR for rule in self._rules)

    @property
    def gives_groups(self) -> bool:
        """Whether roles decide about groups at all."""
        return any(rule.groups is not None for rule in self._rules)

    @property
    def decides_staff(self) -> bool:
        """Whether roles decide about `is_staff` anywhere."""
        return any(rule.staff is not None for rule in self._rules)

    @property
    def decides_superuser(self) -> bool:
        """Whether roles decide about `is_superuser` anywhere."""
        return any(rule.superuser is not None for rule in self._rules)

    @property
    def named_groups(self) -> frozenset[str]:
        """The groups that the setting names anywhere: a sign-in that does not give them takes them away."""
        named = frozenset[str]().union(*(rule.named_groups for rule in self._rules))
        return named | self.mirror_existing if self.mirrors else named

    def roles_of(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        """Return the roles of a token; None where it has none and that changes nothing.

        Raises:
            RolesRejected: The claim is not a list of short texts.
        """
        found = claim_at(claims, self.claim)
        if found is ABSENT:
            return None if self.keeps_if_absent else frozenset()
        if not isinstance(found, list):
            raise RolesRejected("the claim is not a list")
        if len(found) > MOST_ROLES:
            raise RolesRejected(f"the claim has more than {MOST_ROLES} entries")
        if not all(isinstance(role, str) and 0 < len(role) <= _LONGEST_ROLE for role in found):
            raise RolesRejected("the claim has an entry that is not a short text")
        if not all(role.isprintable() for role in found):
            raise RolesRejected("the claim has an entry that cannot be printed")
        return frozenset(found)

    def privileges(self, roles: frozenset[str], organization: str) -> Privileges:
        """Return what roles give at an organization, or outside of all."""
        rule = self.organizations.get(organization, Rule()) if organization else self.general
        if isinstance(rule.groups, Mapping):
            groups = frozenset(name for role in roles for name in rule.groups.get(role, ()))
        else:
            groups = roles if rule.groups == MIRROR else frozenset()
        return Privileges(
            staff=_gives(rule.staff, roles) if self.decides_staff else None,
            superuser=_gives(rule.superuser, roles) if self.decides_superuser else None,
            groups=groups,
            mirrored=groups if rule.groups == MIRROR else frozenset(),
        )

    @property
    def _rules(self) -> tuple[Rule, ...]:
        return (self.general, *self.organizations.values())


def _gives(giving: frozenset[str] | None, roles: frozenset[str]) -> bool:
    return giving is not None and not giving.isdisjoint(roles)


def is_name_of_group(name: str) -> bool:
    """Whether a role can be the name of a group."""
    return len(name) <= _LONGEST_GROUP


def wrong_roles(written: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with `ROLES`, one sentence each."""
    if unknown := sorted(str(key) for key in written if key not in _KEYS):
        yield f"has unknown keys: {', '.join(unknown)}."
    if not is_claim(written.get("claim")):
        yield "has no claim: write its name, or a list of names on the way to it."
    if not isinstance(written.get("keep_if_absent", False), bool):
        yield "has a keep_if_absent that is not True or False."
    if written.get("missing_groups", "require") not in ("require", "make"):
        yield 'has a missing_groups that is not "require" or "make".'
    if not _is_texts(written.get("mirror_existing", ())):
        yield "has a mirror_existing that is not a list of names."
    yield from _wrong_rule(written)
    organizations = written.get("organizations", {})
    if not isinstance(organizations, Mapping):
        yield "has organizations that are not a dict."
        return
    for key, rule in organizations.items():
        if not isinstance(key, str) or not key or not isinstance(rule, Mapping):
            yield "has an organization that is not a dict under the organization's id."
            continue
        if unknown := sorted(str(each) for each in rule if each not in _GIVEN):
            yield f"has unknown keys at {key}: {', '.join(unknown)}."
        yield from (f"at {key} {flaw}" for flaw in _wrong_rule(rule))


def _wrong_rule(written: Mapping[str, Any]) -> Iterator[str]:
    for name in ("staff", "superuser"):
        if name in written and not _is_texts(written[name]):
            yield f"has a {name} that is not a list of roles."
    groups = written.get("groups")
    if groups is None or groups == MIRROR:
        return
    if not isinstance(groups, Mapping):
        yield 'has groups that are not a dict of group names by role, and not "mirror".'
        return
    for role, names in groups.items():
        each = [names] if isinstance(names, str) else names
        if not isinstance(role, str) or not _is_texts(each) or not all(map(is_name_of_group, each)):
            yield f"has groups of {role!r} that are not names of groups."


def _is_texts(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset) and all(
        isinstance(each, str) and each for each in value
    )
