"""The tables. Only the modules of this folder write to them."""

from __future__ import annotations

import hashlib
from functools import reduce
from operator import or_
from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from stateful_oauth.flows.engine.transaction import LONGEST_DETAIL
from stateful_oauth.storage.role_models import RoleDecision, RoleGroup
from stateful_oauth.storage.session_models import BackchannelLogout, Session
from stateful_oauth.storage.states import STATES

__all__ = [
    "AccountLink",
    "BackchannelLogout",
    "ConnectedAccount",
    "FlowTransaction",
    "Grant",
    "Identity",
    "RoleDecision",
    "RoleGroup",
    "Session",
    "StateKinds",
    "StuckTransaction",
    "TenantDifference",
    "TransitionRecord",
    "identity_digest",
]

_DIGEST_BYTES: Final = 32  # SHA-256: of names that other people choose
_RANDOM_DIGEST_BYTES: Final = 16  # half of it: of random values

# Flows of a project's own have a dot in their kind; their states are the project's business.
_KNOWN_STATE: Final = reduce(
    or_,
    (
        Q(kind=flow, state_kind=kind, state__in=states)
        for flow, kinds in STATES.items()
        for kind, states in kinds.items()
    ),
    Q(kind__contains="."),
)


class StateKinds(models.TextChoices):
    """What a transaction is doing."""

    WAITING = "waiting", _("waiting for the browser")
    WORKING = "working", _("working")
    FINAL = "final", _("finished")


