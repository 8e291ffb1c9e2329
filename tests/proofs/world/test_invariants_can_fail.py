"""A test of the invariants: the package is broken on purpose, and each of them must notice its own break."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.auth0.management import Auth0Management
from stateful_oauth.auth0.provider import Auth0Provider
from stateful_oauth.django import backends
from stateful_oauth.django.actions import signing_out
from stateful_oauth.django.browser.seen_codes import SiteCodeMemory
from stateful_oauth.django.sessions import sign_ins as sessions
from stateful_oauth.django.users import roles
from stateful_oauth.django.users.role_rules import RoleRules
from stateful_oauth.flows.account_linking import effects as account_linking_effects
from stateful_oauth.flows.account_linking import metadata
from stateful_oauth.flows.engine import engine, execution
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.login.machine import LoginFlow
from stateful_oauth.flows.oauth.domain_events import AccountConnected, AccountDisconnected, AccountsLinked
from stateful_oauth.storage import rows, store
from stateful_oauth.storage.grants import DjangoGrantStore
from stateful_oauth.storage.models import FlowTransaction, Identity, TransitionRecord
from stateful_oauth.storage.store import DjangoTransactionStore
from stateful_oauth.testing.world import CORPUS, Configuration, Step, Violation, World, step
from stateful_oauth.testing.world.faults import WorkerDies
from tests.support.breaks_of_others import BREAKS_OF_OTHERS
from tests.support.breaks_of_secrets import (
    secrets_are_not_encrypted,
    the_code_is_logged,
    the_code_is_on_the_next_page,
)
from tests.support.breaks_of_sessions import BREAKS_OF_SESSIONS

pytestmark = pytest.mark.django_db(transaction=True)

ADA, ADA_GOOGLE, XPTO = 0, 1, 2
OFFLINE = "openid profile email offline_access"
SIGN_IN = CORPUS["a sign-in"]
SEEN = (
    *CORPUS["a sign-in"][:1],
    step("start_sign_in", browser=0, faults=()),
    step("authorize", tab=0, account=0, browser=None),
    step("open_callback", tab=0, change="a navigation", browser=1, faults=()),
    step("open_callback", tab=0, change="a navigation", browser=0, faults=()),
)
SENT = (
    *CORPUS["a sign-in"],
    step("start_sign_in", browser=0, faults=()),
    step("authorize", tab=0, account=0, browser=None),
    step("open_callback", tab=1, change="another tab's state", browser=None, faults=()),
)
SIGN_OUT_ELSEWHERE = (*CORPUS["a sign-in"], step("sign_out", browser=1, faults=()))
LINK = CORPUS["linked without asking"]
CONNECT = CORPUS["an account is connected"]
ROLES = World.corpus["roles are given and taken away"]


@dataclass
class Break:
    """One deliberate mistake.

    Attributes:
        patch: Makes it.
        steps: A scenario in which it shows.
        invariant: Which one has to notice it.
    """

    patch: Callable[[pytest.MonkeyPatch], None]
    steps: tuple[Step, ...]
    invariant: str


def exchange_twice(patch):
    once = Auth0Provider.exchange_code

    def twice(self, **asked):
        answer = once(self, **asked)
        with suppress(FlowError):
            once(self, **asked)
        return answer

    patch.setattr(Auth0Provider, "exchange_code", twice)


def every_browser_will_do(patch):
    patch.setattr(engine, "refusal", lambda row, caller, kind, tenant: None)


def a_seen_code_ends_nothing(patch):
    patch.setattr(engine.Engine, "_end_seen", lambda self, row, event, caller: False)


def a_sent_code_is_forgotten(patch):
    patch.setattr(SiteCodeMemory, "may_send", lambda self, code: True)


def a_sign_out_without_a_session_stays_here(patch):
    onward = signing_out._onward
    patch.setattr(
        signing_out,
        "_onward",
        lambda details, chosen, home, base_url: (
            onward(details, chosen, home, base_url) if details else signing_out.SeeOther(home)
        ),
    )


def spent_refresh_tokens_are_kept(patch):
    settle = DjangoGrantStore.settle

    def forget(self, grant, *, refresh_token, tokens):
        return settle(self, grant, refresh_token=grant.refresh_token, tokens={})

    patch.setattr(DjangoGrantStore, "settle", forget)


def links_are_not_kept(patch):
    skip_facts(patch, AccountsLinked)


def connected_accounts_are_not_kept(patch):
    skip_facts(patch, AccountConnected)


def disconnected_accounts_are_kept(patch):
    skip_facts(patch, AccountDisconnected)


def skip_facts(patch, kind):
    write = store.handle_domain_event

    def skip(fact, transaction, *, using):
        if not isinstance(fact, kind):
            write(fact, transaction, using=using)

    patch.setattr(store, "handle_domain_event", skip)


def links_are_kept_and_not_made(patch):
    patch.setattr(Auth0Management, "link", lambda self, primary_id, **identity: None)


def own_metadata_is_overwritten(patch):
    patch.setattr(metadata, "_missing", lambda ours, theirs: dict(theirs))


def merged_metadata_is_spoiled(patch):
    missing = metadata._missing
    patch.setattr(metadata, "_missing", lambda ours, theirs: dict.fromkeys(missing(ours, theirs), "spoiled"))


def app_metadata_that_nobody_named_is_merged(patch):
    patch.setattr(
        account_linking_effects,
        "app_metadata_to_add",
        lambda ours, theirs, keys: metadata._missing(ours.app_metadata, theirs.app_metadata),
    )
    patch.setattr(account_linking_effects, "still_missing", lambda primary, snapshot, keys: snapshot)


def a_link_is_made_on_the_decision_of_before(patch):
    patch.setattr(account_linking_effects, "check_still_allowed", lambda *given: None)


def named_app_metadata_is_not_merged(patch):
    patch.setattr(account_linking_effects, "app_metadata_to_add", lambda ours, theirs, keys: {})


def everybody_is_the_first_user(patch):
    find = backends.find_identity
    patch.setattr(
        backends, "find_identity", lambda identity, **how: find(identity, **how) or Identity.objects.first()
    )


def who_comes_back_is_another_user(patch):
    patch.setattr(backends, "find_identity", lambda identity, **how: None)

    def add(identity, make, *, now):
        row = Identity.objects.filter(subject=identity.subject).first()
        if row is None:
            return add_identity(identity, make, now=now)
        row.user = get_user_model().objects.create(username=f"again-{get_user_model().objects.count()}")
        row.save()
        return row

    add_identity = backends.add_identity
    patch.setattr(backends, "add_identity", add)


def an_ending_withdraws_nothing(patch):
    patch.setattr(sessions, "may_come_back", lambda standing, user: True)


def a_line_of_the_log_is_rewritten(patch):
    create = DjangoTransactionStore.create

    def rewrite(self, transaction, log):
        TransitionRecord.objects.update(actor="nobody")
        create(self, transaction, log)

    patch.setattr(DjangoTransactionStore, "create", rewrite)


def a_code_is_in_the_session(patch):
    codes: list[str] = []
    exchange, login = Auth0Provider.exchange_code, sessions.login

    def remember(self, **asked):
        codes.append(asked["code"].reveal())
        return exchange(self, **asked)

    def keep(request, user, backend=None):
        login(request, user, backend=backend)
        request.session["code"] = codes[-1]

    patch.setattr(Auth0Provider, "exchange_code", remember)
    patch.setattr(sessions, "login", keep)


def metadata_is_lost(patch):
    patch.setattr(Auth0Management, "update_metadata", lambda self, user_id, **changes: None)


def a_final_row_is_written_to(patch):
    noted = engine.Engine._log_rejection

    def write(self, row, event, caller, code):
        FlowTransaction.objects.filter(pk=row.id).update(code="late")
        noted(self, row, event, caller, code)

    patch.setattr(engine.Engine, "_log_rejection", write)


def a_line_of_the_log_is_lost(patch):
    append = rows.append

    def lose(transaction, log, *, using):
        append(transaction, [line for line in log if line.event != "code_exchanged"], using=using)

    patch.setattr(rows, "append", lose)


def a_start_touches_the_other_tabs(patch):
    create = DjangoTransactionStore.create

    def touch(self, transaction, log):
        FlowTransaction.objects.filter(browser=transaction.browser).update(attempts=7)
        create(self, transaction, log)

    patch.setattr(DjangoTransactionStore, "create", touch)


def rows_are_read_again_and_again(patch):
    load = DjangoTransactionStore.load

    def loads(self, transaction_id):
        for _ in range(100):
            row = load(self, transaction_id)
        return row

    patch.setattr(DjangoTransactionStore, "load", loads)


def recovery_does_nothing(patch):
    def nothing(self, run, claimed, effect, error):
        return self.outcome(run, claimed)

    patch.setattr(execution.Execution, "lost", nothing)


def refused_tokens_are_forgotten(patch):
    patch.setattr(LoginFlow, "let_go", lambda transition: ())


def retry_forever(patch):
    patch.setattr(engine.Engine, "_is_over", lambda self, moment: False)


def roles_are_never_taken_away(patch):
    privileges = RoleRules.privileges

    def given_only(self, roles, organization):
        found = privileges(self, roles, organization)
        return replace(found, staff=found.staff or None, superuser=found.superuser or None)

    def apply(user, identity, rules):
        with pytest.MonkeyPatch.context() as within:
            within.setattr(RoleRules, "privileges", given_only)
            return roles.apply_roles(user, identity, rules)

    patch.setattr(backends, "apply_roles", apply)


def newest_token_decides_nothing(patch):
    patch.setattr(backends, "apply_roles", lambda user, identity, rules: "")


BLOCKED_IN_BETWEEN = (
    *CORPUS["linked without asking"][:-1],
    step("sign_in", browser=0, account=ADA_GOOGLE, faults=(WorkerDies("effect.before", 3),)),
    step("administer_tenant", account=ADA, what="block"),
    step("wait", seconds=60),
    step("recover_one", row=0, faults=()),
)
DISCONNECT = CORPUS["a disconnection: done"]
LINK_NAMED = CORPUS["linked, and of app_metadata what the project names"]
BOTH = (*SIGN_IN, step("sign_in", browser=1, account=XPTO))
AND_ANOTHER = (*SIGN_IN, step("start_sign_in", browser=1))
BACK = (*SIGN_IN, step("sign_in", browser=0, account=ADA))

TABS = (
    SIGN_IN[0],
    step("start_sign_in", browser=0),
    step("start_sign_in", browser=0),
)
IN_ANOTHER_BROWSER = (
    SIGN_IN[0],
    step("start_sign_in", browser=0),
    step("authorize", tab=0, account=ADA),
    step("open_callback", tab=0, browser=1),
)
TOKENS = (
    step("settle_in", configuration=Configuration(linking="off", par=False, rotation=True, scope=OFFLINE)),
    step("sign_in", browser=0, account=XPTO),
    step("use_grant", browser=0, what="token"),
    step("use_grant", browser=0, what="token"),
)
ENDED = CORPUS["a callback comes once more after the sessions were ended"]
AGAIN = (*SIGN_IN, step("open_callback", tab=0))
REFUSED = CORPUS["an operator abandons the search for candidates"]
CRASH = CORPUS["the worker dies while it looks for candidates"]

BREAKS = {
    break_.patch.__name__: break_
    for break_ in (
        Break(exchange_twice, SIGN_IN, "a code is exchanged at most once"),
        Break(every_browser_will_do, IN_ANOTHER_BROWSER, "only a valid callback in the browser that started"),
        Break(spent_refresh_tokens_are_kept, TOKENS, "no refresh family is killed by us"),
        Break(links_are_not_kept, LINK, "a link exists at Auth0 and here together"),
        Break(links_are_kept_and_not_made, LINK, "a link exists at Auth0 and here together"),
        Break(
            connected_accounts_are_not_kept, CONNECT, "connected accounts exist at Auth0 and here together"
        ),
        Break(
            disconnected_accounts_are_kept, DISCONNECT, "connected accounts exist at Auth0 and here together"
        ),
        Break(everybody_is_the_first_user, BOTH, "no account signs in as another user"),
        Break(who_comes_back_is_another_user, BACK, "no account signs in as another user"),
        Break(an_ending_withdraws_nothing, ENDED, "no session is from before an ending"),
        Break(a_link_is_made_on_the_decision_of_before, BLOCKED_IN_BETWEEN, "a link is decided at every try"),
        Break(merged_metadata_is_spoiled, LINK, "metadata is merged exactly once"),
        Break(app_metadata_that_nobody_named_is_merged, LINK, "metadata is merged exactly once"),
        Break(named_app_metadata_is_not_merged, LINK_NAMED, "metadata is merged exactly once"),
        Break(a_line_of_the_log_is_rewritten, AND_ANOTHER, "finals never change"),
        Break(a_code_is_in_the_session, SIGN_IN, "planted secrets appear nowhere in clear"),
        Break(own_metadata_is_overwritten, LINK, "metadata is merged exactly once"),
        Break(metadata_is_lost, LINK, "metadata is merged exactly once"),
        Break(a_final_row_is_written_to, AGAIN, "finals never change"),
        Break(a_line_of_the_log_is_lost, SIGN_IN, "the log folds to the state"),
        Break(a_start_touches_the_other_tabs, TABS, "tabs do not disturb one another"),
        Break(
            rows_are_read_again_and_again, SIGN_IN, "statements and calls stay within the declared numbers"
        ),
        Break(a_seen_code_ends_nothing, SEEN, "a code that another browser has seen is never used"),
        Break(a_sent_code_is_forgotten, SENT, "a code is exchanged at most once"),
        Break(
            a_sign_out_without_a_session_stays_here,
            SIGN_OUT_ELSEWHERE,
            "a sign-out ends the session at the provider",
        ),
        Break(secrets_are_not_encrypted, TABS, "planted secrets appear nowhere in clear"),
        Break(the_code_is_logged, SIGN_IN, "planted secrets appear nowhere in clear"),
        Break(the_code_is_on_the_next_page, SIGN_IN, "planted secrets appear nowhere in clear"),
        Break(roles_are_never_taken_away, ROLES, "privileges are those of the newest token"),
        Break(newest_token_decides_nothing, ROLES, "privileges are those of the newest token"),
        Break(recovery_does_nothing, CRASH, "nothing is left working"),
        Break(retry_forever, CRASH, "nothing is left working"),
        Break(refused_tokens_are_forgotten, REFUSED, "no token is left alive"),
        *(Break(*each) for each in BREAKS_OF_OTHERS),
        *(Break(*each) for each in BREAKS_OF_SESSIONS),
    )
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_invariant_of_the_world_notices_its_break(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = BREAKS[name]
    World.replay(*broken.steps)  # as it is, all is well
    broken.patch(monkeypatch)
    with pytest.raises(Violation) as noticed:
        World.replay(*broken.steps)
    assert noticed.value.invariant.startswith(broken.invariant), noticed.value
    told: Any = "\n".join(noticed.value.__notes__)
    assert "What happened:" in told
    assert "World.replay(" in told


def test_every_invariant_has_a_break_that_it_notices() -> None:
    """By its name: the names are what a violation says."""
    noticed = {broken.invariant for broken in BREAKS.values()}
    named = {
        "a code that another browser has seen is never used",
        "a code is exchanged at most once",
        "only a valid callback in the browser that started",
        "no account signs in as another user",
        "no session is from before an ending",
        "no refresh family is killed by us",
        "a sign-out ends the session at the provider",
        "a link exists at Auth0 and here together",
        "a link is decided at every try",
        "connected accounts exist at Auth0 and here together",
        "metadata is merged exactly once",
        "finals never change",
        "the log folds to the state",
        "tabs do not disturb one another",
        "statements and calls stay within the declared numbers",
        "planted secrets appear nowhere in clear",
        "privileges are those of the newest token",
        "nothing is left working",
        "no token is left alive",
        *(invariant for _, _, invariant in BREAKS_OF_OTHERS),
        *(invariant for _, _, invariant in BREAKS_OF_SESSIONS),
    }
    assert noticed == named
