"""What are the rows of a Parquet file or a Hugging Face data set, in Python's own values?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import refuse_irregular


def parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Every row. Raises StrataError for a file that isn't Parquet."""
    from pyarrow import parquet

    refuse_irregular(path)
    try:
        with parquet.ParquetFile(path) as table:
            names = table.schema_arrow.names
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise StrataError(f"{path} has two columns called {twice!r}", "Rename one of them")
            for batch in table.iter_batches():
                kinds = {field.name: field.type for field in batch.schema}
                for row in batch.to_pylist():
                    yield {name: _value(value, kinds[name]) for name, value in row.items()}
    except StrataError:
        raise
    except Exception as error:  # Arrow's own, and bare ones of every kind for a damaged file
        raise StrataError(f"{path} isn't a Parquet table", "Check the file") from error


def data_set_rows(source: str, config: str, split: str) -> Iterator[Mapping[str, Any]]:
    """Every row of a saved data set or of one from the hub; the split `test`, or the first, where none is given."""
    try:
        import datasets
    except ImportError as error:
        raise StrataError(
            "Reading a Hugging Face data set needs the package datasets",
            "Install it with `pip install 'strata-probes[datasets]'`",
        ) from error
    try:
        if Path(source).is_dir():
            loaded = datasets.load_from_disk(source)
        else:
            loaded = datasets.load_dataset(source, config or None)
    except Exception as error:  # The library raises many kinds, all of them about the name or the network.
        first = str(error).split("\n", 1)[0]
        remedy = "Check its name, `config`, and the network"
        if Path(source).is_dir():
            remedy = 'For a folder of tables set files = "*.csv" (or .json, .jsonl, .parquet) in [rows]'
        raise StrataError(f"The data set {source!r} can't be loaded: {first}", remedy) from error
    table = loaded
    if isinstance(loaded, dict):
        wanted = split or ("test" if "test" in loaded else next(iter(loaded)))
        if wanted not in loaded:
            raise StrataError(
                f"The data set {source!r} has no split {wanted!r}", f"Set `split` in [rows]: {', '.join(loaded)}"
            )
        table = loaded[wanted]
    kinds = {field.name: field.type for field in table.features.arrow_schema}
    for row in table:
        yield {name: _value(value, kinds.get(name)) for name, value in row.items()}


def _value(value: Any, kind: Any) -> Any:
    """The value without the digits that Arrow's storage of short floats added, and a map as an object."""
    from pyarrow import types

    if value is None or kind is None:
        return value
    if types.is_float32(kind) or types.is_float16(kind):
        import numpy

        short = numpy.float32 if types.is_float32(kind) else numpy.float16
        return float(str(short(value)))
    if types.is_dictionary(kind):
        return _value(value, kind.value_type)
    if types.is_map(kind) and isinstance(value, list):
        return {key: _value(inner, kind.item_type) for key, inner in value}
    if types.is_struct(kind) and isinstance(value, Mapping):
        inner_kinds = {field.name: field.type for field in kind}
        return {key: _value(inner, inner_kinds.get(key)) for key, inner in value.items()}
    if hasattr(kind, "value_type") and isinstance(value, list):
        return [_value(inner, kind.value_type) for inner in value]
    return value
