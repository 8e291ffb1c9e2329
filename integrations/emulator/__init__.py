"""A local Auth0 tenant in one process, in memory: one WSGI app, for the demo and for tests.

Use it in-process, no sockets and no sleeping::

    import requests
    from stateful_oauth.emulator import EmulatorServer, Tenant

    tenant = Tenant(issuer="https://tenant.example/")  # clock=None: the real time; see Clock
    tenant.add_client(
        client_id="web", client_secret="s3cret", callbacks=["https://app.example/callback"],
        logout_urls=["https://app.example/"], rotation=True,
    )
    tenant.add_user(email="ada@example.com", name="Ada", password="correct horse")
    tenant.add_user(email="bob@example.com", name="Bob", connection="google-oauth2")

    http = requests.Session()
    http.mount(tenant.base_url, tenant.adapter())  # or httpx.Client(transport=tenant.httpx_transport())

    visitor = tenant.visitor()  # one person with one browser
    callback = visitor.authorize(location, as_user="ada@example.com")
    callback  # a str: "https://app.example/callback?code=…&state=…"
    callback.fields["code"], callback.method  # the parameters; "POST" after response_mode=form_post
    visitor.authorize(location)  # silent: the browser has the SSO cookie
    tenant.visitor().decline(location)  # error=access_denied

    tenant.faults.add("/oauth/token", "lost_answer")  # the next exchange happens, its answer is lost
    tenant.ledger.count("code_exchanged", code=callback.fields["code"])  # what really happened
    tenant.requests["/oauth/token"]  # how many arrived (a lost_request does not)
    tenant.clock.advance(60)  # seconds
    tenant.keys.rotate()  # both keys stay published until tenant.keys.revoke_previous()

The Management API, the My Account API (Connected Accounts) and Token Vault::

    tenant.allow_management("web", ["read:users", "update:users"])  # None: every scope
    tenant.allow_connected_accounts("web")  # My Account API, refresh policy, Token Vault grant type
    tenant.management_audience, tenant.my_account_audience  # they follow the issuer

    tenant.add_connection("github", scopes=["repo"], refresh_tokens=True)
    tenant.add_user(email="ada@hub.example", connection="github", signed_up=False)  # an account, no user yet
    # location: connect_uri?ticket=…, out of POST /me/v1/connected-accounts/connect
    connect = lambda location: visitor.connect(location, as_account="ada@hub.example")  # or visitor.decline
    ada = tenant.users.by_email("ada@example.com")[0]
    row = tenant.connect_account(ada.user_id, "ada@hub.example")  # the same without a browser
    tenant.connected_accounts(ada)  # [row]: row.id is cac_…, row.provider_user_id, row.email, row.scopes
    tenant.vault.revoke_at_provider(row.id)  # Token Vault: …_refresh_token_flow_failed
    tenant.vault.disconnect(row)

    bob = tenant.users.by_email("bob@example.com")[0]
    tenant.users.patch(ada.user_id, {"user_metadata": {"colour": "red"}})
    tenant.users.link(ada.user_id, "google-oauth2", bob.identities[0].user_id)  # or raises Refusal
    tenant.users.unlink(ada.user_id, "google-oauth2", bob.identities[0].user_id)
    tenant.users.search('email:"ada@example.com"')  # what the index knows: settings.search_lag seconds old
    tenant.settings.rate_limits = True  # 2 requests a second, 2 at once, for each of the two APIs

Whose account a vault token opens tells ``GET /_provider/{connection}/userinfo``, a stand-in for the
provider's own endpoint: ``sub`` is the provider's user id.

As a server, for browsers and other processes (from a shell:
``python -m stateful_oauth.emulator --port 9400 --people people.json``)::

    with EmulatorServer(tenant, port=0) as server:  # tenant.issuer becomes "http://127.0.0.1:<port>/"
        server.url, server.port, server.connections

What a tenant has:

- configuration: ``add_client``, ``add_user``, ``add_connection``, ``add_organization``, ``add_api``,
  ``add_client_grant``, ``allow_management``, ``allow_connected_accounts``, ``invite``, ``block_user``,
  ``delete_user``; ``clients``, ``people``, ``apis``; ``settings``
  (a ``Settings``: ``par``, ``require_pkce``, ``iss_on_callback``, ``end_session_in_discovery``,
  ``scope_in_reply``, ``code_reuse_revokes``, lifetimes, ``discovery_overrides``, and a switch for each
  reading of what only a real tenant can tell: ``unlink_answer``, ``used_connect_code``, …);
- ``users`` (``get``, ``by_email``, ``search``, ``patch``, ``link``, ``unlink``, ``delete``), ``vault``
  (``accounts``, ``get``, ``connect``, ``disconnect``, ``revoke_at_provider``);
- ``clock`` (``now()``, ``set(t)``, ``advance(seconds)``, ``follow(callable)``), ``keys`` (``rotate()``,
  ``revoke_previous()``), ``faults`` (``add(endpoint, kind, times=1, skip=0, match={...}, …)``, ``clear()``),
  ``ledger`` (``count(effect, **where)``, ``entries(effect, **where)``), ``requests`` (a Counter by route
  path);
- hooks, called with the tenant's lock held: ``id_token_hook(claims, header) -> str | None`` (change either in
  place, the token is still signed with the real key; a returned string is sent verbatim),
  ``token_reply_hook(body)``, ``on_login(user, client) -> str | None`` (a reason denies the login), and
  ``action(event, api)``, an Action at each ``event.stage``: ``login``, ``exchange``, ``refresh``; it may
  ``api.deny(reason)``, ``api.revoke_refresh_token(reason)``, set claims, or raise;
- ways in: ``wsgi``, ``adapter()``, ``httpx_transport()``, ``visitor()``, ``EmulatorServer(tenant)``;
- ``reset()``: forgets everything that happened, keeps the configuration; ``lock``: hold it to look at two
  things at once.

Fault kinds: ``unreachable`` (no connection: ConnectTimeout; on the server as lost_request), ``lost_request``
(nothing happened, which the caller cannot know; ConnectionError), ``lost_answer`` (it happened; ReadTimeout),
``slow`` (``delay`` seconds; in-process beyond the read timeout: ReadTimeout, without a wait), ``rate_limit``
(429, ``reset``), ``server_error`` (``status``), ``html`` (502), ``answer`` (``status``, ``json``,
``headers``), ``malformed``, ``empty``, ``huge`` (``size``), ``truncated``, ``redirect`` (``location``).
``match`` looks at every text of a request: query, form or JSON members, and the route's ``{names}``.
``effect=True|False`` says whether the request is carried out before the answer is spoilt; each kind has the
natural default.

Ledger effects: ``code_issued``, ``code_exchanged``, ``code_reused``, ``code_burnt`` (PKCE), ``refreshed`` (no
rotation), ``refresh_rotated``, ``refresh_reused``, ``refresh_revoked``, ``family_revoked`` (with ``reason``),
``grant_revoked``, ``m2m_token_issued``, ``par_pushed``, ``par_consumed``, ``assertion_replayed``,
``session_started``, ``session_renewed``, ``session_ended`` (with ``reason``), ``login_declined``,
``consent_given``, ``invitation_accepted``, ``user_created``, ``user_deleted``; ``connect_started``,
``connect_code_issued``, ``connect_declined``, ``connect_completed``, ``connect_code_reused``,
``connect_code_burnt``, ``account_connected``, ``account_disconnected`` (``reason``: deleted, replaced,
user_gone), ``vault_token_issued``; ``metadata_patched`` (``kind``, ``keys``), ``user_patched`` (``fields``),
``identity_linked``, ``identity_unlinked`` (``secondary``: the other user id). Fields, where they apply:
``client_id``, ``user_id``, ``sid``, ``family``, ``connection``, ``audience``, ``account`` (``cac_…``),
``provider_user_id``, and as digests (a query takes value or digest) ``code``, ``refresh_token``,
``access_token``, ``request_uri``, ``jti``, ``ticket``, ``auth_session``.

Over HTTP the same under ``/_emulator/…`` (JSON, see ``routes.control`` and ``routes.control_accounts``;
``GET /_emulator`` lists the paths).

To add an API: a module in ``routes`` with ``ROUTES`` (each route names the ``Family`` of its error bodies), a
module in ``grant_types`` with ``GRANT_TYPE`` and ``exchange``, and its state as a class that ``tenant.part``
makes on first use.

Faithful to ``docs/auth0-contract.md``; ``Tenant`` says what is knowingly different.
"""

