"""The index of ``GET /api/v2/users``, which lags (docs/auth0-contract.md §8.3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.user_documents import user_document

if TYPE_CHECKING:
    from stateful_oauth.emulator.clock import Clock
    from stateful_oauth.emulator.people import People
    from stateful_oauth.emulator.settings import Settings

    Version = tuple[float, dict[str, Any] | None]


class SearchIndex:
    """Every user's document with the time from which it holds; None once the user is gone."""

    def __init__(self, people: People, clock: Clock, settings: Settings) -> None:
        self._people, self._clock, self._settings = people, clock, settings
        self._versions: dict[str, list[Version]] = {}
        for user_id in people.users:
            self.note(user_id, settled=True)

    def note(self, user_id: str, *, settled: bool = False) -> None:
        """Note that a user changed now; ``settled``: long ago, so that it is found at once."""
        user = self._people.users.get(user_id)
        at = -math.inf if settled else self._clock.now()
        version = (at, None if user is None else user_document(user))
        if settled:
            self._versions[user_id] = [version]
        else:
            versions = self._versions.setdefault(user_id, [])
            self._forget_old(versions)
            if versions and versions[-1][0] == at:
                versions.pop()
            versions.append(version)

    def _forget_old(self, versions: list[Version]) -> None:
        """Drop what no search can find any more."""
        horizon = self._clock.now() - self._settings.search_lag
        newest = max((at for at, version in enumerate(versions) if version[0] <= horizon), default=0)
        if newest:
            versions[: newest + 1] = [(-math.inf, versions[newest][1])]

    def found(self) -> list[dict[str, Any]]:
        """Return what the index knows by now."""
        self._catch_up()
        horizon = self._clock.now() - self._settings.search_lag
        known: list[dict[str, Any]] = []
        for versions in self._versions.values():
            for at, document in reversed(versions):
                if at <= horizon:
                    if document is not None:
                        known.append(document)
                    break
        return known

    def _catch_up(self) -> None:
        """Note what tests changed by hand."""
        users = self._people.users
        for user_id, versions in list(self._versions.items()):
            if user_id not in users and versions[-1][1] is not None:
                self.note(user_id)
        for user_id, user in users.items():
            versions = self._versions.get(user_id, [])
            if not versions or versions[-1][1] != user_document(user):
                self.note(user_id)
