"""Is every word that a page shows formed in `dashboards/sentences`, none where its numbers are computed?

A text counts as prose when two words stand beside each other in it, or when a number and a word are put together. Not looked
at are docstrings, types of arrays, errors (what is wrong and the remedy are written where it is found out), and `NO_PROSE`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from source_tree import sources

NO_PROSE = {
    "SOURCES": "fields of the view, and the tables and columns they come from",
    "_AGAIN": "the remedy of an error",
}
WORDS = re.compile(r"[A-Za-z][A-Za-z’'-]+[,:;]? [A-Za-z][A-Za-z’'-]+")
BESIDE_A_VALUE = re.compile(r"[A-Za-z][A-Za-z’'-]+[,:;]? ?\0|\0[,:;]? [A-Za-z][A-Za-z’'-]+")
VALUE = "\0"
TYPES = {"Bool", "Float", "Int"}


def prose(tree: ast.AST) -> Iterator[str]:
    """Texts of a module that read like something said."""
    if is_none(tree):
        return
    text = written(tree)
    if text is not None:
        if WORDS.search(text) or (VALUE in text and " " in text and BESIDE_A_VALUE.search(text)):
            yield text
        return
    for child in ast.iter_child_nodes(tree):
        yield from prose(child)


def is_none(node: ast.AST) -> bool:
    match node:
        case ast.Raise() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name.endswith("Error")
        case ast.Subscript(value=ast.Name(id=name)):
            return name in TYPES
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in NO_PROSE
        case _:
            return False


def written(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(written(part) or VALUE for part in parts)
        case _:
            return None


def test_no_sentence_and_no_label_is_formed_in_the_view() -> None:
    modules = {file: tree for file, tree in sources().items() if file.startswith("dashboards/view/")}
    assert len(modules) > 40
    found = {file: list(prose(tree)) for file, tree in modules.items()}
    assert {file: texts for file, texts in found.items() if texts} == {}


@pytest.mark.parametrize(
    "code",
    [
        "text = 'No model ran.'",
        "label = 'Logit lens'",
        "f'{n} of {total}'",
        "f'stream {n}, depth {depth}'",
        "f(word=f'{n} items')",
        "{'a': (1, 'nats an item')}",
    ],
)
def test_words_are_seen(code: str) -> None:
    assert list(prose(ast.parse(code))) != []


@pytest.mark.parametrize(
    "code",
    [
        "'lens.logit'",
        "f'family:{name}'",
        "f'{head}.{layer} ({low}, {high})'",
        "'; '.join(names)",
        "'''What does it do?'''",
        "raise StrataError(f'{file} is not a run', 'Give the folder')",
        "x: Float[np.ndarray, 'stream token']",
        "SOURCES = {'maps[].low': 'curves.parquet mean, low'}",
    ],
)
def test_codes_signs_and_errors_are_no_words(code: str) -> None:
    assert list(prose(ast.parse(code))) == []
