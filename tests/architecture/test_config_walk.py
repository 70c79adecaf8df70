"""Does the configuration of `locate` stay where it is read? Whoever needs a part of it is given that part."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from source_tree import MODULES, tree_of

CONFIG = "LocateConfig"
MOST_RETURNS = 3
"""A walk that hands the whole configuration to another module comes back from there once."""
Name = tuple[str, str]
Functions = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Walk:
    """Who takes the whole configuration."""

    trees: Mapping[str, ast.Module]
    takers: Mapping[Name, list[ast.stmt]]
    """By module and name: functions that take it, and all of the classes that hold it or have a method that takes it."""
    methods: Mapping[str, list[Name]]
    """By name of a method that takes it: the classes that have one."""
    fields: frozenset[str]
    """Fields that hold it, of any class."""

    def handed_on(self, module: str, name: str) -> Iterator[Name]:
        """(module, name) of every taker that this one hands the configuration to."""
        home = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in ast.walk(self.trees[module])
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        for part in self.takers[module, name]:
            names = {"config"} | set(_named(part, self.fields))
            for call in ast.walk(part):
                if isinstance(call, ast.Call):
                    given = [*call.args, *(keyword.value for keyword in call.keywords)]
                    if any(_is_whole(value, names, self.fields) for value in given):
                        yield from self._called(call.func, module, home)

    def _called(self, func: ast.expr, module: str, home: Mapping[str, Name]) -> Iterator[Name]:
        if isinstance(func, ast.Name):
            found = [home.get(func.id, (module, func.id))]
        elif isinstance(func, ast.Attribute):
            of = ".".join(home.get(func.value.id, ())) if isinstance(func.value, ast.Name) else ""
            found = [(of, func.attr)] if of in self.trees else self.methods.get(func.attr, [])
        else:
            found = []
        yield from (name for name in found if name in self.takers)

    def returns(self, module: str, name: str) -> int:
        """How often the walk comes back from another module; each taker is walked once."""
        seen, waiting, count = {(module, name)}, [(module, name)], 0
        while waiting:
            here = waiting.pop()
            for target in self.handed_on(*here):
                count += target[0] != here[0]
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return count


def walk_of(trees: Mapping[str, ast.Module]) -> Walk:
    takers: dict[Name, list[ast.stmt]] = {}
    methods: dict[str, list[Name]] = {}
    fields: set[str] = set()
    for module, tree in trees.items():
        for node in tree.body:
            if isinstance(node, Functions) and _takes(node):
                takers[module, node.name] = [node]
            elif isinstance(node, ast.ClassDef):
                held = {part.target.id for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and _is_config(part.annotation)}  # fmt: skip
                taking = [part for part in node.body if isinstance(part, Functions) and _takes(part)]
                fields |= held.union(*(_kept(part) for part in taking))
                if held or taking:
                    takers[module, node.name] = [*node.body]
                for part in taking:
                    methods.setdefault(part.name, []).append((module, node.name))
    return Walk(trees, takers, methods, frozenset(fields | {"config"}))


def _takes(node: Functions) -> bool:
    return any(_is_config(arg.annotation) for arg in _arguments(node))


def _arguments(node: Functions) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _is_config(annotation: ast.expr | None) -> bool:
    """`LocateConfig`, `LocateConfig | None`, in quotes too; not `list[LocateConfig]`."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = ast.parse(annotation.value, mode="eval").body
    if isinstance(annotation, ast.BinOp):
        return _is_config(annotation.left) or _is_config(annotation.right)
    return isinstance(annotation, ast.Name) and annotation.id == CONFIG


def _named(part: ast.stmt, fields: frozenset[str]) -> Iterator[str]:
    """Names that stand for the whole configuration: parameters, and what one is assigned to."""
    names = {arg.arg for node in ast.walk(part) if isinstance(node, Functions) for arg in _arguments(node) if _is_config(arg.annotation)}  # fmt: skip
    yield from names
    for node in ast.walk(part):
        if isinstance(node, ast.Assign) and _is_whole(node.value, names | {"config"}, fields):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _kept(node: Functions) -> set[str]:
    """`self.asked = asked`: fields that a method keeps it in."""
    names = {arg.arg for arg in _arguments(node) if _is_config(arg.annotation)}
    kept = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Assign):
            for target in part.targets:
                pairs = (
                    zip(target.elts, part.value.elts, strict=False)
                    if isinstance(target, ast.Tuple) and isinstance(part.value, ast.Tuple)
                    else [(target, part.value)]
                )
                kept |= {
                    to.attr for to, of in pairs
                    if isinstance(to, ast.Attribute) and isinstance(of, ast.Name) and of.id in names
                }  # fmt: skip
    return kept


def _is_whole(node: ast.expr, names: set[str], fields: frozenset[str]) -> bool:
    return (isinstance(node, ast.Name) and node.id in names) or (
        isinstance(node, ast.Attribute) and node.attr in fields
    )


def test_the_whole_configuration_is_handed_to_few_modules() -> None:
    walk = walk_of({module: tree_of(path) for module, path in MODULES.items() if ".experiments." in module})
    pipeline = "strata.experiments.locate.pipeline"
    assert {(pipeline, "locate"), (pipeline, "ask")} <= set(walk.takers)
    assert 0 < walk.returns(pipeline, "locate") <= MOST_RETURNS


def test_the_configuration_is_followed_under_other_names_and_into_methods() -> None:
    first = """
from other import ask, Stages
def locate(asked: LocateConfig, n: int) -> None:
    whole = asked
    {}
"""
    other = """
def ask(config: LocateConfig) -> None: ...
class Stages:
    def run(self, config: LocateConfig | None) -> None: ...
class Held:
    def __init__(self, asked: "LocateConfig") -> None:
        self.asked = asked
"""
    calls = {
        "ask(asked)": 1,
        "ask(whole)": 1,
        "stages.run(asked)": 1,
        "Stages().run(config=asked)": 1,
        "ask(held.asked)": 1,
    }
    calls |= {"ask(asked.seed)": 0, "print(asked)": 0, "stages.stop(asked)": 0}
    for call, returned in calls.items():
        walk = walk_of({"first": ast.parse(first.format(call)), "other": ast.parse(other)})
        assert walk.returns("first", "locate") == returned, call
