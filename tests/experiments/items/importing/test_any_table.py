"""Whatever a table holds, items are made of its texts, finite numbers and truth values, and every row is accounted for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.experiments.items.importing import import_items, parse_mapping
from strata.experiments.items.jsonl import read_items, write_items
from strata.probes.errors import StrataError

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.floats(width=32),
    st.sampled_from(["A", "b)", "1", "2.0", "", " "]),
    st.text(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["A", "B", "text", "label", "1", "2"]), inner, max_size=3),
        st.lists(inner, max_size=3).map(json.dumps),
    ),
    max_leaves=6,
)
WORDS = st.sampled_from(["ox", "cat", "1", "2", "B", "nan", "-0.5"])
OPTIONS = st.one_of(
    st.lists(WORDS | st.integers(0, 3), min_size=2, max_size=4),
    st.dictionaries(st.sampled_from(["A", "B", "C", "1", "2"]), WORDS, min_size=2),
    st.dictionaries(WORDS, st.integers(0, 1), min_size=2),
    st.permutations(["A", "B", "C"]).map(lambda names: {"text": ["ox", "cat", "hen"], "label": names}),
    st.permutations(["A", "B"]).map(lambda names: [{"label": name, "text": f"the {name}"} for name in names]),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "q": st.text("xyz", min_size=1) | VALUES,
            "o": OPTIONS | OPTIONS.map(json.dumps) | WORDS | VALUES,
            "k": st.sampled_from(["A", "B", "(C)", "1", 2, 0, "ox"]) | VALUES,
        },
        optional={"a": WORDS | st.lists(WORDS, min_size=1) | VALUES},
    ),
    min_size=1,
    max_size=6,
)
MAPPINGS = {
    "open": '[item]\nprompt = "Q: {q}"\nanswer = "{a}"',
    "first": '[item]\nprompt = "Q: {q}"\nanswer = "{a[0]}"',
    "field": '[item]\nprompt = "Q: {q}"\n[choices]\nfield = "o"\ncorrect = "k"',
    "texts": '[item]\nprompt = "Q: {q}"\n[choices]\nfield = "o.text"\ncorrect = "k"\nfirst = 1',
    "scores": '[item]\nprompt = "Q: {q}"\n[choices]\nfield = "o"',
    "columns": '[item]\nprompt = "Q: {q}"\n[choices]\ncolumns = ["a", "o"]\ncorrect = "k"\nfirst = 0',
}


def plain(value: Any) -> Iterator[str]:
    """Everything in a value that may stand in an item, also in texts that write lists. Apart from the code it checks."""
    if isinstance(value, bool):
        yield str(value)
    elif isinstance(value, int | float):
        if math.isfinite(value):
            yield str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(value)
    elif isinstance(value, str):
        yield value.strip()
        yield value.strip().partition(")")[2].strip()
        try:
            inner = json.loads(value)
        except ValueError:
            return
        if isinstance(inner, list | dict):
            yield from plain(inner)
    elif isinstance(value, list):
        for entry in value:
            yield from plain(entry)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield key
            yield from plain(entry)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sampled_from(sorted(MAPPINGS)), st.sampled_from(["jsonl", "json", "keyed"]))
def test_items_are_made_of_plain_values_and_every_row_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], name: str, form: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"t.{form.replace('keyed', 'json')}"
    keyed = {f"row {n}": row for n, row in enumerate(rows)}
    path.write_text(
        "\n".join(map(json.dumps, rows)) if form == "jsonl" else json.dumps(rows if form == "json" else keyed)
    )
    try:
        imported = import_items(path, parse_mapping(MAPPINGS[name]))
    except StrataError:
        return
    allowed = set(plain(rows))
    for item in imported:
        assert item.prompt.removeprefix("Q: ") in {text.rstrip() for text in allowed}
        for text in (item.answer, item.foil, *item.choices):
            assert text == "" or (text[0] == " " and text[1:] in allowed)
        assert item.answer in item.choices or not item.choices
    assert imported.rows == len(rows) == len(imported) + sum(imported.excluded.values())
    write_items(path.with_name("items.jsonl"), imported)
    assert read_items(path.with_name("items.jsonl")) == list(imported)
