"""The stages of `locate`, in order: ask, intervene, probe, read, summarise. Each writes its files whole, and is skipped when they are there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import pyarrow as pa

from strata.experiments.lens.named_lenses import fitted_lenses
from strata.experiments.locate.activation_stores import last_streams, streams_store
from strata.experiments.locate.behaviour import (
    behaviour_rows,
    family_behaviour,
    full_choice_log_probs,
    without_unanswered_families,
)
from strata.experiments.locate.capture_streams import Pass, measure
from strata.experiments.locate.causal.pair_selection import SelectedFamily, select_pairs
from strata.experiments.locate.causal.pair_self_tests import causal_self_tests
from strata.experiments.locate.causal.pipeline import Causal, CausalConfig, Shard, causal_stage, measure_shard
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.curves import Intervals, lens_curves, probe_curves, used_items
from strata.experiments.locate.form_baseline import form_of
from strata.experiments.locate.lens_maps import at_read_positions, chosen_for_maps, write_lens_maps
from strata.experiments.locate.lens_tables import emergence_table, profiles_table
from strata.experiments.locate.probe_targets import is_held_against_random_weights
from strata.experiments.locate.probing import Fitting, Probed, probe_targets
from strata.experiments.locate.single_hops import hops_answered
from strata.experiments.locate.summarise import kind_summaries, locations_of, summarise
from strata.experiments.questions import Questions
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.format_check import FORMAT_CHECK_FILE
from strata.experiments.results.locate_summary import FAMILIES_FILE, SUMMARY_FILE, FamilyBehaviour, Summary
from strata.experiments.results.locate_tables import (
    BEHAVIOUR,
    CURVES,
    EMERGENCE,
    HEADS,
    LOCATIONS,
    PLACES,
    PROBES,
    PROFILES,
    WINDOWS,
    BehaviourRow,
    LocationRow,
)
from strata.experiments.run.controls import RunControls
from strata.experiments.run.directory import RunDirectory
from strata.experiments.run.manifest import BatchRecord
from strata.experiments.run.self_test_record import note_tests, record_tests
from strata.probes.backend_choice import OWN, BackendChoice
from strata.probes.backends import open_chosen
from strata.probes.backends.batched_reads import BatchBudget
from strata.probes.backends.contract import Backend
from strata.probes.backends.model_reader import ModelReader
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import ON_SERVER
from strata.probes.checkpoints.open_spec import randomly_initialised
from strata.probes.files.activation_store import ActivationStore
from strata.probes.lens.lenses import Lens
from strata.probes.rerun.tree_reads import TreeReads
from strata.probes.verification.before_measuring import admit


@dataclass(frozen=True)
class Answers:
    """What was captured, and how the model answers."""

    lenses: list[Lens]
    store: ActivationStore
    rows: list[BehaviourRow]
    families: list[FamilyBehaviour]

    @property
    def lens_names(self) -> list[str]:
        return [lens.name for lens in self.lenses]


@dataclass(frozen=True)
class Stages:
    """A run in the making: what all its stages share."""

    run: RunDirectory
    checkpoint: Checkpoint
    config: LocateConfig
    questions: Questions
    controls: RunControls
    through: BackendChoice = OWN
    """The library that runs every forward pass."""

    @cached_property
    def backend(self) -> Backend:
        return self._reads(self.checkpoint)

    def _reads(self, checkpoint: Checkpoint) -> Backend:
        return TreeReads(checkpoint) if self.through.is_own else open_chosen(self.through, checkpoint)

    @cached_property
    def budget(self) -> BatchBudget:
        return self._budget_of(self.backend)

    @cached_property
    def reader(self) -> ModelReader:
        return ModelReader(self.checkpoint, self.backend, self.budget, self.controls.progress)

    def _budget_of(self, backend: Backend) -> BatchBudget:
        device, tokens = self.checkpoint.device, self.controls.batch_tokens
        return BatchBudget.for_device(device, tokens, shares_beginnings=backend.shares_beginnings)

    @property
    def intervals(self) -> Intervals:
        return Intervals(self.config.draws, self.config.seed)

    @property
    def interventions(self) -> CausalConfig:
        config = self.config
        return CausalConfig(
            config.causal_map, config.pairs, config.draws, config.seed, config.damage_texts, config.text
        )

    def measure_shard(self, shard: Shard) -> None:
        """The answers, and the interventions on some of the families: what is kept of them is put together by `summary`."""
        answers = self.ask()
        with self.run.stage("interventions"):
            measure_shard(self.run, self.reader, self._selected(answers), self.interventions, shard)

    def summary(self, first: Collection[str], changed: Sequence[str] = ()) -> Summary:
        """Every stage. `first`: ids of the items that are intervened on before others; `changed`: of those that other models answer otherwise."""
        answers = self.ask()
        causal = self._intervene(answers, first)
        probed = self._probe(answers)
        locations = self._tables(answers, causal, probed)
        self._lens_maps(answers, changed)
        with self.run.stage("form"):
            form = form_of(self.questions, self.checkpoint, seed=self.config.seed, per_family=self.config.per_family)
            self.run.write_json(FORMAT_CHECK_FILE, form)
        self.run.manifest.batch = BatchRecord(tokens=self.budget.tokens, halvings=self.budget.halvings)
        summary = summarise(
            self.run, self.checkpoint, self.questions, answers.families,
            kind_summaries(answers.rows, locations, probed, causal), causal,
            seed=self.config.seed, framing=self.config.framing, quick=self.config.quick,
        )  # fmt: skip
        self.run.write_json(SUMMARY_FILE, summary)
        return summary

    def ask(self) -> Answers:
        """Tests the model, captures its streams, and judges its answers."""
        run, checkpoint, config, encoded = self.run, self.checkpoint, self.config, self.questions.encoded
        run.measured_here(ON_SERVER if checkpoint.is_elsewhere else str(checkpoint.device))
        if not self.through.is_own:
            run.warn(Caveat(code="other-backend", backend=self.through.label))
        if config.positions != LocateConfig.positions:  # the default's names are for all families together
            for name in self.questions.positions_nowhere(config.positions):
                run.warn(Caveat(code="position-nowhere", position=name))
        with run.stage("self-tests"):
            prompts = [encoded_item.prompt for encoded_item in encoded]
            admit(checkpoint, prompts, backend=self.backend, record=partial(note_tests, run))
        with run.stage("lens fits"):
            lenses = fitted_lenses(
                checkpoint, config.lenses, text=config.text, seed=config.seed, progress=self.controls.progress
            )
        with run.stage("capture"):
            store = self._store("model", lenses)
            wanted = Pass(config.positions, tuple(lenses))
            measure(self.reader, encoded, store, wanted)
        with run.stage("behaviour"):
            rows, families = self._behaviour(store)
        return Answers(lenses, store, rows, families)

    def _behaviour(self, store: ActivationStore) -> tuple[list[BehaviourRow], list[FamilyBehaviour]]:
        checkpoint, encoded = self.checkpoint, self.questions.encoded
        full, hops = full_choice_log_probs(self.reader, encoded), hops_answered(self.reader, encoded)
        asked = behaviour_rows(self.questions, checkpoint, store, full, hops, self.config.positions)
        families = family_behaviour(asked)
        rows = without_unanswered_families(asked, families)
        self.run.write_rows(BEHAVIOUR, rows)
        self.run.write_json(FAMILIES_FILE, families)
        return rows, families

    def _intervene(self, answers: Answers, first: Collection[str]) -> Causal:
        run, checkpoint, config, encoded = self.run, self.checkpoint, self.config, self.questions.encoded
        with run.stage("causal self-tests"):
            tests = (
                ()
                if config.causal_map == "none"
                else causal_self_tests(checkpoint, encoded, answers.rows, self.backend)
            )
            record_tests(run, tests)
        with run.stage("interventions"):
            causal = causal_stage(
                run,
                self.reader,
                self._selected(answers, first),
                self.interventions,
                partial(self.controls.on_family, run.path),
            )
            # Before the windows: where they are there, so is it, except in a run of before there was one.
            run.write_rows(HEADS, causal.heads)
            run.write_rows(WINDOWS, causal.windows)
            run.write_rows(PLACES, causal.places)
        return causal

    def _selected(self, answers: Answers, first: Collection[str] = ()) -> list[SelectedFamily]:
        """The pairs of every family that are intervened on, if any are."""
        config, encoded = self.config, self.questions.encoded
        if config.causal_map == "none":
            return []
        return select_pairs(
            self.reader, encoded, answers.rows, most=config.pairs, seed=config.seed, first=first,
            known=last_streams(answers.store, encoded, config.positions, self.checkpoint.n_layers),
        )  # fmt: skip

    def _probe(self, answers: Answers) -> Probed:
        run, config = self.run, self.config
        with run.stage("random-init"):
            fresh = self._random_init() if config.random_init and not self.through.remote else None
            if config.random_init and self.through.remote:
                run.warn(Caveat(code="no-random-init", backend=self.through.label))
        with run.stage("probes"):
            fitting = Fitting(config.folds, config.seed, self.checkpoint.device)
            probed = probe_targets(
                run, self.questions, answers.store, fresh, config.positions, fitting, progress=self.controls.progress
            )
            run.write_rows(PROBES, probed.rows)
        return probed

    def _tables(self, answers: Answers, causal: Causal, probed: Probed) -> list[LocationRow]:
        run, questions, store = self.run, self.questions, answers.store
        encoded, positions, names = questions.encoded, self.config.positions, answers.lens_names
        used = used_items(answers.rows)
        with run.stage("tables"):
            profiles = profiles_table(store, encoded, names, positions)
            run.write_table(PROFILES, pa.concat_tables([profiles, *causal.profiles]))
            run.write_table(EMERGENCE, emergence_table(store, encoded, names, positions))
            curves = [
                *probe_curves(probed, questions, self.intervals),
                *lens_curves(store, questions, used, names, positions, self.intervals, progress=self.controls.progress),
                *causal.curves,
            ]
            run.write_rows(CURVES, curves)
            last = positions.index("last")
            n_layers = self.checkpoint.n_layers
            onsets = locations_of(store, questions, used, probed, names, last, self.intervals, n_layers)
            locations = [*onsets, *causal.locations]
            run.write_rows(LOCATIONS, locations)
        return locations

    def _lens_maps(self, answers: Answers, changed: Sequence[str]) -> None:
        with self.run.stage("lens maps"):
            chosen = chosen_for_maps(answers.rows, self.config.lens_maps, self.config.seed, changed)
            by_key = {encoded_item.key: encoded_item for encoded_item in self.questions.encoded}
            lens = next(fitted for fitted in answers.lenses if fitted.name == "logit")
            read = at_read_positions(answers.store, self.questions.encoded, self.config.positions)
            write_lens_maps(self.run, self.reader, by_key, chosen, lens, read)

    def _random_init(self) -> ActivationStore:
        store = self._store("random-init", [])
        asked = [one for one in self.questions.encoded if is_held_against_random_weights(one.item)]
        if all(encoded_item.key in store for encoded_item in asked):
            return store
        fresh = randomly_initialised(self.checkpoint, self.config.seed)
        reads = self._reads(fresh)
        reader = ModelReader(fresh, reads, self._budget_of(reads), self.controls.progress)
        measure(reader, asked, store, Pass(self.config.positions, ()), stage="random-init")
        return store

    def _store(self, model: str, lenses: list[Lens]) -> ActivationStore:
        names = [lens.name for lens in lenses]
        return streams_store(self.run.path, self.run.run_id, model, self.config.positions, names)
