"""The stage of a run in which the model thinks: answers fast and slow, what the steps before them tell, and whether they are true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from strata.experiments.behave.chain_confidence import measure_chain_confidence, read_chain_options
from strata.experiments.behave.chained_steps import Chained, with_own_steps, with_written_steps
from strata.experiments.behave.config import BehaveConfig
from strata.experiments.behave.fast_slow import measure_fast_slow
from strata.experiments.behave.information_gain import measure_gain, read_steps
from strata.experiments.behave.judged_chains import judged_chains
from strata.experiments.behave.knowledge_index import measure_index
from strata.experiments.behave.settling import read_settled
from strata.experiments.behave.step_results import read_results
from strata.experiments.behave.think_frame import ThinkFrame, spells, think_tags
from strata.experiments.behave.thinking_problems import ThinkingProblem, thinking_problems
from strata.experiments.behave.written_chains import Writing, fitting, written_rows
from strata.experiments.items.schema import Item, Kind
from strata.experiments.questions import Questions
from strata.experiments.results.behaviour_tables import (
    BEHAVIOUR_ANSWERS,
    BehaviourAnswerRow,
    BehaviourItemRow,
    BehaviourLayerRow,
)
from strata.experiments.results.confidence_summary import ChainConfidence
from strata.experiments.results.thinking_summary import (
    InformationGain,
    NotThought,
    StepSource,
    Thinking,
    WhyNoSteps,
    WhyNoThinking,
)
from strata.experiments.run.directory import RunDirectory
from strata.probes.backends.model_reader import ModelReader

_NO_STEPS: dict[StepSource, Literal["no-written-steps", "never-thinks"]] = {
    "written": "no-written-steps",
    "own": "never-thinks",
}


@dataclass(frozen=True)
class MeasuredThinking:
    """What the summary says, and the rows of the tables."""

    thinking: Thinking
    items: list[BehaviourItemRow] = field(default_factory=list)
    layers: list[BehaviourLayerRow] = field(default_factory=list)


class ThinkingStage:
    """What of a run decides how it is thought, and the measures on it."""

    def __init__(
        self,
        run: RunDirectory,
        reader: ModelReader,
        config: BehaveConfig,
    ) -> None:
        self.directory, self.reader, self.config = run, reader, config
        self.checkpoint = reader.checkpoint

    def measure(self, questions: Questions, *, from_file: bool) -> MeasuredThinking:
        """Writes the table of answers; a finished one is not made again. What can't be measured is told by its code."""
        config, tags = self.config, think_tags(self.checkpoint, self.config.think_tags)
        problems = thinking_problems(
            [_unframed(one.item, questions.prompt_prefix) for one in questions.encoded], config.families, from_file=from_file,
            problems=config.thinking_problems, facts=config.thinking_facts, seed=config.seed,
        )  # fmt: skip
        why: WhyNoThinking | None = None
        if config.thinking_problems == config.thinking_facts == 0:
            why = WhyNoThinking(code="not-asked-for")
        elif not problems:
            why = WhyNoThinking(code="no-problems")
        elif tags is None:
            why = WhyNoThinking(code="no-closing-tag")
        elif not spells(self.checkpoint, tags):
            why = WhyNoThinking(code="tags-not-writable")
        if why is not None or tags is None:
            self.directory.write_rows(BEHAVIOUR_ANSWERS, [])
            return MeasuredThinking(Thinking(tags=tags, why=why))
        return self._measured(ThinkFrame(tags, questions.prompt_prefix), problems)

    def _measured(self, frame: ThinkFrame, problems: Sequence[ThinkingProblem]) -> MeasuredThinking:
        config = self.config
        asked = fitting(self.checkpoint, frame, problems, config.chain_tokens)
        not_asked: Counter[NotThought] = Counter()
        if len(asked) < len(problems):
            not_asked["context-too-short"] = len(problems) - len(asked)
        if not asked:
            self.directory.write_rows(BEHAVIOUR_ANSWERS, [])
            return MeasuredThinking(
                Thinking(tags=frame.tags, not_asked=not_asked, why=WhyNoThinking(code="no-problems"))
            )
        rows = self._answers(frame, asked)
        folder, run_id, seeded = self._folder, self.directory.run_id, {"draws": config.draws, "seed": config.seed}
        settled = read_settled(self.reader, frame, asked, rows, folder, run_id)
        fast_slow = measure_fast_slow(asked, rows, settled, **seeded)
        judged = judged_chains(asked, rows, config.steps)
        results = read_results(self.reader, frame, judged, folder, run_id)
        index = measure_index(judged, results, **seeded)
        items, layers = [*fast_slow.items, *index.items], [*fast_slow.layers, *index.layers]
        gains: dict[StepSource, dict[Kind, InformationGain]] = {}
        confidence: dict[StepSource, Mapping[Kind, ChainConfidence]] = {}
        options_not_read: dict[StepSource, Mapping[Kind, int]] = {}
        steps_too_long: dict[StepSource, int] = {}
        why_no_steps: dict[StepSource, WhyNoSteps] = {}
        sources: dict[StepSource, list[Chained]] = {
            "written": with_written_steps(asked, config.steps),
            "own": with_own_steps(asked, rows, config.steps),
        }
        for source, chained in sources.items():
            readings = read_steps(self.reader, frame, chained, folder / source, run_id, stage=f"{source} steps")
            if len(readings) < len(chained):
                steps_too_long[source] = len(chained) - len(readings)
            if not readings:
                why_no_steps[source] = WhyNoSteps(code="context-too-short" if chained else _NO_STEPS[source])
                continue
            measured = measure_gain(readings, source, **seeded)
            gains[source] = dict(measured.kinds)
            items, layers = [*items, *measured.items], [*layers, *measured.layers]
            options = read_chain_options(self.reader, frame, chained, folder / f"{source} options", run_id)
            if options.not_read:
                options_not_read[source] = options.not_read
            sure = measure_chain_confidence(options, source, null_draws=config.null_draws, **seeded)
            if sure.kinds:
                confidence[source] = sure.kinds
            items, layers = [*items, *sure.items], [*layers, *sure.layers]
        thinking = Thinking(
            tags=frame.tags, fast_slow=fast_slow.kinds, information_gain=gains, confidence=confidence, knowledge_index=index.kinds,
            not_asked=not_asked, steps_too_long=steps_too_long, options_not_read=options_not_read, why_no_steps=why_no_steps,
        )  # fmt: skip
        return MeasuredThinking(thinking, items, layers)

    def _answers(self, frame: ThinkFrame, problems: Sequence[ThinkingProblem]) -> list[BehaviourAnswerRow]:
        config = self.config
        if not self.directory.finished(f"{BEHAVIOUR_ANSWERS.name}.parquet"):
            writing = Writing(config.chain_tokens, config.samples, config.drawn_at, config.seed, config.steps)
            written = written_rows(self.checkpoint, frame, problems, writing, self.reader.progress)
            self.directory.write_rows(BEHAVIOUR_ANSWERS, written)
        return self.directory.read_rows(BEHAVIOUR_ANSWERS)

    @property
    def _folder(self) -> Path:
        return self.directory.path / "activations" / "thinking"


def _unframed(item: Item, prompt_prefix: str) -> Item:
    return replace(item, prompt=item.prompt.removeprefix(prompt_prefix), spans={}, foil_spans={})
