"""Has every JSON file that Strata writes a schema in `docs/schemas`, is it the one of its type, and does the docs' list name it?"""

from __future__ import annotations

import ast
import re
from importlib import import_module

import pytest
from source_tree import MODULES, ROOT, tree_of

from strata.dashboards.schemas import FILES, OF, schema_file, schema_text
from strata.experiments.results.json_file import JsonFile

DOCS = ROOT / "docs" / "schemas"
WRITERS = {"write_whole", "write_text", "write_bytes"}
UNDECLARED = {
    "dashboards/benchmarks/run_listing.py": "a made-up summary, of which only what a list reads is there",
    "experiments/calibrate/embedded/plant_files.py": "adapter_config.json of PEFT",
    "experiments/calibrate/planted_checkpoint.py": "truth.json of a planted model, beside no run",
    "experiments/distill/pipeline.py": "adapter_config.json of PEFT; losses by step beside an adapter",
    "experiments/run/directory.py": "the one place where a declared file is written into a run",
}
"""Files that write JSON which isn't put together by a `JsonFile` in the same call, and why."""


@pytest.mark.parametrize("name", sorted(OF))
def test_the_schema_in_the_docs_is_the_one_of_the_types(name: str) -> None:
    assert schema_file(name, DOCS).read_text(encoding="utf-8") == schema_text(name), (
        "python -m strata.dashboards.schemas docs/schemas"
    )


def test_the_docs_hold_and_list_the_schemas_and_nothing_else() -> None:
    listed = re.findall(r"^\| \[(\w+)\]\((\w+)\.schema\.json\)", (DOCS / "README.md").read_text(encoding="utf-8"), re.M)
    assert all(name == file for name, file in listed)
    assert sorted(name for name, _ in listed) == sorted(OF)
    assert {file.name for file in DOCS.glob("*.json")} == {schema_file(name, DOCS).name for name in OF}


def test_every_declared_json_file_has_its_schema() -> None:
    declared = dict(declared_files())
    assert len(declared) > 20
    known = set(map(id, FILES))
    assert [where for where, file in declared.items() if id(file) not in known] == []
    assert len({file.schema for file in declared.values()}) == len(declared), "two files share a schema's name"


def test_whoever_writes_json_declares_it() -> None:
    """`RunDirectory.write_json` and `write_page` take a declaration alone: nobody goes past them."""
    past = {file for file, call in written_json() if not any(map(_is_declared, ast.walk(call)))}
    assert past == set(UNDECLARED)


def declared_files() -> list[tuple[str, JsonFile[object]]]:
    """`module.NAME` and what it declares, of every `NAME = JsonFile(…)` of the tree."""
    found = []
    for module, path in MODULES.items():
        for node in ast.walk(tree_of(path)):
            if not (isinstance(node, ast.Call) and _name(node.func) == "JsonFile"):
                continue
            names = [
                (entry.targets[0] if isinstance(entry, ast.Assign) else entry.target)
                for entry in tree_of(path).body
                if isinstance(entry, ast.Assign | ast.AnnAssign) and entry.value is node
            ]
            assert names, f"{path}:{node.lineno}: a JSON file is declared as a constant of its module"
            found += [(f"{module}.{_name(name)}", getattr(import_module(module), _name(name))) for name in names]
    return found


def written_json() -> list[tuple[str, ast.Call]]:
    """File and call, of every call of the upper wings that writes a file of what `json` or a model makes in it."""
    return [
        (path.relative_to(ROOT).as_posix(), node)
        for module, path in MODULES.items()
        if not module.startswith("strata.probes")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and _name(node.func) in WRITERS and any(map(_makes_json, ast.walk(node)))
    ]


def _makes_json(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) in {"dumps", "model_dump_json", "dump_json"}


def _is_declared(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) in {"plain", "b64encode"}


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
