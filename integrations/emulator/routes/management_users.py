"""``/api/v2/users`` and ``/api/v2/users-by-email``: reading users, patching and deleting them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.management import (
    endpoint,
    flag_of,
    insufficient_scope,
    invalid_body,
    invalid_query,
    json_body,
    narrowed,
    number_of,
    query_of,
    user_id_of,
)
from stateful_oauth.emulator.management_errors import management_error
from stateful_oauth.emulator.search_query import BadQuery
from stateful_oauth.emulator.user_documents import user_document
from stateful_oauth.emulator.users import METADATA, Users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.bearer import Caller
    from stateful_oauth.emulator.people import User
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

_FIELDS = {"fields", "include_fields"}
_SEARCH = {"q", "search_engine", "page", "per_page", "include_totals", "sort", "connection", "primary_order"}
MAX_FOUND = 1000
PATCHABLE: dict[str, type] = {
    "blocked": bool,
    "email": str,
    "email_verified": bool,
    "name": str,
    "given_name": str,
    "family_name": str,
    "nickname": str,
    "picture": str,
    "password": str,
    "user_metadata": dict,
    "app_metadata": dict,
}
_IGNORED: dict[str, type] = {"verify_email": bool, "connection": str, "client_id": str}
_ROOT = ("email", "email_verified", "name", "given_name", "family_name", "nickname", "picture", "password")


def _get(tenant: TenantState, call: Call, _caller: Caller) -> Answer:
    user_id, query = user_id_of(call), query_of(call, _FIELDS)
    return json_answer(narrowed(_document(tenant, tenant.part(Users).get(user_id)), query))


def _document(tenant: TenantState, user: User) -> dict[str, Any]:
    return user_document(user, numeric_ids=tenant.settings.numeric_identity_ids)


def _by_email(tenant: TenantState, call: Call, _caller: Caller) -> Answer:
    query = query_of(call, {"email", *_FIELDS})
    if "email" not in query:
        raise invalid_query("Missing required property: email")
    found = tenant.part(Users).by_email(query["email"])
    return json_answer([narrowed(_document(tenant, user), query) for user in found])


def _search(tenant: TenantState, call: Call, _caller: Caller) -> Answer:
    query = query_of(call, _SEARCH | _FIELDS)
    if query.get("search_engine", "v3") != "v3":
        raise invalid_query("Only search_engine v3 is supported")
    page = number_of(query, "page", 0, 0, 99_999_999)
    per_page = number_of(query, "per_page", 50, 0, 100)
    totals = flag_of(query, "include_totals", False)
    if page * per_page >= MAX_FOUND:
        message = f"You can only page through the first {MAX_FOUND} records. See https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation"
        raise management_error(400, message, "invalid_paging")
    found = _sorted(_found(tenant, query), query.get("sort"))
    start = page * per_page
    shown = [narrowed(document, query) for document in found[:MAX_FOUND][start : start + per_page]]
    if not totals:
        return json_answer(shown)
    counts = {"start": start, "limit": per_page, "length": len(shown)}
    return json_answer({**counts, "users": shown, "total": len(found)})


def _found(tenant: TenantState, query: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        found = tenant.part(Users).search(query.get("q", "*"))
    except BadQuery as bad:
        raise management_error(400, f"Invalid query: {bad}", "invalid_query_string") from bad
    where = query.get("connection")
    if where is None:
        return found
    return [d for d in found if any(i["connection"] == where for i in d["identities"])]


def _sorted(found: list[dict[str, Any]], sort: str | None) -> list[dict[str, Any]]:
    if sort is None:
        return found
    field, _, direction = sort.partition(":")
    if not field or direction not in {"1", "-1"}:
        raise invalid_query("sort must be field:1 or field:-1")
    return sorted(found, key=lambda document: str(document.get(field, "")), reverse=direction == "-1")


def _patch(tenant: TenantState, call: Call, caller: Caller) -> Answer:
    user_id, body = user_id_of(call), json_body(call)
    _check_types(body)
    if "update:users" not in caller.scopes and set(body) != {"app_metadata"}:
        raise insufficient_scope("update:users")
    user = tenant.part(Users).get(user_id)
    _check_root(tenant, user, body)
    changes = {name: value for name, value in body.items() if name in PATCHABLE}
    return json_answer(_document(tenant, tenant.part(Users).patch(user_id, changes)))


def _check_types(body: Mapping[str, Any]) -> None:
    known = PATCHABLE | _IGNORED
    unknown = [name for name in body if name not in known]
    if unknown:
        raise invalid_body(
            f"Additional properties not allowed: {','.join(unknown)} (consider storing them in "
            'app_metadata or user_metadata. See "Users Metadata" in '
            "https://auth0.com/docs/api/v2/changes for more details)"
        )
    for name, value in body.items():
        if not isinstance(value, known[name]):
            raise invalid_body(f"Expected another type on property {name}")
    if not any(name in PATCHABLE for name in body):
        raise invalid_body("Too few properties defined (0), minimum 1")


def _check_root(tenant: TenantState, user: User, body: Mapping[str, Any]) -> None:
    connection = tenant.people.connection(user.connection)
    fixed = [name for name in _ROOT if name in body]
    if fixed and not connection.database:
        message = (
            f"The following user attributes cannot be updated: {', '.join(fixed)}. The connection "
            f"({connection.name}) must either be a database connection (using the Auth0 store), a "
            "passwordless connection (email or sms) or has disabled 'Sync user profile attributes at each "
            "login'."
        )
        raise management_error(400, message, "operation_not_supported")
    if "email" in body and "@" not in body["email"]:
        raise invalid_body(f"Object didn't pass validation for format email: {body['email']}")
    taken = tenant.people.find_account(body.get("email", ""), connection.name) if "email" in body else None
    if taken is not None and taken.identifier != user.identities[0].user_id:
        raise management_error(400, "The specified new email already exists", "auth0_idp_error")


def _delete(tenant: TenantState, call: Call, _caller: Caller) -> Answer:
    tenant.part(Users).delete(call.path["id"])
    return Answer(204)


assert set(_ROOT) | {"blocked", *METADATA} == PATCHABLE.keys()  # noqa: S101

ROUTES = [
    endpoint("GET", "/api/v2/users", ("read:users",), _search),
    endpoint("GET", "/api/v2/users-by-email", ("read:users",), _by_email),
    endpoint("GET", "/api/v2/users/{id}", ("read:users",), _get),
    endpoint("PATCH", "/api/v2/users/{id}", ("update:users", "update:users_app_metadata"), _patch),
    endpoint("DELETE", "/api/v2/users/{id}", ("delete:users",), _delete),
]
