"""Options that several verbs share: which model, on what device, with what display."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from strata.dashboards.cli.display import DISPLAYS, Display
from strata.dashboards.cli.foreign_text import escaped
from strata.dashboards.cli.options import Option, Resolved, options_of
from strata.experiments.locate.config import LocateConfig

if TYPE_CHECKING:
    from strata.probes.checkpoints.checkpoint import Checkpoint

MODEL = (
    Option("dtype", "auto", "float32, bfloat16, float16, or auto: as stored on a GPU, float32 on a CPU", "model",
           choices=("auto", "float32", "bfloat16", "float16")),
    Option("device", "auto", "cpu, cuda, cuda:N, or auto", "model"),
    Option("device_map", None, "hand placement on several devices to accelerate: auto, balanced, …", "model"),
    Option("attention", None, "attention implementation: sdpa, eager, …", "model"),
    Option("trust_remote_code", False, "run Python code that comes with the checkpoint", "model", asked_only=True),
)  # fmt: skip
ITEMS = (
    Option("items", None, "a JSON Lines file of items instead of the built-in families", "questions", metavar="FILE"),
    *options_of(LocateConfig, "families", "per_family", "difficulty", "limit", "seed"),
)
DISPLAY = (
    Option("display", "auto", "progress on stderr: rich, plain, none, or auto", "output", choices=DISPLAYS),
    Option("json", False, "print exactly one JSON object, and no progress", "output"),
)


def tell_caveats(checkpoint: Checkpoint) -> None:
    """Says on stderr what was odd about opening it, whatever the display: for verbs that leave no run behind."""
    for caveat in checkpoint.caveats:
        sys.stderr.write(f"caveat: {escaped(caveat)}\n")


def open_from(spec: str, values: Mapping[str, Any], display: Display) -> Checkpoint:
    """The checkpoint, opened as the model options say."""
    from strata.probes.checkpoints.open_spec import open_checkpoint

    return open_checkpoint(
        spec,
        dtype=values["dtype"],
        device=values["device"],
        device_map=values["device_map"],
        attention=values["attention"],
        trust_remote_code=values["trust_remote_code"],
        progress=display,
    )


def display_from(values: Mapping[str, Any], label: str = "") -> Display:
    """`--json` implies no display."""
    return Display("none" if values["json"] else values["display"], label)


def given_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What stood on the command line."""
    return {name: value for name, value in vars(arguments).items() if name not in ("config", "print_config")}


def config_lines(resolved: Mapping[str, Resolved]) -> str:
    """Every value with its origin, for `--print-config`; valid TOML."""
    import json

    lines = []
    for name, entry in sorted(resolved.items()):
        value = list(entry.value) if isinstance(entry.value, tuple) else entry.value
        shown = f"{name} = {json.dumps(value)}" if value is not None else f"# {name} is not set"
        lines.append(f"{shown}  # {entry.origin}" if value is not None else f"{shown} ({entry.origin})")
    return "\n".join(lines) + "\n"
