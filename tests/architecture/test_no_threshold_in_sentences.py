"""Is nothing decided where it is put into words? No sentence compares a number with a threshold: it gets a code instead."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from source_tree import sources


def thresholds(tree: ast.Module) -> Iterator[str]:
    """Comparisons with a broken number, written out or under a name of the module."""
    named = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and is_broken(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                if is_broken(side) or (isinstance(side, ast.Name) and side.id in named):
                    yield ast.unparse(node)


def is_broken(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float) and not node.value.is_integer()


def test_no_sentence_decides_by_a_threshold() -> None:
    modules = {file: tree for file, tree in sources().items() if file.startswith("dashboards/sentences/")}
    assert len(modules) > 30
    found = {file: list(thresholds(tree)) for file, tree in modules.items()}
    assert {file: places for file, places in found.items() if places} == {}


@pytest.mark.parametrize("code", ["x < 0.05", "SURE = 0.95\ny = SURE <= x"])
def test_a_threshold_is_seen(code: str) -> None:
    assert list(thresholds(ast.parse(code))) != []


@pytest.mark.parametrize("code", ["low <= 0 <= high", "len(x) > 1", "value != 0.0", "HALF = 0.5\ny = HALF * x"])
def test_signs_and_counts_are_no_thresholds(code: str) -> None:
    assert list(thresholds(ast.parse(code))) == []
