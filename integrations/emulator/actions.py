"""Runs a tenant's Action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.emulator.action_api import ActionApi, ActionEvent

if TYPE_CHECKING:
    from stateful_oauth.emulator.action_api import Stage
    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.people import User
    from stateful_oauth.emulator.state import TenantState


class Actions:
    """Runs the tenant's Action, and remembers the claims that it set at the latest sign-in."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant
        self._set: dict[tuple[str, str], ActionApi] = {}

    def run(self, stage: Stage, user: User, client: Client) -> ActionApi:
        """Return what the Action did; claims of the sign-in last until the Action sets others."""
        api, key = ActionApi(), (user.user_id, client.client_id)
        before = self._set.get(key)
        if before is not None and stage != "login":
            api.id_token, api.access_token = dict(before.id_token), dict(before.access_token)
        action = self._tenant.action
        if action is not None:
            try:
                action(ActionEvent(stage, user, client), api)
            except Exception as error:  # noqa: BLE001 - whatever the tenant's code does wrong
                api.denial = str(error) or type(error).__name__
        if stage == "login":
            self._set[key] = api
        return api
