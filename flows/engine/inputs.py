"""What a flow is started with: a typed value with its JSON form. Each flow has one in its `inputs.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.engine.secret import names_only

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.context import FlowContext
    from stateful_oauth.flows.engine.transaction import Json, Transaction

_DEFAULTS: Final[dict[type, Mapping[str, Any]]] = {}  # by class: reading them takes longer than the rest


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JsonValue:
    """A frozen value that a row keeps as a JSON object. What has its default value is left out there.

    Attributes:
        FROM_JSON: By field, what makes its value from JSON: `tuple`, or another value's `from_json`.
    """

    FROM_JSON: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}

    def to_json(self) -> dict[str, Json]:
        """Return the JSON form; nothing in it is secret."""
        kept = {}
        for name, default in _defaults_of(type(self)).items():
            value = getattr(self, name)
            if value != default:
                kept[name] = _as_json(value)
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Json]) -> Self:
        """Return the value of a JSON form; other members are ignored."""
        values = {name: kept[name] for name in kept.keys() & _defaults_of(cls).keys()}
        for name, read in cls.FROM_JSON.items():
            if name in values:
                values[name] = read(values[name])
        return cls(**values)

    def __repr__(self) -> str:
        # Names only: values may be personal, and a repr reaches logs.
        return f"{type(self).__name__}({names_only(self.to_json())})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FlowInputs(JsonValue):
    """What a flow is started with, and what it learns until it is over.

    Every field has a default, because a row that is over keeps only the machine's `kept_inputs`.

    Attributes:
        next: Where the browser wants to go in the end.
    """

    next: str = ""

    @classmethod
    def given(cls, values: FlowInputs | Mapping[str, Any]) -> Self:
        """Return what a caller gave: an instance, or a mapping of fields in which None stands for no value.

        Raises:
            InvalidInput: `input_invalid`: the flow has no such input.
        """
        if isinstance(values, cls):
            return values
        if isinstance(values, FlowInputs):
            raise InvalidInput("input_invalid", f"{type(values).__name__} belong to another flow.")
        if unknown := sorted(set(values) - _defaults_of(cls).keys()):
            raise InvalidInput("input_invalid", f"Remove {', '.join(unknown)}: the flow has no such input.")
        return cls(**{name: value for name, value in values.items() if value is not None})

    @classmethod
    def of(cls, transaction: Transaction) -> Self:
        """Return the inputs of a transaction."""
        return cls.from_json(transaction.inputs)

    def checked(self, context: FlowContext[Any]) -> Self:  # noqa: ARG002 - for other flows
        """Return these inputs as the row keeps them.

        Args:
            context: Of the new transaction, which has no inputs and no secrets yet.

        Raises:
            InvalidInput: With a code.
        """
        return self


def _defaults_of(cls: type[JsonValue]) -> Mapping[str, Any]:
    """Return what each field has by default; `MISSING` for one that must be given."""
    found = _DEFAULTS.get(cls)
    if found is None:
        found = _DEFAULTS[cls] = {each.name: _default_of(each) for each in fields(cls)}
    return found


def _default_of(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _as_json(value: Any) -> Json:
    if isinstance(value, JsonValue):
        return value.to_json()
    if isinstance(value, (tuple, list, frozenset)):
        return [_as_json(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _as_json(each) for name, each in value.items()}
    return value
