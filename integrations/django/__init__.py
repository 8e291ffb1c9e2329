"""What a Django site imports: everything for its own views, its backend and its receivers.

    from stateful_oauth.django import callback_view, complete, flow_view, start_login

Every name is loaded when it is first used (PEP 562): settings, models and `apps.py` can import this package.
The modules below it are internal: they may move in any release. A function that does input or output has a
twin for async views, whose name begins with `a`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.lazy_names import lazy_names

if TYPE_CHECKING:
    from stateful_oauth.auth0.access_token import VerifiedAccessToken
    from stateful_oauth.django.actions.callbacks import callback_view
    from stateful_oauth.django.actions.completing import acomplete, asend_event, complete, send_event
    from stateful_oauth.django.actions.guards import organization_required, recent_sign_in
    from stateful_oauth.django.actions.signing_out import asign_out, sign_out
    from stateful_oauth.django.actions.starting import (
        astart_connect,
        astart_disconnect,
        astart_flow,
        astart_login,
        astart_unlink,
        start_connect,
        start_disconnect,
        start_flow,
        start_login,
        start_unlink,
    )
    from stateful_oauth.django.actions.stepping_up import astart_step_up, start_step_up
    from stateful_oauth.django.actions.tokens import (
        aaccess_token,
        aavailable_connections,
        access_token,
        aprovider_token,
        arefresh_connected_accounts,
        available_connections,
        provider_token,
        refresh_connected_accounts,
    )
    from stateful_oauth.django.api.bearer import bearer_required
    from stateful_oauth.django.api.management import auser_profile, management_api, user_profile
    from stateful_oauth.django.api.rest_framework import Auth0Bearer
    from stateful_oauth.django.api.verifying import averify_access_token, verify_access_token
    from stateful_oauth.django.backends import Auth0Backend
    from stateful_oauth.django.doctor import areadiness, readiness
    from stateful_oauth.django.pages.flow_pages import FlowResponse, InsideTransaction, flow_view
    from stateful_oauth.django.pages.permissions import permission_denied_view
    from stateful_oauth.django.sessions.accounts import (
        aconnected_accounts,
        alinked_accounts,
        connected_accounts,
        linked_accounts,
    )
    from stateful_oauth.django.sessions.current import CurrentSignIn, acurrent_sign_in, current_sign_in
    from stateful_oauth.django.sessions.endings import (
        aend_sessions,
        asign_out_everywhere,
        end_sessions,
        sign_out_everywhere,
    )
    from stateful_oauth.django.sessions.middleware import SignInSessionMiddleware
    from stateful_oauth.django.sessions.own_sessions import (
        UserSession,
        aend_other_sessions,
        aend_session,
        auser_sessions,
        end_other_sessions,
        end_session,
        user_sessions,
    )
    from stateful_oauth.django.signals import Transition, flow_settled, signed_in, transition_made
    from stateful_oauth.django.sweeps.tasks import expire_flows, purge_flows, recover_flows
    from stateful_oauth.django.views.readiness import readiness_view
    from stateful_oauth.flows.engine.errors import FlowError, InvalidInput, StoreUnavailable
    from stateful_oauth.flows.oauth.errors import AccessTokenRejected, AccountRefused
    from stateful_oauth.flows.oauth.openid import VerifiedIdentity

__all__ = [
    "AccessTokenRejected",
    "AccountRefused",
    "Auth0Backend",
    "Auth0Bearer",
    "CurrentSignIn",
    "FlowError",
    "FlowResponse",
    "InsideTransaction",
    "InvalidInput",
    "SignInSessionMiddleware",
    "StoreUnavailable",
    "Transition",
    "UserSession",
    "VerifiedAccessToken",
    "VerifiedIdentity",
    "aaccess_token",
    "aavailable_connections",
    "access_token",
    "acomplete",
    "aconnected_accounts",
    "acurrent_sign_in",
    "aend_other_sessions",
    "aend_session",
    "aend_sessions",
    "alinked_accounts",
    "aprovider_token",
    "areadiness",
    "arefresh_connected_accounts",
    "asend_event",
    "asign_out",
    "asign_out_everywhere",
    "astart_connect",
    "astart_disconnect",
    "astart_flow",
    "astart_login",
    "astart_step_up",
    "astart_unlink",
    "auser_profile",
    "auser_sessions",
    "available_connections",
    "averify_access_token",
    "bearer_required",
    "callback_view",
    "complete",
    "connected_accounts",
    "current_sign_in",
    "end_other_sessions",
    "end_session",
    "end_sessions",
    "expire_flows",
    "flow_settled",
    "flow_view",
    "linked_accounts",
    "management_api",
    "organization_required",
    "permission_denied_view",
    "provider_token",
    "purge_flows",
    "readiness",
    "readiness_view",
    "recent_sign_in",
    "recover_flows",
    "refresh_connected_accounts",
    "send_event",
    "sign_out",
    "sign_out_everywhere",
    "signed_in",
    "start_connect",
    "start_disconnect",
    "start_flow",
    "start_login",
    "start_step_up",
    "start_unlink",
    "transition_made",
    "user_profile",
    "user_sessions",
    "verify_access_token",
]

if not TYPE_CHECKING:  # or a misspelled name would be no error to a type checker
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "stateful_oauth.django.sessions.accounts": (
                "aconnected_accounts alinked_accounts connected_accounts linked_accounts"
            ),
            "stateful_oauth.django.actions.tokens": (
                "aaccess_token aavailable_connections access_token aprovider_token "
                "arefresh_connected_accounts available_connections provider_token refresh_connected_accounts"
            ),
            "stateful_oauth.auth0.access_token": "VerifiedAccessToken",
            "stateful_oauth.django.api.bearer": "bearer_required",
            "stateful_oauth.django.api.management": "auser_profile management_api user_profile",
            "stateful_oauth.django.api.rest_framework": "Auth0Bearer",
            "stateful_oauth.django.api.verifying": "averify_access_token verify_access_token",
            "stateful_oauth.django.backends": "Auth0Backend",
            "stateful_oauth.django.actions.callbacks": "callback_view",
            "stateful_oauth.django.actions.completing": "acomplete asend_event complete send_event",
            "stateful_oauth.django.sessions.current": "CurrentSignIn acurrent_sign_in current_sign_in",
            "stateful_oauth.django.doctor": "areadiness readiness",
            "stateful_oauth.django.sessions.endings": (
                "aend_sessions asign_out_everywhere end_sessions sign_out_everywhere"
            ),
            "stateful_oauth.django.sessions.middleware": "SignInSessionMiddleware",
            "stateful_oauth.django.sessions.own_sessions": (
                "UserSession aend_other_sessions aend_session auser_sessions end_other_sessions end_session "
                "user_sessions"
            ),
            "stateful_oauth.django.pages.flow_pages": "FlowResponse InsideTransaction flow_view",
            "stateful_oauth.django.pages.permissions": "permission_denied_view",
            "stateful_oauth.django.signals": "Transition flow_settled signed_in transition_made",
            "stateful_oauth.django.actions.guards": "organization_required recent_sign_in",
            "stateful_oauth.django.actions.signing_out": "asign_out sign_out",
            "stateful_oauth.django.actions.starting": (
                "astart_connect astart_disconnect astart_flow astart_login astart_unlink start_connect "
                "start_disconnect start_flow start_login start_unlink"
            ),
            "stateful_oauth.django.actions.stepping_up": "astart_step_up start_step_up",
            "stateful_oauth.django.sweeps.tasks": "expire_flows purge_flows recover_flows",
            "stateful_oauth.django.views.readiness": "readiness_view",
            "stateful_oauth.flows.engine.errors": "FlowError InvalidInput StoreUnavailable",
            "stateful_oauth.flows.oauth.errors": "AccessTokenRejected AccountRefused",
            "stateful_oauth.flows.oauth.openid": "VerifiedIdentity",
        },
    )
