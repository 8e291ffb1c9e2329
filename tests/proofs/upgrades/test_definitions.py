"""A machine that changes says how rows of before go on: by its version, and an upcast."""

from __future__ import annotations

from typing import Any

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.effects import LostAnswer
from tests.support.released import CORPUS, Snapshot, fold, problems, read, read_lock
from tests.support.toy import KIND, Counter, make_toy


def names() -> set[str]:
    return {path.name for path in CORPUS.glob("*.json")}


def test_no_machine_has_changed_without_saying_how_its_rows_go_on():
    found = problems(read_lock(), wiring.flows(), names())
    assert not found, "\n\n".join(["", *found])


def test_every_file_of_the_corpus_is_of_a_definition_that_is_locked():
    lock = read_lock()
    locked = {f"{kind}-v{version}.json" for kind, versions in lock.items() for version in versions}
    assert names() == locked


# A test of that test.

FILES = {f"{KIND}-v1.json", f"{KIND}-v2.json"}


def toy(**options: Any) -> FlowDefinition:
    return FlowDefinition(make_toy(Counter(), **options))


BEFORE = toy()
LOCKED = {KIND: {"1": BEFORE.structure}}


def test_what_did_not_change_is_in_order():
    assert problems(LOCKED, [toy()], FILES) == []


@pytest.mark.parametrize(
    "change", [{"without": ["abandon"]}, {"lost_answer": LostAnswer.FAIL}], ids=["an edge", "an effect"]
)
def test_a_change_without_a_new_version_is_explained(change):
    (found,) = problems(LOCKED, [toy(**change)], FILES)
    assert f"version 1 is locked as {BEFORE.structure}" in found
    assert "set `version = 2` in Toy" in found
    assert "add to `upcasts` {1: function}" in found
    assert "make upgrades" in found


def test_a_new_version_without_an_upcast_is_explained():
    changed = toy(without=["abandon"], version=2)
    locked = {KIND: {"1": BEFORE.structure, "2": changed.structure}}
    (found,) = problems(locked, [changed], FILES)
    assert "version 1 cannot reach version 2: add to `upcasts` of Toy" in found


def test_a_new_version_that_is_not_locked_is_explained():
    changed = toy(without=["abandon"], version=2, upcasts={1: lambda row: row})
    (found,) = problems(LOCKED, [changed], FILES)
    assert "version 2 is new: run `make upgrades`" in found


def test_a_new_version_with_an_upcast_is_in_order():
    changed = toy(without=["abandon"], version=2, upcasts={1: lambda row: row})
    assert problems({KIND: {"1": BEFORE.structure, "2": changed.structure}}, [changed], FILES) == []


def test_a_version_that_goes_back_is_explained():
    (found,) = problems({KIND: {"1": BEFORE.structure, "2": "of a release"}}, [toy()], FILES)
    assert "versions only rise" in found


def test_a_flow_that_is_gone_is_explained():
    (found,) = problems(LOCKED, [], FILES)
    assert "There is no flow 'tests.toy' any more" in found


def test_a_definition_without_rows_is_explained():
    (found,) = problems(LOCKED, [toy()], {f"{KIND}-v2.json"})
    assert "the corpus has no tests.toy-v1.json" in found


@pytest.mark.parametrize("broken", ["a line is missing", "an edge that is not there", "another end"])
def test_a_log_that_does_not_fold_is_noticed(broken):
    flow = wiring.flows()["login"]
    sound = max(read(CORPUS / "login-v1.json"), key=lambda each: len(each.log))
    fold(sound, flow)
    log = list(sound.log)
    row = sound.row
    match broken:
        case "a line is missing":
            del log[1]
        case "an edge that is not there":
            from dataclasses import replace

            log[-1] = replace(log[-1], event="fly")
        case "another end":
            row = row.evolve(state="awaiting_callback")
    with pytest.raises(AssertionError, match=sound.name):
        fold(Snapshot(sound.name, row.evolve(definition=flow.definition), tuple(log)), flow)
