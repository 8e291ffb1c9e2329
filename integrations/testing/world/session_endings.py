"""Rules of what ends sessions from elsewhere: logout tokens of the provider, and signing out everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import hypothesis.strategies as st
from django.contrib.auth import get_user_model
from django.urls import reverse

from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.sessions.endings import sign_out_everywhere
from stateful_oauth.emulator.sign_in import end_session
from stateful_oauth.storage.models import Session
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.world.base_state_machine import BaseStateMachine, not_twice, precondition, rule
from stateful_oauth.testing.world.configuration import Configuration
from stateful_oauth.testing.world.strategies import numbers
from stateful_oauth.testing.world.trace import Step, step

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORM: Final = "application/x-www-form-urlencoded"


class SessionEndings(BaseStateMachine):
    """Rules of the back channel, and of operators who sign users out."""

    @precondition(lambda self: not_twice(self) and self.site.tenant.browsers.sessions)
    @rule(session=numbers(), with_subject=st.booleans(), twice=st.booleans())
    def send_logout_token(self, session: int, with_subject: bool, twice: bool = False) -> None:
        """End a session at the provider, which sends a logout token to the site."""
        tenant = self.site.tenant
        chosen = self.pick(session, [*tenant.browsers.sessions.values()])
        self.trace.note(f"The provider ends a session of {chosen.user_id}, and sends a logout token.")
        rows = Session.objects.filter(sid=chosen.sid, grant_id__isnull=False)
        grants = {str(grant) for grant in rows.values_list("grant_id", flat=True)}
        end_session(tenant, chosen, "session-revoked")
        changes: dict[str, Any] = {} if with_subject else {"sub": None}
        client_id = conf.tenant(self.alias).client_id
        token = tenant.logout_token(client_id, chosen.user_id, chosen.sid, **changes)
        for _ in range(1 + twice):
            if self._deliver(token) == 200:
                self.memory.logged_out.add(chosen.sid)
                self.memory.ended_grants |= grants
        self.memory.touched = None

    def _deliver(self, token: str) -> int:
        arguments = [] if self.alias == DEFAULT_TENANT else [self.alias]
        url = reverse("stateful_oauth:backchannel_logout", args=arguments)
        client = Browser(self.site.tenant).client
        host = conf.base_url.partition("://")[2]
        response = client.post(
            url,
            urlencode({"logout_token": token}),
            content_type=_FORM,
            secure=conf.cookie_secure,
            headers={"host": host},
        )
        return int(response.status_code)

    @precondition(lambda self: not_twice(self) and self.tabs)
    @rule(user=numbers())
    def sign_user_out_everywhere(self, user: int) -> None:
        """Sign a user out of every browser, as an operator does at the admin."""
        model: Any = get_user_model()
        users = list(model._base_manager.order_by("pk"))  # noqa: SLF001 - public in Django
        if not users:
            return
        chosen = self.pick(user, users)
        self.trace.note(f"At the site, an operator signs user {chosen.pk} out everywhere.")
        rows = Session.objects.filter(user=chosen)
        ended = {str(key) for key in rows.values_list("pk", flat=True)}
        grants = rows.filter(grant_id__isnull=False).values_list("grant_id", flat=True)
        self.memory.ended_grants |= {str(grant) for grant in grants}
        sign_out_everywhere(chosen)
        self.memory.ended_rows |= ended
        self.memory.ended[chosen.pk] = self.site.clock.timestamp()
        self.memory.touched = None


_OFFLINE: Final = step(
    "settle_in",
    configuration=Configuration(
        linking="off",
        trusted=(),
        par=False,
        rotation=False,
        scope="openid profile email offline_access",
        tries=3,
    ),
)
_SIGN_IN: Final = step("sign_in", browser=0, account=0, faults=())
_TOKEN: Final = step("send_logout_token", session=0, with_subject=True, twice=False)

CORPUS: Final[Mapping[str, tuple[Step, ...]]] = {
    "a logout token ends a session": (_OFFLINE, _SIGN_IN, _TOKEN),
    "a logout token comes before the callback": (
        _OFFLINE,
        step("start_sign_in", browser=0, faults=()),
        step("authorize", tab=0, account=0, browser=None),
        _TOKEN,
        step("open_callback", tab=0, change="", browser=None, faults=()),
    ),
    "a user is signed out everywhere": (_OFFLINE, _SIGN_IN, step("sign_user_out_everywhere", user=0)),
}
