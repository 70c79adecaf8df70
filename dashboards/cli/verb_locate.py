"""Where are retrieval and reasoning readable in this model?

Asks the items, checks which the model answers, fits linear probes and reads lenses at every stream, and writes a run
directory with tables, summary.json and report.html. Started again with the same options it resumes.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console

from strata.dashboards.cli.common_options import (
    DISPLAY,
    ITEMS,
    MODEL,
    config_lines,
    display_from,
    given_options,
    open_from,
    page_does_not_fit,
)
from strata.dashboards.cli.display import Display, Stopped, only_results_on_stdout, seconds_text
from strata.dashboards.cli.options import Option, Resolved, add_options, positive, resolve, whole
from strata.dashboards.view.causes import order_words
from strata.experiments.answer_measures import ANSWERED_RIGHT, deciding_label
from strata.probes.errors import DoesNotFitError

if TYPE_CHECKING:
    from strata.experiments.locate.config import LocateConfig

EXAMPLES = """examples:
  strata locate smollm2 --out runs/first
  strata locate smollm2 --families capital,addition --per-family 12 --out runs/small
"""
MEASURING = (
    Option("framing", "raw", "what stands before every prompt: raw (nothing), chat (the model's chat template up to its "
           "answer), empty-think (the same and an empty think block); compare takes DISTILLED's template for all models",
           "questions", choices=("raw", "chat", "empty-think")),
    Option("positions", ("last", "subject", "operand"), "named positions that are read", "measuring"),
    Option("lenses", ("logit",), "lenses: logit, tuned, jacobian", "measuring", choices=("logit", "tuned", "jacobian")),
    Option("text", None, "file that tuned and Jacobian lenses are fitted on (default: text sampled from the model)",
           "measuring", metavar="FILE"),
    Option("random_init", True, "also probe the same architecture with fresh weights", "measuring"),
    Option("folds", 5, "outer folds of every probe", "measuring", positive, metavar="N"),
    Option("draws", 10_000, "cluster-bootstrap draws behind every interval", "measuring", positive, metavar="N"),
    Option("causal_map", "default", "interventions: none, quick, default, full (every component, position and control)",
           "interventions", choices=("none", "quick", "default", "full")),
    Option("pairs", 18, "minimal pairs of each kind that are intervened on; half as many two-hop ones, eight at least", "interventions", positive, metavar="N"),
    Option("windows", (), "sizes of windows of blocks edited together, beside single blocks", "interventions", positive,
           metavar="N,N"),
    Option("damage_texts", 6, "neutral texts on which an ablation's general damage is measured", "interventions", positive,
           metavar="N"),
    Option("quick", False, "a quick look: fewer families, items and pairs, no random-initialised baseline; the page says so",
           "measuring"),
    Option("lens_maps", 16, "items whose whole lens map is kept for the page", "measuring", whole, metavar="N"),
    Option("batch_tokens", None, "tokens a batch; default: found while running", "measuring", positive, metavar="N"),
    Option("keep_activations", False, "keep the captured streams after the run", "output"),
)  # fmt: skip
QUICK_FAMILIES = (
    *("capital", "symbol", "animal_class", "drug_class", "disease_organ", "infection_agent"),
    *("addition", "addition_carry", "majority", "binding", "relation_chain", "deduction"),
    "landmark_capital",
    *("capital_stated", "drug_class_stated", "addition_stated", "majority_stated"),
)
"""Some of the default ones: few, so that each has items enough for an interval."""
QUICK = {
    "families": QUICK_FAMILIES, "per_family": 16, "random_init": False, "draws": 2_000, "lens_maps": 6, "causal_map": "quick", "pairs": 12,
    "damage_texts": 2,
}  # fmt: skip
"""What --quick sets, where nothing else was asked for."""
OPTIONS = (Option("out", None, "run directory (default: runs/CHECKPOINT-SEED)", "output", metavar="DIR"), *ITEMS, *MEASURING, *MODEL, *DISPLAY)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="smollm2, a hub id, a directory, a .gguf file, each +ADAPTER"
    )
    add_options(parser, OPTIONS)


def run(arguments: argparse.Namespace, command: list[str]) -> int:
    resolved = resolve(OPTIONS, given_options(arguments), arguments.config)
    if arguments.print_config:
        print(config_lines(resolved), end="")
        return 0
    values = sized(resolved)
    out = Path(values["out"]) if values["out"] else Path("runs") / slug(f"{arguments.checkpoint}-{values['seed']}")
    display = display_from(values, label=out.name)
    began = time.monotonic()
    with only_results_on_stdout() as stdout:
        try:
            with display.listening():
                summary = _locate(arguments.checkpoint, values, out, command, display)
        except Stopped:
            display.note(f"stopped; what was measured is kept in {out}. Resume: strata {shlex.join(command)}")
            raise
        _tell(summary, out, time.monotonic() - began, values, stdout)
    return 0


def sized(resolved: Mapping[str, Resolved], quick: Mapping[str, Any] = QUICK) -> dict[str, Any]:
    """The values, with what --quick sets in place of defaults."""
    values = {name: entry.value for name, entry in resolved.items()}
    if values["quick"]:
        values |= {name: size for name, size in quick.items() if resolved[name].origin == "default"}
    return values


def locate_config(values: dict[str, Any]) -> LocateConfig:
    """The part of the options that decides numbers."""
    from strata.experiments.locate.config import LocateConfig

    names = ["families", "per_family", "difficulty", "limit", "seed", "framing", "positions", "lenses", "random_init"]
    names += ["folds", "draws", "lens_maps", "text", "causal_map", "pairs", "windows", "damage_texts", "quick"]
    return LocateConfig(**{name: values[name] for name in names})


def _locate(spec: str, values: dict[str, Any], out: Path, command: list[str], display: Display) -> dict[str, Any]:
    from strata.dashboards.page import write_report
    from strata.experiments.locate import locate

    config = locate_config(values)
    checkpoint = open_from(spec, values, display)
    options = {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items() if name != "out"
    }
    summary = locate(
        checkpoint,
        config,
        out,
        items_file=Path(values["items"]) if values["items"] else None,
        command=["strata", *command],
        options=options,
        batch_tokens=values["batch_tokens"],
        keep_activations=values["keep_activations"],
        progress=display,
        on_run=lambda run: setattr(display, "progress_file", run / "progress.json"),
    )
    try:
        display("page", 0, 1, "page")
        write_report(out)
        display("page", 1, 1, "page")
    except DoesNotFitError as error:
        raise page_does_not_fit(error, out) from error
    return summary


def _tell(summary: dict[str, Any], out: Path, seconds: float, values: dict[str, Any], stdout: TextIO) -> None:
    page = out / "report.html"
    if values["json"]:
        stdout.write(json.dumps({**summary, "run": str(out), "report": str(page)}, ensure_ascii=False) + "\n")
        return
    console = Console(file=stdout, highlight=False, soft_wrap=True)
    for kind, of_kind in summary["kinds"].items():
        console.print(f"{kind}: {of_kind['items']} items, {_answered_text(of_kind)}", markup=False)
        console.print(f"  {_located_text(of_kind)}", markup=False)
        for name, instrument in of_kind["instruments"].items():
            words = _onset_text(instrument) if "onset" in instrument else _place_text(instrument)
            console.print(f"  {name:<11} {words}", markup=False)
    located = {kind: of_kind["located"] for kind, of_kind in summary["kinds"].items()}
    if {"knowledge", "reasoning"} <= set(located):
        console.print(order_words(summary["order"], located), markup=False)
    for warning in summary["warnings"]:
        console.print(f"caveat: {warning}", markup=False)
    console.print(f"report: {page} ({page.stat().st_size / 1e6:.1f} MB, {seconds_text(seconds)})", markup=False)


def _answered_text(of_kind: dict[str, Any]) -> str:
    if of_kind["accuracy"] is None:
        return "none could be asked"
    by = deciding_label(of_kind.get("decided_by") or {})
    return f"{of_kind['accuracy']:.0%} {ANSWERED_RIGHT} ({by}), {of_kind['used']} used"


def _located_text(of_kind: dict[str, Any]) -> str:
    located = of_kind["located"]
    if located is None:
        return f"{'not located' if of_kind.get('sought', True) else 'not looked for'}: {of_kind['why_not_located']}"
    band = "" if located["interval"] is None else f" [{', '.join(f'{end:.0f}' for end in located['interval'])}]"
    return (
        f"located in block {located['layer']}{band}, depth {located['depth']:.2f} "
        f"(p = {located['p']:.2g}, {located['n']} pairs in {located['clusters']} clusters)"
    )


def _place_text(instrument: dict[str, Any]) -> str:
    if instrument["layer"] is None:
        return f"no place: {instrument.get('reason', 'no block stands out')}"
    band = "" if instrument["interval"] is None else f" [{', '.join(f'{end:.0f}' for end in instrument['interval'])}]"
    return f"block {instrument['layer']}{band}, peak {instrument['peak']:.2f}, p = {instrument['p']:.2g}"


def _onset_text(instrument: dict[str, Any]) -> str:
    onset = instrument["onset"]
    if onset is None:
        return f"no onset sought: {instrument['reason']}"
    if onset["layer"] is None:
        return f"no onset (n = {onset['n']})"
    interval = onset["interval"]
    ends = [str(end) if end is not None else "none" for end in interval or ()]
    band = f" [{', '.join(ends)}]" if ends else ", no interval (fewer than 8 clusters)"
    return f"from stream {onset['layer']}{band}, depth {onset['depth']:.2f} (n = {onset['n']})"


def slug(text: str) -> str:
    """A name for a directory."""
    return "".join(sign if sign.isalnum() or sign in "-._" else "-" for sign in text).strip("-.") or "run"
