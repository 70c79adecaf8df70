"""Does nothing that people see judge an interval itself? What is shown, claimed or dimmed for one is decided in `experiments`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from source_tree import sources

ENDS = {"low", "high"}
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def judged(tree: ast.AST) -> Iterator[str]:
    """Comparisons in order with an end of an interval."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ORDER) for op in node.ops):
            names = {name_of(side) for side in (node.left, *node.comparators)}
            if names & ENDS:
                yield ast.unparse(node)


def name_of(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return name_of(node.value)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_no_interval_is_judged_where_it_is_shown() -> None:
    modules = {file: tree for file, tree in sources().items() if file.startswith("dashboards/")}
    found = {file: list(judged(tree)) for file, tree in modules.items()}
    assert len(modules) > 150 and {file: places for file, places in found.items() if places} == {}


@pytest.mark.parametrize("code", ["low > 0", "line.low[i] <= base <= line.high[i]", "x if told.high < 0 else y"])
def test_a_judged_interval_is_seen(code: str) -> None:
    assert list(judged(ast.parse(code))) != []


@pytest.mark.parametrize("code", ["low is None", "high == low", "side_of(low, high) == 0", "max(low, high)"])
def test_an_end_that_is_only_read_is_not(code: str) -> None:
    assert list(judged(ast.parse(code))) == []
