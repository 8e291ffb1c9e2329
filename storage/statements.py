"""The few statements of the sign-in path, compiled once.

Django's ORM builds the text of a statement anew for each call, which is most of what a short statement costs
the process. The statements of the store never change their shape, so their parts are made once per database,
with the ORM's own quoting and conversion of values; docs/speed.md says what that saves.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from django.db import models

# Fields whose values every driver takes as they are.
_PLAIN: Final = frozenset(
    {"BooleanField", "CharField", "PositiveIntegerField", "PositiveSmallIntegerField", "TextField"}
)
# Fields whose values the store makes itself, of the right type and with a time zone: only the driver's form
# is left to find.
_PREPARED: Final = frozenset({"BinaryField", "DateTimeField", "JSONField", "UUIDField"})


class Table:
    """INSERT, UPDATE and SELECT of one model in one database; serves all threads.

    Values and rows go by attribute name (`attname`: `user_id`, not `user`).
    """

    def __init__(self, model: type[models.Model], alias: str) -> None:
        options = model._meta  # noqa: SLF001 - public in Django
        quote: Callable[[str], str] = connections[alias].ops.quote_name
        self._alias = alias
        self._fields = {field.attname: field for field in options.concrete_fields}
        self._plain = {name for name, field in self._fields.items() if field.get_internal_type() in _PLAIN}
        self._conversions = {name: _conversion(field) for name, field in self._fields.items()}
        self._columns = {name: quote(str(field.column)) for name, field in self._fields.items()}
        self._names = ", ".join(self._columns.values())
        self._placeholders = f"({', '.join(['%s'] * len(self._fields))})"
        self._table = quote(options.db_table)
        self._texts: dict[object, str] = {}

    def insert(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows in one statement."""
        text = self._texts.get(len(rows))
        if text is None:
            values = ", ".join([self._placeholders] * len(rows))
            text = f"INSERT INTO {self._table} ({self._names}) VALUES {values}"  # noqa: S608 - our own columns
            self._texts[len(rows)] = text
        self._execute(text, [(name, row[name]) for row in rows for name in self._fields])

    def insert_unless(self, row: Mapping[str, Any], other: Table, where: Mapping[str, Any]) -> bool:
        """Insert a row unless another table has one that matches, in one statement; return whether it did."""
        shape = ("unless", other._table, *where)
        text = self._texts.get(shape)
        if text is None:
            values = ", ".join(["%s"] * len(self._fields))
            text = (
                f"INSERT INTO {self._table} ({self._names}) SELECT {values} WHERE NOT EXISTS "  # noqa: S608 - our own columns
                f"(SELECT 1 FROM {other._table} WHERE {other._conditions(where)})"
            )
            self._texts[shape] = text
        connection = connections[self._alias]
        parameters = self._to_database(connection, [(name, row[name]) for name in self._fields])
        parameters += other._to_database(connection, where.items())
        with connection.cursor() as cursor:
            cursor.execute(text, parameters)
            return int(cursor.rowcount) == 1

    def update(self, changes: Mapping[str, Any], where: Mapping[str, Any]) -> int:
        """Change the rows that match, and return how many did."""
        shape = (*changes, None, *where)
        text = self._texts.get(shape)
        if text is None:
            assignments = ", ".join([f"{self._columns[name]} = %s" for name in changes])
            text = f"UPDATE {self._table} SET {assignments} WHERE {self._conditions(where)}"  # noqa: S608 - our own columns
            self._texts[shape] = text
        return self._execute(text, [*changes.items(), *where.items()])

    def select(self, where: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the one row that matches, or None."""
        connection = connections[self._alias]
        shape = (*where,)
        text = self._texts.get(shape)
        if text is None:
            text = f"SELECT {self._names} FROM {self._table} WHERE {self._conditions(where)}"  # noqa: S608 - our own columns
            self._texts[shape] = text
        with connection.cursor() as cursor:
            cursor.execute(text, self._to_database(connection, where.items()))
            found = cursor.fetchone()
        if found is None:
            return None
        row = dict(zip(self._fields, found, strict=True))
        for name, convert, expression in self._converters:
            row[name] = convert(row[name], expression, connection)
        return row

    @cached_property
    def _converters(self) -> list[tuple[str, Callable[..., Any], Any]]:
        return [
            (name, convert, column)
            for name, field in self._fields.items()
            for convert, column in _converters(field, self._alias)
        ]

    def _conditions(self, where: Mapping[str, Any]) -> str:
        return " AND ".join([f"{self._columns[name]} = %s" for name in where])

    def _to_database(self, connection: Any, pairs: Iterable[tuple[str, Any]]) -> list[Any]:
        conversions, plain = self._conversions, self._plain
        return [
            value if value is None or name in plain else conversions[name](value, connection)
            for name, value in pairs
        ]

    def _execute(self, sql: str, pairs: Iterable[tuple[str, Any]]) -> int:
        connection = connections[self._alias]
        with connection.cursor() as cursor:
            cursor.execute(sql, self._to_database(connection, pairs))
            return int(cursor.rowcount)


class Lookup:
    """`select_related(related).get(key=…)` in one database, with the ORM's own text, made once.

    The key is a unique field. Serves all threads.
    """

    def __init__(
        self, model: type[models.Model], *, key: str, related: str, alias: str, lock: bool = False
    ) -> None:
        """Take the model and its unique field; with `lock`, the row is locked as by `select_for_update`."""
        options = model._meta  # noqa: SLF001 - public in Django
        other: Any = options.get_field(related).related_model
        self._alias, self._model, self._other, self._lock = alias, model, other, lock
        self._key: Any = options.get_field(key)
        self._relation: Any = options.get_field(related)
        self._fields: list[Any] = [*options.concrete_fields, *other._meta.concrete_fields]  # noqa: SLF001 - public in Django
        self._names = [field.attname for field in self._fields]
        self._count = len(options.concrete_fields)
        self._sql = ""

    def get(self, key: Any) -> Any:
        """Return the object with its related one, or None."""
        connection = connections[self._alias]
        self._sql = self._sql or self._text(key)
        with connection.cursor() as cursor:
            cursor.execute(self._sql, [self._key.get_db_prep_value(key, connection)])
            row = cursor.fetchone()
        if row is None:
            return None
        values = list(row)
        for index, convert, column in self._converters:
            values[index] = convert(values[index], column, connection)
        found: Any = self._model.from_db(self._alias, self._names[: self._count], values[: self._count])
        other = self._other.from_db(self._alias, self._names[self._count :], values[self._count :])
        self._relation.set_cached_value(found, other)
        return found

    def _text(self, key: Any) -> str:
        every = self._model._base_manager.select_related(self._relation.name)  # noqa: SLF001 - public in Django
        found = every.filter(**{self._key.name: key})
        features = connections[self._alias].features
        if self._lock and features.has_select_for_update:
            # Not against those who only refer to the row by a foreign key, where the database can tell.
            found = found.select_for_update(
                of=("self",) if features.has_select_for_update_of else (),
                no_key=features.has_select_for_no_key_update,
            )
        text, parameters = found.query.get_compiler(self._alias).as_sql()
        assert len(parameters) == 1  # noqa: S101 - the key, and nothing else that could change
        return str(text)

    @cached_property
    def _converters(self) -> list[tuple[int, Callable[..., Any], Any]]:
        return [
            (index, convert, column)
            for index, field in enumerate(self._fields)
            for convert, column in _converters(field, self._alias)
        ]


def _conversion(field: Any) -> Callable[[Any, Any], Any]:
    """Return what turns a value of a field into what the driver takes, as the ORM does it."""
    target = getattr(field, "target_field", field)  # of a foreign key
    # The key of a user is a text everywhere in the flows, and may be of any type in the project's own model.
    is_ours = target.model._meta.app_label == field.model._meta.app_label  # noqa: SLF001 - public in Django
    if is_ours and target.get_internal_type() in _PREPARED:
        return partial(target.get_db_prep_value, prepared=True)
    conversion: Callable[[Any, Any], Any] = field.get_db_prep_save
    return conversion


def _converters(field: Any, alias: str) -> list[tuple[Callable[..., Any], Any]]:
    """Return what turns a field's column into its value, as the ORM does it."""
    connection = connections[alias]
    column = field.get_col(field.model._meta.db_table)  # noqa: SLF001 - public in Django
    found = connection.ops.get_db_converters(column) + field.get_db_converters(connection)
    return [(convert, column) for convert in found]
