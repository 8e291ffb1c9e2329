"""Scenarios that together take every arrow of the built-in flows: where chance would have to be lucky.

Each is short, has the name of what happens in it, and runs like any other: with every invariant after every
step. The accounts are those of `ACCOUNTS`; `account` is the index of one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.emulator import DATABASE
from stateful_oauth.testing.world.configuration import Configuration
from stateful_oauth.testing.world.faults import CallFails, Meanwhile, WorkerDies
from stateful_oauth.testing.world.tenant_accounts import APP_METADATA_KEYS
from stateful_oauth.testing.world.trace import Step, step

if TYPE_CHECKING:
    from collections.abc import Mapping

ADA, ADA_GOOGLE, XPTO, QWERTY, BOB_GOOGLE, BOB = range(6)
OFFLINE: Final = "openid profile email offline_access"
TRUSTED: Final = (DATABASE, "google-oauth2")

_PLAIN: Final = step("settle_in", configuration=Configuration(linking="off", par=False))
_PUSHED: Final = step("settle_in", configuration=Configuration(linking="off", par=True))
_CONNECTING: Final = step(
    "settle_in", configuration=Configuration(linking="off", par=False, rotation=False, scope=OFFLINE)
)
_ROTATING: Final = step(
    "settle_in", configuration=Configuration(linking="off", par=False, rotation=True, scope=OFFLINE)
)
_LINKING: Final = step(
    "settle_in",
    configuration=Configuration(
        linking="automatic", trusted=TRUSTED, par=False, rotation=False, scope=OFFLINE, tries=3
    ),
)
_LINKING_NAMED: Final = step(
    "settle_in",
    configuration=Configuration(
        linking="automatic", trusted=TRUSTED, app_metadata=APP_METADATA_KEYS, par=False, tries=3
    ),
)
_LINKING_PUSHED: Final = step(
    "settle_in",
    configuration=Configuration(
        linking="automatic", trusted=TRUSTED, par=True, rotation=False, scope=OFFLINE, tries=3
    ),
)
_ONE_TRY: Final = step(
    "settle_in", configuration=Configuration(linking="automatic", trusted=TRUSTED, par=False, tries=1)
)


def _sign_in(account: int, *faults: object, browser: int = 0) -> Step:
    return step("sign_in", browser=browser, account=account, faults=faults)


def _start(*faults: object, browser: int = 0) -> Step:
    return step("start_sign_in", browser=browser, faults=faults)


def _open(change: str = "", *faults: object, tab: int = 0) -> Step:
    return step("open_callback", tab=tab, change=change, browser=None, faults=faults)


def _operate(what: str, *faults: object, row: int = 0) -> Step:
    return step("operate", row=row, what=what, faults=faults)


def _recover(*faults: object) -> Step:
    return step("recover_one", row=0, faults=faults)


def _wait(seconds: int = 0) -> Step:
    return step("wait", seconds=seconds)


def _connect(*faults: object, account: int = 1) -> Step:
    return step("connect", browser=0, account=account, faults=faults)


def _start_to_connect(*faults: object) -> Step:
    return step("start_to_connect", browser=0, connection="google-oauth2", faults=faults)


def _prove(*faults: object, account: int | None = None) -> Step:
    return step("prove", tab=0, candidate=0, account=account, faults=faults)


def _confirm(*faults: object) -> Step:
    return step("confirm", tab=0, candidate=0, faults=faults)


_AUTHORIZE_ADA: Final = step("authorize", tab=0, account=ADA, browser=None)
_DECLINE: Final = step("decline", tab=0)
_KEEP_APART: Final = step("keep_apart", tab=0, faults=())
_BOB_IS_ASKED: Final = _sign_in(BOB)  # Bob at Google was there first, and a password is no evidence for that
_BETWEEN: Final = "effect.after"

LOGIN: Final[Mapping[str, tuple[Step, ...]]] = {
    "a sign-in": (_PLAIN, _sign_in(ADA)),
    "a sign-in whose request is pushed": (_PUSHED, _sign_in(ADA)),
    "the provider cannot be reached": (
        _PLAIN,
        step("change", what="the next 4 calls to the provider fail: unreachable", browser=0),
        _start(),
    ),
    "pushing is refused": (_PUSHED, _start(CallFails(0, "refused", "/oauth/par"))),
    "the worker dies while it pushes": (_PUSHED, _start(WorkerDies("effect.after")), _wait(), _recover()),
    "an operator abandons while it pushes": (_PUSHED, _start(Meanwhile(_BETWEEN, 0, "an operator abandons"))),
    "the user declines": (_PLAIN, _start(), _DECLINE, _open()),
    "another issuer answers": (_PLAIN, _start(), _AUTHORIZE_ADA, _open("another issuer")),
    "the provider reports an error": (_PLAIN, _start(), _AUTHORIZE_ADA, _open("an error")),
    "a browser does not come back": (_PLAIN, _start(), _wait(), _recover()),
    "an operator abandons a waiting sign-in": (_PLAIN, _start(), _operate("abandon")),
    "the answer of the exchange is lost": (
        _PLAIN,
        _sign_in(ADA, CallFails(0, "answer lost", "/oauth/token")),
    ),
    "the nonce is another one's": (_PLAIN, _sign_in(ADA, CallFails(0, "another nonce", "/oauth/token"))),
    "an operator abandons an exchange": (
        _PLAIN,
        _sign_in(ADA, Meanwhile(_BETWEEN, 0, "an operator abandons")),
    ),
    "the user is not active": (
        _PLAIN,
        _sign_in(ADA),
        step("administer_site", user=0, active=False),
        _sign_in(ADA, browser=1),
    ),
    "a callback comes once more after the sessions were ended": (
        _PLAIN,
        _sign_in(ADA),
        step("end_sessions", user=0),
        step("open_callback", tab=0),
    ),
    "the Management API is closed": (_LINKING, _sign_in(ADA, CallFails(0, "forbidden", "/api/v2/"))),
    "the worker dies while it looks for candidates": (
        _LINKING,
        _sign_in(ADA, WorkerDies(_BETWEEN, 1)),
        _wait(),
        _recover(),
    ),
    "an operator abandons the search for candidates": (
        _LINKING,
        _sign_in(ADA, Meanwhile(_BETWEEN, 1, "an operator abandons")),
    ),
}
CONNECT_ACCOUNT: Final[Mapping[str, tuple[Step, ...]]] = {
    "an account is connected": (_CONNECTING, _sign_in(XPTO), _connect()),
    "a connected account cannot be identified": (_ROTATING, _sign_in(XPTO), _connect()),
    "the My Account API refuses": (
        _CONNECTING,
        _sign_in(XPTO),
        _start_to_connect(CallFails(0, "forbidden", "/me/v1/")),
    ),
    "the worker dies while it asks": (
        _CONNECTING,
        _sign_in(XPTO),
        _start_to_connect(WorkerDies("effect.after")),
        _wait(),
        _recover(),
    ),
    "an operator abandons the asking": (
        _CONNECTING,
        _sign_in(XPTO),
        _start_to_connect(Meanwhile(_BETWEEN, 0, "an operator abandons")),
    ),
    "the user declines at the account's provider": (
        _CONNECTING,
        _sign_in(XPTO),
        _start_to_connect(),
        _DECLINE,
        _open(),
    ),
    "another user signed in meanwhile": (
        _CONNECTING,
        _sign_in(XPTO),
        _start_to_connect(),
        step("authorize", tab=0, account=QWERTY, browser=None),
        _sign_in(ADA),
        _open(tab=1),
    ),
    "the account's provider reports an error": (
        _CONNECTING,
        _sign_in(XPTO),
        _start_to_connect(),
        step("authorize", tab=0, account=QWERTY, browser=None),
        _open("an error"),
    ),
    "a browser does not come back from the account's provider": (
        _CONNECTING,
        _sign_in(XPTO),
        _start_to_connect(),
        _wait(),
        _recover(),
    ),
    "an operator abandons a waiting connection": (
        _CONNECTING,
        _sign_in(XPTO),
        _start_to_connect(),
        _operate("abandon"),
    ),
    "the completion is refused": (
        _CONNECTING,
        _sign_in(XPTO),
        _connect(CallFails(0, "refused", "/connected-accounts/complete")),
    ),
    "the worker dies while it completes": (
        _CONNECTING,
        _sign_in(XPTO),
        _connect(WorkerDies(_BETWEEN)),
        _wait(),
        _recover(),
    ),
    "an operator abandons a completion": (
        _CONNECTING,
        _sign_in(XPTO),
        _connect(Meanwhile(_BETWEEN, 0, "an operator abandons")),
    ),
    "the worker dies while it asks who it is": (
        _CONNECTING,
        _sign_in(XPTO),
        _connect(WorkerDies("effect.before", 1)),
        _wait(),
        _recover(),
    ),
}
_DISCONNECT: Final = "disconnect"
DISCONNECT_ACCOUNT: Final[Mapping[str, tuple[Step, ...]]] = {
    f"a disconnection: {name}": (
        _CONNECTING,
        _sign_in(XPTO),
        _connect(),
        step(_DISCONNECT, browser=0, account=0, faults=faults),
        *then,
    )
    for name, faults, then in (
        ("done", (), ()),
        ("refused", (CallFails(0, "forbidden", "/me/v1/"),), ()),
        ("the worker dies", (WorkerDies(_BETWEEN),), (_wait(), _recover())),
        ("an operator abandons", (Meanwhile(_BETWEEN, 0, "an operator abandons"),), ()),
    )
}
UNLINK_ACCOUNT: Final[Mapping[str, tuple[Step, ...]]] = {
    f"an unlinking: {name}": (
        _LINKING,
        _sign_in(ADA_GOOGLE),
        step("unlink", browser=0, link=0, faults=faults),
        *then,
    )
    for name, faults, then in (
        ("done", (), ()),
        ("refused", (CallFails(0, "forbidden", "/identities"),), ()),
        ("the worker dies", (WorkerDies(_BETWEEN),), (_wait(), _recover())),
        ("an operator abandons", (Meanwhile(_BETWEEN, 0, "an operator abandons"),), ()),
    )
}
# Of an automatic link, the effects at a callback: exchange, candidates, profiles, link, metadata.
_PROFILES, _LINK, _METADATA = 2, 3, 4
ACCOUNT_LINKING: Final[Mapping[str, tuple[Step, ...]]] = {
    "linked without asking": (_LINKING, _sign_in(ADA_GOOGLE)),
    "linked, and of app_metadata what the project names": (_LINKING_NAMED, _sign_in(ADA_GOOGLE)),
    "linked after a proof": (_LINKING, _BOB_IS_ASKED, _prove()),
    "linked after a proof whose request is pushed": (
        _LINKING_PUSHED,
        _BOB_IS_ASKED,
        _prove(account=QWERTY),
        _prove(),
    ),
    "a wrong account, then the right one": (_LINKING, _BOB_IS_ASKED, _prove(account=QWERTY), _prove()),
    "a wrong account too often": (_ONE_TRY, _BOB_IS_ASKED, _prove(account=QWERTY)),
    "a wrong account, and then apart": (_LINKING, _BOB_IS_ASKED, _prove(account=QWERTY), _KEEP_APART),
    "a wrong account, and then nothing": (
        _LINKING,
        _BOB_IS_ASKED,
        _prove(account=QWERTY),
        _wait(),
        _recover(),
    ),
    "a wrong account, and an operator abandons": (
        _LINKING,
        _BOB_IS_ASKED,
        _prove(account=QWERTY),
        _operate("abandon", row=1),
    ),
    "kept apart": (_LINKING, _BOB_IS_ASKED, _KEEP_APART),
    "kept apart on the way back": (_LINKING, _BOB_IS_ASKED, _confirm(), _KEEP_APART),
    "no answer to the question": (_LINKING, _BOB_IS_ASKED, _wait(), _recover()),
    "an operator abandons the question": (_LINKING, _BOB_IS_ASKED, _operate("abandon")),
    "pushing the proof is refused": (
        _LINKING_PUSHED,
        _BOB_IS_ASKED,
        _confirm(CallFails(0, "refused", "/oauth/par")),
    ),
    "the worker dies while it pushes the proof": (
        _LINKING_PUSHED,
        _BOB_IS_ASKED,
        _confirm(WorkerDies(_BETWEEN)),
        _wait(),
        _recover(),
    ),
    "an operator abandons the pushing of a proof": (
        _LINKING_PUSHED,
        _BOB_IS_ASKED,
        _confirm(Meanwhile(_BETWEEN, 0, "an operator abandons")),
    ),
    "the proof is declined": (_LINKING, _BOB_IS_ASKED, _confirm(), _DECLINE, _open()),
    "the proof ends with an error": (_LINKING, _BOB_IS_ASKED, _confirm(), _DECLINE, _open("an error")),
    "the proof comes from another issuer": (
        _LINKING,
        _BOB_IS_ASKED,
        _confirm(),
        step("authorize", tab=0, account=BOB_GOOGLE, browser=None),
        _open("another issuer"),
    ),
    "a browser does not come back with the proof": (_LINKING, _BOB_IS_ASKED, _confirm(), _wait(), _recover()),
    "an operator abandons the wait for a proof": (_LINKING, _BOB_IS_ASKED, _confirm(), _operate("abandon")),
    "the answer to the proof is lost": (
        _LINKING,
        _BOB_IS_ASKED,
        _prove(CallFails(0, "answer lost", "/oauth/token")),
    ),
    "an operator abandons the check of a proof": (
        _LINKING,
        _BOB_IS_ASKED,
        _prove(Meanwhile(_BETWEEN, 0, "an operator abandons")),
    ),
    "the worker dies while it reads profiles": (
        _LINKING,
        _sign_in(ADA_GOOGLE, WorkerDies(_BETWEEN, _PROFILES)),
        _wait(),
        _recover(),
    ),
    "an operator abandons the reading of profiles": (
        _LINKING,
        _sign_in(ADA_GOOGLE, Meanwhile(_BETWEEN, _PROFILES, "an operator abandons")),
    ),
    "linked by another browser meanwhile": (
        _LINKING,
        _sign_in(ADA_GOOGLE, WorkerDies("effect.before", _PROFILES)),
        _sign_in(ADA_GOOGLE, browser=1),
        _wait(),
        _recover(),
    ),
    "the newcomer is deleted before the profiles are read": (
        _LINKING,
        _sign_in(ADA_GOOGLE, WorkerDies("effect.before", _PROFILES)),
        step("administer_tenant", account=ADA_GOOGLE, what="delete"),
        _wait(),
        _recover(),
    ),
    "the candidate is deleted before the profiles are read": (
        _LINKING,
        _sign_in(ADA_GOOGLE, WorkerDies("effect.before", _PROFILES)),
        step("administer_tenant", account=ADA, what="delete"),
        _wait(),
        _recover(),
    ),
    "the worker dies after the link": (
        _LINKING,
        _sign_in(ADA_GOOGLE, WorkerDies(_BETWEEN, _LINK)),
        _wait(),
        _recover(),
    ),
    "the worker dies before the link": (
        _LINKING,
        _sign_in(ADA_GOOGLE, WorkerDies("effect.before", _LINK)),
        _wait(),
        _recover(),
    ),
    "an operator abandons the link": (
        _LINKING,
        _sign_in(ADA_GOOGLE, Meanwhile(_BETWEEN, _LINK, "an operator abandons")),
    ),
    "the newcomer is deleted before the link": (
        _LINKING,
        _sign_in(ADA_GOOGLE, WorkerDies("effect.before", _LINK)),
        step("administer_tenant", account=ADA_GOOGLE, what="delete"),
        _wait(),
        _recover(),
    ),
    "the candidate is deleted before the link": (
        _LINKING,
        _sign_in(ADA_GOOGLE, WorkerDies("effect.before", _LINK)),
        step("administer_tenant", account=ADA, what="delete"),
        _wait(),
        _recover(),
    ),
    "the worker dies while it merges": (
        _LINKING,
        _sign_in(ADA_GOOGLE, WorkerDies(_BETWEEN, _METADATA)),
        _wait(),
        _recover(),
    ),
    "the merge is refused": (
        _LINKING,
        _sign_in(ADA_GOOGLE, WorkerDies("effect.before", _METADATA)),
        _wait(),
        _recover(CallFails(0, "forbidden", "/api/v2/users")),
    ),
    "an operator abandons the merge": (
        _LINKING,
        _sign_in(ADA_GOOGLE, Meanwhile(_BETWEEN, _METADATA, "an operator abandons")),
    ),
    "the primary's user is deactivated during the link": (
        _LINKING,
        _sign_in(ADA, browser=1),
        _sign_in(ADA_GOOGLE, WorkerDies("effect.before", _METADATA)),
        step("administer_site", user=0, active=False),
        _wait(),
        _recover(),
    ),
    "the newcomer's user is deactivated before they are kept apart": (
        _LINKING,
        _sign_in(BOB, CallFails(0, "forbidden", "/api/v2/")),
        _sign_in(BOB),
        step("administer_site", user=0, active=False),
        _KEEP_APART,
    ),
}
CORPUS: Final[Mapping[str, tuple[Step, ...]]] = {
    **LOGIN,
    **CONNECT_ACCOUNT,
    **DISCONNECT_ACCOUNT,
    **UNLINK_ACCOUNT,
    **ACCOUNT_LINKING,
}
