"""Which connections a form may name: those of the application, and those that the settings allow."""

from __future__ import annotations

import pytest

from stateful_oauth.django.actions.starting import connect_inputs
from stateful_oauth.django.conf import conf
from stateful_oauth.storage.models import ConnectedAccount, FlowTransaction
from tests.support.accounts_site import FIRST, site
from tests.support.error_pages import shown

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    "name", ["", "x" * 129, "nobody-has-it", "Username-Password-Authentication", "a\0b", "\ud800"]
)
def test_a_connection_that_nobody_can_connect_has_its_page(tenant, owner, name):
    """The form is the visitor's to change."""
    data = {"connection": name} if name != "\ud800" else {"connection": "%ud800"}
    assert shown(owner, owner.post("/auth/connect/", data)) == ("connection_unknown", 400)


def test_a_form_without_a_connection(owner):
    assert shown(owner, owner.post("/auth/connect/")) == ("connection_unknown", 400)


def test_a_connection_that_is_not_enabled_for_the_application(tenant, owner):
    tenant.clients["web"].connections = ["Username-Password-Authentication", "google-oauth2"]
    response = owner.post("/auth/connect/", {"connection": "github"})
    assert shown(owner, response) == ("connection_unknown", 400)


@pytest.mark.parametrize("named", ["google-oauth2", "nobody-has-it", "*"])
def test_a_form_names_only_what_the_settings_allow(tenant, owner, named):
    """The form is the visitor's to change, and the application may have connections that are not for this."""
    requests = tenant.requests.copy()
    with site(CONNECTIONS={"github": {}}):
        assert shown(owner, owner.post("/auth/connect/", {"connection": named})) == (
            "connection_unknown",
            400,
        )
        assert owner.post("/auth/connect/", {"connection": "github"})["Location"].startswith(tenant.issuer)
    assert not FlowTransaction.objects.filter(inputs__connection=named).exists()
    assert (
        tenant.requests["/me/v1/connected-accounts/connect"]
        == requests["/me/v1/connected-accounts/connect"] + 1
    )


@pytest.mark.parametrize("connections", [{}, {"*": {}}, {"github": {}, "*": {}}])
def test_a_project_may_leave_it_to_the_form(tenant, owner, connections):
    with site(CONNECTIONS=connections):
        owner.connect("google-oauth2", FIRST)
    assert ConnectedAccount.objects.get().connection == "google-oauth2"


def test_a_view_of_the_project_may_name_any_connection(tenant, owner, rf):
    request = rf.post("/")
    request.session = owner.client.session
    with site(CONNECTIONS={"github": {}}):
        inputs = connect_inputs(request, conf.tenant("default"), "google-oauth2")
    assert inputs.connection == "google-oauth2"
