"""Do dependencies point one way and nowhere in a circle, and does what crosses the house have a type and a code?"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import pytest
from compared_sentences import FOREIGN_TEXTS, compared_sentences
from source_tree import BUDGETS, MODULES, ROOT, WINGS, graph, over_budget, sources, tree_of
from untyped_mappings import FOREIGN_FORMATS, untyped_mappings

MOST_PARAMETERS = 8


def test_the_graph_is_there() -> None:
    assert len(MODULES) > 150 and sum(map(len, graph().values())) > 500


@pytest.mark.parametrize("wing", WINGS)
def test_no_wing_knows_those_above_it(wing: str) -> None:
    trees = {name: tree_of(path) for name, path in MODULES.items() if wing_of(name) == wing}
    assert trees and {name: found for name, tree in trees.items() if (found := imports_from_above(tree, wing))} == {}


def imports_from_above(tree: ast.Module, wing: str) -> list[str]:
    """What a module of `wing` imports from the wings above it, in whichever way, inside functions too."""
    above = WINGS[WINGS.index(wing) + 1 :]
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
    return [other for other in imported if wing_of(other) in above]


@pytest.mark.parametrize(
    "code",
    [
        "from strata.dashboards.view import build",
        "from strata import dashboards",
        "import strata.dashboards.page as page",
        "def f():\n    import strata.dashboards",
    ],
)
def test_an_import_from_above_is_seen(code: str) -> None:
    assert imports_from_above(ast.parse(code), "probes") and imports_from_above(ast.parse(code), "experiments")
    assert imports_from_above(ast.parse(code), "dashboards") == []


def test_no_module_is_part_of_a_circle() -> None:
    fail_on_circle(modules(graph()))


@pytest.mark.parametrize("wing", WINGS)
def test_no_room_of_a_wing_is_part_of_a_circle(wing: str) -> None:
    fail_on_circle(rooms(graph(), wing))


def test_no_import_inside_a_function_closes_a_circle() -> None:
    at_once, ever = graph(), graph(anywhere=True)
    closing = closing_edges(modules(at_once), modules(ever))
    for wing in WINGS:
        closing += closing_edges(rooms(at_once, wing), rooms(ever, wing))
    assert len(closing) <= BUDGETS["circles"]["inside_functions"], closing


def modules(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    # Importing a package runs its __init__, which may gather what lies in it: only what a module asks for itself counts.
    return {name: {other for other in others if MODULES[other].stem != "__init__"} for name, others in edges.items()}


def rooms(edges: dict[str, set[str]], wing: str) -> dict[str, set[str]]:
    """The same between the rooms of a wing."""
    found: dict[str, set[str]] = {}
    for name, others in edges.items():
        if wing_of(name) == wing:
            own = room_of(name)
            found.setdefault(own, set()).update(room_of(other) for other in others if wing_of(other) == wing)
            found[own].discard(own)
    return found


def fail_on_circle(edges: dict[str, set[str]]) -> None:
    try:
        tuple(TopologicalSorter(edges).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def closing_edges(base: dict[str, set[str]], more: dict[str, set[str]]) -> list[str]:
    """Edges of `more` that close a circle when they are added to `base` one by one."""
    edges = {name: set(others) for name, others in base.items()}
    closing = []
    for name, others in more.items():
        for other in sorted(others - base[name]):
            if name in reachable(edges, other):
                closing.append(f"{name} → {other}")
            else:
                edges[name].add(other)
    return closing


def reachable(edges: dict[str, set[str]], start: str) -> set[str]:
    seen, waiting = {start}, [start]
    while waiting:
        fresh = edges[waiting.pop()] - seen
        seen |= fresh
        waiting += fresh
    return seen


def test_an_import_that_closes_a_circle_is_seen() -> None:
    assert closing_edges({"a": {"b"}, "b": set(), "c": set()}, {"a": {"b"}, "b": {"a", "c"}, "c": set()}) == ["b → a"]


def test_no_dictionary_of_anything_is_passed() -> None:
    assert over_budget(untyped_mappings(sources()), BUDGETS["untyped_mappings"]) == []


def test_no_code_compares_or_parses_a_sentence() -> None:
    found = compared_sentences(sources())
    more = over_budget({file: len(places) for file, places in found.items()}, BUDGETS["compared_sentences"])
    assert more == [], {file: found[file] for file in (line.partition(":")[0] for line in more)}


def test_readers_of_foreign_formats_and_texts_are_there() -> None:
    assert [name for name in FOREIGN_FORMATS if not (ROOT / name).exists()] == []
    trees = sources()
    written = {(file, node.name) for file, tree in trees.items() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}  # fmt: skip
    assert set(FOREIGN_TEXTS) - written == set()


def test_each_function_that_reads_foreign_texts_is_listed_for_what_it_does() -> None:
    """Without its entry the walk would stop at it."""
    found = compared_sentences(sources(), foreign={})
    stopped = {file for file, _ in FOREIGN_TEXTS}
    assert stopped <= set(found)


@pytest.mark.parametrize(
    "code",
    [
        "x: dict[str, Any] = {}",
        "def f(x: Mapping[str, object]) -> None: ...",
        "def f(x: list[dict[str, Any]]) -> None: ...",
        "def f() -> dict: ...",
        "Json = typing.Dict[str, typing.Any]",
        "y = cast(dict[str, Any], x)",
        "y = cast('dict[str, Any]', x)",
        "def f(x: 'Mapping[str, Any]') -> None: ...",
        "def f() -> list['dict[str, object]']: ...",
        "x: 'dict' = {}",
        "x: dict[str, list[Any]]",
        "x: dict[str, Any | None]",
        "x: dict[str, Optional[tuple[Any, ...]]]",
    ],
)
def test_a_dictionary_of_anything_is_seen(code: str) -> None:
    assert untyped_mappings({"probes/x.py": ast.parse(code)}) == {"probes/x.py": 1}


@pytest.mark.parametrize(
    "code",
    [
        "x: dict[str, int] = {}",
        "dict(a=1)",
        "class Row(dict[str, float]): ...",
        "a: Any",
        "x: dict[str, Callable[[Any], int]]",
        "x: dict[str, Table[Any]]",
        "x: dict[tuple[object, ...], int]",
        "x: Float[Tensor, 'item dict']",
    ],
)
def test_a_dictionary_of_something_is_not_counted(code: str) -> None:
    assert untyped_mappings({"probes/x.py": ast.parse(code)}) == {}


@pytest.mark.parametrize(
    "code",
    [
        "NEEDS_BOTH = 'it runs blocks of both models'\nx == NEEDS_BOTH",
        "name.startswith(f'answer of {kind} ')",
        "_STRONG = re.compile(r'^(.+?) is made by (.+?) at depth')",
        "'not finite' in error.what",
        "'must' in str(error)",
        "x in ('same weights', 'another model')",
        "match x:\n  case 'not looked for': pass",
        "text.replace('the MLPs', 'MLP')",
        "label.removeprefix('accuracy ')",
        "name.startswith('Control')",
        "name.partition(': made by')",
        "title.rfind('at the')",
        "found['answered right']",
        "counts.get('answered right')",
        "{'answered right': 1}[said]",
        "any(words in said for words in ('no place', 'not made'))",
        "NOT = ('no place', 'not made')\nany(words in said for words in NOT)",
        "for words in ('no place', 'not made'):\n    x = words in said",
        "if caveat.text != known.text: pass",
        "by_text.setdefault(caveat.text, caveat)",
        "finite.note.rpartition(', ')",
        "label.split(', ')",
        "Verdict = Literal['same weights']\nsaid.startswith('same weights')",
    ],
)
def test_a_compared_sentence_is_seen(code: str) -> None:
    assert list(compared_sentences({"dashboards/x.py": ast.parse(code)})) == ["dashboards/x.py"]


@pytest.mark.parametrize(
    "code",
    [
        "x == 'not-located'",
        "text.split(', ')",
        "line.startswith('# ')",
        "re.compile(r'\\d+ [a-z]+')",
        "say('It is made there')",
        "x in ('read', 'run')",
        "Verdict = Literal['base', 'same weights']\nx == 'same weights'",
        "Place = Literal['as asked']\nPLACES.index('as asked')",
        "tensors['the bias'] = x",
        "x: Float[Tensor, 'item position']",
        "text.splitlines()",
        "a.label == 'x'",
    ],
)
def test_codes_signs_and_files_are_no_sentences(code: str) -> None:
    assert compared_sentences({"dashboards/x.py": ast.parse(code)}) == {}


def test_a_sentence_is_seen_under_its_name_in_another_module() -> None:
    models = ast.parse("WHY = 'it runs both models'")
    pipeline = ast.parse("from strata.experiments.models import WHY\nx == WHY")
    found = compared_sentences({"experiments/models.py": models, "experiments/pipeline.py": pipeline})
    assert list(found) == ["experiments/pipeline.py"]


@pytest.mark.parametrize(
    "code",
    [
        "from strata.experiments import models\nx == models.WHY",
        "from strata.experiments import models as m\nsaid.startswith(m.WHY)",
        "import strata.experiments.models\nx in (strata.experiments.models.WHY, 'y')",
    ],
)
def test_a_sentence_is_seen_under_its_modules_name(code: str) -> None:
    trees = {"experiments/models.py": ast.parse("WHY = 'it runs both models'"), "experiments/x.py": ast.parse(code)}
    assert list(compared_sentences(trees)) == ["experiments/x.py"]


def test_a_code_with_blanks_is_one_only_where_its_type_is_known() -> None:
    trees = {"probes/a.py": ast.parse("V = Literal['same weights']"), "probes/b.py": ast.parse("x == 'same weights'")}
    assert list(compared_sentences(trees)) == ["probes/b.py"]
    trees["probes/b.py"] = ast.parse("from strata.probes.a import V\nx == 'same weights'")
    assert compared_sentences(trees) == {}


def test_only_the_function_that_reads_foreign_texts_may() -> None:
    trees = {"probes/x.py": ast.parse("def f():\n    x == 'out of memory'\ndef g():\n    x == 'out of memory'")}
    assert compared_sentences(trees, foreign={("probes/x.py", "f"): ""}) == {"probes/x.py": ["4: 'out of memory'"]}


def test_a_function_with_many_parameters_says_why() -> None:
    """A comment `# N parameters: reason` between the line above it and its first statement."""
    found: dict[str, int] = {}
    for file, tree in sources().items():
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and parameters(node) > MOST_PARAMETERS:
                head = "\n".join(lines[node.lineno - 2 : node.body[0].lineno])
                if not re.search(r"# \w+ parameters: \w+", head):
                    found[file] = found.get(file, 0) + 1
    assert over_budget(found, BUDGETS["many_parameters"]) == []


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    return sum(1 for arg in given if arg is not None and arg.arg not in ("self", "cls"))


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    """A package that nothing but tests imports stands in an extra, or in a line of pyproject.toml with its reason."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    needed = {module_of(line) for line in project["dependencies"]}
    optional = {module_of(line) for name, lines in extras.items() for line in lines}
    assert undeclared(sources(), needed, extras) == {}, (
        "imported, and brought neither by the package nor by the room's extra"
    )
    imported = {name for tree in sources().values() for name in third_party(tree)}
    tests = [tree_of(path) for path in sorted((ROOT / "tests").rglob("*.py"))]
    own = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"campaign", "planted_models"}
    in_tests = {name for tree in tests for name in third_party(tree)} - own
    assert in_tests - needed - optional == set(), "imported by tests and declared nowhere"
    reasons = {module_of(line) for line in re.findall(r'^ +"([^"]+)",  # \w+', text, re.MULTILINE)}
    tools = {module_of(line) for name in ("test", "check") for line in extras[name]}
    assert (needed | optional - tools) - imported - reasons == set(), "declared, not imported, and no reason given"


