"""What is a table of a run? One declaration of its rows, from which its columns, the check of every writer and its description come.

The rows are a `TypedDict` or a dataclass whose fields are the columns in their order: a key that isn't declared is refused by
the type checker where the keys are written out, and by `Table` where they aren't.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Generic, Literal, NewType, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

RUN_KEY = b"strata.run"
"""Where a table's metadata say which run wrote it."""
Long = NewType("Long", int)
"""A count that 32 bits can't hold."""
_ARROW = {
    str: pa.string(), int: pa.int32(), Long: pa.int64(), float: pa.float64(), bool: pa.bool_(),
}  # fmt: skip
Value = str | int | float | bool | None
RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Column:
    name: str
    type: pa.DataType
    nullable: bool
    """Whether a row may lack it. Files say of every column that it may be null, so that those of any version can be joined."""
    meaning: str


class Table(Generic[RowT]):
    """One declared table of a run, `NAME.parquet` in its directory. `row` declares its columns; its docstring says what a row is."""

    def __init__(self, name: str, row: type[RowT]) -> None:
        self.name, self.row = name, row
        self.meaning = " ".join((row.__doc__ or "").split())
        self.columns = tuple(_column(key, hint) for key, hint in get_type_hints(row, include_extras=True).items())
        self.schema = pa.schema([(column.name, column.type) for column in self.columns])

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns in their order."""
        return tuple(column.name for column in self.columns)

    def of_rows(self, rows: Iterable[RowT | Mapping[str, Value]]) -> pa.Table:
        """Rows as a table of exactly its columns; a missing key is null. Raises KeyError for a column that isn't declared."""
        kept = [cast(Mapping[str, Value], vars(row) if is_dataclass(row) else row) for row in rows]
        declared = set(self.names)
        for row in kept:
            if not declared.issuperset(row):
                raise KeyError(f"{self.name} declares no columns {sorted(set(row) - declared)}")
        return pa.table(
            {field.name: pa.array([row.get(field.name) for row in kept], field.type) for field in self.schema},
            self.schema,
        )

    def of_columns(self, columns: Mapping[str, Sequence[Value] | np.ndarray]) -> pa.Table:
        """Whole columns as a table, all of them declared. Raises KeyError for one that isn't, or that is missing."""
        if set(columns) != set(self.names):
            raise KeyError(f"{self.name} declares {list(self.names)}, not {sorted(set(columns) ^ set(self.names))}")
        return pa.table({name: columns[name] for name in self.names}, self.schema)

    def rows(self, table: pa.Table) -> list[RowT]:
        """Rows of a table that was written under this declaration. Raises KeyError for one with other columns."""
        if tuple(table.schema.names) != self.names:
            raise KeyError(f"{self.name} declares {list(self.names)}, not {table.schema.names}")
        return self.read(table.to_pylist())

    def read(self, rows: Iterable[Mapping[str, Value]]) -> list[RowT]:
        """Rows of a table of any version; columns that aren't declared any more are skipped, those that may be absent are null.

        Raises TypeError where another one is missing.
        """
        if not is_dataclass(self.row):
            return [cast(RowT, row) for row in rows]
        names = {field.name for field in fields(self.row)}
        return [self.row(**{name: value for name, value in row.items() if name in names}) for row in rows]


def _column(name: str, hint: object) -> Column:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"column {name!r} says nothing about its meaning")
    plain, meaning = get_args(hint)[:2]
    nullable = get_origin(plain) in (Union, types.UnionType)
    kinds: list[Any] = [kind for kind in get_args(plain) if kind is not type(None)] if nullable else [plain]
    held = str if get_origin(kinds[0]) is Literal else kinds[0]
    return Column(name, _ARROW[held], nullable, str(meaning))
