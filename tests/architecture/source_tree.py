"""The repository's own modules, parsed once: what the walks of the tree start from."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
WINGS = ("probes", "experiments", "dashboards")
MODULES = {
    ".".join(("strata", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for wing in WINGS
    for path in sorted((ROOT / wing).rglob("*.py"))
}
BUDGETS = tomllib.loads(Path(__file__).with_name("tree_budgets.toml").read_text(encoding="utf-8"))
"""Rule: file: how many places break it still. A number may only become smaller."""


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def sources() -> dict[str, ast.Module]:
    """Path from the root: syntax tree, of every module of the three wings and of the public face."""
    paths = [*MODULES.values(), ROOT / "strata" / "__init__.py"]
    return {path.relative_to(ROOT).as_posix(): tree_of(path) for path in paths}


def imports_of(name: str, anywhere: bool) -> Iterator[str]:
    """Modules of this repository that `name` imports: when it is imported itself, or `anywhere`, inside functions too."""
    tree = tree_of(MODULES[name])
    for node in ast.walk(tree) if anywhere else tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (
                imported if imported in MODULES else node.module for imported in inner if node.module in MODULES
            )
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


def graph(anywhere: bool = False) -> dict[str, set[str]]:
    """Module: the modules that it imports."""
    return {name: set(imports_of(name, anywhere)) - {name} for name in MODULES}


def over_budget(found: dict[str, int], budget: dict[str, int]) -> list[str]:
    """Files with more offences than `budget` allows. A file that was renamed keeps what it was allowed.

    A file that isn't listed may have as many as listed files that are gone; all of them together, no more.
    """
    more = [
        f"{file}: {count}, allowed {budget[file]}" for file, count in found.items() if count > budget.get(file, count)
    ]
    unlisted = {file: count for file, count in found.items() if file not in budget}
    freed = sum(count for file, count in budget.items() if not (ROOT / file).exists())
    if sum(unlisted.values()) > freed:
        more += [
            f"{file}: {count}, not listed (files that are gone free {freed} in all)" for file, count in unlisted.items()
        ]
    return more
