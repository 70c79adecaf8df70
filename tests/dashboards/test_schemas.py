"""Has every JSON file that Strata writes a schema in `docs/schemas`, is it the one of its type, and does the docs' list name it?"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from source_tree import MODULES, ROOT, tree_of

from strata.dashboards.schemas import FILES, OF, schema_file, schema_text
from strata.experiments.items.item_validation import item_from_dict
from strata.experiments.results.json_file import JsonFile
from strata.probes.errors import StrataError

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


def in_docs(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_file(name, DOCS).read_text(encoding="utf-8")))


SHIPPED = sorted((ROOT / "experiments/items/mappings").glob("*.toml"))


@pytest.mark.parametrize("mapping", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_mapping_is_what_its_schema_asks_for(mapping: Path) -> None:
    written = tomllib.loads(mapping.read_text(encoding="utf-8"))
    in_docs("mapping").validate(written)
    assert not in_docs("mapping").is_valid(written | {"iten": {}})
    assert not in_docs("mapping").is_valid({**written, "item": {**written["item"], "hops": -1}})


LINE = {"id": "a", "kind": "knowledge", "family": "f", "prompt": "A is", "answer": " b"}


@pytest.mark.parametrize(
    "more",
    [{}, {"foil": None, "domain": None, "spans": None, "hops": None}, {"mine": [1]}, {"spans": {"subject": [0, 1]}}, {"choices": [" b", " c"]}],
)  # fmt: skip
def test_a_line_of_items_that_is_read_is_what_its_schema_asks_for(more: dict[str, object]) -> None:
    assert item_from_dict({**LINE, **more}, "here").id == "a"
    in_docs("item").validate({**LINE, **more})


@pytest.mark.parametrize(
    "wrong",
    [{"id": None}, {"kind": "other"}, {"hops": -1}, {"hops": "2"}, {"spans": {"subject": [0]}}, {"choices": " b"}],
)
def test_a_line_of_items_that_is_refused_is_refused_by_its_schema(wrong: dict[str, object]) -> None:
    with pytest.raises(StrataError):
        item_from_dict({**LINE, **wrong}, "here")
    assert not in_docs("item").is_valid({**LINE, **wrong})


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
