"""Every order of two tabs, a second delivery and a crash, for each flow: `make explore` prints how many."""

from __future__ import annotations

import pytest

from stateful_oauth.flows.connect_account.machine import ConnectAccountFlow
from stateful_oauth.testing.clock import ManualClock
from tests.support.explorer import Exploration, Explorer
from tests.support.scenes import SCENES, Connecting, Disconnecting, Linking, SigningIn, TwoTabs, Unlinking

pytestmark = pytest.mark.django_db(transaction=True)

DRAWN = 400


def explored(scene: type[TwoTabs], clock: ManualClock, **options: int) -> Exploration:
    return Explorer(scene.kind, scene.scenes(clock)).explore(**options)


def nothing_wrong(found: Exploration) -> None:
    worst = found.violations[:5]
    told = "\n\n".join(f"{each.what}\n{each.crash}\n{' → '.join(each.order)}" for each in worst)
    assert not worst, f"{len(found.violations)} orders end wrongly:\n{told}"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.kind)
def test_every_pair_in_every_order(scene, clock, record_property):
    """Two at once, and the third one after them."""
    found = explored(scene, clock, crashes=False, at_once=2)
    record_property("figures", "\n".join(f"no crash: {line}" for line in found.lines()))
    nothing_wrong(found)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.kind)
def test_every_pair_in_every_order_with_every_crash(scene, clock, record_property):
    """The same, with no crash and with each."""
    found = explored(scene, clock, at_once=2)
    record_property("figures", "\n".join(found.lines()))
    nothing_wrong(found)
    assert found.crashes > 0


@pytest.mark.parametrize("scene", [SigningIn], ids=lambda scene: scene.kind)
def test_all_three_in_every_order_with_every_crash(scene, clock, record_property):
    """Where there are few enough of them: not two at once and the third one after them, but all at once."""
    found = explored(scene, clock)
    record_property("figures", "\n".join(f"all three: {line}" for line in found.lines()))
    nothing_wrong(found)
    assert found.crashes > 0


@pytest.mark.parametrize("scene", [Disconnecting, Unlinking], ids=lambda scene: scene.kind)
def test_all_three_in_every_order(scene, clock, record_property):
    found = explored(scene, clock, crashes=False)
    record_property("figures", "\n".join(f"all three: {line}" for line in found.lines()))
    nothing_wrong(found)


@pytest.mark.parametrize(
    "scene", [Connecting, Linking, Disconnecting, Unlinking], ids=lambda scene: scene.kind
)
def test_all_three_in_orders_drawn_at_random(scene, clock, record_property):
    """Where there are too many to try each, with a crash of any of the three in every other one."""
    found = Explorer(scene.kind, scene.scenes(clock)).draw(DRAWN)
    record_property("figures", "\n".join(f"all three, drawn: {line}" for line in found.lines()))
    nothing_wrong(found)
    assert found.crashes == DRAWN // 2


def test_what_goes_wrong_in_one_order_is_found(clock, monkeypatch):
    """The explorer is worth something: what two tabs only do to each other now and then does not escape."""

    def keep_what_the_provider_forgot(self, payload):
        note(self, type(payload)(payload.user))

    note = ConnectAccountFlow.note_provider_user
    monkeypatch.setattr(ConnectAccountFlow, "note_provider_user", keep_what_the_provider_forgot)
    found = explored(Connecting, clock, crashes=False, at_once=2)
    assert 0 < len(found.violations) < found.orders
    drawn = Explorer(Connecting.kind, Connecting.scenes(clock)).draw(40, crashes=False)
    assert (drawn.orders, drawn.crashes) == (40, 0)
    assert drawn.violations
