"""The toy flow as a project's own, for the setting FLOWS: one counter that all its transactions share."""

from __future__ import annotations

from tests.support.toy import Counter, make_toy

COUNTER = Counter()
Toy = make_toy(COUNTER, waits_for_rate_limit=True, must_complete=True)