from stateful_oauth.emulator.action_api import ActionApi, ActionEvent
from stateful_oauth.emulator.answers import Answer
from stateful_oauth.emulator.clients import Api, Client, ClientGrant
from stateful_oauth.emulator.clock import Clock
from stateful_oauth.emulator.errors import Refusal
from stateful_oauth.emulator.faults import Fault, FaultKind, Faults
from stateful_oauth.emulator.ledger import Entry, Ledger
from stateful_oauth.emulator.people import (
    DATABASE,
    Account,
    Connection,
    Identity,
    Invitation,
    Organization,
    User,
)
from stateful_oauth.emulator.seeding import SeedError, seed
from stateful_oauth.emulator.server import EmulatorServer
from stateful_oauth.emulator.sessions import MFA_POLICY
from stateful_oauth.emulator.settings import Settings
from stateful_oauth.emulator.state import TOKEN_VAULT
from stateful_oauth.emulator.tenant import Tenant
from stateful_oauth.emulator.tokens import sign
from stateful_oauth.emulator.vault import ConnectedAccount
from stateful_oauth.emulator.visitor import Callback, PageShown, Visitor

__all__ = [
    "DATABASE",
    "MFA_POLICY",
    "TOKEN_VAULT",
    "Account",
    "ActionApi",
    "ActionEvent",
    "Answer",
    "Api",
    "Callback",
    "Client",
    "ClientGrant",
    "Clock",
    "ConnectedAccount",
    "Connection",
    "EmulatorServer",
    "Entry",
    "Fault",
    "FaultKind",
    "Faults",
    "Identity",
    "Invitation",
    "Ledger",
    "Organization",
    "PageShown",
    "Refusal",
    "SeedError",
    "Settings",
    "Tenant",
    "User",
    "Visitor",
    "seed",
    "sign",
]
