"""Fixtures: the site of `tests/flows/account_linking`, because only what was linked can be unlinked."""

from tests.flows.account_linking.conftest import tenant

__all__ = ["tenant"]
