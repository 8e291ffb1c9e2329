"""Snippets of the documentation, loaded as the modules that a reader makes of them."""

from __future__ import annotations

import re
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

from tests.support.checkout import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable


def loader(page: str) -> Callable[[str], ModuleType]:
    """Return a function that loads the snippet of a page (its path in the checkout) that has a word."""
    return partial(loaded, page)


def loaded(page: str, word: str) -> ModuleType:
    """Return a module with the code of the only `python` snippet of the page that has this word."""
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    (source,) = (each for each in snippets if word in each)
    module = ModuleType("snippet")
    exec(compile(source, page, "exec"), vars(module))
    return module
