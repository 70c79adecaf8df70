"""Where does code branch on, parse or compare a sentence? A sentence is a text in which two words stand side by side."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

SENTENCE = re.compile(r"[^\W\d_]{2}[\w'’]*[,;:…]? [^\W\d_]")
"""Two letters, a blank, a letter: neither a key, nor a sign, nor `, `."""
ASKED = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split", "rsplit", "find"}
ASKED |= {"index", "count", "replace"}
PATTERNS = {"compile", "match", "search", "fullmatch", "sub", "findall", "finditer", "split"}
FOREIGN_TEXTS = {
    "probes/errors.py": "messages of the operating system",
    "probes/foreign_files.py": "messages of Python's JSON reader",
    "experiments/items/framing.py": "what somebody else's chat template writes around a request",
    "experiments/compare/instruction_contrasts.py": "the request inside a rendered chat prompt",
    "experiments/generated_answers/check_trace.py": "traces that a model wrote",
}
"""Readers of texts that are not ours, and whose they are."""


def compared_sentences(trees: dict[str, ast.Module]) -> dict[str, list[str]]:
    """File: `line: sentence` of every place where one is compared, looked up or searched for."""
    constants = {file: dict(_constants(tree)) for file, tree in trees.items()}
    codes = {code for tree in trees.values() for code in _declared_codes(tree)}
    found = {}
    for file, tree in trees.items():
        known = constants[file] | dict(_imported(tree, constants))
        places = sorted(
            {
                (node.lineno, text)
                for node in ast.walk(tree)
                for operand in _operands(node)
                for text in _texts(operand, known)
                if text not in codes and (SENTENCE.search(text) or (_of_an_error(node) and text.isalpha()))
            }
        )
        if places and file not in FOREIGN_TEXTS:
            found[file] = [f"{line}: {text[:80]!r}" for line, text in places]
    return found


def _operands(node: ast.AST) -> Iterator[ast.expr]:
    """What a text is held against in this node."""
    if isinstance(node, ast.Compare) and any(
        isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops
    ):
        yield from (node.left, *node.comparators)
    elif isinstance(node, ast.MatchValue):
        yield node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
        if node.func.attr in (PATTERNS if of_re else ASKED):
            yield node.args[0]


def _declared_codes(tree: ast.Module) -> Iterator[str]:
    """Members of a `Literal`: with blanks in them too they are codes, whose every use mypy holds against their type."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            yield from (
                part.value
                for part in ast.walk(node.slice)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


def _of_an_error(node: ast.AST) -> bool:
    """`"must" in str(error)`: of a message even one word is part of a sentence."""
    return isinstance(node, ast.Compare) and any(
        isinstance(part, ast.Call)
        and isinstance(part.func, ast.Name)
        and part.func.id == "str"
        and isinstance(part.args[0], ast.Name)
        and part.args[0].id in ("error", "failure", "exception")
        for part in node.comparators
        if not isinstance(part, ast.Call) or part.args
    )


def _texts(node: ast.expr, known: dict[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "Xx" for part in node.values)
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for part in node.elts:
            yield from _texts(part, known)
    elif isinstance(node, ast.Name) and node.id in known:
        yield known[node.id]


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Name and text of every constant of a module."""
    for node in tree.body:
        target = (
            node.targets[0]
            if isinstance(node, ast.Assign)
            else node.target
            if isinstance(node, ast.AnnAssign)
            else None
        )
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for text in _texts(node.value, {}):
                yield target.id, text


def _imported(tree: ast.Module, constants: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            file = f"{node.module.removeprefix('strata.').replace('.', '/')}.py"
            for alias in node.names:
                if alias.name in constants.get(file, {}):
                    yield alias.asname or alias.name, constants[file][alias.name]
