"""Do dependencies point one way, from dashboards over experiments to probes, and nowhere in a circle?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WINGS = ("probes", "experiments", "dashboards")
MODULES = {
    ".".join(("strata", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for wing in WINGS
    for path in sorted((ROOT / wing).rglob("*.py"))
}


def imports_of(name: str) -> Iterator[str]:
    """Modules of this repository that are imported when `name` is: those inside functions wait until they are needed."""
    for node in ast.parse(MODULES[name].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (
                imported if imported in MODULES else node.module for imported in inner if node.module in MODULES
            )
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


GRAPH = {name: set(imports_of(name)) - {name} for name in MODULES}


def test_the_graph_is_there() -> None:
    assert len(MODULES) > 150 and sum(map(len, GRAPH.values())) > 500


@pytest.mark.parametrize("wing", WINGS)
def test_no_wing_knows_those_above_it(wing: str) -> None:
    above = WINGS[WINGS.index(wing) + 1 :]
    violations = [
        (name, other)
        for name in MODULES
        if wing_of(name) == wing
        for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8")))
        for other in ([node.module] if isinstance(node, ast.ImportFrom) else [])
        if other and wing_of(other) in above
    ]
    assert violations == []


def test_no_module_is_part_of_a_circle() -> None:
    # Importing a package runs its __init__, which may gather what lies in it: only what a module asks for itself counts.
    plain = {name: {other for other in others if MODULES[other].stem != "__init__"} for name, others in GRAPH.items()}
    try:
        tuple(TopologicalSorter(plain).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


@pytest.mark.parametrize("wing", WINGS)
def test_no_room_of_a_wing_is_part_of_a_circle(wing: str) -> None:
    rooms: dict[str, set[str]] = {}
    for name, others in GRAPH.items():
        if wing_of(name) == wing:
            own = room_of(name)
            rooms.setdefault(own, set()).update(room_of(other) for other in others if wing_of(other) == wing)
            rooms[own].discard(own)
    try:
        tuple(TopologicalSorter(rooms).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def room_of(name: str) -> str:
    """The folder a module lies in; a module that lies in the wing itself is a room of its own."""
    return ".".join(name.split(".")[:3])


def wing_of(name: str) -> str | None:
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] if first == "strata" else None
