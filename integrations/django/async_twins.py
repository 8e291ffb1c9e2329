"""Twins of functions for async views."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def async_twin(function: Callable[Arguments, Result]) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Return a function for async views that does the same.

    It runs in the thread to which the request's database connection belongs, as Django's own twins do.
    """
    in_its_thread = sync_to_async(function)

    @wraps(function)
    async def twin(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await in_its_thread(*args, **kwargs)

    twin.__name__ = f"a{function.__name__}"
    twin.__qualname__ = twin.__name__
    twin.__doc__ = f"Do the same as `{function.__name__}`, for async views."
    return twin
