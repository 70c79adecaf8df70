"""Does the pair of kinds that everything is about have one name? A second list of them would be changed without the first."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from source_tree import sources

from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING

HOME = "experiments/items/schema.py"


def pairs(tree: ast.Module) -> Iterator[str]:
    """Tuples, lists, sets and `Literal[…]` of exactly these two, in either order, in constants of a module and inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            values = [each.value for each in node.elts if isinstance(each, ast.Constant)]
            if len(node.elts) == 2 and set(values) == set(KNOWLEDGE_AND_REASONING):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def test_the_two_kinds_are_listed_once() -> None:
    found = {file: list(pairs(tree)) for file, tree in sources().items()}
    assert {file: places for file, places in found.items() if places and file != HOME} == {}
    assert len(found[HOME]) == 1


@pytest.mark.parametrize(
    "code",
    [
        'KINDS = ("knowledge", "reasoning")',
        'TOLD: tuple[Kind, ...] = ("reasoning", "knowledge")',
        'KNOWLEDGE, REASONING = "knowledge", "reasoning"',
        'ASKED = frozenset({"knowledge", "reasoning"})',
        'Kind = Literal["knowledge", "reasoning"]',
        'def f(kind):\n    return kind in ["knowledge", "reasoning"]',
    ],
)
def test_a_second_list_of_them_is_seen(code: str) -> None:
    assert len(list(pairs(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code", ['("knowledge", "reasoning", "control")', '{"knowledge": 1, "reasoning": 2}', '("knowledge", "knowledge")']
)
def test_other_lists_are_not_counted(code: str) -> None:
    assert list(pairs(ast.parse(code))) == []
