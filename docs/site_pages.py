"""What the site of `docs/` shows beside its Markdown: pages of the repository's root, the executed notebook, signatures from docstrings.

A hook of mkdocs (`mkdocs.yml`). Links are written for readers of the repository; here they are turned to the pages of the site.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[1]
FROM_THE_ROOT: Mapping[str, str] = {
    "README.md": "about.md", "BENCHMARKS.md": "benchmarks.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md",
}  # fmt: skip
"""Files of the root that are pages of the site."""
COPIED = ("CITATION.cff", "LICENSE")
"""Those that pages link to as they are."""
NOTEBOOKS = ("reading-a-run.ipynb",)
RESULTS = (
    "probes.checkpoints.checkpoint.Checkpoint", "probes.public_api.lens_result.LensResult", "probes.public_api.patching_result.PatchingResult",
    "probes.public_api.ablation_result.AblationResult", "experiments.items.schema.Item", "dashboards.from_python.finished_run.Run",
)  # fmt: skip
"""What the functions return, where it isn't a public name itself."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that aren't in `docs/`."""
    for source, page in FROM_THE_ROOT.items():
        files.append(File.generated(config, page, content=_inward((ROOT / source).read_text(encoding="utf-8"))))
    for source in COPIED:
        files.append(File.generated(config, source, abs_src_path=str(ROOT / source)))
    for notebook in NOTEBOOKS:
        for file in _of_notebook(notebook, config):
            files.append(file)
    files.append(File.generated(config, "reference.md", content=_reference()))
    return files


def on_page_markdown(markdown: str, **_more: Any) -> str:
    """Links out of `docs/`, and to notebooks, lead to the site's pages."""
    for source, page in FROM_THE_ROOT.items():
        markdown = markdown.replace(f"](../{source})", f"]({page})")
    for source in COPIED:
        markdown = markdown.replace(f"](../{source})", f"]({source})")
    markdown = markdown.replace("](schemas)", "](schemas/README.md)")
    return re.sub(r"\]\(([\w-]+)\.ipynb\)", r"](\1.md)", markdown)


def _inward(markdown: str) -> str:
    """A page of the root: what lies in `docs/` lies beside it here."""
    markdown = markdown.replace("](docs/", "](")
    for source, page in FROM_THE_ROOT.items():
        markdown = markdown.replace(f"]({source})", f"]({page})")
    return markdown


def _of_notebook(name: str, config: MkDocsConfig) -> Iterator[File]:
    """The notebook as a page, its pictures beside it."""
    body, resources = MarkdownExporter().from_filename(str(ROOT / "docs" / name))
    stem = Path(name).stem
    for picture, content in resources["outputs"].items():
        body = body.replace(f"({picture})", f"({stem}-{picture})")
        yield File.generated(config, f"{stem}-{picture}", content=content)
    yield File.generated(config, f"{stem}.md", content=body)


def _reference() -> str:
    """A section for every public name of `strata`, then what they return."""
    names = sorted(_homes().items(), key=lambda item: item[0].lower())
    lines = ["# Signatures and fields", "", "From the docstrings. [From Python](api.md) says when to use which.", ""]
    lines += ["## Names of `strata`", ""]
    for name, home in names:
        lines += _entry(f"{home.removeprefix('strata.')}.{name}", f"strata.{name}")
    lines += ["## What they return", ""]
    for result in RESULTS:
        lines += _entry(result, result.rpartition(".")[2])
    return "\n".join(lines)


def _entry(where: str, heading: str) -> list[str]:
    label = heading.rpartition(".")[2]
    return [f"::: {where}", "    options:", f"      heading: {heading}", f"      toc_label: {label}", ""]


def _homes() -> Mapping[str, str]:
    """Public name: the module it comes from, as `strata/__init__.py` says."""
    tree = ast.parse((ROOT / "strata" / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES":
            return dict(ast.literal_eval(node.value))
    raise LookupError("strata/__init__.py has no _HOMES")
