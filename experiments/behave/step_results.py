"""From which stream on is the result of a true step readable, where the model is about to write it in its own chain?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from strata.experiments.behave.continuations import Continuation, read_continuations
from strata.experiments.behave.judged_chains import JudgedChain
from strata.experiments.behave.think_frame import ThinkFrame
from strata.experiments.behave.thinking_problems import with_others
from strata.experiments.items.alignment import encode_items
from strata.experiments.items.schema import Item
from strata.probes.backends.model_reader import ModelReader
from strata.probes.files.activation_store import ActivationStore


@dataclass(frozen=True)
class ResultReading:
    """Log-probability of a step's last word behind what stands before it, by stream, in nats."""

    own: Float[np.ndarray, " stream"]
    """Of the word that the model wrote."""
    other: Float[np.ndarray, " stream"]
    """The null: of the last word of a true step of another problem of the family."""


@dataclass(frozen=True)
class _Result:
    chain: JudgedChain
    before: str
    """The chain up to the word."""
    word: str


def read_results(
    reader: ModelReader,
    frame: ThinkFrame,
    chains: Sequence[JudgedChain],
    folder: Path,
    run_id: str,
) -> Mapping[str, ResultReading | None]:
    """By problem: of the last true step of each chain, where another problem has one with another result.

    None: up to that result the chain doesn't fit the model's context, or the result can't be scored. What is in `folder` isn't run again.
    """
    pairs = list(_pairs(chains))
    items = [
        Item(
            id=f"{result.chain.problem.id}\0{name}", kind=result.chain.problem.kind, family=result.chain.problem.family, domain="",
            prompt=f"{frame.opened(result.chain.problem.question)}{'' if frame.in_chat else ' '}{result.before}", answer=f" {word}",
        )
        for result, other in pairs
        for name, word in (("own", result.word), ("other", other.word))
    ]  # fmt: skip
    encoded, _ = encode_items(items, reader.checkpoint, reader.checkpoint.max_context)
    behind = [Continuation.of_answer(one) for one in encoded]
    store = ActivationStore(folder / "results", {"run": run_id})
    read = read_continuations(reader, behind, store, stage="step results")
    values = dict(zip([one.key for one in behind], read, strict=True))
    found: dict[str, ResultReading | None] = {}
    for result, _other in pairs:
        name = result.chain.problem.id
        own, other = values.get(f"{name}\0own"), values.get(f"{name}\0other")
        found[name] = None if own is None or other is None else ResultReading(own, other)
    return found


def _pairs(chains: Sequence[JudgedChain]) -> Iterator[tuple[_Result, _Result]]:
    """Every result with that of the next problem of the family with another cluster and another result."""
    results = [result for chain in chains if (result := _result(chain)) is not None]
    for one, others in with_others(results, lambda result: result.chain.problem):
        other = next((it for it in others if it.word != one.word), None)
        if other is not None:
            yield one, other


def _result(chain: JudgedChain) -> _Result | None:
    """Of the last true step that has words before its last one."""
    for step, verdict, end in reversed(list(zip(chain.steps, chain.verdicts, chain.ends, strict=True))):
        before, _, word = step.rpartition(" ")
        if verdict == "true" and before and word:
            return _Result(chain, chain.text[: end - len(word)].rstrip(), word)
    return None
