"""Who may retry, cancel and abandon, and by which way."""

from __future__ import annotations

import re

import pytest

from tests.support.on_call import ALL, REASON, STUCK, OnCall
from tests.support.rows import steps, the_row

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_each_operation_has_a_permission_of_its_own(staff, crashed):
    row = crashed()
    for name in ("retry", "cancel", "abandon"):
        allowed = staff("view_stucktransaction", f"{name}_flow", name=f"may-{name}")
        others = {"retry", "cancel", "abandon"} - {name}
        assert allowed.get(f"{STUCK}operate/{name}/", {"transaction": [str(row.pk)]}).status_code == 200
        for other in others:
            for method in (allowed.get, allowed.post):
                data = {"transaction": [str(row.pk)], "reason": REASON}
                assert method(f"{STUCK}operate/{other}/", data).status_code == 403
        page = allowed.page(STUCK)
        offered = set(re.findall(r'<option value="(\w+)_selected">', page))
        assert offered == {name}
    assert the_row(row.pk).state == "exchanging_code"


def test_an_operation_needs_the_permission_to_see_the_row_as_well(staff, crashed):
    row, blind = crashed(), staff("abandon_flow")
    data = {"transaction": [str(row.pk)], "reason": REASON}
    for at in (STUCK, ALL):
        assert blind.post(f"{at}operate/abandon/", data).status_code == 403
    viewer = staff("view_flowtransaction", "abandon_flow", name="vera")
    assert viewer.post(f"{STUCK}operate/abandon/", data).status_code == 403
    assert viewer.post(f"{ALL}operate/abandon/", data).status_code == 302


def test_a_forged_action_of_somebody_without_permission_does_nothing(staff, crashed):
    row, viewer = crashed(), staff("view_stucktransaction")
    data = {"action": "abandon_selected", "_selected_action": [str(row.pk)], "index": "0"}
    viewer.post(STUCK, data)
    assert steps(row.pk) == [s for s in steps(row.pk) if s[1] != "abandon"]


def test_strangers_and_users_who_are_not_staff_are_sent_to_sign_in(crashed, client, django_user_model):
    row = crashed()
    data = {"transaction": [str(row.pk)], "reason": REASON}
    plain = OnCall(django_user_model.objects.create_user("una"))
    for ask in (plain.post, lambda *args: client.post(*args, secure=True, HTTP_HOST="app.example")):
        response = ask(f"{STUCK}operate/abandon/", data)
        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/")
    assert the_row(row.pk).state == "exchanging_code"


def test_a_form_of_another_site_does_nothing(operator, crashed):
    row = crashed()
    strict = OnCall(operator.user, enforce_csrf_checks=True)
    data = {"transaction": [str(row.pk)], "reason": REASON}
    assert strict.post(f"{STUCK}operate/abandon/", data).status_code == 403
    assert the_row(row.pk).state == "exchanging_code"


def test_looking_does_nothing_and_other_methods_are_refused(operator, crashed):
    row = crashed()
    address = f"{STUCK}operate/abandon/"
    operator.page(address, {"transaction": [str(row.pk)], "reason": REASON, "post": "yes"})
    assert the_row(row.pk).state == "exchanging_code"
    for method in ("put", "delete", "patch"):
        assert (
            getattr(operator.client, method)(address, secure=True, HTTP_HOST="app.example").status_code == 405
        )
    assert operator.get(f"{STUCK}operate/start/").status_code == 404
