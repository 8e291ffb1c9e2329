"""What each flow declares: the flows of the package, and those that the setting `FLOWS` names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.module_loading import import_string

from stateful_oauth.django.conf import conf
from stateful_oauth.django.once import once
from stateful_oauth.flows.engine.declaration import ALWAYS, FlowDeclaration, Texts
from stateful_oauth.flows.registry import BUILT_IN, SIGN_IN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stateful_oauth.django.conf import TenantSettings
    from stateful_oauth.flows.engine.declaration import Callback


@once
def declarations() -> Mapping[str, FlowDeclaration]:
    """Return the declarations by kind.

    Raises:
        ImportError: `FLOWS` names something that cannot be imported.
        TypeError: It names something that is no flow, or two flows have the same kind.
    """
    found = {declaration.kind: declaration for declaration in BUILT_IN}
    for path in conf.flows:
        declaration = _declaration(path)
        if found.setdefault(declaration.kind, declaration) != declaration:
            raise TypeError(f"Two flows are called {declaration.kind!r}.")
    return found


def usable_declarations() -> Iterable[FlowDeclaration]:
    """Return the declarations, without those of the project if the setting `FLOWS` is wrong.

    The URLs must not fail then: the system check E030 could not say what is wrong.
    """
    try:
        return declarations().values()
    except (ImportError, TypeError):
        return BUILT_IN


def declaration_of(kind: str) -> FlowDeclaration:
    """Return the declaration of a flow, or the sign-in's for a kind that this release does not know."""
    return declarations().get(kind, SIGN_IN)


def texts_of(kind: str) -> Texts:
    """Return what people read about a flow, in English; general words for a flow that declares none."""
    declared = declarations().get(kind)
    return Texts(title=kind) if declared is None or declared.texts is None else declared.texts


def callbacks(tenant: TenantSettings | None = None) -> list[Callback]:
    """Return the callbacks, in the order of the flows.

    Args:
        tenant: Leave out the callbacks of flows that this tenant's settings do not use, as far as a setting
            tells: see `Callback.used_with`.
    """
    found = [declaration.callback for declaration in usable_declarations() if declaration.callback]
    return found if tenant is None else [each for each in found if _is_used(each, tenant)]


def _is_used(callback: Callback, tenant: TenantSettings) -> bool:
    if callback.used_with is None:
        return False
    if callback.used_with == ALWAYS:
        return True
    value = getattr(tenant, callback.used_with.lower())
    return bool(value) and value != "off"


def _declaration(path: str) -> FlowDeclaration:
    named: Any = import_string(path)
    if isinstance(named, FlowDeclaration):
        return named
    try:
        declared: FlowDeclaration | None = named.declaration
        # Without one, only what the machine itself says is known.
        return declared or FlowDeclaration(
            kind=named.kind, machine=":".join(path.rsplit(".", 1)), needs_user=named.needs_user
        )
    except AttributeError:
        raise TypeError(f"FLOWS names {path!r}, which is neither a declaration nor a machine.") from None
