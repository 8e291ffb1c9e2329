"""Middleware that holds sessions to the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.deprecation import MiddlewareMixin

from stateful_oauth.django.sessions.registry import keep_registered

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class SignInSessionMiddleware(MiddlewareMixin):
    """Keep each session in step with its row. Put it after Django's `AuthenticationMiddleware`.

    Without it, a session that your project gives another key, as Django's password change does, cannot be
    ended from elsewhere any more. It asks the database for nothing while nothing has changed.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Tell the row of another key, before Django saves the session."""
        session = getattr(request, "session", None)
        if session is not None and session.accessed:
            keep_registered(request)
        return response
