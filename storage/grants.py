"""Grants: the refresh tokens of sign-ins, and the access tokens that they bought."""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import router, transaction
from django.db.models import F, Q

from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.grants import AccessToken
from stateful_oauth.flows.oauth.grants import Grant as GrantValue
from stateful_oauth.storage import encryption
from stateful_oauth.storage.availability import database_answers
from stateful_oauth.storage.models import Grant, identity_digest
from stateful_oauth.storage.releases import Released, release, release_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet

    from stateful_oauth.storage.models import Identity

logger = logging.getLogger("stateful_oauth.grants")

# Sign-ins, one after another in one session, that a flow under way outlasts.
_MOST_SUCCESSIONS: Final = 10
_BATCH: Final = 500  # grants per statement


class DjangoGrantStore:
    """Implements `flows.engine.ports.GrantStore`.

    Each write is one conditional UPDATE, fenced by the version.
    """

    def load(self, grant_id: str) -> GrantValue | None:
        """Return a grant that has not ended, or None: also for a text that is no grant's id.

        For a grant that another one has replaced in its session, that one is returned. A flow that began
        before the user signed in once more goes on with it.

        A grant that no key of the ring opens counts as none, and is logged: put the key back.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        if not _is_id(grant_id):
            return None
        with database_answers():
            row = _live(grant_id).select_related("identity").first() or _present(grant_id)
        try:
            return None if row is None else _value(row)
        except encryption.UndecryptableError as error:
            logger.warning("grant %s cannot be used: %s", grant_id, error)
            return None

    def claim(self, grant: GrantValue, *, until: datetime) -> GrantValue | None:
        """Note that the refresh token is being used.

        The condition on the version is what makes one worker of several the only one to send it.
        """
        if not _change(grant, claimed_until=until):
            return None
        return _moved(grant, claimed_until=until)

    def settle(self, grant: GrantValue, *, refresh_token: Secret, tokens: Mapping[str, AccessToken]) -> bool:
        """Persist a refresh's tokens and release the claim, in one statement, before a token is used."""
        return _change(
            grant,
            claimed_until=None,
            refresh_token=seal_refresh_token(refresh_token, _owner_of(grant)),
            access_tokens=_seal_tokens(_owner_of(grant), tokens),
        )

    def release(self, grant: GrantValue) -> None:
        """Give a claim back: nothing was spent."""
        _change(grant, claimed_until=None)

    def end(self, grant: GrantValue, *, code: str, now: datetime) -> None:
        """Wipe a grant that is of no use any more, and have its refresh token revoked.

        Also a token that the provider has refused: it may refuse the user for a while, and honour it later. A
        spent one stands for its family.
        """
        changes = {"claimed_until": None, "refresh_token": None, "access_tokens": ""}
        with database_answers(), transaction.atomic(using=router.db_for_write(Grant)):
            if _change(grant, **changes, ended_at=now, code=code):
                self.drop(grant, grant.refresh_token, now=now)

    def drop(self, grant: GrantValue, refresh_token: Secret, *, now: datetime) -> None:
        """Have a refresh token revoked that came too late for its grant."""
        with database_answers(), transaction.atomic(using=router.db_for_write(Grant)):
            release(refresh_token, tenant=grant.tenant, subject=grant.subject, grant=grant.id, now=now)


def newest_grant(tenant: str) -> GrantValue | None:
    """Return the newest grant of a tenant that lasts, or None.

    Raises:
        UndecryptableError: No key of the ring opens it.
    """
    rows = Grant.objects.using(router.db_for_write(Grant)).filter(tenant=tenant, ended_at__isnull=True)
    row = rows.select_related("identity").order_by("-pk").first()
    return None if row is None else _value(row)


def newest_grant_of(user_id: Any, tenant: str) -> str | None:
    """Return the id of a user's newest grant of a tenant that lasts, or None."""
    rows = Grant.objects.using(router.db_for_write(Grant))
    with database_answers():
        found = rows.filter(user_id=user_id, tenant=tenant, ended_at__isnull=True).order_by("-pk")
        key = found.values_list("pk", flat=True).first()
    return None if key is None else str(key)


