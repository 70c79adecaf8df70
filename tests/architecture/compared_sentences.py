"""Where does code branch on, parse or compare what people read? A sentence is a text in which two words stand side by side.

Taken apart, a label counts too: a word with a blank at its end (`"accuracy "`), or a word as it stands at the head of a line
(`"Control"`). So does whatever is read from a field that holds words (`note`, `label`, …): of it not even signs are parsed, and
two of them aren't held against each other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

SENTENCE = re.compile(r"[^\W\d_]{2}[\w'’]*[,;:…]? [^\W\d_]")
"""Two letters, a blank, a letter: neither a key, nor a sign, nor `, `."""
LABEL = re.compile(r"^[A-Z][a-z]+:?$|^[^\W_]{2,}:? $|^ [^\W_]{2,}$")
TAKEN_APART = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split", "rsplit", "find", "rfind"}  # fmt: skip
TAKEN_APART |= {"index", "rindex", "count", "replace"}
LOOKED_UP = {"get", "pop", "setdefault"}
PATTERNS = {"compile", "match", "search", "fullmatch", "sub", "subn", "findall", "finditer", "split"}
WORDS = {"note", "label", "sentence", "caption", "aria", "title", "remedy", "says"}
"""Names of what holds words for people. A `text` may be anybody's: it is taken apart, but not held against another."""
FOREIGN_TEXTS = {
    ("probes/errors.py", "_ended"): "whether an error's sentence has a sign at its end already",
    ("probes/errors.py", "is_disk_full"): "messages of the operating system",
    ("probes/errors.py", "_says_no_memory"): "messages of the operating system and of torch",
    ("probes/files/foreign_files.py", "parse_json"): "messages of Python's JSON reader",
    ("experiments/items/framing.py", "_started"): "what somebody else's chat template writes around a request",
    ("experiments/items/framing.py", "with_request"): "the request inside a rendered chat prompt",
    ("experiments/items/knowledge/tables.py", "bare"): "names of countries, with their articles",
    ("experiments/compare/instruction_contrasts.py", "instructed"): "the request inside a rendered chat prompt",
    (
        "experiments/generated_answers/check_trace.py",
        "_friends",
    ): "the question that a trace answers, read like the trace itself",
}
"""Functions that read texts that are not ours, and whose they are."""


@dataclass(frozen=True)
class _Module:
    """What the names of one module stand for."""

    constants: Mapping[str, Sequence[str]]
    """Its own and imported ones, by the name they have here, with the module's for a module that is imported itself."""
    codes: frozenset[str]
    """Members of a `Literal` declared here, or in a module that this one imports from; mypy holds every use against it."""


def compared_sentences(
    trees: dict[str, ast.Module], foreign: Mapping[tuple[str, str], str] = FOREIGN_TEXTS
) -> dict[str, list[str]]:
    """File: `line: sentence` of every place where one is compared, looked up or searched for."""
    constants = {file: _constants(tree) for file, tree in trees.items()}
    codes = {file: frozenset(_declared_codes(tree)) for file, tree in trees.items()}
    found = {}
    for file, tree in trees.items():
        known = constants[file] | dict(_imported(tree, constants))
        near = codes[file].union(*(codes[other] for other in _imports(tree) if other in codes))
        theirs = {function for where, function in foreign if where == file}
        places = sorted(set(_places(tree, _Module(known, near), theirs)))
        if places:
            found[file] = [f"{line}: {text[:80]!r}" for line, text in places]
    return found


def _places(node: ast.AST, module: _Module, foreign: Collection[str]) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in foreign:
        return
    yield from _said(node, module)
    inner = _with_loops(node, module)
    for child in ast.iter_child_nodes(node):
        yield from _places(child, inner, foreign)