class FlowTransaction(models.Model):
    """One attempt to sign in, connect or link."""

    # Columns of fixed width come first: PostgreSQL pads between columns, and these rows are many.
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    deadline = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    # Recovery has used up its attempts, and leaves the row to an operator.
    stuck_since = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(
        help_text=_("Incremented by every change. Each writer checks it first.")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    definition_version = models.PositiveSmallIntegerField()
    attempts = models.PositiveSmallIntegerField(default=0)
    # UUIDv7: ordered by time, so age needs no index of its own. Made by the engine.
    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(_("flow"), max_length=64)
    tenant = models.CharField(_("tenant"), max_length=32)
    definition_structure = models.CharField(max_length=16)
    state = models.CharField(_("state"), max_length=48)
    state_kind = models.CharField(max_length=8, choices=StateKinds.choices)
    code = models.CharField(max_length=48, blank=True)
    browser = models.BinaryField(max_length=_RANDOM_DIGEST_BYTES, null=True)
    state_digest = models.BinaryField(max_length=_RANDOM_DIGEST_BYTES)
    inputs = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    secrets = models.TextField(null=True)  # noqa: DJ001 - NULL is "wiped", which a constraint can demand

    class Meta:
        verbose_name = _("transaction")
        verbose_name_plural = _("transactions")
        default_permissions = ("view",)
        # Partial, so that the sweeps and the cap per browser stay as fast as the few open rows allow.
        indexes: ClassVar = [
            models.Index(
                fields=["deadline"], condition=Q(state_kind="waiting"), name="stateful_oauth_waiting"
            ),
            models.Index(
                fields=["lease_until"], condition=Q(state_kind="working"), name="stateful_oauth_working"
            ),
            models.Index(
                fields=["browser", "kind"], condition=Q(state_kind="waiting"), name="stateful_oauth_browser"
            ),
            models.Index(fields=["user"], condition=Q(user__isnull=False), name="stateful_oauth_user"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=_KNOWN_STATE, name="stateful_oauth_known_state"),
            models.CheckConstraint(
                condition=Q(state_kind="waiting", deadline__isnull=False, lease_until__isnull=True)
                | Q(state_kind="working", deadline__isnull=True, lease_until__isnull=False)
                | Q(
                    state_kind="final", deadline__isnull=True, lease_until__isnull=True, secrets__isnull=True
                ),
                name="stateful_oauth_kind_of_state",
            ),
            models.CheckConstraint(
                condition=Q(stuck_since__isnull=True) | Q(state_kind="working"),
                name="stateful_oauth_stuck_works",
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="stateful_oauth_version"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class StuckTransaction(FlowTransaction):
    """What an operator should look at: an entry of its own in the admin, with permissions of its own."""

    class Meta:
        proxy = True
        verbose_name = _("stuck transaction")
        verbose_name_plural = _("stuck transactions")
        default_permissions = ("view",)
        permissions: ClassVar = [
            ("retry_flow", _("Can retry a transaction")),
            ("cancel_flow", _("Can cancel a transaction")),
            ("abandon_flow", _("Can abandon a transaction")),
        ]


class TransitionRecord(models.Model):
    """One line of a transaction's log. Append-only."""

    pk = models.CompositePrimaryKey("transaction_id", "sequence")
    at = models.DateTimeField()
    sequence = models.PositiveIntegerField()
    rejected = models.BooleanField(default=False)
    transaction = models.ForeignKey(
        FlowTransaction, models.CASCADE, related_name="log", db_index=False, db_constraint=True
    )
    event = models.CharField(max_length=48)
    source = models.CharField(max_length=48)
    target = models.CharField(max_length=48)
    actor = models.CharField(max_length=72)
    reason = models.TextField(blank=True)
    effect = models.CharField(max_length=48, blank=True)
    code = models.CharField(max_length=48, blank=True)
    # Text from outside: shown escaped, to operators. The default is the database's as well, because workers
    # of the release before this one go on inserting lines while a new one is rolled out.
    detail = models.CharField(max_length=LONGEST_DETAIL, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("transition")
        verbose_name_plural = _("transitions")
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(rejected=False) | Q(source=models.F("target")),
                name="stateful_oauth_rejected_moves_nothing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence}: {self.source} --{self.event}--> {self.target}"


class Identity(models.Model):
    """A `sub` at an issuer, and the Django user that it belongs to.

    The digest finds it, because databases disagree on when two texts are equal
    (docs/security-checklist.md L4). The email is for people to read; nothing is looked up by it.
    """

    digest = models.BinaryField(max_length=_DIGEST_BYTES, unique=True)
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="auth0_identities")
    email = models.CharField(max_length=320, blank=True)
    email_verified = models.BooleanField(default=False)
    # Whether accounts that it might be linked to were looked for; a sign-in looks once.
    link_checked = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    # When the claims were obtained that `email` and `email_verified` come from. Older claims change neither.
    contact_at = models.DateTimeField(null=True)
    # When a sign-in proved the email. Older claims that say otherwise do not sign the user in.
    proved_at = models.DateTimeField(null=True)
    # When the user's sessions were ended. Older claims do not sign the user in.
    sessions_ended_at = models.DateTimeField(null=True)
    # Raised by each of the two. Sign-ins that were kept or settled under another one are over.
    session_generation = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("identity")
        verbose_name_plural = _("users' identities")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(subject=""), name="stateful_oauth_subject_not_empty"),
        ]

    def __str__(self) -> str:
        return self.subject


class Grant(models.Model):
    """One refresh-token family: what the provider granted to one sign-in. Belongs to one sign-in."""

    id = models.UUIDField(primary_key=True, editable=False)
    identity = models.ForeignKey(Identity, models.CASCADE, related_name="grants")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="auth0_grants")
    tenant = models.CharField(max_length=32)
    scope = models.TextField(blank=True)
    audience = models.CharField(max_length=512, blank=True)
    refresh_token = models.TextField(null=True)  # noqa: DJ001 - NULL is "wiped", which a constraint can demand
    access_tokens = models.TextField(blank=True)  # sealed, by audience and scope; empty when there is none
    version = models.PositiveIntegerField(
        default=1, help_text=_("Incremented by every change. Each writer checks it first.")
    )
    claimed_until = models.DateTimeField(null=True)  # a worker may be using the refresh token
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=48, blank=True)  # why it ended
    successor = models.UUIDField(  # no foreign key: it must not go, or be changed, with the other
        null=True, editable=False, help_text=_("The grant that the session of this one has instead.")
    )

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("users' grants")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, refresh_token__isnull=False)
                | Q(ended_at__isnull=False, refresh_token__isnull=True, access_tokens=""),
                name="stateful_oauth_ended_grant_is_wiped",
            ),
        ]

    def __str__(self) -> str:
        return f"grant {self.id}"


