"""Is every word that people read formed in `dashboards/sentences`, none where numbers are computed, drawn or laid out?

A text counts as prose when two words stand beside each other in it, or when a number and a word are put together. Not looked
at are docstrings, types of arrays, names of styles, errors (what is wrong and the remedy are written where it is found out),
what plotly, HTML and HTTP ask for, and `NO_PROSE`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from source_tree import ROOT, sources

FOLDERS = {"view": 40, "figures": 30, "page": 12, "app": 6}
"""Of `dashboards/`: at least so many modules."""
NO_PROSE = {
    "SOURCES": "fields of the view, and the tables and columns they come from",
    "_AGAIN": "the remedy of an error",
    "INSTALL": "the remedy of an error",
    "_NAMED": "what errors are about",
    "FONT": "names of fonts",
    "MONO": "names of fonts",
    "_STYLE": "code",
    "_INDEX": "code",
    "_CSP": "a policy",
    "_POLICY": "a policy",
    "_POLICY_OF_A_RUN": "a policy",
    "THEME_SCRIPT": "code",
}
CODE = {"dashboards/page/assets.py": "the frame of a page's scripts", "dashboards/page/vendor.py": "fetches plotly"}
ASKED_FOR = {"x unified", "\0 domain"}
"""By plotly."""
WORDS = re.compile(r"[A-Za-z][A-Za-z’'-]+[,:;]? [A-Za-z][A-Za-z’'-]+")
BESIDE_A_VALUE = re.compile(r"[A-Za-z][A-Za-z’'-]+[,:;]? ?\0|\0[,:;]? [A-Za-z][A-Za-z’'-]+")
TAG = re.compile(r"<[^<>]*>")
VALUE = "\0"
TYPES = {"Bool", "Float", "Int"}


def prose(tree: ast.AST) -> Iterator[str]:
    """Texts of a module that read like something said."""
    if is_none(tree):
        return
    text = written(tree)
    if text is not None:
        bare = TAG.sub(" ", text)
        said = WORDS.search(bare) or (VALUE in bare and " " in bare.strip() and BESIDE_A_VALUE.search(bare))
        if said and text not in ASKED_FOR:
            yield text
        return
    for child in ast.iter_child_nodes(tree):
        yield from prose(child)


def is_none(node: ast.AST) -> bool:
    match node:
        case ast.Raise() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name.endswith("Error")
        case ast.Subscript(value=ast.Name(id=name)):
            return name in TYPES
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in NO_PROSE
        case ast.Assign(targets=[ast.Subscript(value=ast.Attribute(attr="headers"))]):
            return True
        case ast.keyword(arg="className"):
            return True
        case _:
            return False


def written(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(written(part) or VALUE for part in parts)
        case _:
            return None


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_sentence_and_no_label_is_formed_elsewhere(folder: str) -> None:
    trees = sources()
    modules = [file for file in trees if file.startswith(f"dashboards/{folder}/") and file not in CODE]
    assert len(modules) > FOLDERS[folder]
    found = {file: list(prose(trees[file])) for file in modules}
    assert {file: texts for file, texts in found.items() if texts} == {}


PRINTING = {
    "cli/calibration_tables.py": "a calibration",
    "cli/comparison_plan_table.py": "the plan of a comparison",
    "cli/sweep_plan.py": "the plan of a sweep",
    "cli/terminal_tables.py": "any table",
    "from_python/run_html.py": "a run in a notebook",
}
"""Modules of `dashboards/` that print results, and which; the others of these folders declare commands, whose options, examples and
files they tell beside them, say what is wrong with what was given, or time code."""
TIMINGS = {"dashboards/cli/verb_bench.py"}
"""Of code, not of a model."""
TELLING_IN_VERBS = {"_print", "_tell", "_tell_headline"}
"""Functions of commands that print a result: what they say stands in `sentences/` too."""


def test_no_sentence_is_formed_where_results_are_printed() -> None:
    trees = sources()
    found = {name: list(prose(trees[f"dashboards/{name}"])) for name in PRINTING}
    telling = {
        f"{file}: {node.name}": list(prose(node))
        for file, tree in trees.items()
        if file.startswith("dashboards/cli/verb_")
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name in TELLING_IN_VERBS and file not in TIMINGS
    }
    assert len(telling) > 7
    assert {where: texts for where, texts in (found | telling).items() if texts} == {}


@pytest.mark.parametrize(
    "code",
    [
        "text = 'No model ran.'",
        "label = 'Logit lens'",
        "f'{n} of {total}'",
        "f'stream {n}, depth {depth}'",
        "f(word=f'{n} items')",
        "{'a': (1, 'nats an item')}",
        "f'<b>{kind}</b> is made there'",
    ],
)
def test_words_are_seen(code: str) -> None:
    assert list(prose(ast.parse(code))) != []


@pytest.mark.parametrize(
    "code",
    [
        "'lens.logit'",
        "f'family:{name}'",
        "f'{head}.{layer} ({low}, {high})'",
        "'; '.join(names)",
        "'''What does it do?'''",
        "raise StrataError(f'{file} is not a run', 'Give the folder')",
        "x: Float[np.ndarray, 'stream token']",
        "SOURCES = {'maps[].low': 'curves.parquet mean, low'}",
        "f'<span class=\"small print\">{words}</span>'",
        "f'{axis} domain'",
        "html.Div(className='plain runs')",
    ],
)
def test_codes_signs_and_errors_are_no_words(code: str) -> None:
    assert list(prose(ast.parse(code))) == []


STRING_OR_COMMENT = re.compile(r"""//[^\n]*|/\*.*?\*/|('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)""", re.DOTALL)  # fmt: skip
PUT_IN = re.compile(r"\$\{(?:[^{}]|\{[^{}]*\})*\}")
FIVE_WORDS = re.compile(r"(?:[A-Za-z][A-Za-z’'-]*[,:;.]? ){4}[A-Za-z]")
PLAIN_GAP = re.compile(r"[A-Za-z] [A-Za-z]")
"""Selectors of HTML have none."""
SAID = re.compile(r"\bsay\((?:[\w.]+ \? '(\w+)' : )?'(\w+)'")


