"""What makes each edge of a gift happen."""

from shop import vouchers

from stateful_oauth.testing import Walker


class GiftWalker(Walker):
    """Walks one path of a gift, in a browser that is signed in."""

    kind = "shop.gift"
    stimuli = {
        ("created", "start"): "give",
        ("awaiting_acceptance", "accept"): "accept",
        ("awaiting_acceptance", "cancel"): "cancel",
    }
    results = {
        ("issuing_voucher", "voucher_issued"): "",
        ("issuing_voucher", "fail"): "the_service_says_no",
    }

    def __init__(self, clock, browser):
        super().__init__(clock)
        self.browser = browser
        vouchers.reset()

    def give(self):
        self.browser.post("/gifts/", {"to": "bob@example.com"})

    def accept(self):
        self.browser.post(f"/gifts/{self.id}/accept/")

    def cancel(self):
        self.browser.post(f"/gifts/{self.id}/cancel/")

    def the_service_says_no(self):
        vouchers.answers.append("refused")

    def check(self, row):
        assert vouchers.issued.count(str(row.id)) == int(row.state == "given" or "abandon" in self.events)

    @property
    def events(self):
        return [edge.event for edge in self.path if edge.source == "issuing_voucher"]
