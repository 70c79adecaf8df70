"""The experiment: what did training change, where, and is it more than any training changes?"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from strata.experiments.compare.behaviour_change import answered_by_all, behaviour_change
from strata.experiments.compare.caveats import comparison_caveats
from strata.experiments.compare.comparability import Comparability, Need, comparability
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.decision import hypothesis_of
from strata.experiments.compare.eligible_pairs import eligible
from strata.experiments.compare.generated_answer_change import generated_change
from strata.experiments.compare.generated_layer_swaps import MEASURE as GENERATED_ANSWERS
from strata.experiments.compare.generated_layer_swaps import generated_layer_swaps, split_of
from strata.experiments.compare.instruction_contrasts import write_contrasts
from strata.experiments.compare.layer_changes import layer_changes
from strata.experiments.compare.location_change import moved, not_moved, place_depths
from strata.experiments.compare.measure_agreement import claimed
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.model_summaries import Summarised, summarised, warnings_of
from strata.experiments.compare.models import Models, Openers
from strata.experiments.compare.probe_transfer import transfer_rows
from strata.experiments.compare.profile_similarity import likeness_rows
from strata.experiments.compare.shared_prompt_prefix import shared_prompt_prefix
from strata.experiments.compare.stream_similarity import similarity_rows
from strata.experiments.compare.swap_and_patch import exchange
from strata.experiments.compare.swap_and_patch_stores import CROSSED_STORE
from strata.experiments.compare.weights_and_lineage import check_pairs, write_weights
from strata.experiments.items.jsonl import write_items
from strata.experiments.items.schema import KINDS, Kind
from strata.experiments.lens.named_lenses import text_sha256
from strata.experiments.locate.activation_stores import streams_store
from strata.experiments.locate.item_selection import Questions, Source, questions_for
from strata.experiments.locate.pipeline import RESULTS as LOCATED
from strata.experiments.locate.pipeline import ask, locate
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.comparison import (
    AnswerChange,
    BaseCheck,
    ComparedKind,
    ComparedModel,
    Comparison,
    Generated,
    GeneratedSplit,
    HalvedBy,
    Halves,
    LocationChange,
)
from strata.experiments.results.comparison_reasons import ExcludedPart, Part, WhyNotMoved
from strata.experiments.results.comparison_tables import CHANGES, COMPARISON_TABLES, LIKENESS, SIMILARITY, TRANSFER
from strata.experiments.results.file_versions import COMPARISON_SCHEMA
from strata.experiments.results.lineage_check import LineageCheck
from strata.experiments.results.roles import BASE, Role
from strata.experiments.results.rows import Row, text
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.files import MANIFEST, is_complete, read_manifest, table_of
from strata.experiments.run.manifest import JsonObject
from strata.probes.progress import Progress, silent

RESULT = "comparison.json"
MOVED = "location_change.json"
RESULTS = (
    *(f"{table.name}.parquet" for table in COMPARISON_TABLES), "items.jsonl", "pair_check.json", "families.json", MOVED,
    RESULT,
)  # fmt: skip
"""What a finished comparison holds beside the run directories of its models."""
FROM_ACTIVATIONS = (MOVED, "similarity.parquet", "transfer.parquet")
"""What is made from the models' activations, which a finished comparison threw away."""


def compare(
    specs: Specs,
    openers: Openers,
    config: CompareConfig,
    out: Path,
    *,
    items: Source | None = None,
    command: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    batch_tokens: int | None = None,
    keep_activations: bool = False,
    one_at_a_time: bool = False,
    progress: Progress = silent,
    on_run: Callable[[Path], None] = lambda path: None,
) -> Comparison:
    """Compares models in the run directory `out`, which holds one `locate` run of each, and returns comparison.json.

    A measure that can't be made of a pair (other tokenizer, width, depth) is excluded with its reason; the others run.
    A second call with the same models and configuration resumes. `one_at_a_time` holds one model in memory instead of two:
    the numbers stay the same, and measures that run blocks of both models at once are excluded. Raises StrataError for
    other configurations and for models that can't be opened, SelfTestError when an identity that must hold fails.
    """
    models = Models(openers, one_at_a_time=one_at_a_time)
    in_template = config.locate.framing != "raw" and config.locate.prompt_prefix is None
    prompt_prefix = shared_prompt_prefix(models, specs.by_role(), config.locate)
    config = replace(config, locate=replace(config.locate, prompt_prefix=prompt_prefix))
    questions = questions_for(models.get(BASE), config.locate, items)
    run = RunDirectory(out, verb="compare", command=command, identity=_identity(models, config, questions))
    on_run(out)
    if config.locate.framing != "raw":
        run.warn(Caveat(code="framed", framing=config.locate.framing))
    status = "stopped"
    try:
        asked = _Asked(questions, items, in_template)
        comparison = _Comparison(run, specs, models, config, asked, batch_tokens, progress).run(options or {})
        status = "done"
        # Where a download failed, a later start tries again, and must not measure the rest anew.
        if not keep_activations and run.complete(RESULTS):
            _discard_activations(run, models)
        return comparison
    finally:
        run.close(status)


