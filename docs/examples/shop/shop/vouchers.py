"""The voucher service that the shop calls: here as far as tests need it, with a memory of what it did."""

from stateful_oauth.flows import AnswerLost, ServiceRefused

issued: list[str] = []  # the key of each request that made a voucher
answers: list[str] = []  # what happens to the next requests: "lost", "refused"; nothing when empty


def issue(key: str) -> str:
    """Issue a voucher. The same key again gives the same voucher: the service promises that."""
    answer = answers.pop(0) if answers else ""
    if answer == "refused":
        raise ServiceRefused("request_rejected", "The voucher service says no.")
    if key not in issued:
        issued.append(key)
    if answer == "lost":
        raise AnswerLost
    return f"voucher-{issued.index(key) + 1}"


def reset() -> None:
    """Forget everything."""
    issued.clear()
    answers.clear()
