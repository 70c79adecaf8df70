"""The experiment: what did training change, where, and is it more than any training changes?"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from strata.experiments.compare.behaviour_change import answered_by_all, behaviour_change
from strata.experiments.compare.claims import claims
from strata.experiments.compare.comparability import Alike, Need, alike
from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.eligible_pairs import eligible
from strata.experiments.compare.generated_answer_change import generated_change
from strata.experiments.compare.generated_layer_swaps import MEASURE as GENERATED_ANSWERS
from strata.experiments.compare.generated_layer_swaps import generated_layer_swaps, split_of
from strata.experiments.compare.instruction_contrasts import write_contrasts
from strata.experiments.compare.layer_changes import layer_changes
from strata.experiments.compare.location_change import moved, not_moved, place_depths
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.models import NEEDS_BOTH, Models, Openers
from strata.experiments.compare.paired_estimates import BASE, Role
from strata.experiments.compare.probe_transfer import transfer_rows
from strata.experiments.compare.profile_similarity import likeness_rows
from strata.experiments.compare.shared_prompt_prefix import shared_prompt_prefix
from strata.experiments.compare.stream_similarity import similarity_rows
from strata.experiments.compare.swap_and_patch import exchange
from strata.experiments.compare.swap_and_patch_stores import CROSSED_STORE
from strata.experiments.compare.weights_and_lineage import check_pairs, write_weights
from strata.experiments.items.jsonl import write_items
from strata.experiments.items.schema import KINDS
from strata.experiments.lens.named_lenses import text_sha256
from strata.experiments.locate.activation_stores import streams_store
from strata.experiments.locate.item_selection import Questions, Source, questions_for
from strata.experiments.locate.pipeline import RESULTS as LOCATED
from strata.experiments.locate.pipeline import ask, locate
from strata.experiments.results.comparison_tables import CHANGES, COMPARISON_TABLES, LIKENESS, SIMILARITY, TRANSFER
from strata.experiments.results.excluded_measures import (
    ALL_WEIGHTS,
    ANSWERS,
    EXCHANGE,
    GENERATED_LAYER_SWAPS,
    LAYERS,
    PAIR_CHECK,
    STREAMS,
    WEIGHTS,
)
from strata.experiments.results.file_versions import COMPARISON_SCHEMA
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.files import MANIFEST, is_complete, read_manifest, table_of
from strata.probes.progress import Progress, silent

MOVED = "location_change.json"
RESULTS = (
    *(f"{table.name}.parquet" for table in COMPARISON_TABLES), "items.jsonl", "pair_check.json", "families.json", MOVED,
    "comparison.json",
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
) -> dict[str, Any]:
    """Compares models in the run directory `out`, which holds one `locate` run of each, and returns comparison.json.

    A measure that can't be made of a pair (other tokenizer, width, depth) is excluded with its reason; the others run.
    A second call with the same models and configuration resumes. `one_at_a_time` holds one model in memory instead of two:
    the numbers stay the same, and measures that run blocks of both models at once are excluded. Raises StrataError for
    other configurations and for models that can't be opened, SelfTestError when an identity that must hold fails.
    """
    models = Models(openers, one_at_a_time=one_at_a_time)
    prompt_prefix, caveats = shared_prompt_prefix(models, specs.by_role(), config.locate)
    config = replace(config, locate=replace(config.locate, prompt_prefix=prompt_prefix))
    questions = questions_for(models.get(BASE), config.locate, items)
    run = RunDirectory(out, verb="compare", command=command, identity=_identity(models, config, questions))
    on_run(out)
    for sentence in caveats:
        run.warn(sentence)
    status = "stopped"
    try:
        comparison = _Comparison(run, specs, models, config, questions, items, batch_tokens, progress).run(
            options or {}
        )
        status = "done"
        # Where a download failed, a later start tries again, and must not measure the rest anew.
        if not keep_activations and run.complete(RESULTS):
            _discard_activations(run, models)
        return comparison
    finally:
        run.close(status)


def _discard_activations(run: RunDirectory, models: Models) -> None:
    """All but the scores of patches, where a later start may add layer swaps beside them: they are small, and dear to make."""
    awaited = any(entry["reason"] == NEEDS_BOTH for entry in _not_comparable(run))
    for directory in (*(run.path / role / "activations" for role in models.roles), *run.path.glob("activations/*")):
        if not (awaited and directory.name.startswith(CROSSED_STORE)):
            shutil.rmtree(directory, ignore_errors=True)
    if not awaited:
        shutil.rmtree(run.path / "activations", ignore_errors=True)


def _identity(models: Models, config: CompareConfig, questions: Questions) -> dict[str, Any]:
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


class _Comparison:
    def __init__(
        self,
        run: RunDirectory,
        specs: Specs,
        models: Models,
        config: CompareConfig,
        questions: Questions,
        items: Source | None,
        batch_tokens: int | None,
        progress: Progress,
    ) -> None:
        self.run_directory, self.specs, self.models, self.config = run, specs, models, config
        self.questions, self.items, self.batch_tokens = questions, items, batch_tokens
        self.progress = progress
        # In the manifest, because a stage that is done says nothing when the run is taken up again.
        self.not_comparable = _not_comparable(run)
        self._record_not_comparable()
        self.alike = {role: self._alike(role) for role in models.others}
        compared = tuple(" ".join(models.about(role).identity.parts.values()) for role in models.roles)
        self.locate_config = replace(config.locate, paired_with=compared)

    def _alike(self, role: Role) -> Alike:
        base, other = self.models.about(BASE), self.models.about(role)
        same = (base.identity.tokenizer_sha256, base.max_context) == (
            other.identity.tokenizer_sha256,
            other.max_context,
        )
        asked = self.questions if same else questions_for(self.models.get(role), self.config.locate, self.items)
        if base.prefix != other.prefix:
            self.run_directory.warn(
                f"The tokenizers of {self.specs.base} and {self.specs.by_role()[role]} put different tokens before a text; "
                "where one model runs with parts of the other both read the base's"
            )
        return alike(base, self.questions, other, asked)

    def _comparable(self, measure: str, *needed: Need) -> list[Role]:
        """The base and the models that this measure can be made of; the others are excluded with their reasons."""
        roles = [BASE]
        for role, shared in self.alike.items():
            reason = shared.why_not(*needed)
            if reason is None:
                roles.append(role)
            else:
                self._exclude(measure, role, reason)
        return roles

    def run(self, options: Mapping[str, Any]) -> dict[str, Any]:
        run = self.run_directory
        wanting = self._wanting()
        if not wanting and run.complete(RESULTS) and all(self._is_located(role) for role in self.models.roles):
            return run.read_object("comparison.json", COMPARISON_SCHEMA)
        self._reopen(bool(wanting))
        run.measured_here(self.models.about(BASE).device)
        run.manifest.seed, run.manifest.options = self.config.locate.seed, dict(options)
        templates = {role: self.models.about(role).chat_template_sha256 for role in self.models.roles}
        run.manifest.chat_template_sha256 = dict(templates)
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
        same_items = self._comparable(ANSWERS, "items")
        same_layers = self._comparable(LAYERS, "items", "tokens", "depth")
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
            run.write_json("families.json", families)
            if not (run.finished("changes.parquet") and run.finished("likeness.parquet")):
                tables = {role: table_of(run.path / role, "profiles") for role in same_layers}
                changes = layer_changes(tables, self.questions.items, draws=draws, seed=seed)
                run.write_rows(CHANGES, changes)
                likeness = likeness_rows(tables, self.questions.items, seed=seed)
                run.write_rows(LIKENESS, likeness)
            if not run.finished(MOVED):
                run.write_json(MOVED, self._moved(among, summaries))
            moved = run.read_json(MOVED)
        with run.stage("streams"):
            self._streams(rows)
        with run.stage("contrasts"):
            write_contrasts(run, self.models, self.questions, self.config, progress=self.progress)
        with run.stage("layer_swaps"):
            upper = self._exchange(rows)
        with run.stage("generated answers"):
            generated = generated_change(run, self.models, self.config, self._exclude, progress=self.progress)
        with run.stage("layer swaps by generated answers"):
            for role, halved in self._generated_layer_swaps(generated).items():
                upper.setdefault(role, {}).setdefault("reasoning", {})[GENERATED_ANSWERS] = halved
        comparison = self._comparison(checks, summaries, kinds, moved, upper, generated)
        run.write_json("comparison.json", comparison)
        # What a later call reads: JSON has lists where a fresh result has tuples.
        return dict(run.read_json("comparison.json"))

    def _is_located(self, role: Role) -> bool:
        """Whether the run of this model is whole."""
        directory = self.run_directory.path / role
        there = (directory / MANIFEST).exists()
        return there and is_complete(directory, read_manifest(directory).files, LOCATED)

    def _wanting(self) -> list[dict[str, str]]:
        """What an earlier start excluded because it held one model at a time, where this one may hold two."""
        return [
            entry for entry in self.not_comparable if entry["reason"] == NEEDS_BOTH and not self.models.one_at_a_time
        ]

    def _reopen(self, wanting: bool) -> None:
        """Takes back what is told anew below, files first: a start that is cut off must not leave what looks whole."""
        run = self.run_directory
        for name in ("comparison.json", *(("layer_swaps.parquet", "generated_layer_swaps.parquet") if wanting else ())):
            (run.path / name).unlink(missing_ok=True)
        kept = {PAIR_CHECK} if run.finished("pair_check.json") else set()
        kept |= {WEIGHTS, ALL_WEIGHTS} if run.finished("weights.parquet") else set()
        self.not_comparable[:] = [entry for entry in self.not_comparable if entry["measure"] in kept]
        self._record_not_comparable()

    def _exclude(self, measure: str, role: Role, reason: str) -> None:
        entry = {"measure": measure, "model": role, "reason": reason}
        if entry not in self.not_comparable:
            self.not_comparable.append(entry)
            self._record_not_comparable()

    def _record_not_comparable(self) -> None:
        self.run_directory.manifest.not_comparable = [dict(entry) for entry in self.not_comparable]

    def _ask(self, role: Role) -> list[dict[str, Any]]:
        return ask(
            self.models.get(role), self.locate_config, self.run_directory.path / role, items=self.items,
            command=self.run_directory.manifest.command, batch_tokens=self.batch_tokens, progress=self.progress,
        )  # fmt: skip

    def _locate(self, role: Role, among: frozenset[str] | None) -> dict[str, Any]:
        summary = self.run_directory.path / role / "summary.json"
        made = all(self.run_directory.finished(name) for name in FROM_ACTIVATIONS)
        if not made and not (summary.parent / "activations").exists():
            # A comparison that was finished once threw away what a missing table of it is made from.
            summary.unlink(missing_ok=True)
        return locate(
            self.models.get(role), self.locate_config, self.run_directory.path / role, items=self.items,
            command=self.run_directory.manifest.command, batch_tokens=self.batch_tokens, keep_activations=True,
            pairs_among=among, progress=self.progress,
        )  # fmt: skip

    def _run_id(self, role: Role) -> str:
        return read_manifest(self.run_directory.path / role).run_id

    def _moved(
        self, among: Mapping[Role, frozenset[str]], summaries: Mapping[Role, Mapping[str, Any]]
    ) -> dict[Role, dict[str, Any]]:
        located = {
            role: [kind for kind, of_kind in summary["kinds"].items() if of_kind.get("located") is not None]
            for role, summary in summaries.items()
        }
        changes = {}
        for role in self.models.others:
            if role not in among:
                changes[role] = not_moved("not comparable")
            elif any((summaries[model].get("causal") or {}).get("map", "none") == "none" for model in (BASE, role)):
                changes[role] = not_moved("no intervention was made")
            else:
                depths = {
                    model: place_depths(summaries[model], table_of(self.run_directory.path / model, "places"))
                    for model in (BASE, role)
                }
                sides = {model: located[model] for model in (BASE, role)}
                changes[role] = moved(depths[BASE], depths[role], sides, seed=self.config.locate.seed)
        return changes

    def _streams(self, rows: Mapping[Role, Sequence[Mapping[str, Any]]]) -> None:
        run, positions = self.run_directory, self.locate_config.positions
        roles = self._comparable(STREAMS, "items", "tokens", "depth", "width")
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

    def _exchange(self, rows: Mapping[Role, Sequence[Mapping[str, Any]]]) -> dict[Role, dict[str, Any]]:
        roles = self._comparable(EXCHANGE, "items", "tokens", "depth", "width")
        answered = frozenset(row["item"] for role in roles for row in rows[role] if row["answered"])
        return exchange(
            self.run_directory, self.models, roles, self.questions, answered, self.config, self._exclude,
            progress=self.progress,
        )  # fmt: skip

    def _generated_layer_swaps(self, generated: Mapping[str, Any]) -> dict[Role, dict[str, Any]]:
        asked = self.config.generated and self.config.generated_swap_parts > 1
        roles = self._comparable(GENERATED_LAYER_SWAPS, "tokens", "depth", "width") if asked else []
        silent_roles = (generated.get(split_of(self.config)) or {}).get("unmeasured", {})
        roles = [] if BASE in silent_roles else [role for role in roles if role not in silent_roles]
        return generated_layer_swaps(
            self.run_directory, self.models, roles, self.config, self._exclude, progress=self.progress
        )

    def _comparison(
        self,
        checks: Mapping[Role, Any],
        summaries: Mapping[Role, Mapping[str, Any]],
        kinds: Mapping[str, dict[str, Any]],
        moved: Mapping[Role, Mapping[str, Any]],
        upper: Mapping[Role, Mapping[str, Any]],
        generated: Mapping[str, Any],
    ) -> dict[str, Any]:
        run, specs = self.run_directory, self.specs.by_role()
        comparison: dict[str, Any] = {
            "schema": COMPARISON_SCHEMA,
            "models": {
                role: {"spec": specs[role], "sha256": self.models.about(role).identity.weights_sha256, "run": role}
                for role in self.models.roles
            },
            "n_layers": self.models.about(BASE).n_layers,
            "seed": self.config.locate.seed,
            "framing": self.config.locate.framing,
            "quick": self.config.locate.quick,
            "pair_check": {
                role: {"verdict": check["verdict"], "reasons": check["reasons"], "hint": check["hint"]}
                for role, check in checks.items()
            },
            "kinds": {
                kind: {
                    **kinds.get(kind, {}),
                    "located": {
                        role: summary["kinds"].get(kind, {}).get("located") for role, summary in summaries.items()
                    },
                    "location_change": {role: of_kind[kind] for role, of_kind in moved.items()},
                    "upper_minus_lower": {role: of_kind.get(kind) for role, of_kind in upper.items()},
                }
                for kind in KINDS
            },
            "order": {role: summary["order"] for role, summary in summaries.items()},
            "generated": generated,
            "not_comparable": self.not_comparable,
        }
        warnings = [*run.manifest.warnings]
        for role, summary in summaries.items():
            own_warnings = [sentence for sentence in summary["warnings"] if sentence not in run.manifest.warnings]
            warnings += [f"{specs[role]}: {sentence}" for sentence in own_warnings]
        return comparison | {"verdict": claims(comparison), "warnings": warnings}


def _not_comparable(run: RunDirectory) -> list[dict[str, str]]:
    """What earlier starts excluded: measure, model and reason of each."""
    entries = [entry for entry in run.manifest.not_comparable if isinstance(entry, dict)]
    return [{name: str(value) for name, value in entry.items()} for entry in entries]