class ConnectedAccount(models.Model):
    """An account at another provider that a user connected (Auth0: Connected Accounts for Token Vault).

    Keyed by owner, connection and the provider's own user id. Auth0's id is an attribute, because it is a new
    one whenever the account is connected again. An account whose owner could not be told at the provider has
    an empty provider user id, and is evidence of nothing.
    """

    owner = models.ForeignKey(Identity, models.CASCADE, related_name="connected_accounts")
    tenant = models.CharField(max_length=32)
    connection = models.CharField(max_length=128)
    provider_user_id = models.CharField(max_length=255, blank=True)
    email = models.CharField(max_length=320, blank=True)
    scopes = models.JSONField(default=list)
    access_type = models.CharField(max_length=32, blank=True)
    remote_id = models.CharField(max_length=128)
    # Whether the owner's own email was verified then, and is still the same. If not, the account is no
    # evidence for linking.
    owner_verified = models.BooleanField(default=False)
    connected_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("connected account")
        verbose_name_plural = _("users' connected accounts")
        default_permissions = ("view",)
        indexes: ClassVar = [
            # Finds the owners who connected the account of a sign-in.
            models.Index(
                fields=["connection", "provider_user_id"],
                condition=~Q(provider_user_id=""),
                name="stateful_oauth_provider_user",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "connection", "provider_user_id"],
                condition=~Q(provider_user_id=""),
                name="stateful_oauth_account",
            ),
            models.UniqueConstraint(fields=["owner", "remote_id"], name="stateful_oauth_remote_account"),
        ]

    def __str__(self) -> str:
        return f"{self.connection} {self.provider_user_id or self.remote_id}"


class AccountLink(models.Model):
    """Two Auth0 users that were made one, and why.

    The secondary's user does not exist at Auth0 any more while the link lasts. `evidence` holds what the
    decision stood on, without secrets: rule, connections, whether emails were verified.
    """

    # By digest, and not by row: a primary may never have signed in here.
    primary_digest = models.BinaryField(max_length=_DIGEST_BYTES)
    primary_subject = models.CharField(max_length=255)
    secondary_digest = models.BinaryField(max_length=_DIGEST_BYTES)
    secondary_subject = models.CharField(max_length=255)
    secondary_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    tenant = models.CharField(max_length=32)
    connection = models.CharField(max_length=128)
    provider = models.CharField(max_length=64)
    provider_user_id = models.CharField(max_length=255)
    email = models.CharField(max_length=320, blank=True)
    rule = models.CharField(max_length=32)
    evidence = models.JSONField(default=dict)
    transaction_id = models.UUIDField()
    linked_at = models.DateTimeField()
    unlinked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("account link")
        verbose_name_plural = _("users' account links")
        default_permissions = ("view",)
        indexes: ClassVar = [
            models.Index(fields=["primary_digest"], name="stateful_oauth_links"),
            models.Index(
                fields=["secondary_user"],
                condition=Q(secondary_user__isnull=False),
                name="stateful_oauth_linked_user",
            ),
        ]
        constraints: ClassVar = [
            # Of two who link one identity at once, one wins.
            models.UniqueConstraint(
                fields=["secondary_digest"],
                condition=Q(unlinked_at__isnull=True),
                name="stateful_oauth_one_link",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.secondary_subject} in {self.primary_subject}"


class TenantDifference(models.Model):
    """A row that differs from the provider, as the last comparison found it: left to an operator."""

    tenant = models.CharField(max_length=32)
    key = models.CharField(max_length=64)  # part and primary key, for example `users:7`
    what = models.CharField(max_length=32)
    subject = models.CharField(max_length=255)
    # Of a user that is gone: which user at the provider has its account by now. Empty where none was found.
    linked_to = models.CharField(max_length=255, blank=True, default="", db_default="")
    found_at = models.DateTimeField()

    class Meta:
        verbose_name = _("difference from Auth0")
        verbose_name_plural = _("users' differences from Auth0")
        default_permissions = ("view",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "key"], name="stateful_oauth_one_difference"),
        ]

    def __str__(self) -> str:
        return f"{self.what}: {self.key}"


class HourOfAttempts(models.Model):
    """What became of the attempts that started within one hour: numbers only, kept when attempts are purged.

    A cache: it is computed from the rows and their log, again and again until nothing can change any more.
    """

    hour = models.DateTimeField(primary_key=True)
    counted_at = models.DateTimeField()
    attempts = models.PositiveIntegerField()
    still_open = models.PositiveIntegerField()
    # All attempts have ended, or some were purged since: never counted again.
    is_final = models.BooleanField(default=False)
    figures = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("hour of attempts")
        verbose_name_plural = _("transactions in numbers")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:%M}"


def identity_digest(issuer: str, subject: str) -> bytes:
    """Return the key of an identity: SHA-256 over issuer and subject, byte-exact."""
    return hashlib.sha256(f"{issuer}\0{subject}".encode()).digest()
