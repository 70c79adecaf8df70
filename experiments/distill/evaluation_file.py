"""`evaluation.json` of a `distill --evaluate`: what training brought in generated answers, and what became of knowledge."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ConfigDict, Field, TypeAdapter

from strata.experiments.generated_answers.problems import Split
from strata.experiments.generated_answers.prompting import Prompting
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.record import Record
from strata.probes.statistics.bootstrap import Estimate


class Reasoning(Record):
    """One model on one split of the problems."""

    prompt: Prompting
    """The way of asking that counts: the base's best one, an adapter's own."""
    accuracy: Estimate | None
    """Share of right answers; None where nothing could be asked."""
    by_family: Mapping[str, Estimate | None]
    by_prompt: Mapping[Prompting, Estimate | None]
    no_answer: Mapping[str, int]
    """Texts in which no answer was found, by reason."""
    gain: Estimate | None = None
    """Over the base, paired by problem; absent of the base itself."""


class Knowledge(Record):
    """One model on the facts, judged by the likelihood of answer and foil."""

    accuracy: Estimate | None
    by_family: Mapping[str, Estimate | None]
    change: Estimate | None = None
    """Against the base, paired by item; absent of the base itself."""


class DistillEvaluation(Record):
    """The file, with what decided its numbers (adapters, hashes, seed, sizes) beside the results."""

    model_config = ConfigDict(extra="allow")
    version: str = Field(alias="schema")
    reasoning: Mapping[Split, Mapping[str, Reasoning]]
    """By split and model."""
    knowledge: Mapping[str, Knowledge]
    """By model."""


EVALUATION_FILE = JsonFile("evaluation.json", "evaluation", TypeAdapter(DistillEvaluation), only_set=True)
