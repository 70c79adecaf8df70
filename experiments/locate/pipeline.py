"""The experiment: ask, measure, probe, read, summarise. Each stage can be stopped and is taken up where it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from strata.experiments.items.framing import template_sha256
from strata.experiments.items.jsonl import write_items
from strata.experiments.lens.named_lenses import fitted_lenses, text_sha256
from strata.experiments.locate.activation_stores import last_streams, streams_store
from strata.experiments.locate.behaviour import (
    behaviour_rows,
    family_behaviour,
    full_choice_log_probs,
    mark_unanswered_families,
)
from strata.experiments.locate.capture_streams import Pass, measure
from strata.experiments.locate.causal.pair_self_tests import causal_self_tests
from strata.experiments.locate.causal.pipeline import causal_stage
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.curves import lens_curves, probe_curves
from strata.experiments.locate.form_baseline import form_of
from strata.experiments.locate.item_selection import Questions, Source, questions_for
from strata.experiments.locate.lens_maps import chosen_for_maps, write_lens_maps
from strata.experiments.locate.lens_tables import emergence_table, profiles_table
from strata.experiments.locate.probing import probe_targets
from strata.experiments.locate.single_hops import hops_answered
from strata.experiments.locate.summary import locations_of, summarise
from strata.experiments.results.file_versions import SUMMARY_SCHEMA
from strata.experiments.results.locate_tables import (
    BEHAVIOUR,
    CURVES,
    EMERGENCE,
    LOCATIONS,
    PLACES,
    PROBES,
    PROFILES,
    WINDOWS,
)
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import BatchRecord, ItemsRecord
from strata.experiments.run.self_test_record import note_tests, record_tests
from strata.probes.backends.contract import Backend
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.capture_batches import BatchBudget
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import randomly_initialised
from strata.probes.lens.lenses import Lens
from strata.probes.progress import Progress, silent
from strata.probes.store import ActivationStore
from strata.probes.verification.gate import admit

RESULTS = (
    *("behaviour.parquet", "profiles.parquet", "emergence.parquet", "probes.parquet", "curves.parquet"),
    *(
        "locations.parquet",
        "windows.parquet",
        "places.parquet",
        "families.json",
        "format_check.json",
        "lens_maps.json",
        "lens_maps.safetensors",
    ),
    *("items.jsonl", "summary.json"),
)
"""What a finished run holds; whatever is missing is made again."""


def locate(
    checkpoint: Checkpoint,
    config: LocateConfig,
    out: Path,
    *,
    items: Source | None = None,
    command: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    batch_tokens: int | None = None,
    keep_activations: bool = False,
    pairs_among: Collection[str] | None = None,
    progress: Progress = silent,
    on_run: Callable[[Path], None] = lambda path: None,
) -> dict[str, Any]:
    """Runs `locate` into the run directory `out` and returns its summary.json.

    A second call with the same checkpoint, items and configuration resumes; with others it raises StrataError.
    `pairs_among`: ids of the items that may be intervened on, where `config.paired_with` names other models.
    Raises NotSupportedError for an architecture that isn't read rightly, SelfTestError when another identity that must hold fails.

    ```
    locate(open_checkpoint("smollm2"), LocateConfig(families=("capital", "addition")), Path("runs/first"))
    ```
    """
    questions = questions_for(checkpoint, config, items)
    run = RunDirectory(out, verb="locate", command=command, identity=_identity(checkpoint, config, questions))
    on_run(out)
    status = "stopped"
    try:
        _describe(run, checkpoint, questions, options or {})
        summary = _stages(run, checkpoint, config, questions, batch_tokens, pairs_among, progress)
        status = "done"
        if not keep_activations:
            shutil.rmtree(out / "activations", ignore_errors=True)
        return summary
    finally:
        run.close(status)


def ask(
    checkpoint: Checkpoint,
    config: LocateConfig,
    out: Path,
    *,
    items: Source | None = None,
    command: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    batch_tokens: int | None = None,
    progress: Progress = silent,
) -> list[dict[str, Any]]:
    """The beginning of `locate` in the same run directory, up to the rows of the behaviour table, which it returns.

    A later `locate` with the same configuration goes on from there.
    """
    questions = questions_for(checkpoint, config, items)
    run = RunDirectory(out, verb="locate", command=command, identity=_identity(checkpoint, config, questions))
    status = "stopped"
    try:
        _describe(run, checkpoint, questions, options or {})
        if run.complete(RESULTS):
            status = "done"
            return list(run.read_table("behaviour").to_pylist())
        return _ask(run, checkpoint, config, questions, batch_tokens, progress).behaviour
    finally:
        run.close(status)


@dataclass(frozen=True)
class _Asked:
    """What was captured, and how the model answers."""

    backend: Backend
    budget: BatchBudget
    lenses: list[Lens]
    store: ActivationStore
    behaviour: list[dict[str, Any]]


def _ask(
    run: RunDirectory,
    checkpoint: Checkpoint,
    config: LocateConfig,
    questions: Questions,
    batch_tokens: int | None,
    progress: Progress,
) -> _Asked:
    run.measured_here(str(checkpoint.device))
    if config.positions != LocateConfig.positions:  # the default's names are for all families together
        for name in questions.positions_nowhere(config.positions):
            run.warn(f"No item has the position {name!r} (--positions): nothing was read there")
    backend = TorchHooks(checkpoint)
    budget = BatchBudget.for_device(checkpoint.device, batch_tokens)
    encoded = questions.encoded
    with run.stage("self-tests"):
        prompts = [encoded_item.prompt for encoded_item in encoded]
        admit(checkpoint, prompts, backend=backend, record=partial(note_tests, run))
    with run.stage("lens fits"):
        lenses = fitted_lenses(checkpoint, config.lenses, text=config.text, seed=config.seed, progress=progress)
    with run.stage("capture"):
        store = _store(run, "model", config, [lens.name for lens in lenses])
        measure(
            checkpoint, backend, encoded, store, Pass(config.positions, tuple(lenses)), budget=budget, progress=progress
        )
    with run.stage("behaviour"):
        behaviour = _behaviour(run, checkpoint, backend, config, questions, store, budget, progress)
    return _Asked(backend, budget, lenses, store, behaviour)


def _stages(
    run: RunDirectory,
    checkpoint: Checkpoint,
    config: LocateConfig,
    questions: Questions,
    batch_tokens: int | None,
    among: Collection[str] | None,
    progress: Progress,
) -> dict[str, Any]:
    if run.complete(RESULTS):
        return run.read_object("summary.json", SUMMARY_SCHEMA)
    asked = _ask(run, checkpoint, config, questions, batch_tokens, progress)
    backend, budget, lenses, store = asked.backend, asked.budget, asked.lenses, asked.store
    behaviour, encoded = asked.behaviour, questions.encoded
    with run.stage("causal self-tests"):
        record_tests(run, causal_self_tests(checkpoint, encoded, behaviour, config))
    with run.stage("interventions"):
        causal = causal_stage(
            run, checkpoint, backend, encoded, behaviour, config,
            among=among, known=last_streams(store, encoded, config.positions, checkpoint.n_layers), budget=budget,
            progress=progress,
        )  # fmt: skip
        run.write_rows(WINDOWS, causal.windows)
        run.write_rows(PLACES, causal.places)
    with run.stage("random-init"):
        fresh = _random_init(run, checkpoint, config, questions, batch_tokens, progress) if config.random_init else None
    with run.stage("probes"):
        probed = probe_targets(run, questions, store, fresh, config, checkpoint.device, progress=progress)
        run.write_rows(PROBES, probed.rows)
    with run.stage("tables"):
        names = [lens.name for lens in lenses]
        lens_profiles = profiles_table(store, encoded, names, config.positions)
        effects = [PROFILES.of_columns(columns) for columns in causal.profiles]
        run.write_table(PROFILES, pa.concat_tables([lens_profiles, *effects]))
        run.write_table(EMERGENCE, emergence_table(store, encoded, names, config.positions))
        curves = [
            *probe_curves(probed, questions, config),
            *lens_curves(store, questions, behaviour, names, config, progress=progress),
            *causal.curves,
        ]
        run.write_rows(CURVES, curves)
        onsets = locations_of(store, questions, behaviour, probed, names, config, checkpoint.n_layers)
        locations = [*onsets, *causal.locations]
        run.write_rows(LOCATIONS, locations)
    with run.stage("lens maps"):
        chosen = chosen_for_maps(behaviour, config.lens_maps, config.seed)
        by_key = {encoded_item.key: encoded_item for encoded_item in encoded}
        lens = next(fitted for fitted in lenses if fitted.name == "logit")
        write_lens_maps(run, checkpoint, backend, by_key, chosen, lens, progress=progress)
    with run.stage("form"):
        run.write_json(
            "format_check.json", form_of(questions, checkpoint, seed=config.seed, per_family=config.per_family)
        )
    run.manifest.batch = BatchRecord(tokens=budget.tokens, halvings=budget.halvings)
    summary = summarise(run, checkpoint, questions, behaviour, locations, probed, causal, config)
    run.write_json("summary.json", summary)
    return summary


def _identity(checkpoint: Checkpoint, config: LocateConfig, questions: Questions) -> dict[str, Any]:
    known = checkpoint.identity
    asked = asdict(config)
    # A text is what stands in it: the file may move, and another one may take its name.
    text = asked.pop("text")
    return asked | {
        "text_sha256": text_sha256(text),
        **known.parts,
        "items_sha256": questions.sha256,
        "prompt_prefix": questions.prompt_prefix,
        "dtype": str(checkpoint.dtype),
        "attention": checkpoint.attention,
    }


def _describe(run: RunDirectory, checkpoint: Checkpoint, questions: Questions, options: Mapping[str, Any]) -> None:
    kinds = [item.kind for item in questions.items]
    items = ItemsRecord(
        sha256=questions.sha256, n=len(kinds), by_kind={kind: kinds.count(kind) for kind in sorted(set(kinds))}
    )
    run.describe(checkpoint, items, options=options, excluded=questions.counted_reasons, limited=questions.limited)
    run.manifest.checkpoint.chat_template_sha256 = template_sha256(checkpoint.tokenizer)
    if questions.rematched:
        were = "1 item was" if questions.rematched == 1 else f"{questions.rematched} items were"
        run.warn(
            f"{were} given another counterfactual prompt of the same number of tokens: only such prompts can be swapped"
        )
    run.save()
    if not run.finished("items.jsonl"):
        with run.writing("items.jsonl"):
            write_items(run.path / "items.jsonl", questions.items)


def _store(run: RunDirectory, name: str, config: LocateConfig, lenses: Sequence[str]) -> ActivationStore:
    return streams_store(run.path, run.run_id, name, config.positions, lenses)


def _behaviour(
    run: RunDirectory,
    checkpoint: Checkpoint,
    backend: Backend,
    config: LocateConfig,
    questions: Questions,
    store: ActivationStore,
    budget: BatchBudget,
    progress: Progress,
) -> list[dict[str, Any]]:
    full = full_choice_log_probs(checkpoint, backend, questions.encoded, budget=budget, progress=progress)
    hops = hops_answered(checkpoint, backend, questions.encoded, budget=budget, progress=progress)
    rows = behaviour_rows(questions, checkpoint, store, full, hops, config.positions)
    families = family_behaviour(rows)
    mark_unanswered_families(rows, families)
    run.write_rows(BEHAVIOUR, rows)
    run.write_json("families.json", [asdict(family) for family in families])
    return rows


def _random_init(
    run: RunDirectory,
    checkpoint: Checkpoint,
    config: LocateConfig,
    questions: Questions,
    batch_tokens: int | None,
    progress: Progress,
) -> ActivationStore:
    store = _store(run, "random-init", config, [])
    if all(encoded_item.key in store for encoded_item in questions.encoded):
        return store
    fresh = randomly_initialised(checkpoint, config.seed)
    no_lenses: tuple[Lens, ...] = ()
    budget = BatchBudget.for_device(checkpoint.device, batch_tokens)
    wanted = Pass(config.positions, no_lenses)
    measure(
        fresh,
        TorchHooks(fresh),
        questions.encoded,
        store,
        wanted,
        budget=budget,
        progress=progress,
        stage="random-init",
    )
    return store