def end_grant(grant_id: str, *, now: datetime, successor: str = "") -> None:
    """Wipe a grant, if it has not ended, and have its refresh token revoked.

    Args:
        successor: The grant of the same account that its session has from now on, if it has one. It is noted
            for a grant that has ended earlier as well.
    """
    if not _is_id(grant_id):
        return
    if _is_id(successor) and successor != grant_id:
        rows = Grant.objects.using(router.db_for_write(Grant)).filter(pk=grant_id)
        rows.update(successor=successor)
    _end(_live(grant_id), code="", now=now)


def end_grants(grant_ids: Sequence[str], *, now: datetime) -> None:
    """Wipe grants, those that have not ended, and have their refresh tokens revoked."""
    rows = Grant.objects.using(router.db_for_write(Grant)).filter(ended_at__isnull=True)
    for start in range(0, len(grant_ids), _BATCH):
        _end(rows.filter(pk__in=grant_ids[start : start + _BATCH]), code="", now=now)


def end_grants_of(identity: Identity, *, code: str, now: datetime, using: str) -> None:
    """End every grant of an identity and of its user: an earlier sign-in may have been another person's.

    A project may give one user several identities, and the user's sessions end with all of them.
    """
    own = Q(identity=identity) | Q(user_id=identity.user_id)
    _end(Grant.objects.using(using).filter(own, ended_at__isnull=True), code=code, now=now)


def end_grants_of_user(user_id: Any, *, now: datetime) -> None:
    """End every grant of a user, also those that no session has any more."""
    rows = Grant.objects.using(router.db_for_write(Grant))
    _end(rows.filter(user_id=user_id, ended_at__isnull=True), code="", now=now)


def _end(grants: QuerySet[Grant], *, code: str, now: datetime) -> None:
    """Wipe grants and have their refresh tokens revoked, both in one database transaction."""
    with transaction.atomic(using=grants.db):
        # Writing comes first: it waits for a rotation under way, whose new token is then the one to end, and
        # keeps later ones out. SQLite refuses a transaction that reads first and is overtaken by a writer.
        if not grants.update(version=F("version") + 1):
            return
        rows = list(grants.select_related("identity").order_by("pk"))
        release_all([each for row in rows if (each := _released(row)) is not None], now=now)
        grants.filter(pk__in=[row.pk for row in rows]).update(
            refresh_token=None, access_tokens="", claimed_until=None, ended_at=now, code=code
        )


def release_grant(row: Grant, *, now: datetime) -> None:
    """Have the refresh token of a grant revoked that is about to be wiped or deleted.

    A token that no key of the ring opens cannot be revoked; that is logged.
    """
    released = _released(row)
    if released is not None:
        release_all([released], now=now)


def _released(row: Grant) -> Released | None:
    if row.refresh_token is None:
        return None
    owner = GrantOwner(row.pk, row.user_id, bytes(row.identity.digest))
    try:
        token = Secret(_unseal(row.refresh_token, owner).decode())
    except encryption.UndecryptableError as error:
        logger.warning("the refresh token of grant %s cannot be revoked: %s", row.pk, error)
        return None
    return Released(refresh_token=token, tenant=row.tenant, subject=row.identity.subject, grant=str(row.pk))


def present_grant(grant_id: str) -> str:
    """Return the id of a grant, or of the one that has replaced it; the same id where both have ended."""
    if not _is_id(grant_id) or _live(grant_id).exists():
        return grant_id
    row = _present(grant_id)
    return grant_id if row is None else str(row.pk)


