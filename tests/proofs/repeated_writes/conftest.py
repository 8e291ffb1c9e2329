"""The fixtures of a site that connects and links accounts, and of a user who is signed in to it."""

from tests.support.accounts_fixtures import owner, rows_keep_their_promises, tenant

__all__ = ["owner", "rows_keep_their_promises", "tenant"]
