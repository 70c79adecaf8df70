"""Options that several verbs share: which model, on what device, with what display."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.dashboards.cli.display import DISPLAYS, Display
from strata.dashboards.cli.options import DataclassInstance, option, values_of
from strata.dashboards.cli.terminal import warn
from strata.dashboards.option_values import manifest_options
from strata.experiments.declared_setting import positive
from strata.probes.backend_choice import BACKENDS, OWN, BackendChoice

if TYPE_CHECKING:
    from strata.experiments.run.controls import RunControls
    from strata.probes.checkpoints.checkpoint import Checkpoint


CHECKPOINT_HELP = "smollm2, a hub id, a directory, a .gguf file, each +ADAPTER; BASE~0.25~DISTILLED lies between two"


@dataclass(frozen=True)
class ModelOptions:
    """How a checkpoint is opened."""

    dtype: str = option("auto", "float32, bfloat16, float16, or auto: as stored on a GPU, float32 on a CPU", "model",
                        choices=("auto", "float32", "bfloat16", "float16"))  # fmt: skip
    device: str = option("auto", "cpu, cuda, cuda:N, or auto", "model")
    device_map: str | None = option(None, "hand placement on several devices to accelerate: auto, balanced, …", "model")
    attention: str | None = option(None, "attention implementation: sdpa, eager, …", "model")
    trust_remote_code: bool = option(False, "run Python code that comes with the checkpoint", "model", asked_only=True)


REMOTE_HELP = "run nnsight on NDIF's servers (NDIF_API_KEY): prompts and edits travel there, the weights stay there"


@dataclass(frozen=True)
class BackendOptions:
    """Through which library the model is run."""

    backend: str = option("torch", "library that runs the model: torch, transformer_lens, nnsight", "model",
                          choices=BACKENDS)  # fmt: skip
    remote: bool = option(False, f"with --backend nnsight: {REMOTE_HELP}", "model", asked_only=True)

    def chosen(self) -> BackendChoice:
        """Raises StrataError where the two don't go together."""
        return BackendChoice(self.backend, self.remote)


@dataclass(frozen=True)
class RunningOptions:
    """What decides no number of a run."""

    batch_tokens: int | None = option(
        None, "tokens a batch; default: found while running", "measuring", positive, metavar="N"
    )
    keep_activations: bool = option(False, "keep the captured streams after the run", "output")  # fmt: skip


@dataclass(frozen=True)
class DisplayOptions:
    """What a person sees of the work."""

    display: str = option("auto", "progress on stderr: rich, plain, none, or auto", "output", choices=DISPLAYS)
    json: bool = option(False, "print exactly one JSON object, and no progress", "output")

    def made(self, label: str = "") -> Display:
        """`--json` implies no display."""
        return Display("none" if self.json else self.display, label)


@dataclass(frozen=True)
class PageOptions:
    """What becomes of the page of a run."""

    open: bool = option(False, "open the page in a browser once it is there, where stdout is a terminal with a display",
                        "output")  # fmt: skip


def tell_caveats(checkpoint: Checkpoint) -> None:
    """Says on stderr what was odd about opening it, whatever the display: for verbs that leave no run behind."""
    for caveat in told_caveats(checkpoint):
        warn(f"caveat: {caveat}")


def told_caveats(checkpoint: Checkpoint) -> list[str]:
    """What was odd about opening it, one sentence each."""
    from strata.dashboards.sentences.checkpoint_caveats import checkpoint_caveat

    return [checkpoint_caveat(caveat) for caveat in checkpoint.caveats]


def open_from(spec: str, options: ModelOptions, display: Display, backend: BackendChoice = OWN) -> Checkpoint:
    """The checkpoint, opened as the model options say; for a `backend` on a server, without the weights that lie there."""
    from strata.probes.checkpoints.open_spec import open_checkpoint

    if backend.remote:
        from strata.probes.backends.remote_checkpoint import open_remote as open_checkpoint
    return open_checkpoint(
        spec,
        dtype=options.dtype,
        device=options.device,
        device_map=options.device_map,
        attention=options.attention,
        trust_remote_code=options.trust_remote_code,
        progress=display,
    )


def run_controls(
    options: DataclassInstance,
    running: RunningOptions,
    command: Sequence[str],
    display: Display,
    *,
    one_at_a_time: bool = False,
) -> RunControls:
    """How a run of the verb that was typed as `command` is carried out; `options`: all of them, for its manifest."""
    from strata.experiments.run.controls import RunControls

    return RunControls(
        command=["strata", *command],
        options=manifest_options(values_of(options)),
        batch_tokens=running.batch_tokens,
        keep_activations=running.keep_activations,
        one_at_a_time=one_at_a_time,
        progress=display,
        on_run=display.record_in,
        on_family=display.found,
    )