def _present(grant_id: str) -> Grant | None:
    """Return the grant that has replaced one that has ended, and has not ended itself; None if there is none.

    Only one of the same user and the same account takes the place of another.
    """
    rows = Grant.objects.using(router.db_for_write(Grant))
    for _ in range(_MOST_SUCCESSIONS):
        ended = rows.filter(pk=grant_id, successor__isnull=False)
        found = ended.values_list("successor", "identity", "user").first()
        if found is None:
            return None
        grant_id, identity, user = str(found[0]), found[1], found[2]
        row = _live(grant_id).filter(identity=identity, user=user).select_related("identity").first()
        if row is not None:
            return row
    return None


def _live(grant_id: str) -> QuerySet[Grant]:
    return Grant.objects.using(router.db_for_write(Grant)).filter(pk=grant_id, ended_at__isnull=True)


def _is_id(grant_id: str) -> bool:
    try:
        uuid.UUID(grant_id)
    except ValueError:
        return False
    return True


def _change(grant: GrantValue, **changes: Any) -> bool:
    rows = Grant.objects.using(router.db_for_write(Grant)).filter(
        pk=grant.id, version=grant.version, ended_at__isnull=True
    )
    with database_answers(), transaction.atomic(using=rows.db):
        return bool(rows.update(version=grant.version + 1, **changes))


def _moved(grant: GrantValue, *, claimed_until: datetime) -> GrantValue:
    return replace(grant, version=grant.version + 1, claimed_until=claimed_until)


@dataclass(frozen=True, slots=True)
class GrantOwner:
    """What the tokens of a grant are sealed for: in another row, or for another user, they do not open.

    Attributes:
        grant_id: The grant's primary key.
        user_id: The Django user's primary key.
        identity: The digest of the identity that it was issued to.
    """

    grant_id: object
    user_id: object
    identity: bytes

    @property
    def _suffix(self) -> str:
        return f"{self.grant_id}:{self.user_id}:{self.identity.hex()}"

    @property
    def refresh_token_context(self) -> str:
        """The encryption context of the refresh token."""
        return f"grant:{self._suffix}"

    @property
    def access_tokens_context(self) -> str:
        """The encryption context of the access tokens."""
        return f"access-tokens:{self._suffix}"


def seal_refresh_token(token: Secret, owner: GrantOwner) -> str:
    """Encrypt a refresh token for its grant."""
    return encryption.seal(token, context=owner.refresh_token_context)


def _unseal(sealed: str, owner: GrantOwner) -> bytes:
    return encryption.unseal(sealed, context=owner.refresh_token_context)


def _owner_of(grant: GrantValue) -> GrantOwner:
    return GrantOwner(grant.id, grant.user_id, identity_digest(grant.issuer, grant.subject))


def _value(row: Grant) -> GrantValue:
    grant_id, owner = str(row.pk), GrantOwner(row.pk, row.user_id, bytes(row.identity.digest))
    return GrantValue(
        id=grant_id,
        tenant=row.tenant,
        issuer=row.identity.issuer,
        subject=row.identity.subject,
        user_id=str(row.user_id),
        scope=row.scope,
        audience=row.audience,
        refresh_token=Secret(_unseal(row.refresh_token or "", owner).decode()),
        access_tokens=_unseal_tokens(owner, row.access_tokens),
        version=row.version,
        claimed_until=row.claimed_until,
    )


def _seal_tokens(owner: GrantOwner, tokens: Mapping[str, AccessToken]) -> str:
    if not tokens:
        return ""
    # In one expression, as in `_unseal_tokens`: no variable holds a token in clear for an error report.
    return encryption.seal(
        Secret(
            json.dumps(
                {
                    key: [token.value.reveal(), token.scope, token.expires_at.isoformat()]
                    for key, token in tokens.items()
                }
            )
        ),
        context=owner.access_tokens_context,
    )


def _unseal_tokens(owner: GrantOwner, sealed: str) -> dict[str, AccessToken]:
    if not sealed:
        return {}
    return {
        key: AccessToken(value=Secret(row[0]), scope=row[1], expires_at=datetime.fromisoformat(row[2]))
        for key, row in json.loads(encryption.unseal(sealed, context=owner.access_tokens_context)).items()
    }
