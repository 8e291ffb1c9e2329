"""Linking and unlinking by the Management API, against the emulated tenant."""

import pytest

from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from tests.support.auth0_room import GOOGLE, Spoken, refused

USER = "/api/v2/users/{id}"
IDENTITIES, IDENTITY = f"{USER}/identities", f"{USER}/identities/{{provider}}/{{user_id}}"
LOST = (ProviderAnswerLost, "provider_answer_lost")
INVALID = (ProviderAnswerLost, "provider_answer_invalid")


@pytest.fixture
def api(room):
    return room.provider.management


class TestLink:
    def test_linking_two_users_shows_both_identities(self, room, api, bob):
        user_id, identity = bob
        spoken = Spoken(room)
        api.link(room.ada, **identity, time_limit=5)
        assert spoken.said[-1][2] == identity
        profile = api.user(room.ada, time_limit=5)
        assert [each.provider for each in profile.identities] == ["auth0", GOOGLE]
        assert api.user(user_id, time_limit=5) is None

    def test_a_second_link_costs_exactly_one_request(self, room, api, bob):
        """auth0-python repeats a 409 three times, with pauses, unless it is told not to."""
        api.link(room.ada, **bob[1], time_limit=5)
        room.requests.clear()
        refused(ServiceRefused, "link_exists", api.link, room.ada, **bob[1], time_limit=5)
        assert room.requests == {IDENTITIES: 1}

    def test_linking_a_user_with_itself_is_refused(self, room, api):
        own = {"provider": "auth0", "user_id": room.ada.removeprefix("auth0|")}
        refused(ServiceRefused, "link_refused", api.link, room.ada, **own, time_limit=5)

    @pytest.mark.parametrize(
        "identity", [{"provider": GOOGLE, "user_id": "0"}, {"provider": "nobody", "user_id": "0"}]
    )
    def test_linking_with_an_identity_that_does_not_exist_is_refused(self, room, api, bob, identity):
        refused(ServiceRefused, "link_refused", api.link, room.ada, **identity, time_limit=5)

    def test_a_primary_that_is_not_there(self, api, bob):
        refused(ServiceRefused, "user_unknown", api.link, "auth0|nobody", **bob[1], time_limit=5)

    @pytest.mark.parametrize(
        "body", [[], {}, None, [{"provider": GOOGLE}], [{"provider": GOOGLE, "user_id": "0"}], "a"]
    )
    def test_an_answer_that_does_not_have_the_identity(self, room, api, bob, body):
        room.fault("answer", IDENTITIES, status=201, json=body)
        refused(*INVALID, api.link, room.ada, **bob[1], time_limit=5)

    @pytest.mark.parametrize("kind", ["lost_answer", "slow", "truncated"])
    def test_an_answer_that_is_lost_after_the_fact(self, room, api, bob, kind):
        room.fault(kind, IDENTITIES)
        refused(*LOST, api.link, room.ada, **bob[1], time_limit=5)
        assert room.tenant.ledger.count("identity_linked") == 1
        assert room.requests[IDENTITIES] == 1


class TestUnlink:
    def test_unlinking_an_identity_twice_is_done_once(self, room, api, bob):
        api.link(room.ada, **bob[1], time_limit=5)
        for _ in range(2):  # what is not there counts as taken out
            api.unlink(room.ada, **bob[1], time_limit=5)
        assert api.user(bob[0], time_limit=5).user_metadata == {}
        assert len(api.user(room.ada, time_limit=5).identities) == 1

    def test_unlinking_the_main_identity_is_refused(self, room, api):
        own = {"provider": "auth0", "user_id": room.ada.removeprefix("auth0|")}
        refused(ServiceRefused, "unlink_refused", api.unlink, room.ada, **own, time_limit=5)

    def test_a_primary_that_is_not_there(self, api, bob):
        refused(ServiceRefused, "user_unknown", api.unlink, "auth0|nobody", **bob[1], time_limit=5)

    def test_an_identity_that_is_still_there(self, room, api, bob):
        room.fault("answer", IDENTITY, status=200, json=[bob[1]])
        refused(*INVALID, api.unlink, room.ada, **bob[1], time_limit=5)

    def test_404_of_somebody_else_is_no_answer(self, room, api, bob):
        room.fault("answer", IDENTITY, status=404, json={})
        refused(*INVALID, api.unlink, room.ada, **bob[1], time_limit=5)
