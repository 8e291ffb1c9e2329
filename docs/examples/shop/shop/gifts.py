"""A flow of the shop's own: a gift waits until it is accepted, then its voucher is issued."""

from dataclasses import dataclass
from typing import Any

from shop import vouchers
from stateful_oauth.flows import (
    Abandoned,
    Cancelled,
    EffectContext,
    Event,
    Expired,
    Failed,
    FinalState,
    FlowContext,
    FlowInputs,
    FlowMachine,
    InvalidInput,
    LostAnswer,
    Outcome,
    Transaction,
    WaitingState,
    WorkingState,
    effect,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftWaits(Outcome):
    """The gift can be accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftGiven(Outcome):
    """The voucher is there."""

    voucher: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GiftInputs(FlowInputs):
    """What a gift is started with.

    Attributes:
        to: Who gets it.
    """

    to: str = ""

    def checked(self, context: FlowContext) -> "GiftInputs":
        """Refuse a gift without a recipient."""
        if not self.to:
            raise InvalidInput("input_invalid", "Say who gets the gift.")
        return self


def issue_voucher(context: EffectContext) -> Event:
    """Ask the voucher service for a voucher; the transaction's id is the key of the request."""
    return Event("voucher_issued", vouchers.issue(str(context.transaction.id)))


class GiftFlow(FlowMachine):
    """One gift."""

    kind = "shop.gift"
    version = 1
    inputs = GiftInputs
    needs_user = True
    browser_events = ("accept", "cancel")

    created = WaitingState(initial=True)
    awaiting_acceptance = WaitingState(deadline=3600)
    issuing_voucher = WorkingState()
    given = FinalState(GiftGiven)

    cancelled = FinalState(Cancelled)
    failed = FinalState(Failed)
    expired = FinalState(Expired)
    abandoned = FinalState(Abandoned)

    issue_voucher = effect(
        issue_voucher,
        produces=("voucher_issued", "fail"),
        time_limit=5,
        lost_answer=LostAnswer.REPEAT,  # the service knows the key, and gives the same voucher
    )

    start = created.to(awaiting_acceptance)
    accept = awaiting_acceptance.to(issuing_voucher, on="issue_voucher")
    voucher_issued = issuing_voucher.to(given, on="keep_voucher")
    cancel = awaiting_acceptance.to(cancelled)
    fail = issuing_voucher.to(failed)
    expire = awaiting_acceptance.to(expired)
    retry = issuing_voucher.to(issuing_voucher, on="issue_voucher")
    abandon = awaiting_acceptance.to(abandoned) | issuing_voucher.to(abandoned)

    def keep_voucher(self, payload: str) -> None:
        """Keep what came of it."""
        self.transition.keep_result(voucher=payload)

    @classmethod
    def waiting_outcome(cls, context: FlowContext) -> Outcome:
        """Say that it waits."""
        return cls.describe(GiftWaits, context.transaction)

    @classmethod
    def describe(cls, outcome: type[Outcome], transaction: Transaction, **fields: Any) -> Outcome:
        """Add the voucher."""
        if outcome is GiftGiven:
            fields["voucher"] = transaction.result.get("voucher", "")
        return super().describe(outcome, transaction, **fields)
