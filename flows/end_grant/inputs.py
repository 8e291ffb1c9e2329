"""What ending a grant is started with. The refresh token itself is a secret of the row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.engine.inputs import FlowInputs

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.context import FlowContext


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EndGrantInputs(FlowInputs):
    """The inputs of `end_grant`.

    Attributes:
        subject: The `sub` that the token was issued to, or an empty string where no ID token said so.
        grant: The grant that has ended, or an empty string for a token that never became one.
        transaction: The transaction that let the token go, or an empty string.
    """

    subject: str = ""
    grant: str = ""
    transaction: str = ""

    def checked(self, context: FlowContext[object]) -> NoReturn:
        """Refuse a start: only what lets a refresh token go creates such a row, together with the token.

        Raises:
            InvalidInput: `input_invalid`, always.
        """
        del context
        raise InvalidInput("input_invalid", "A grant ends by itself: sign the user out, for example.")
