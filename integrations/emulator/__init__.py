"""A local Auth0 tenant in one process, in memory: one WSGI app, for the demo and for tests.

Use it in-process, no sockets and no sleeping::

    import requests
    from stateful_oauth.integrations.emulator import Tenant

    tenant = Tenant(issuer="https://tenant.example/")          # clock=None: the real time; see ``Clock``
    client = tenant.add_client(
        client_id="web", client_secret="s3cret", callbacks=["https://app.example/callback"],
        logout_urls=["https://app.example/"], rotation=True,
    )
    ada = tenant.add_user(email="ada@example.com", name="Ada", password="correct horse")
    tenant.add_user(email="bob@example.com", name="Bob", connection="google-oauth2")

    http = requests.Session()
    http.mount(tenant.base_url, tenant.adapter())              # or
    httpx.Client(transport=tenant.httpx_transport())

    visitor = tenant.visitor()                                 # one person with one browser
    callback = visitor.authorize(location, as_user="ada@example.com")   #
    "https://app.example/callback?code=…" callback.fields["code"], callback.fields["state"]          # a
    Callback is a str with .fields and .method visitor.authorize(location)                                #
    the SSO cookie makes this one silent visitor.decline(location)                                  #
    error=access_denied

    tenant.faults.add("/oauth/token", "lost_answer")           # the next exchange happens, its answer does
    not arrive tenant.ledger.count("code_exchanged", code=callback.fields["code"])  # what really happened
    tenant.requests["/oauth/token"]                            # how many requests arrived
    tenant.clock.advance(60)                                   # seconds
    tenant.keys.rotate()                                       # both keys stay published until
    revoke_previous()

As a server, for browsers and other processes (``python -m stateful_oauth.integrations.emulator --port
9400``)::

    with EmulatorServer(tenant, port=0) as server:             # tenant.issuer becomes
        "http://127.0.0.1:<port>/" server.url; server.connections

What a tenant has:

- configuration: ``add_client``, ``add_user``, ``add_connection``, ``add_organization``, ``add_api``,
  ``add_client_grant``, ``invite``, ``block_user``, ``delete_user``; ``clients``, ``people``, ``apis``;
  ``settings`` (a ``Settings``: ``par``, ``require_pkce``, ``iss_on_callback``, ``end_session_in_discovery``,
  ``scope_in_reply``, ``code_reuse_revokes``, lifetimes, ``discovery_overrides``, …);
- ``clock`` (``now()``, ``set(t)``, ``advance(seconds)``, ``follow(callable)``), ``keys`` (``rotate()``,
  ``revoke_previous()``), ``faults`` (``add(endpoint, kind, times=1, skip=0, match={...}, …)``, ``clear()``),
  ``ledger`` (``count(effect, **where)``, ``entries(effect, **where)``), ``requests`` (a Counter by route
  path);
- hooks, called with the tenant's lock held: ``id_token_hook(claims, header) -> str | None`` (change either in
  place, the token is still signed with the real key; a returned string is sent verbatim),
  ``token_reply_hook(body)``, ``on_login(user, client) -> str | None`` (a reason denies the login, as an
  Action's ``api.access.deny``);
- ways in: ``wsgi``, ``adapter()``, ``httpx_transport()``, ``visitor()``, ``EmulatorServer(tenant)``;
- ``reset()``: forgets everything that happened, keeps the configuration; ``lock``: hold it to look at two
  things at once.

Fault kinds: ``lost_request`` (nothing happened; ConnectionError), ``lost_answer`` (it happened; ReadTimeout),
``slow`` (``delay`` seconds; in-process beyond the read timeout: ReadTimeout, nobody sleeps), ``rate_limit``
(429, ``reset``), ``server_error`` (``status``), ``html`` (502), ``answer`` (``status``, ``json``,
``headers``), ``malformed``, ``empty``, ``huge`` (``size``), ``truncated``, ``redirect`` (``location``).
``effect=True|False`` says whether the request is carried out before the answer is spoilt; each kind has the
natural default.

Faithful to docs of Auth0 as gathered in the project's wire contract; what is knowingly different is listed in
``Tenant``.
"""

from stateful_oauth.integrations.emulator.answers import Answer
from stateful_oauth.integrations.emulator.clients import Api, Client, ClientGrant
from stateful_oauth.integrations.emulator.clock import Clock
from stateful_oauth.integrations.emulator.faults import Fault, FaultKind, Faults
from stateful_oauth.integrations.emulator.ledger import Entry, Ledger
from stateful_oauth.integrations.emulator.people import (
    DATABASE,
    Account,
    Connection,
    Identity,
    Invitation,
    Organization,
    User,
)
from stateful_oauth.integrations.emulator.seeding import SeedError, seed
from stateful_oauth.integrations.emulator.server import EmulatorServer
from stateful_oauth.integrations.emulator.sessions import MFA_POLICY
from stateful_oauth.integrations.emulator.settings import Settings
from stateful_oauth.integrations.emulator.tenant import Tenant
from stateful_oauth.integrations.emulator.tokens import sign
from stateful_oauth.integrations.emulator.visitor import Callback, PageShown, Visitor

__all__ = [
    "DATABASE",
    "MFA_POLICY",
    "Account",
    "Answer",
    "Api",
    "Callback",
    "Client",
    "ClientGrant",
    "Clock",
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
    "SeedError",
    "Settings",
    "Tenant",
    "User",
    "Visitor",
    "seed",
    "sign",
]
