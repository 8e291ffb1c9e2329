"""A payment at a bank, as a project writes it from docs/customising.md: a machine and its callback."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from stateful_oauth.flows import (
    Abandoned,
    Callback,
    Cancelled,
    Event,
    Expired,
    Failed,
    FinalState,
    FlowDeclaration,
    FlowMachine,
    LostAnswer,
    Outcome,
    RedirectTo,
    WaitingState,
    WorkingState,
    effect,
)

PAYMENT = FlowDeclaration(
    kind="tests.payment",
    machine="tests.support.own_payments:PaymentFlow",
    callback=Callback(path="payment/callback/", name="payment_callback", code_parameter="receipt"),
)
CONFIRMED: list[str] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid(Outcome):
    """The bank has the money."""


def confirm(context):
    """Tell the bank that the payment is complete."""
    CONFIRMED.append(context.transaction.secrets["receipt"].reveal())
    return Event("confirmed")


class PaymentFlow(FlowMachine):
    """It leaves the callback with an error to the package: there is no `route`."""

    declaration = PAYMENT
    version = 1
    browser_events = ("callback",)
    judged_events = ("cancel", "fail")

    created = WaitingState(initial=True)
    awaiting_callback = WaitingState(deadline=600)
    confirming = WorkingState()
    paid = FinalState(Paid)
    cancelled = FinalState(Cancelled)
    failed = FinalState(Failed)
    expired = FinalState(Expired)
    abandoned = FinalState(Abandoned)

    confirm = effect(confirm, produces=("confirmed", "fail"), time_limit=5, lost_answer=LostAnswer.REPEAT)

    start = created.to(awaiting_callback)
    callback = awaiting_callback.to(confirming, on=["keep_receipt", "confirm"])
    confirmed = confirming.to(paid)
    cancel = awaiting_callback.to(cancelled)
    fail = awaiting_callback.to(failed) | confirming.to(failed)
    expire = awaiting_callback.to(expired)
    retry = confirming.to(confirming, on="confirm")
    abandon = awaiting_callback.to(abandoned) | confirming.to(abandoned)

    def keep_receipt(self, payload):
        """Keep what the effect needs, encrypted until the flow ends."""
        self.transition.keep_secrets(receipt=payload.code)

    @classmethod
    def waiting_outcome(cls, context):
        """Send the browser to the bank."""
        query = urlencode({"state": context.transaction.secrets["state"].reveal()})
        return cls.describe(RedirectTo, context.transaction, url=f"https://bank.example/pay?{query}")


class PaymentThatJudgesNothing(PaymentFlow):
    """It names no event that an error may be."""

    declaration = FlowDeclaration(
        kind="tests.careless",
        machine="tests.support.own_payments:PaymentThatJudgesNothing",
        callback=Callback(path="careless/callback/", name="careless_callback", code_parameter="receipt"),
    )
    judged_events = ()