def _discard_activations(run: RunDirectory, models: Models) -> None:
    """All but the scores of patches, where a later start may add layer swaps beside them: they are small, and dear to make."""
    awaited = any(excluded.why.code == "needs-both" for excluded in _excluded_parts(run))
    for directory in (*(run.path / role / "activations" for role in models.roles), *run.path.glob("activations/*")):
        if not (awaited and directory.name.startswith(CROSSED_STORE)):
            shutil.rmtree(directory, ignore_errors=True)
    if not awaited:
        shutil.rmtree(run.path / "activations", ignore_errors=True)


def _excluded_parts(run: RunDirectory) -> list[ExcludedPart]:
    """What earlier starts excluded: in the manifest, because a stage that is done says nothing when the run is taken up again."""
    return [ExcludedPart.model_validate(entry) for entry in run.manifest.not_comparable]


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


_MOVED = TypeAdapter(dict[Role, dict[Kind, LocationChange]])


class _Comparison:
    def __init__(
        self,
        run: RunDirectory,
        specs: Specs,
        models: Models,
        config: CompareConfig,
        asked: _Asked,
        batch_tokens: int | None,
        progress: Progress,
    ) -> None:
        self.run_directory, self.specs, self.models, self.config = run, specs, models, config
        self.questions, self.items, self.in_template = asked.questions, asked.source, asked.in_template
        self.batch_tokens, self.progress = batch_tokens, progress
        self._keep(_excluded_parts(run))
        self.comparable = {role: self._comparability(role) for role in models.others}
        compared = tuple(" ".join(models.about(role).identity.parts.values()) for role in models.roles)
        self.locate_config = replace(config.locate, paired_with=compared)

    def _comparability(self, role: Role) -> Comparability:
        base, other = self.models.about(BASE), self.models.about(role)
        same = (base.identity.tokenizer_sha256, base.max_context) == (
            other.identity.tokenizer_sha256,
            other.max_context,
        )
        asked = self.questions if same else questions_for(self.models.get(role), self.config.locate, self.items)
        return comparability(base, self.questions, other, asked)

    def _comparable(self, part: Part, *needed: Need) -> list[Role]:
        """The base and the models that this part can be made of; the others are excluded with their reasons."""
        roles: list[Role] = [BASE]
        for role, shared in self.comparable.items():
            why = shared.why_not(*needed)
            if why is None:
                roles.append(role)
            else:
                self._exclude(ExcludedPart(part=part, model=role, why=why))
        return roles

    def run(self, options: Mapping[str, Any]) -> Comparison:
        run = self.run_directory
        wanting = self._wanting()
        if not wanting and run.complete(RESULTS) and all(self._is_located(role) for role in self.models.roles):
            return Comparison.model_validate(run.read_object(RESULT, COMPARISON_SCHEMA))
        self._reopen(wanting)
        run.measured_here(self.models.about(BASE).device)
        run.manifest.seed, run.manifest.options = self.config.locate.seed, dict(options)
        templates = {role: self.models.about(role).chat_template_sha256 for role in self.models.roles}
        run.manifest.chat_template_sha256 = {str(role): sha256 for role, sha256 in templates.items()}
        if not run.finished("items.jsonl"):
            with run.writing("items.jsonl"):
                write_items(run.path / "items.jsonl", self.questions.items)
        with run.stage("pair check"):
            checks = check_pairs(run, self.specs, self.models.others, self._exclude, progress=self.progress)
        with run.stage("weights"):
            write_weights(run, self.specs, self.models.others, self.config, self._exclude, progress=self.progress)
        with run.stage("ask"):
            asked = {role: self._ask(role) for role in self.models.held_first}
            rows = {role: asked[role] for role in self.models.roles}
        same_items = self._comparable("answers", "items")
        same_layers = self._comparable("layers", "items", "tokens", "depth")
        among = eligible(rows, same_layers)
        located = {}
        for role in self.models.held_first:
            with run.stage(f"locate {role}"):
                located[role] = self._locate(role, among.get(role))
        summaries = {role: located[role] for role in self.models.roles}
        with run.stage("changes"):
            same = {role: rows[role] for role in same_items}
            draws, seed = self.config.locate.draws, self.config.locate.seed
            kinds, families = behaviour_change(same, self.questions.items, draws=draws, seed=seed)
            run.write_json("families.json", [family.model_dump(mode="json") for family in families])
            if not (run.finished("changes.parquet") and run.finished("likeness.parquet")):
                tables = {role: table_of(run.path / role, "profiles") for role in same_layers}
                changes = layer_changes(tables, self.questions.items, draws=draws, seed=seed)
                run.write_rows(CHANGES, changes)
                likeness = likeness_rows(tables, self.questions.items, seed=seed)
                run.write_rows(LIKENESS, likeness)
            if not run.finished(MOVED):
                run.write_json(MOVED, _MOVED.dump_python(self._moved(among, summaries), mode="json"))
            moved = _MOVED.validate_python(run.read_json(MOVED))
        with run.stage("streams"):
            self._streams(rows)
        with run.stage("contrasts"):
            write_contrasts(run, self.models, self.questions, self.config, progress=self.progress)
        with run.stage("layer_swaps"):
            halved = self._exchange(rows)
        with run.stage("generated answers"):
            generated = generated_change(run, self.models, self.config, self._exclude, progress=self.progress)
        with run.stage("layer swaps by generated answers"):
            for role, of_role in self._generated_layer_swaps(generated).items():
                halved.setdefault(role, {}).setdefault("reasoning", {})[GENERATED_ANSWERS] = of_role
        comparison = self._comparison(checks, summaries, kinds, moved, halved, generated)
        run.write_json(RESULT, comparison.model_dump(mode="json"))
        return comparison

    def _is_located(self, role: Role) -> bool:
        """Whether the run of this model is whole."""
        directory = self.run_directory.path / role
        there = (directory / MANIFEST).exists()
        return there and is_complete(directory, read_manifest(directory).files, LOCATED)

    def _wanting(self) -> bool:
        """Whether an earlier start excluded something because it held one model at a time, where this one may hold two."""
        return not self.models.one_at_a_time and any(entry.why.code == "needs-both" for entry in self.not_comparable)

    def _reopen(self, wanting: bool) -> None:
        """Takes back what is told anew below, files first: a start that is cut off must not leave what looks whole."""
        run = self.run_directory
        for name in (RESULT, *(("layer_swaps.parquet", "generated_layer_swaps.parquet") if wanting else ())):
            (run.path / name).unlink(missing_ok=True)
        kept: set[Part] = {"pair-check"} if run.finished("pair_check.json") else set()
        kept |= {"weights", "all-weights"} if run.finished("weights.parquet") else set()
        self._keep([entry for entry in self.not_comparable if entry.part in kept])

    def _exclude(self, excluded: ExcludedPart) -> None:
        if excluded not in self.not_comparable:
            self._keep([*self.not_comparable, excluded])

    def _keep(self, entries: list[ExcludedPart]) -> None:
        self.not_comparable = entries
        self.run_directory.manifest.not_comparable = [entry.model_dump(mode="json") for entry in entries]

    def _ask(self, role: Role) -> Sequence[Row]:
        rows = ask(
            self.models.get(role), self.locate_config, self.run_directory.path / role, items=self.items,
            command=self.run_directory.manifest.command, batch_tokens=self.batch_tokens, progress=self.progress,
        )  # fmt: skip
        return [vars(row) for row in rows]

    def _locate(self, role: Role, among: frozenset[str] | None) -> Summarised:
        summary = self.run_directory.path / role / "summary.json"
        made = all(self.run_directory.finished(name) for name in FROM_ACTIVATIONS)
        if not made and not (summary.parent / "activations").exists():
            # A comparison that was finished once threw away what a missing table of it is made from.
            summary.unlink(missing_ok=True)
        located = locate(
            self.models.get(role), self.locate_config, self.run_directory.path / role, items=self.items,
            command=self.run_directory.manifest.command, batch_tokens=self.batch_tokens, keep_activations=True,
            pairs_among=among, progress=self.progress,
        )  # fmt: skip
        return summarised(located)

    def _run_id(self, role: Role) -> str:
        return read_manifest(self.run_directory.path / role).run_id

    def _moved(
        self, among: Mapping[Role, frozenset[str]], summaries: Mapping[Role, Summarised]
    ) -> dict[Role, dict[Kind, LocationChange]]:
        changes = {}
        for role in self.models.others:
            pair: tuple[Role, Role] = (BASE, role)
            if role not in among:
                changes[role] = not_moved(WhyNotMoved(code="not-comparable"))
            elif not all(summaries[model].intervened for model in pair):
                changes[role] = not_moved(WhyNotMoved(code="no-interventions"))
            else:
                depths = {
                    model: place_depths(
                        summaries[model].families,
                        table_of(self.run_directory.path / model, "places"),
                        summaries[model].n_layers,
                    )
                    for model in pair
                }
                sides = {model: list(summaries[model].located) for model in pair}
                changes[role] = moved(depths[BASE], depths[role], sides, seed=self.config.locate.seed)
        return changes

    def _streams(self, rows: Mapping[Role, Sequence[Row]]) -> None:
        run, positions = self.run_directory, self.locate_config.positions
        roles = self._comparable("streams", "items", "tokens", "depth", "width")
        if run.finished("similarity.parquet") and run.finished("transfer.parquet"):
            return
        lenses = [
            name for lens in self.locate_config.lenses for name in ((lens, "bias") if lens == "tuned" else (lens,))
        ]
        stores = {
            role: streams_store(run.path / role, self._run_id(role), "model", positions, lenses) for role in roles
        }
        encoded, answered = self.questions.encoded, answered_by_all({role: rows[role] for role in roles})
        similar = similarity_rows(stores, encoded, positions, self.config)
        run.write_rows(SIMILARITY, similar)
        carried = transfer_rows(stores, encoded, answered, positions, self.config, progress=self.progress)
        run.write_rows(TRANSFER, carried)

    def _exchange(self, rows: Mapping[Role, Sequence[Row]]) -> dict[Role, dict[Kind, dict[HalvedBy, Halves]]]:
        roles = self._comparable("exchange", "items", "tokens", "depth", "width")
        answered = frozenset(text(row, "item") for role in roles for row in rows[role] if row["answered"])
        return exchange(
            self.run_directory, self.models, roles, self.questions, answered, self.config, self._exclude,
            progress=self.progress,
        )  # fmt: skip

    def _generated_layer_swaps(self, generated: Generated) -> dict[Role, Halves]:
        asked = self.config.generated and self.config.generated_swap_parts > 1
        roles = self._comparable("generated-layer-swaps", "tokens", "depth", "width") if asked else []
        silent_roles = generated.splits.get(split_of(self.config), GeneratedSplit()).unmeasured
        roles = [] if BASE in silent_roles else [role for role in roles if role not in silent_roles]
        return generated_layer_swaps(
            self.run_directory, self.models, roles, self.config, self._exclude, progress=self.progress
        )

    def _comparison(
        self,
        checks: Mapping[Role, LineageCheck],
        summaries: Mapping[Role, Summarised],
        answers: Mapping[Kind, AnswerChange],
        moved: Mapping[Role, Mapping[Kind, LocationChange]],
        halved: Mapping[Role, Mapping[Kind, Mapping[HalvedBy, Halves]]],
        generated: Generated,
    ) -> Comparison:
        specs, about = self.specs.by_role(), self.models.about
        order = {role: summary.order for role, summary in summaries.items()}
        kinds = {
            kind: ComparedKind(
                **dict(change := answers.get(kind, AnswerChange())),
                # Claims are made of kinds only: the intervals of the many families are not corrected for their number.
                claimed=claimed(change),
                located={role: summary.located.get(kind) for role, summary in summaries.items()},
                location_change={role: of_kind[kind] for role, of_kind in moved.items()},
                upper_minus_lower={role: of_kind.get(kind, {}) for role, of_kind in halved.items()},
            )
            for kind in KINDS
        }
        return Comparison(
            models={
                role: ComparedModel(spec=specs[role], sha256=about(role).identity.weights_sha256, run=role)
                for role in self.models.roles
            },
            n_layers=about(BASE).n_layers,
            seed=self.config.locate.seed,
            framing=self.config.locate.framing,
            quick=self.config.locate.quick,
            limited=any(summary.limited for summary in summaries.values()),
            pair_check={
                role: BaseCheck(verdict=check.verdict, ok=check.ok, reasons=check.reasons, hint=check.hint)
                for role, check in checks.items()
            },
            kinds=kinds,
            order=order,
            generated=generated,
            verdict=hypothesis_of(kinds, generated, order),
            not_comparable=tuple(self.not_comparable),
            caveats=comparison_caveats(self.models, checks, in_chat_template=self.in_template),
            warnings=warnings_of(self.run_directory.caveats, summaries),
        )