EXTRA_OF = {
    "dashboards/app/": "app",
    "dashboards/benchmarks/": "bench",
    "dashboards/figures/image_files.py": "figures",
    "experiments/distill/": "distill",
    "experiments/items/importing/": "datasets",
    "experiments/items/reasoning_gym.py": "reasoning-gym",
    "experiments/split/": "split",
    "experiments/sweep/on_ray.py": "ray",
}
"""Beginning of a path: the extra that its code may import from. What only tests or tools install is not there for a user."""


def undeclared(
    trees: Mapping[str, ast.Module], needed: set[str], extras: Mapping[str, list[str]]
) -> dict[str, set[str]]:
    """By file, the packages that it imports and that neither the package itself nor the extra of its room brings."""
    found = {}
    for file, tree in trees.items():
        lines = [line for start, name in EXTRA_OF.items() if file.startswith(start) for line in extras[name]]
        found[file] = third_party(tree) - needed - {module_of(line) for line in lines}
    return {file: names for file, names in found.items() if names}


def test_what_only_tests_or_another_room_declare_is_not_there_for_shipped_code() -> None:
    extras = {name: [f"of_{name}>=1"] for name in (*EXTRA_OF.values(), "test")}
    trees = {
        "dashboards/benchmarks/x.py": ast.parse("import numpy, of_bench"),
        "dashboards/view/x.py": ast.parse("def f():\n    import of_bench"),
        "probes/x.py": ast.parse("from of_test.part import name"),
    }
    found = undeclared(trees, {"numpy"}, extras)
    assert found == {"dashboards/view/x.py": {"of_bench"}, "probes/x.py": {"of_test"}}
    assert [start for start in EXTRA_OF if not (ROOT / start).exists()] == []


def third_party(tree: ast.Module) -> set[str]:
    """Top-level names of the packages that a module imports, at the top or inside a function."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
    return names - sys.stdlib_module_names - {"strata", "strata_probes"}


def module_of(requirement: str) -> str:
    """`scikit-learn>=1.6` is imported as sklearn."""
    name = re.split(r"[^\w-]", requirement, maxsplit=1)[0].replace("-", "_")
    return {"scikit_learn": "sklearn", "pytest_xdist": "xdist", "pillow": "PIL"}.get(name, name)


def room_of(name: str) -> str:
    """The folder a module lies in; a module that lies in the wing itself is a room of its own."""
    return ".".join(name.split(".")[:3])


def wing_of(name: str) -> str | None:
    first, _, rest = name.partition(".")
    return rest.partition(".")[0] if first == "strata" else None
