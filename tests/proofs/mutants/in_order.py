"""A plugin of pytest: the files run in the order in which they were asked for.

pytest-django puts all tests without a database behind all those with one, also across files: the file that is
likeliest to notice would not be the first.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    order = {path: number for number, path in enumerate(dict.fromkeys(item.path for item in items))}
    yield
    items.sort(key=lambda item: order[item.path])
