"""UUIDv7 (RFC 9562 §5.7), `state`, PKCE."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth import pkce

NOW = datetime(2026, 1, 1, 12, 30, 15, 678_000, tzinfo=UTC)


def test_an_id_has_the_fields_of_a_uuidv7():
    made = identifiers.new_transaction_id(NOW)
    assert type(made) is uuid.UUID
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == int(NOW.timestamp() * 1000)


def test_the_example_of_the_rfc():
    """RFC 9562, appendix A.6: 0x017F22E279B0 is 2022-02-22 19:22:22 UTC."""
    moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    assert str(identifiers.new_transaction_id(moment)).startswith("017f22e2-79b0-7")


def test_ids_of_one_moment_differ_and_use_every_random_bit():
    ids = [identifiers.new_transaction_id(NOW).int for _ in range(400)]
    assert len(set(ids)) == len(ids)
    ones, zeros = 0, 0
    for value in ids:
        ones |= value
        zeros |= ~value
    varying = ones & zeros & (2**80 - 1)
    assert varying.bit_count() == 74, "74 bits are random, the rest is time, version and variant."


def test_ids_sort_by_time_as_values_as_text_and_as_bytes():
    moments = [NOW + timedelta(milliseconds=step) for step in (0, 1, 2, 1000, 86_400_000, 31_536_000_000)]
    ids = [identifiers.new_transaction_id(moment) for moment in moments]
    assert sorted(ids) == ids
    assert sorted(ids, key=str) == ids
    assert sorted(ids, key=lambda value: value.bytes) == ids


@pytest.mark.parametrize("microsecond", [0, 1, 999, 500_000, 999_999])
def test_the_lower_bound_lies_between_older_and_newer_ids(microsecond):
    moment = NOW.replace(microsecond=microsecond)
    bound = identifiers.earliest_id_at(moment)
    assert identifiers.new_transaction_id(moment - timedelta(milliseconds=1)) < bound
    assert bound < identifiers.new_transaction_id(moment)


@pytest.mark.security("B18")
def test_it_does_not_depend_on_what_the_python_has(monkeypatch):
    """The same code makes ids on every Python, also on those that have `uuid.uuid7`."""
    monkeypatch.setattr(uuid, "uuid7", lambda: pytest.fail("The standard library was asked."), raising=False)
    assert identifiers.new_transaction_id(NOW).version == 7


def test_a_state_names_its_row_and_keeps_a_secret_of_its_own():
    transaction_id = identifiers.new_transaction_id(NOW)
    one, other = identifiers.new_state(transaction_id), identifiers.new_state(transaction_id)
    assert len(one) == 54
    assert one != other
    assert identifiers.transaction_id_of(one) == transaction_id
    assert identifiers.matches(Secret(one), identifiers.digest(one))
    assert not identifiers.matches(Secret(other), identifiers.digest(one))


@pytest.mark.parametrize("state", ["", "x", "=", "a" * 53, "a" * 55, "ä" * 54, "a b" * 18, "\0" * 54])
def test_what_is_no_state_of_ours_names_no_row(state):
    assert identifiers.transaction_id_of(state) is None


def test_the_code_challenge_of_the_rfc():
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert pkce.code_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