def script_prose(script: str) -> list[str]:
    """Strings of a script in which five words follow each other; a label of fewer is no sentence."""
    strings = (match[1] for match in STRING_OR_COMMENT.finditer(script) if match[1])
    bare = ((text, PUT_IN.sub("\0", text)) for text in strings)
    return [text for text, said in bare if "\n" not in said and FIVE_WORDS.search(said) and PLAIN_GAP.search(said)]


def scripts() -> dict[str, str]:
    paths = [path for path in (ROOT / "dashboards").glob("*/assets/*.js") if not path.name.startswith("plotly")]
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def test_no_script_of_a_page_has_sentences_of_its_own() -> None:
    assert len(scripts()) > 15
    assert {name: found for name, text in scripts().items() if (found := script_prose(text))} == {}


def test_a_sentence_in_a_script_is_seen() -> None:
    assert script_prose("f('No curve for this choice')") and script_prose("`${n} items have no depth at all`")
    assert script_prose("// no curve for this choice\nf('all kinds', `${a} of ${b}`)") == []


OWN_TITLE = re.compile(r"\bstateBox\([^,]*, (?:[^,()]* (?:\?|:) )?['`]")


def test_no_script_words_a_part_that_shows_nothing() -> None:
    assert {name: found for name, text in scripts().items() if (found := OWN_TITLE.findall(text))} == {}
    assert OWN_TITLE.search("stateBox('empty', 'No points', why)") and OWN_TITLE.search(
        "stateBox(a, `${b}: not run`, c)"
    )
    assert OWN_TITLE.search("stateBox(a.state, a.b === 'c' ? 'Not run' : d, e)")
    assert not OWN_TITLE.search("stateBox(a.state, a.b === 'c' ? say('d') : say('e'), f)")


def test_scripts_say_what_there_is_and_all_of_it() -> None:
    from strata.dashboards.sentences.page_scripts import SENTENCES

    said = {key for text in scripts().values() for keys in SAID.findall(text) for key in keys if key}
    assert said == set(SENTENCES)


CAPTION = re.compile(r"""\bcaption\("([\w.]+)"(?: if \w+ else "([\w.]+)")?""")
NOT_TEXT = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", re.DOTALL)
A_SENTENCE = re.compile(r"(?:[A-Za-z][A-Za-z’'-]*[,:;]? ){9}[A-Za-z]")


def templates() -> dict[str, str]:
    folder = ROOT / "dashboards" / "page" / "templates"
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.html")}


def template_prose(template: str) -> list[str]:
    """What a template says itself in ten words and more; heads and labels are fewer."""
    texts = (" ".join(text.split()) for text in NOT_TEXT.sub("\0", template).split("\0"))
    return [text for text in texts if A_SENTENCE.search(text)]


def test_no_template_has_sentences_of_its_own() -> None:
    assert len(templates()) > 20
    own = {name: template_prose(text) for name, text in templates().items()}
    assert {name: texts for name, texts in own.items() if texts} == {}
    assert template_prose("<p>A cell is one part of the model at one place, of {{ n }}</p>")
    assert (
        template_prose(
            "<h2>Which parts of the model changed?</h2>{# a note of many words that nobody ever reads here #}"
        )
        == []
    )


def test_templates_have_the_captions_there_are() -> None:
    from strata.dashboards.sentences.captions import CAPTIONS

    used = {name for text in templates().values() for names in CAPTION.findall(text) for name in names if name}
    assert used == set(CAPTIONS) and not any(sign in text for text in CAPTIONS.values() for sign in "<>&")
