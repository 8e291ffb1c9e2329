"""Every path of the login machine, driven through the real engine, store and tenant."""

from __future__ import annotations

import pytest
import rows
from login_paths import LoginPath, known
from paths import every_path, readable

from stateful_oauth.integrations.django import wiring

pytestmark = pytest.mark.database

LOGIN = wiring.flows()["login"]
PATHS = list(every_path(LOGIN))


def test_no_edge_of_the_machine_is_left_out():
    """The log of each path is compared with the path, so an edge that is on one of them was really taken."""
    travelled = {edge for path in PATHS for edge in path}
    never = [
        f"{edge.source} --{edge.event}--> {edge.target}" for edge in LOGIN.edges if edge not in travelled
    ]
    assert not never, f"No path takes {never}: they cannot be reached, or lead nowhere."
    unknown = [edge for edge in LOGIN.edges if not known(edge)]
    assert not unknown, f"tests/support/login_paths.py does not know how to make these happen: {unknown}"


def test_every_final_state_is_the_end_of_a_path():
    ends = {path[-1].target for path in PATHS}
    assert ends == {state for state, kind in LOGIN.state_kinds.items() if kind == "final"}


@pytest.mark.parametrize("path", PATHS, ids=readable)
def test_path(path, tenant, clock, browser):
    LoginPath(tenant, clock, browser).walk(path)

    row = rows.the_row()
    expected = [(edge.source, edge.event, edge.target) for edge in path]
    assert rows.steps() == expected, f"Another path was taken:\n{rows.show(row.pk)}"
    rows.check_rows()
    assert row.state == path[-1].target
    assert (row.secrets, row.deadline, row.lease_until) == (None, None, None)
    assert (row.code == "") == (row.state == "signed_in"), f"{row.state} with the code {row.code!r}"
    assert (browser.user_id is not None) == (row.state == "signed_in"), (
        "Signed in and signed_in are not the same."
    )
    exchanged = any(edge.event == "callback" for edge in path)
    assert tenant.requests["/oauth/token"] == int(exchanged)
    assert tenant.ledger.count("code_exchanged") == int(exchanged)
