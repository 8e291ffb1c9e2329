"""A project's own flow that declares itself: it has a callback, texts, and a way to start again."""

from __future__ import annotations

from stateful_oauth.flows.engine.declaration import Callback, FlowDeclaration, Restart, Texts
from tests.support.toy import Counter, make_toy

TOY = FlowDeclaration(
    kind="tests.declared",
    machine="tests.support.toy_declared:DeclaredToy",
    needs_user=True,
    callback=Callback(path="toy/callback/", name="toy_callback", code_parameter="prize", waits_in="ready"),
    restart=Restart(url_name="connect", fields=("connection",), label="Play with %(connection)s again"),
    texts=Texts(
        title="A game",
        progress="Playing…",
        failure="The game is lost",
        failures={"transaction_expired": "The game is over"},
        messages={"transaction_expired": "You took too long to play."},
    ),
)
ANOTHER = FlowDeclaration(kind="tests.declared", machine="tests.support.toy_for_site:Toy")
NOT_A_FLOW = "a text"


class DeclaredToy(make_toy(Counter())):  # type: ignore[misc]  # a class that a function makes
    """The toy flow, with a declaration."""

    declaration = TOY
    kept_inputs = ("next", "connection")
