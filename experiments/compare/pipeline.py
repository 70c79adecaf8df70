"""The experiment: what did training change, where, and is it more than any training changes?"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from strata.experiments.compare.answers_by_way_of_asking import rows_in_ways
from strata.experiments.compare.behaviour_change import answered_by_all, behaviour_change
from strata.experiments.compare.caveats import given_starts
from strata.experiments.compare.cells.stage import Located, compare_cells
from strata.experiments.compare.changed_items import MAPS_A_DRAWN_ONE, answered_otherwise
from strata.experiments.compare.comparability import shared_with_base
from strata.experiments.compare.comparison_file import Findings, comparison_of
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.eligible_pairs import eligible
from strata.experiments.compare.excluded_parts import ExcludedParts
from strata.experiments.compare.fixed_prompting import fixed_prompting
from strata.experiments.compare.format_change import format_apart
from strata.experiments.compare.generated_answer_change import generated_change
from strata.experiments.compare.generated_layer_swaps import MEASURE as GENERATED_ANSWERS
from strata.experiments.compare.generated_layer_swaps import generated_layer_swaps, split_of
from strata.experiments.compare.instruction_contrasts import write_contrasts
from strata.experiments.compare.layer_changes import layer_changes
from strata.experiments.compare.layer_swaps import swap_items
from strata.experiments.compare.measured_behaviour import compared_behaviour
from strata.experiments.compare.model_runs import FROM_CELLS, ModelRuns
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.models import Models, Openers
from strata.experiments.compare.place_share import place_shares
from strata.experiments.compare.probe_transfer import transfer_rows
from strata.experiments.compare.profile_similarity import likeness_rows
from strata.experiments.compare.seeds import Seeds
from strata.experiments.compare.shared_prompt_prefix import shared_prompt_prefix
from strata.experiments.compare.steering import steering
from strata.experiments.compare.stored_answers import StoredAnswers
from strata.experiments.compare.stream_similarity import similarity_rows
from strata.experiments.compare.swap_and_patch import exchange
from strata.experiments.compare.swap_and_patch_stores import CROSSED_STORE, ExchangeStores
from strata.experiments.compare.weights_and_lineage import check_pairs, write_weights
from strata.experiments.generated_answers.prompting import Prompting
from strata.experiments.items.jsonl import write_items
from strata.experiments.items.schema import Kind
from strata.experiments.lens.named_lenses import text_sha256
from strata.experiments.locate.activation_stores import streams_store
from strata.experiments.questions import Questions, Source, questions_for
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.cell_changes import CELLS_FILE, ComparedCells
from strata.experiments.results.comparison import (
    CHANGED_FAMILIES_FILE,
    COMPARISON_FILE,
    AnswerChange,
    Comparison,
    FormatApart,
    Generated,
    GeneratedSplit,
    HalvedBy,
    Halves,
)
from strata.experiments.results.comparison_tables import CHANGES, COMPARISON_TABLES, LIKENESS, SIMILARITY, TRANSFER
from strata.experiments.results.file_versions import COMPARISON_SCHEMA
from strata.experiments.results.lineage_check import PAIR_CHECK_FILE
from strata.experiments.results.roles import BASE, Role
from strata.experiments.results.rows import Row, text
from strata.experiments.results.steering import STEERING_FILE, Steering
from strata.experiments.run.controls import DEFAULT_CONTROLS, RunControls
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import JsonObject
from strata.experiments.run.summary_file import comparison_result_of
from strata.probes.files.activation_store import ActivationStore

RESULTS = (
    *(f"{table.name}.parquet" for table in COMPARISON_TABLES), "items.jsonl", PAIR_CHECK_FILE.name,
    CHANGED_FAMILIES_FILE.name, CELLS_FILE.name, STEERING_FILE.name, COMPARISON_FILE.name,
)  # fmt: skip
"""What a finished comparison holds beside the run directories of its models."""


def compare(
    specs: Specs,
    openers: Openers,
    config: CompareConfig,
    out: Path,
    *,
    items: Source | None = None,
    controls: RunControls = DEFAULT_CONTROLS,
) -> Comparison:
    """Compares models in the run directory `out`, which holds one `locate` run of each, and returns comparison.json.

    A measure that can't be made of a pair (other tokenizer, width, depth) is excluded with its reason; the others run.
    A second call with the same models and configuration resumes. `controls.one_at_a_time` holds one model in memory instead of two:
    the numbers stay the same, and measures that run blocks of both models at once are excluded. `openers`: by role, and by `seed_name` for `specs.seeds`. Raises StrataError for
    other configurations and for models that can't be opened, SelfTestError when an identity that must hold fails.
    """
    models = Models(openers, one_at_a_time=controls.one_at_a_time)
    in_template = config.locate.framing != "raw" and config.locate.prompt_prefix is None
    prompt_prefix = shared_prompt_prefix(models, specs.by_role(), config.locate)
    config = replace(config, locate=replace(config.locate, prompt_prefix=prompt_prefix))
    questions = questions_for(models.get(BASE), config.locate, items)
    seeds = Seeds(specs, models, openers)
    identity = _identity(models, config, questions) | {"seeds": seeds.identity()}
    run = RunDirectory(out, verb="compare", command=controls.command, identity=identity)
    controls.on_run(out)
    if config.locate.framing != "raw":
        run.warn(Caveat(code="framed", framing=config.locate.framing))
    status = "stopped"
    try:
        asked = _Asked(questions, items, in_template)
        stages = _Stages(run, specs, models, config, asked, seeds, controls)
        comparison = stages.run()
        status = "done"
        # Where a download failed, a later start tries again, and must not measure the rest anew.
        if not controls.keep_activations and run.complete(RESULTS):
            _discard_activations(run, models, awaited=stages.excluded.awaits_two_models)
        return comparison
    finally:
        run.close(status)


def _discard_activations(run: RunDirectory, models: Models, *, awaited: bool) -> None:
    """All but the scores of patches, where a later start may add layer swaps beside them: they are small, and dear to make."""
    for directory in (*(run.path / role / "activations" for role in models.roles), *run.path.glob("activations/*")):
        if not (awaited and directory.name.startswith(CROSSED_STORE)):
            shutil.rmtree(directory, ignore_errors=True)
    if not awaited:
        shutil.rmtree(run.path / "activations", ignore_errors=True)


def _identity(models: Models, config: CompareConfig, questions: Questions) -> JsonObject:
    asked = asdict(config)
    asked["locate"]["text"] = text_sha256(asked["locate"]["text"])
    of_role = {}
    for role in models.roles:
        about = models.about(role)
        of_role[role] = {
            **about.identity.parts,
            "dtype": about.dtype,
            "attention": about.attention,
        }
    return asked | {"models": of_role, "items_sha256": questions.sha256}


@dataclass(frozen=True)
class _Asked:
    """What all models are asked."""

    questions: Questions
    """As the base reads them."""
    source: Source | None
    in_template: bool
    """Inside the distilled model's own chat template."""


