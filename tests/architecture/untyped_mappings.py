"""Where does a module pass a dictionary whose values could be anything?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress

MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict"}
ANYTHING = {"Any", "object"}
CONTAINERS = {
    "list",
    "List",
    "tuple",
    "Tuple",
    "set",
    "frozenset",
    "Sequence",
    "Iterable",
    "Collection",
    "Optional",
    "Union",
}
FOREIGN_FORMATS = {
    "dashboards/figures/": "traces, shapes and annotations in plotly's figure format",
    "dashboards/page/embedded_figures.py": "figures in plotly's format, packed",
    "experiments/distill/train.py": "what transformers tells a callback of a step",
    "experiments/items/importing/": "rows of somebody else's table or dataset",
    "experiments/items/jsonl.py": "unknown keys of an item are kept",
    "experiments/items/reasoning_gym.py": "entries of the reasoning-gym package",
    "experiments/probe/text_rows.py": "rows of somebody else's table",
    "experiments/run/summary_version_1.py": "summary.json as version 1 wrote it",
    "probes/backends/step_hooks.py": "keyword arguments of another library's modules, handed on",
    "probes/checkpoints/peft_adapter.py": "adapter_config.json of PEFT",
    "probes/checkpoints/peft_adapter_fit.py": "adapter_config.json of PEFT",
    "probes/checkpoints/architecture_difference.py": "config.json of two models",
    "probes/checkpoints/foreign_patterns.py": "adapter_config.json of PEFT",
    "probes/checkpoints/config_values.py": "config.json",
    "probes/checkpoints/identity.py": "config.json and tokenizer files, hashed as they are",
    "probes/checkpoints/module_view.py": "config.json of a checkpoint that brings code",
    "probes/checkpoints/open_spec.py": "arguments of transformers' from_pretrained",
    "probes/checkpoints/refusals.py": "config.json and the headers of weight files",
    "probes/checkpoints/stretched_rope.py": "rope_parameters of config.json",
    "probes/checkpoints/trusted_tokenizer.py": "tokenizer_config.json",
    "probes/checkpoints/weight_files.py": "model.safetensors.index.json",
    "probes/files/foreign_files.py": "whatever JSON and TOML files of somebody else hold",
    "probes/foreign_types.py": "the types of what other programs write",
    "probes/lens/jacobian.py": "keyword arguments of another library's modules, handed on",
    "probes/model_diff/body_run.py": "keyword arguments of another library's modules, handed on",
    "probes/model_diff/shared_rows.py": "config.json as transformers holds it",
    "probes/model_diff/swapped_model.py": "config.json as transformers holds it",
    "probes/prompts/texts.py": "an item as a person gives it",
    "probes/rerun/recorded_tree.py": "keyword arguments of another library's modules, laid out and handed on",
    "probes/rerun/recording.py": "keyword arguments of another library's modules, handed on",
    "probes/rerun/rerun_block.py": "keyword arguments of another library's modules, handed on",
    "probes/rerun/shared_prefix.py": "keyword arguments of another library's modules, handed on",
    "probes/verification/architectures/plain_forward.py": "keyword arguments of another library's modules, handed on",
    "probes/verification/architectures/tiny_checkpoint.py": "config.json of every architecture, written for a tiny model",
    "probes/verification/architectures/tiny_config.py": "config.json of every architecture, written for a tiny model",
    "probes/verification/shape_check.py": "keyword arguments of another library's modules, handed on",
}
"""Readers and writers of foreign formats: file, or folder with its slash, and what is read there."""


def untyped_mappings(trees: dict[str, ast.Module]) -> dict[str, int]:
    """File: how often it names `dict[str, Any]`, one of its relatives, an alias of one, or a bare `dict` as a type."""
    aliases = {file: set(_aliases(tree)) for file, tree in trees.items()}
    counts = {
        file: sum(1 for _ in _mentions(tree, aliases[file] | set(_imported(tree, aliases))))
        for file, tree in trees.items()
    }
    return {file: n for file, n in counts.items() if n and not file.startswith(tuple(FOREIGN_FORMATS))}


def _mentions(tree: ast.Module, aliases: set[str]) -> Iterator[int]:
    for node in ast.walk(tree):
        if _is_untyped(node) or (isinstance(node, ast.Name) and node.id in aliases and isinstance(node.ctx, ast.Load)):
            yield node.lineno
        for annotation in _annotations(node):
            yield from (annotation.lineno for _ in _bare(annotation))
            for quoted in _quoted(annotation):
                found = [part for part in ast.walk(quoted) if _is_untyped(part) or _name(part) in aliases]
                yield from (annotation.lineno for _ in (*found, *_bare(quoted)))


def _bare(annotation: ast.expr) -> Iterator[ast.expr]:
    """Mappings of which it isn't said what they hold."""
    parts = [part for part in ast.walk(annotation) if isinstance(part, ast.expr)]
    typed = {part.value for part in parts if isinstance(part, ast.Subscript)}
    yield from (part for part in parts if _name(part) in MAPPINGS and part not in typed)


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        yield node.annotation
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        yield node.returns
    elif isinstance(node, ast.Call) and _name(node.func) == "cast" and node.args:
        yield node.args[0]


def _quoted(annotation: ast.expr) -> Iterator[ast.expr]:
    """Types that an annotation has in quotes; the axes of an array are no type."""
    for part in ast.walk(annotation):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            with suppress(SyntaxError):
                yield ast.parse(part.value, mode="eval").body


def _is_untyped(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Subscript) and _name(node.value) in MAPPINGS and isinstance(node.slice, ast.Tuple)):
        return False
    *keys, value = node.slice.elts
    return _holds_anything(value) or any(_name(key) in ANYTHING for key in keys)


def _holds_anything(node: ast.expr) -> bool:
    """`Any`, `Any | None`, `list[Any]`. A mapping inside counts itself; what a function, an array or a generic class has isn't held."""
    if isinstance(node, ast.BinOp):
        return _holds_anything(node.left) or _holds_anything(node.right)
    if isinstance(node, ast.Subscript):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _name(node.value) in CONTAINERS and any(map(_holds_anything, inner))
    return _name(node) in ANYTHING


def _aliases(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(map(_is_untyped, ast.walk(node.value))):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _imported(tree: ast.Module, aliases: dict[str, set[str]]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            there = aliases.get(f"{node.module.removeprefix('strata.').replace('.', '/')}.py", set())
            yield from (alias.asname or alias.name for alias in node.names if alias.name in there)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
