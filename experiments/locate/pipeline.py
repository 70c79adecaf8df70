"""The experiment: ask, measure, probe, read, summarise. Each stage can be stopped and is taken up where it was."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

from strata.experiments.items.framing import template_sha256
from strata.experiments.items.jsonl import write_items
from strata.experiments.lens.named_lenses import refuse_fits, text_sha256
from strata.experiments.locate.activation_stores import take_over
from strata.experiments.locate.causal.pipeline import Shard
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.stages import Stages
from strata.experiments.questions import Questions, Source, questions_for
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.file_versions import SUMMARY_SCHEMA
from strata.experiments.results.format_check import FORMAT_CHECK_FILE
from strata.experiments.results.lens_maps import LENS_MAPS_FILE
from strata.experiments.results.locate_summary import FAMILIES_FILE, SUMMARY_FILE, Summary
from strata.experiments.results.locate_tables import BEHAVIOUR, BehaviourRow
from strata.experiments.run.controls import DEFAULT_CONTROLS, RunControls
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import ItemsRecord, JsonObject
from strata.experiments.run.summary_file import summary_of
from strata.probes.backend_choice import OWN, BackendChoice
from strata.probes.checkpoints.checkpoint import Checkpoint

RESULTS = (
    *("behaviour.parquet", "profiles.parquet", "emergence.parquet", "probes.parquet", "curves.parquet"),
    *(
        "locations.parquet",
        "windows.parquet",
        "places.parquet",
        FAMILIES_FILE.name,
        FORMAT_CHECK_FILE.name,
        LENS_MAPS_FILE.name,
        "lens_maps.safetensors",
    ),
    *("items.jsonl", SUMMARY_FILE.name),
)
"""What a finished run holds; whatever is missing is made again."""


def locate(  # nine parameters: what is measured, on what, through what, with which other models in mind
    checkpoint: Checkpoint,
    config: LocateConfig,
    out: Path,
    *,
    items: Source | None = None,
    pairs_first: Collection[str] = (),
    changed: Sequence[str] = (),
    shards: Sequence[Path] = (),
    through: BackendChoice = OWN,
    controls: RunControls = DEFAULT_CONTROLS,
) -> Summary:
    """Runs `locate` into the run directory `out` and returns its summary.json.

    A second call with the same checkpoint, items and configuration resumes; with others it raises StrataError.
    `pairs_first`: ids of the items that are intervened on before others, where `config.paired_with` names other models; `changed`: of those
    that they answer otherwise, whose lens maps are kept first. `shards`: directories of `locate_shard`, whose measurements aren't made again.
    `through`: the library that runs every forward pass; a run is resumed with the one that it was begun with.
    Raises NotSupportedError for an architecture that isn't read rightly, SelfTestError when another identity that must hold fails.

    ```
    locate(open_checkpoint("smollm2"), LocateConfig(families=("capital", "addition")), Path("runs/first"))
    ```
    """
    run, questions = _begun(checkpoint, config, out, items, through, controls.command)
    controls.on_run(out)
    status = "stopped"
    try:
        _describe(run, checkpoint, questions, controls.options, through)
        if run.complete(RESULTS):
            summary = summary_of(run.read_object(SUMMARY_FILE.name, SUMMARY_SCHEMA))
        else:
            take_over(shards, out, run.run_id)
            summary = Stages(run, checkpoint, config, questions, controls, through).summary(pairs_first, changed)
        status = "done"
        if not controls.keep_activations:
            shutil.rmtree(out / "activations", ignore_errors=True)
        return summary
    finally:
        run.close(status)


def locate_shard(
    checkpoint: Checkpoint,
    config: LocateConfig,
    out: Path,
    shard: Shard,
    *,
    items: Source | None = None,
    through: BackendChoice = OWN,
    controls: RunControls = DEFAULT_CONTROLS,
) -> None:
    """A part of `locate` in a directory of its own: the answers, and the interventions on some of the families.

    A `locate` of the same checkpoint, items and configuration puts shards together to what it makes alone. Raises as `locate`.
    """
    run, questions = _begun(checkpoint, config, out, items, through, controls.command)
    controls.on_run(out)
    try:
        _describe(run, checkpoint, questions, controls.options, through)
        Stages(run, checkpoint, config, questions, controls, through).measure_shard(shard)
    finally:
        run.close("stopped")


def ask(
    checkpoint: Checkpoint,
    config: LocateConfig,
    out: Path,
    *,
    items: Source | None = None,
    controls: RunControls = DEFAULT_CONTROLS,
) -> list[BehaviourRow]:
    """The beginning of `locate` in the same run directory, up to the rows of the behaviour table, which it returns.

    A later `locate` with the same configuration goes on from there.
    """
    run, questions = _begun(checkpoint, config, out, items, OWN, controls.command)
    status = "stopped"
    try:
        _describe(run, checkpoint, questions, controls.options, OWN)
        if run.complete(RESULTS):
            status = "done"
            return BEHAVIOUR.rows(run.read_table("behaviour"))
        return Stages(run, checkpoint, config, questions, controls).ask().rows
    finally:
        run.close(status)


def _begun(
    checkpoint: Checkpoint,
    config: LocateConfig,
    out: Path,
    items: Source | None,
    through: BackendChoice,
    command: Sequence[str],
) -> tuple[RunDirectory, Questions]:
    refuse_fits(config.lenses, through)
    questions = questions_for(checkpoint, config, items)
    identity = _identity(checkpoint, config, questions) | {"backend": through.label}
    return RunDirectory(out, verb="locate", command=command, identity=identity), questions


def _identity(checkpoint: Checkpoint, config: LocateConfig, questions: Questions) -> JsonObject:
    known = checkpoint.identity
    asked: JsonObject = asdict(config)
    # A text is what stands in it: the file may move, and another one may take its name.
    asked.pop("text")
    return asked | {
        "text_sha256": text_sha256(config.text),
        **known.parts,
        "items_sha256": questions.sha256,
        "prompt_prefix": questions.prompt_prefix,
        "dtype": str(checkpoint.dtype),
        "attention": checkpoint.attention,
    }


def _describe(
    run: RunDirectory, checkpoint: Checkpoint, questions: Questions, options: JsonObject, through: BackendChoice
) -> None:
    kinds = [item.kind for item in questions.items]
    items = ItemsRecord(
        sha256=questions.sha256, n=len(kinds), by_kind={kind: kinds.count(kind) for kind in sorted(set(kinds))}
    )
    run.describe(checkpoint, items, options=options, excluded=questions.counted_reasons, limited=questions.limited)
    run.manifest.backend = through.label
    run.manifest.checkpoint.chat_template_sha256 = template_sha256(checkpoint.tokenizer)
    if questions.rematched:
        run.warn(Caveat(code="rematched", items=questions.rematched))
    run.save()
    if not run.finished("items.jsonl"):
        with run.writing("items.jsonl"):
            write_items(run.path / "items.jsonl", questions.items)