class _Stages:
    def __init__(
        self,
        run: RunDirectory,
        specs: Specs,
        models: Models,
        config: CompareConfig,
        asked: _Asked,
        seeds: Seeds,
        controls: RunControls,
    ) -> None:
        self.directory, self.specs, self.models, self.config = run, specs, models, config
        self.questions, self.in_template, self.progress = asked.questions, asked.in_template, controls.progress
        self.source = asked.source
        shared = shared_with_base(models, asked.questions, config.locate, asked.source)
        self.excluded = ExcludedParts(run, shared)
        compared = tuple(" ".join(models.about(role).identity.parts.values()) for role in models.roles)
        located = replace(config.locate, paired_with=compared)
        self.runs = ModelRuns(run, models, located, asked.source, controls)
        self.seeds = seeds

    def run(self) -> Comparison:
        """Every stage, in order; what is there is skipped."""
        run, excluded = self.directory, self.excluded
        again = excluded.awaits_two_models and not self.models.one_at_a_time
        if not again and run.complete(RESULTS) and self.runs.all_whole():
            return comparison_result_of(run.read_object(COMPARISON_FILE.name, COMPARISON_SCHEMA))
        self._reopen(again)
        self._describe()
        rows = self.runs.ask()
        same_items = excluded.roles_for("answers", "items")
        same_layers = excluded.roles_for("layers", "items", "depth")
        same_places = excluded.roles_for("places", "items", "tokens", "depth")
        first = eligible(rows, same_places)
        changed = answered_otherwise({role: rows[role] for role in same_items})[
            : MAPS_A_DRAWN_ONE * self.config.locate.lens_maps
        ]
        # The base's run comes before whatever needs the others: its page can be read meanwhile.
        summaries = self.runs.locate([BASE], first, changed)
        with run.stage("pair check"):
            checks = check_pairs(run, self.specs, self.models.others, excluded.add, progress=self.progress)
        with run.stage("weights"):
            write_weights(run, self.specs, self.models.others, self.config, excluded.add, progress=self.progress)
        summaries |= self.runs.locate(self.models.others, first, changed)
        with run.stage("ways of asking"):
            formats = self._formats({role: rows[role] for role in same_items})
        with run.stage("changes"):
            answers = self._changes({role: rows[role] for role in same_items}, same_layers)
        with run.stage("cells"):
            cells = self._cells(Located(summaries, rows, same_places))
        with run.stage("streams"):
            self._streams(rows)
        with run.stage("contrasts"):
            write_contrasts(run, self.models, self.questions, self.config, progress=self.progress)
        with run.stage("layer_swaps"):
            stores, halved = self._exchange(rows)
            shares = place_shares(stores, {role: summary.located for role, summary in summaries.items()}, halved)
        with run.stage("generated answers"):
            fixed = fixed_prompting(self.specs)
            generated = self._generated(fixed)
            seeds = self.seeds.changes(run, same_items, self.questions.items, self.config, fixed)
        with run.stage("behaviour"):
            behaviour = compared_behaviour(
                run.path, self.models, self.config, excluded.add, items=self.source, controls=self.runs.controls
            )
        with run.stage("layer swaps by generated answers"):
            for role, of_role in self._generated_layer_swaps(generated).items():
                halved.setdefault(role, {}).setdefault("reasoning", {})[GENERATED_ANSWERS] = of_role
        with run.stage("steering"):
            steered = self._steering()
        comparison = comparison_of(
            Findings(
                checks, summaries, answers, formats, cells, halved, shares, generated, behaviour, steered, seeds, given_starts(rows[BASE])
            ),
            self.specs, self.models, self.config,
            in_chat_template=self.in_template, excluded=excluded.entries, warnings=run.manifest.warnings,
        )  # fmt: skip
        run.write_json(COMPARISON_FILE, comparison)
        return comparison

    def _reopen(self, again: bool) -> None:
        """Takes back what is told anew, files first: a start that is cut off must not leave what looks whole.

        `again`: what two models in memory are needed for is measured after all.
        """
        for name in (
            COMPARISON_FILE.name,
            *(("layer_swaps.parquet", "generated_layer_swaps.parquet") if again else ()),
        ):
            (self.directory.path / name).unlink(missing_ok=True)
        self.excluded.forget()

    def _describe(self) -> None:
        run = self.directory
        run.measured_here(self.models.about(BASE).device)
        run.manifest.seed, run.manifest.options = self.config.locate.seed, dict(self.runs.controls.options)
        templates = {role: self.models.about(role).chat_template_sha256 for role in self.models.roles}
        run.manifest.chat_template_sha256 = {str(role): sha256 for role, sha256 in templates.items()}
        if not run.finished("items.jsonl"):
            with run.writing("items.jsonl"):
                write_items(run.path / "items.jsonl", self.questions.items)

    def _changes(self, rows: Mapping[Role, Sequence[Row]], same_layers: Sequence[Role]) -> Mapping[Kind, AnswerChange]:
        """Of answers by kind and family, and of layers."""
        run, items = self.directory, self.questions.items
        draws, seed = self.config.locate.draws, self.config.locate.seed
        kinds, families = behaviour_change(rows, items, draws=draws, seed=seed)
        run.write_json(CHANGED_FAMILIES_FILE, families)
        if not (run.finished("changes.parquet") and run.finished("likeness.parquet")):
            tables = {role: self.runs.table(role, "profiles") for role in same_layers}
            run.write_rows(CHANGES, layer_changes(tables, items, draws=draws, seed=seed))
            run.write_rows(LIKENESS, likeness_rows(tables, items, seed=seed))
        return kinds

    def _formats(self, answers: Mapping[Role, Sequence[Row]]) -> Mapping[Kind, FormatApart]:
        """Every model asked in other ways too. `answers`: how each answers as it is asked."""
        config = self.runs.config
        stored = {
            role: StoredAnswers.of(
                rows, self._streams_of(role), positions=len(config.positions), n_layers=self.models.about(role).n_layers
            )
            for role, rows in answers.items()
        }
        rows = rows_in_ways(self.directory, self.models, stored, self.questions, self.runs.controls)
        rows = self.seeds.asked(self.directory, rows, self.questions, self.runs.controls)
        return format_apart(rows, self.questions.items, draws=config.draws, seed=config.seed)

    def _generated(self, fixed: Mapping[Role, Prompting]) -> Generated:
        return generated_change(
            self.directory, self.models, self.config, self.excluded.add, fixed, further=self.seeds.further, progress=self.progress
        )  # fmt: skip

    def _steering(self) -> Steering | None:
        run = self.directory
        if not run.finished(STEERING_FILE.name):
            roles = self.excluded.roles_for("steering", "tokens", "depth", "width") if self.config.steers else []
            found = steering(self.models, roles, self.config, self.excluded.add, progress=self.progress)
            run.write_json(STEERING_FILE, found)
        return run.read_as(STEERING_FILE)

    def _cells(self, located: Located) -> dict[Role, ComparedCells]:
        run = self.directory
        if not all(run.finished(name) for name in FROM_CELLS):
            compared = compare_cells(run, located, self.questions.encoded, self.runs.config)
            run.write_json(CELLS_FILE, compared)
        return run.read_as(CELLS_FILE)

    def _streams(self, rows: Mapping[Role, Sequence[Row]]) -> None:
        run, located = self.directory, self.runs.config
        positions = located.positions
        roles = self.excluded.roles_for("streams", "items", "tokens", "depth", "width")
        if run.finished("similarity.parquet") and run.finished("transfer.parquet"):
            return
        stores = {role: self._streams_of(role) for role in roles}
        encoded, answered = self.questions.encoded, answered_by_all({role: rows[role] for role in roles})
        run.write_rows(SIMILARITY, similarity_rows(stores, encoded, positions, self.config))
        carried = transfer_rows(stores, encoded, answered, positions, self.config, progress=self.progress)
        run.write_rows(TRANSFER, carried)

    def _streams_of(self, role: Role) -> ActivationStore:
        """Kept by the model's own run until the comparison is done."""
        config = self.runs.config
        lenses = [name for lens in config.lenses for name in ((lens, "bias") if lens == "tuned" else (lens,))]
        return streams_store(self.directory.path / role, self.runs.run_id(role), "model", config.positions, lenses)

    def _exchange(
        self, rows: Mapping[Role, Sequence[Row]]
    ) -> tuple[ExchangeStores, dict[Role, dict[Kind, dict[HalvedBy, Halves]]]]:
        roles = self.excluded.roles_for("exchange", "items", "tokens", "depth", "width")
        answered = frozenset(text(row, "item") for role in roles for row in rows[role] if row["answered"])
        items = swap_items(self.questions.encoded, answered, self.config.swap_pairs, self.config.locate.seed)
        stores = ExchangeStores(self.directory, items, self.config, self.models.about(BASE).n_layers)
        return stores, exchange(stores, self.models, roles, self.excluded.add, progress=self.progress)

    def _generated_layer_swaps(self, generated: Generated) -> dict[Role, Halves]:
        asked = self.config.generated and self.config.generated_swap_parts > 1
        roles = self.excluded.roles_for("generated-layer-swaps", "tokens", "depth", "width") if asked else []
        silent_roles = generated.splits.get(split_of(self.config), GeneratedSplit()).unmeasured
        roles = [] if BASE in silent_roles else [role for role in roles if role not in silent_roles]
        return generated_layer_swaps(
            self.directory, self.models, roles, self.config, self.excluded.add, progress=self.progress
        )
