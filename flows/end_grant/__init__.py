"""Ending a grant: a refresh token that is not held any more is revoked at the provider."""

from typing import Final

from stateful_oauth.flows.engine.declaration import FlowDeclaration, Texts
from stateful_oauth.flows.engine.declaration import gettext_noop as _

DECLARATION: Final = FlowDeclaration(
    kind="end_grant",
    machine="stateful_oauth.flows.end_grant.machine:EndGrantFlow",
    texts=Texts(title=_("Revoking a refresh token"), progress=_("Revoking a refresh token…")),
)
