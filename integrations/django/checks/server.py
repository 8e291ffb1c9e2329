"""System check of how long a request may wait, against what is known of the server's timeout."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's own name

from stateful_oauth.django.conf import conf
from stateful_oauth.django.documentation import documentation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.apps import AppConfig

_GUNICORN: Final = re.compile(r"(?:^|\s)(?:--timeout[= ]|-t ?)(\d+)")  # where it is in the environment


@register(Tags.security, deploy=True)
def check_server_timeout(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Check that the server does not end requests that wait for the provider.

    Returns:
        `stateful_oauth.W032` if `ANSWER_WITHIN` is 0, or not shorter than the timeout in `GUNICORN_CMD_ARGS`.
    """
    within, found = conf.answer_within, _GUNICORN.search(os.environ.get("GUNICORN_CMD_ARGS", ""))
    timeout = int(found[1]) if found else 0  # 0 is gunicorn's own word for none
    if not isinstance(within, (int, float)) or (within and not (timeout and timeout <= within)):
        return []
    said = "ANSWER_WITHIN is 0" if not within else f"gunicorn ends requests after {timeout} s"
    return [
        Warning(
            f"{said}, and a request may wait for the provider for longer than the server allows.",
            hint="Let ANSWER_WITHIN be a few seconds, well below the timeout. "
            f"See {documentation('slow-provider')}.",
            id="stateful_oauth.W032",
        )
    ]
