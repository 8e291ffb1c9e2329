"""THREAT_MODEL.md: each promise names rules of the checklist, attackers of the page, and real error codes."""

from __future__ import annotations

import re

import pytest

from stateful_oauth.flows.error_codes import ERROR_CODES
from tests.support.checkout import ROOT

PAGE = (ROOT / "THREAT_MODEL.md").read_text(encoding="utf-8")
CHECKLIST = (ROOT / "docs/security-checklist.md").read_text(encoding="utf-8")
RULES = set(re.findall(r"^\| \[([STLB]\d+)\]\(#", CHECKLIST, re.MULTILINE))
ATTACKERS = set(re.findall(r"^\| (A\d+) \|", PAGE, re.MULTILINE))
PROMISES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## What is promised")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| ") and not line.startswith(("| Promise", "| ---"))
]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[0][:60])
def test_each_promise_names_known_attackers_codes_and_rules(promise):
    _, attackers, shown, rules = promise
    assert set(attackers.split(", ")) <= ATTACKERS
    codes = set(re.findall(r"`([a-z_]+)`", shown))
    assert codes <= ERROR_CODES.keys(), f"{codes - ERROR_CODES.keys()} are no error codes."
    assert set(rules.split(", ")) <= RULES


def test_every_attacker_is_answered_by_a_promise():
    answered = {each for promise in PROMISES for each in promise[1].split(", ")}
    assert answered == ATTACKERS


def test_every_rule_about_protocol_tokens_and_identities_has_a_promise():
    named = {each for promise in PROMISES for each in promise[3].split(", ")}
    left = {each for each in RULES if not each.startswith("B")} - named
    assert not left, f"Say in THREAT_MODEL.md what {sorted(left)} promise, and against which attacker."
