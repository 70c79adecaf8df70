"""What does a mapping's field hold in one row, and which fields are in no row at all?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from strata.experiments.items.importing.choices import Options
from strata.experiments.items.importing.paths import AbsentError, Field, Template, look_up, parse_template
from strata.experiments.items.importing.rows import Row
from strata.experiments.items.importing.unknown_name import unknown
from strata.experiments.items.importing.usable_values import UnusableRowError, plain_text, prints, way_in, written
from strata.probes.errors import StrataError


class Lookups:
    """Which fields were found in some row, so that one that is in none can be told from one that a row lacks."""

    def __init__(self, mapping: str) -> None:
        self.mapping = mapping
        """Name of the mapping, for messages."""
        self._found: set[str] = set()
        self._absent: dict[str, tuple[str, AbsentError]] = {}

    def look_up(self, row: Row, path: str) -> Any:
        """The value in the row. Raises UnusableRowError where the row has none."""
        try:
            value = look_up(row.top, path.removeprefix("$.")) if path.startswith("$.") else look_up(row.values, path)
        except AbsentError as absent:
            self._absent.setdefault(path, (row.where, absent))
            raise UnusableRowError(f"the row has no field {path!r}") from None
        self._found.add(path)
        return value

    def try_all(self, rows: Iterable[Row], paths: Iterable[str]) -> None:
        """Raises StrataError for a path that no row has, also one that wasn't asked for because of another's fault."""
        for path in paths:
            for row in rows:
                with suppress(UnusableRowError):
                    self.look_up(row, path)
                    break
        self.refuse_unknown()

    def refuse_unknown(self) -> None:
        """Raises StrataError for a field that no row had, with the nearest that the first row has."""
        for path, (where, absent) in self._absent.items():
            if path not in self._found:
                what = f"{self.mapping}: {where} has no field {path!r}"
                if absent.why:
                    raise StrataError(f"{what}: {absent.why}", "Change the field")
                raise unknown(what, path.removeprefix("$.").rpartition(".")[2], absent.there)


class Reader:
    """Looks up fields of one row: columns, `$.` for what surrounds the rows, `@` for what is known besides."""

    def __init__(self, row: Row, lookups: Lookups, as_text: Collection[str] = ()) -> None:
        self.row, self._lookups, self._as_text = row, lookups, as_text
        self.options: Options | None = None

    def value(self, path: str) -> Any:
        """The value of a field. Raises UnusableRowError where the row has none, StrataError for an unknown `@` name."""
        if not path.startswith("@") or path in self.row.values:
            return self._lookups.look_up(self.row, path)
        known: dict[str, Any] = {"@file": self.row.file, "@row": self.row.number}
        if self.row.key is not None:
            known["@key"] = self.row.key
        if self.options is not None:
            known |= {"@stem": self.options.stem, "@options": self.options.listed}
        if path not in known:
            raise unknown(f"{self._lookups.mapping}: there is no field {path!r}", path, tuple(known))
        return known[path]

    def peek(self, path: str) -> Any:
        """The value of a column that may not be there; None where it isn't."""
        try:
            return look_up(self.row.values, path)
        except AbsentError:
            return None

    def cell(self, path: str) -> Any:
        """The value of a field as text to show or to ask. Raises UnusableRowError also where it writes a list or object."""
        value = self.value(path)
        kind = prints(value) if isinstance(value, str) and not self.stays_text(path) else ""
        if kind:
            ways = (way_in(written(value), path), f'text = ["{path}"] in [rows] to take it as it stands')
            raise UnusableRowError(f"{path!r} holds {kind}", ", or ".join(filter(None, ways)))
        return value

    def stays_text(self, path: str) -> bool:
        """Whether the mapping says that the field, or the column it is in, is text whatever it writes."""
        return path in self._as_text or re.split(r"[.\[]", path, maxsplit=1)[0] in self._as_text

    def filling(self, path: str) -> str:
        """The text of a field. Raises UnusableRowError where it isn't text, a finite number or true or false."""
        return plain_text(self.cell(path), path)

    def text(self, template: str | Template) -> str:
        """The template with its fields filled in."""
        parts = parse_template(template) if isinstance(template, str) else template
        return "".join(self.filling(part.path) if isinstance(part, Field) else part for part in parts)
