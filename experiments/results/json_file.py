"""What is a JSON file of a run? One declaration: its name, what it holds, and which schema of `docs/schemas` says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import JsonValue, TypeAdapter

ShapeT = TypeVar("ShapeT")


@dataclass(frozen=True)
class JsonFile(Generic[ShapeT]):
    """Declared beside the type that it holds. Whoever writes a JSON file of a run gives the declaration, not a name:
    a test walks over all of them and asks for their schemas."""

    name: str
    """As it lies in the directory: summary.json."""
    schema: str
    """Name of its schema in `docs/schemas`, without `.schema.json`."""
    shape: TypeAdapter[ShapeT]
    """What it holds."""
    only_set: bool = False
    """Whether fields that nobody set stay unwritten."""

    def plain(self, content: ShapeT) -> JsonValue:
        """What the file holds, names of fields as they stand in it."""
        held: JsonValue = self.shape.dump_python(content, mode="json", by_alias=True, exclude_unset=self.only_set)
        return held

    def text(self, content: ShapeT) -> str:
        """The same as the text of a file that stands outside of a run directory."""
        return self.shape.dump_json(content, indent=1, by_alias=True, exclude_unset=self.only_set).decode() + "\n"
