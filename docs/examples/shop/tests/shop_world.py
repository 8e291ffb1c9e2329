"""The shop's World: everything that the package's World does, and gifts."""

import hypothesis.strategies as st
from django.urls import reverse
from hypothesis.stateful import invariant, precondition
from shop import vouchers
from shop.gifts import GiftFlow

from stateful_oauth.testing import Meanwhile, Violation, WorkerDies, World, faults, numbers, rule, step

_GIVE = (step("settle_in"), step("sign_in", browser=0, account=0), step("give", browser=0))
_ACCEPT = step("answer", gift=0, event="accept")


class ShopWorld(World):
    """With the settings of the shop, its customers, and its gifts."""

    corpus = {
        **World.corpus,
        "a gift is accepted": (*_GIVE, _ACCEPT),
        "a gift is refused": (*_GIVE, step("answer", gift=0, event="cancel")),
        "a gift is forgotten": (*_GIVE, step("wait", seconds=0), step("recover_one", row=0)),
        "an operator abandons a gift": (*_GIVE, step("operate", row=0, what="abandon")),
        "the voucher service says no": (*_GIVE, step("answer", gift=0, event="accept", answers="refused")),
        "an operator abandons a voucher": (
            *_GIVE,
            step(
                "answer",
                gift=0,
                event="accept",
                faults=(Meanwhile("effect.after", 0, "an operator abandons"),),
            ),
        ),
        "the worker dies after a voucher": (
            *_GIVE,
            step("answer", gift=0, event="accept", faults=(WorkerDies("effect.after"),)),
            step("wait", seconds=0),
            step("recover_one", row=0),
        ),
    }

    def seed_tenant(self):
        super().seed_tenant()
        vouchers.reset()

    @precondition(lambda self: self.users)
    @rule(browser=numbers(), faults=faults())
    def give(self, browser, faults=()):
        """Start a gift."""
        number = self.pick(browser, [*self.users])
        tab, opened = self.new_tab(number, "shop.gift"), self.browsers[number]
        self.trace.note(f"Browser {number + 1} gives something, in {tab}.")
        self.ask("give", tab, lambda: opened.post(reverse("give"), {"to": "bob@example.com"}), faults)

    @precondition(lambda self: self.gifts())
    @rule(
        gift=numbers(),
        event=st.sampled_from(("accept", "accept", "cancel")),
        answers=st.sampled_from(("", "", "lost", "refused")),
        faults=faults(),
    )
    def answer(self, gift, event, answers="", faults=()):
        """Accept or cancel a gift, in the browser that it was started in."""
        chosen = self.pick(gift, self.gifts())
        tab = self.memory.owners[chosen.id].tab
        self.trace.note(f"{tab} says {event} to {self.name_of(chosen.id)}.")
        vouchers.answers[:] = [answers] if answers else []
        self.memory.touch(chosen.id)
        address = reverse("answer_gift", args=[chosen.id, event])
        self.ask("answer", tab, lambda: self.browsers[tab.browser].post(address), faults)
        vouchers.answers.clear()

    def gifts(self):
        """Return the gifts that there are."""
        return [row for row in self.seen.rows.values() if row.kind == GiftFlow.kind]

    @invariant()
    def no_gift_has_two_vouchers(self):
        """The voucher service made one voucher for a gift, and none for a gift that was not accepted."""
        accepted = {str(row.id) for row in self.gifts() if any(line.event == "accept" for line in row.taken)}
        for key in vouchers.issued:
            if vouchers.issued.count(key) > 1 or (key not in accepted and key in map(str, self.seen.rows)):
                raise Violation("no gift has two vouchers", key)