def _said(node: ast.AST, module: _Module) -> Iterator[tuple[int, str]]:
    """Texts that this node holds something against."""
    if isinstance(node, ast.Compare) and any(
        isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops
    ):
        sides = (node.left, *node.comparators)
        yield from _sentences(node, sides, module)
        if all(_holds_words(side, WORDS | {"text"}) and isinstance(side, ast.Attribute) for side in sides):
            yield node.lineno, ast.unparse(node)
    elif isinstance(node, ast.MatchValue):
        yield from ((node.value.lineno, text) for _, text in _sentences(node.value, [node.value], module))
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and not _is_type(node.value):
        yield from _sentences(
            node, [node.slice, node.value] if isinstance(node.value, ast.Dict) else [node.slice], module
        )
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        method, value = node.func.attr, node.func.value
        if isinstance(value, ast.Name) and value.id == "re":
            yield from _labels(node, node.args[0], module) if method in PATTERNS else ()
        elif method in TAKEN_APART:
            # A position among codes is one of them; a position in a text is not.
            among = module.codes if method in ("index", "count") else ()
            yield from (found for found in _labels(node, node.args[0], module) if found[1] not in among)
            if _holds_words(value, WORDS):
                yield node.lineno, ast.unparse(node)
        elif method in LOOKED_UP:
            yield from _sentences(node, [node.args[0]], module)
            if _holds_words(node.args[0], WORDS | {"text"}) and isinstance(node.args[0], ast.Attribute):
                yield node.lineno, ast.unparse(node)


def _sentences(node: ast.expr, sides: Sequence[ast.expr], module: _Module) -> Iterator[tuple[int, str]]:
    """Held against as a whole: a code may have blanks."""
    for text in (text for side in sides for text in _texts(side, module.constants)):
        if text not in module.codes and (SENTENCE.search(text) or (_of_an_error(node) and text.isalpha())):
            yield node.lineno, text


def _labels(node: ast.expr, asked: ast.expr, module: _Module) -> Iterator[tuple[int, str]]:
    for text in _texts(asked, module.constants):
        if SENTENCE.search(text) or LABEL.search(text):
            yield node.lineno, text


def _is_type(node: ast.expr) -> bool:
    """`Float[…]`, `Annotated[…]`: neither a mapping nor a constant."""
    return isinstance(node, ast.Name) and node.id[0].isupper() and not node.id.isupper()


def _holds_words(node: ast.expr, names: Collection[str]) -> bool:
    return (node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None) in names


def _with_loops(node: ast.AST, module: _Module) -> _Module:
    """With the names that run over constants inside of this node: `any(word in text for word in WORDS)`."""
    loops = [node] if isinstance(node, ast.For) else getattr(node, "generators", [])
    over = {
        loop.target.id: list(_texts(loop.iter, module.constants)) for loop in loops if isinstance(loop.target, ast.Name)
    }
    return _Module({**module.constants, **over}, module.codes) if over else module


def _declared_codes(tree: ast.Module) -> Iterator[str]:
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


def _texts(node: ast.expr, known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Every text that an expression may stand for."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "Xx" for part in node.values)
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for part in node.elts:
            yield from _texts(part, known)
    elif isinstance(node, ast.Dict):
        for key in node.keys:
            if key is not None:
                yield from _texts(key, known)
    elif isinstance(node, ast.Name | ast.Attribute):
        yield from known.get(ast.unparse(node), ())


def _constants(tree: ast.Module) -> dict[str, list[str]]:
    """Name and texts of every constant of a module; of a mapping its keys."""
    found = {}
    for node in tree.body:
        target = (
            node.targets[0]
            if isinstance(node, ast.Assign)
            else node.target
            if isinstance(node, ast.AnnAssign)
            else None
        )
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            found[target.id] = list(_texts(node.value, {}))
    return found


def _file(module: str) -> str:
    return f"{module.removeprefix('strata.').replace('.', '/')}.py"


def _imports(tree: ast.Module) -> Iterator[str]:
    """Files that a module imports, or imports from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield _file(node.module)
            yield from (_file(f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (_file(alias.name) for alias in node.names)


def _imported(tree: ast.Module, constants: dict[str, dict[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """Constants by the name under which this module reads them: `WHY`, `models.WHY`, `strata.experiments.models.WHY`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                here = alias.asname or alias.name
                if alias.name in constants.get(_file(node.module), {}):
                    yield here, constants[_file(node.module)][alias.name]
                for name, texts in constants.get(_file(f"{node.module}.{alias.name}"), {}).items():
                    yield f"{here}.{name}", texts
        elif isinstance(node, ast.Import):
            for alias in node.names:
                for name, texts in constants.get(_file(alias.name), {}).items():
                    yield f"{alias.asname or alias.name}.{name}", texts
