"""Does the configuration of `locate` stay where it is read? Whoever needs a part of it is given that part."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from source_tree import MODULES, tree_of

CONFIG = "LocateConfig"
MOST_RETURNS = 9
"""A walk that hands the whole configuration to another module comes back from there once."""
Takers = dict[str, dict[str, list[ast.AST]]]


def takers() -> Takers:
    """By module and name: the functions that take the whole configuration, and all methods of the classes that hold it."""
    found: Takers = {}
    for module, path in MODULES.items():
        if ".experiments." in module:
            for node in tree_of(path).body:
                if isinstance(node, ast.FunctionDef) and any(_is_config(arg.annotation) for arg in _arguments(node)):
                    found.setdefault(module, {})[node.name] = [node]
                elif isinstance(node, ast.ClassDef) and any(
                    isinstance(part, ast.AnnAssign) and _is_config(part.annotation) for part in node.body
                ):
                    found.setdefault(module, {})[node.name] = [*node.body]
    return found


def handed_on(taking: Takers, module: str, name: str) -> Iterator[tuple[str, str]]:
    """(module, name) of every taker that this one hands the configuration to."""
    home = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree_of(MODULES[module]))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for part in taking[module][name]:
        for call in ast.walk(part):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                given = [*call.args, *(keyword.value for keyword in call.keywords)]
                target = home.get(call.func.id, (module, call.func.id))
                if target[1] in taking.get(target[0], {}) and any(map(_names_config, given)):
                    yield target


def returns(taking: Takers, module: str, name: str) -> int:
    """How often the walk comes back from another module; each taker is walked once."""
    seen, waiting, count = {(module, name)}, [(module, name)], 0
    while waiting:
        here = waiting.pop()
        for target in handed_on(taking, *here):
            count += target[0] != here[0]
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return count


def test_the_whole_configuration_is_handed_to_few_modules() -> None:
    taking = takers()
    pipeline = "strata.experiments.locate.pipeline"
    assert {"locate", "ask"} <= set(taking[pipeline])
    assert 0 < returns(taking, pipeline, "locate") <= MOST_RETURNS


def _arguments(node: ast.FunctionDef) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _is_config(annotation: ast.expr | None) -> bool:
    return isinstance(annotation, ast.Name) and annotation.id == CONFIG


def _names_config(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "config") or (
        isinstance(node, ast.Attribute) and node.attr == "config"
    )
