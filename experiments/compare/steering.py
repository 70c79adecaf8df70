"""Is what training brought one direction? Mean streams of a model less the base's, added to the base while it reads the true trace.

The stream is chosen on one half of the problems and judged on the other, beside random directions, the control model's, the same one
elsewhere and the same one turned round (2510.07364 has random and category controls; a share that a random direction reaches says nothing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.excluded_parts import Exclude, refused_by
from strata.experiments.compare.models import Models
from strata.experiments.generated_answers.decoding import Decoding, reasoning_rows
from strata.experiments.generated_answers.problems import Lesson, lessons
from strata.experiments.generated_answers.prompting import ask
from strata.experiments.generated_answers.traces import think_text
from strata.experiments.results.estimates import Estimated
from strata.experiments.results.roles import BASE, CONTROL, DISTILLED, Role
from strata.experiments.results.rows import Row, text
from strata.experiments.results.steering import (
    LEAST_RECOVERED,
    SteeredAnswers,
    Steering,
    SteeringControl,
    SteeringVerdict,
    StreamRecovered,
)
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint, NoEmbeddingError
from strata.probes.errors import STOPPING, StrataError
from strata.probes.model_diff.steering import Steer, Written, mean_streams, random_like, steered, written_log_probs
from strata.probes.progress import Progress, silent
from strata.probes.prompts.prompt import Prompt
from strata.probes.statistics.bootstrap import Estimate, cluster_bootstrap, cluster_bootstrap_ratio
from strata.probes.statistics.share import cluster_share

STREAMS = 6
"""Tried, at even distances."""
RANDOM = 5
_REPEATED = 4
"""Words of a run."""
_FURTHER = 3.041
"""Standard deviations above the mean of `RANDOM` draws that a further one stays below in 97.5 %: t(4) · √(1 + 1/5)."""
Score = Callable[[Sequence[Written], Sequence[Steer]], Float[np.ndarray, "text steer"]]
"""Mean log-probability of a written token of the texts, in the base under each of the directions."""


@dataclass(frozen=True)
class AskedTrace:
    """A problem with its true trace."""

    lesson: Lesson
    written: Written


@dataclass(frozen=True)
class Steered:
    """One direction at its best stream."""

    steer: Steer
    by_stream: Mapping[int, float]
    """Recovery on the problems that the stream was chosen on."""
    recovered: Estimate
    """On the others."""
    controls: Mapping[SteeringControl, Sequence[Estimate]]
    beyond: Estimate
    """Recovered less what the best control recovers."""

    @property
    def random_bound(self) -> float:
        """Below it a further random direction stays, in 97.5 %."""
        drawn = [one.value for one in self.controls["random"]]
        return float(np.mean(drawn) + _FURTHER * np.std(drawn, ddof=1))

    @property
    def verdict(self) -> SteeringVerdict:
        if self.recovered.low is None or self.beyond.low is None:
            return "undecided"
        if self.recovered.low <= LEAST_RECOVERED:
            return "recovers-nothing"
        above = self.beyond.low > 0 and self.recovered.value > self.random_bound
        return "carries" if above else "not-beyond-controls"


def steering(
    models: Models, roles: Sequence[Role], config: CompareConfig, exclude: Exclude, *, progress: Progress = silent
) -> Steering | None:
    """Of the distilled model, the control model's direction beside it. One model is run after the other; one that can't be is handed to
    `exclude`. None: nothing was asked for, or a model couldn't be run.
    """
    if not config.steers or DISTILLED not in roles:
        return None
    means: dict[Role, Float[Tensor, "stream d_model"]] = {}
    scores: dict[Role, Float[np.ndarray, " text"]] = {}
    known: list[str] = []
    for role in roles:
        try:
            model = models.get(role)
            trained, asked = problems_of(model, config)
            ids = [one.lesson.id for one in (*trained, *asked)]
            known = ids if role == BASE else known
            if ids != known:
                raise StrataError("It reads other traces than the base does", "Choose models of one context length")
            backend, texts = TorchHooks(model), [one.written for one in trained]
            means[role] = mean_streams(backend, model, texts, progress, f"{role} reads traces")
            scores[role] = written_log_probs(backend, model, [one.written for one in asked], [None])[:, 0]
        except STOPPING:
            raise
        except StrataError as error:
            exclude(refused_by(error, "steering", role))
    if not {BASE, DISTILLED} <= set(means):
        return None
    base = models.get(BASE)
    trained, asked = problems_of(base, config)
    backend = TorchHooks(base)

    def score(texts: Sequence[Written], steers: Sequence[Steer]) -> Float[np.ndarray, "text steer"]:
        progress("steering", 0, None, "directions")
        return written_log_probs(backend, base, texts, steers)

    judge = Judge(asked, scores[BASE], score, config)
    judged, target = judge.judged, scores[DISTILLED]
    gain = judge.mean((target - scores[BASE])[judged])
    found = None
    if gain.low is not None and gain.low > 0:
        control = means[CONTROL] - means[BASE] if CONTROL in means else None
        found = judge.steering(means[DISTILLED] - means[BASE], target, control)
    stream = None if found is None else found.steer.stream
    return Steering(
        trained_on=len(trained),
        chosen_on=len(judge.chosen),
        judged_on=len(judged),
        base=Estimated.of(judge.mean(scores[BASE][judged])),
        target=Estimated.of(judge.mean(target[judged])),
        gain=Estimated.of(gain),
        by_stream=() if found is None else tuple(_by_stream(found)),
        stream=stream,
        depth=None if stream is None else stream / base.n_layers,
        length=None if found is None else float(found.steer.vector.norm() / means[BASE][found.steer.stream].norm()),
        recovered=None if found is None else Estimated.of(found.recovered),
        controls={}
        if found is None
        else {name: tuple(map(Estimated.of, of_kind)) for name, of_kind in found.controls.items()},
        random_bound=None if found is None else found.random_bound,
        beyond=None if found is None else Estimated.of(found.beyond),
        answers=None if found is None else _answers(base, judge, found.steer, config, progress),
        verdict=found.verdict if found is not None else "undecided" if gain.low is None else "nothing-to-recover",
    )


def problems_of(checkpoint: Checkpoint, config: CompareConfig) -> tuple[list[AskedTrace], list[AskedTrace]]:
    """Of the training split, and twice as many unseen ones. Raises StrataError where no trace follows its question."""
    seed, prompt_prefix = config.locate.seed, config.locate.prompt_prefix or ""
    trained = _written(checkpoint, lessons("train", seed=seed, n=config.steered), prompt_prefix)
    return trained, _written(checkpoint, lessons("test", seed=seed, n=2 * config.steered), prompt_prefix)


def _written(checkpoint: Checkpoint, problems: Sequence[Lesson], prompt_prefix: str) -> list[AskedTrace]:
    """Those whose trace follows the prompt token by token."""
    found = []
    for lesson in problems:
        prompt = prompt_prefix + ask(lesson, "question_only")
        try:
            before, whole = checkpoint.encode(prompt), checkpoint.encode(prompt + think_text(lesson))
        except NoEmbeddingError:
            continue
        fits = checkpoint.max_context is None or len(whole) <= checkpoint.max_context
        if before and whole[: len(before)] == before and len(whole) > len(before) and fits:
            found.append(AskedTrace(lesson, Written(Prompt(lesson.id, whole), len(before))))
    if not found:
        raise StrataError("No trace follows its question token by token", "Choose a model with another tokenizer")
    return found


def _by_stream(found: Steered) -> Iterator[StreamRecovered]:
    for stream, share in found.by_stream.items():
        yield StreamRecovered(stream=stream, recovered=share if np.isfinite(share) else None)


class Judge:
    """The base under directions, problem by problem: even ones choose a stream, odd ones judge, no cluster on both sides."""

    def __init__(
        self, asked: Sequence[AskedTrace], plain: Float[np.ndarray, " text"], score: Score, config: CompareConfig
    ) -> None:
        """`plain`: as the base has them without any direction."""
        self.asked, self.plain, self.score, self.config = asked, plain, score, config
        place = {name: number for number, name in enumerate(dict.fromkeys(one.lesson.cluster for one in asked))}
        half = np.array([place[one.lesson.cluster] % 2 for one in asked])
        self.chosen, self.judged = np.flatnonzero(half == 0), np.flatnonzero(half == 1)

    def steering(
        self,
        direction: Float[Tensor, "stream d_model"],
        target: Float[np.ndarray, " text"],
        control: Float[Tensor, "stream d_model"] | None = None,
    ) -> Steered:
        """What it recovers on the problems that judge. Meaningful where there is something to recover."""
        n_layers, judged = len(direction) - 1, self.judged
        streams = tried_streams(n_layers)
        # For every random direction a stream is chosen like for the one in question: the best of several is better than one.
        tried = [direction, *_random_like(direction, self.config.locate.seed)]
        flat = [Steer(stream, one[stream]) for one in tried for stream in streams]
        scores = self.score(self._texts(self.chosen), flat)
        shares = np.array(
            [self.recovered(column, self.plain[self.chosen], target, self.chosen).value for column in scores.T]
        )
        shares = shares.reshape(len(tried), len(streams))
        best = [streams[int(np.argmax(np.nan_to_num(of_one, nan=-np.inf)))] for of_one in shares]
        stream = best[0]
        beside: list[tuple[SteeringControl, Steer]] = [
            *(("random", Steer(at, one[at])) for at, one in zip(best[1:], tried[1:], strict=True)),
            ("elsewhere", Steer((stream + n_layers // 2) % (n_layers + 1), direction[stream])),
            ("flipped", Steer(stream, -direction[stream])),
        ]
        if control is not None:
            beside.append(("control-model", Steer(stream, _as_long(control[stream], direction[stream]))))
        steer = Steer(stream, direction[stream])
        scores = self.score(self._texts(judged), [steer, *(one for _, one in beside)])
        found = [self.recovered(column, self.plain[judged], target, judged) for column in scores.T]
        strongest = max(range(1, len(found)), key=lambda column: found[column].value)
        beyond = self.recovered(scores[:, 0], scores[:, strongest], target, judged)
        controls: dict[SteeringControl, list[Estimate]] = {}
        for (name, _), estimate in zip(beside, found[1:], strict=True):
            controls.setdefault(name, []).append(estimate)
        by_stream = {at: float(share) for at, share in zip(streams, shares[0], strict=True)}
        return Steered(steer, by_stream, found[0], controls, beyond)

    def recovered(
        self,
        steered_scores: Float[np.ndarray, " row"],
        held_against: Float[np.ndarray, " row"],
        target: Float[np.ndarray, " text"],
        rows: Int[np.ndarray, " row"],
    ) -> Estimate:
        """Share of the gain by which some scores of the problems in `rows` lie above others."""
        return cluster_bootstrap_ratio(
            (steered_scores - held_against)[:, None], (target - self.plain)[rows][:, None], [self.asked[row].lesson.cluster for row in rows.tolist()],
            draws=self.config.locate.draws, seed=self.config.locate.seed,
        )[0]  # fmt: skip

    def mean(self, values: Float[np.ndarray, " row"]) -> Estimate:
        clusters = [self.asked[row].lesson.cluster for row in self.judged.tolist()]
        return cluster_bootstrap(values, clusters, draws=self.config.locate.draws, seed=self.config.locate.seed)[0]

    def _texts(self, rows: Int[np.ndarray, " row"]) -> list[Written]:
        return [self.asked[row].written for row in rows.tolist()]


def _answers(base: Checkpoint, judge: Judge, steer: Steer, config: CompareConfig, progress: Progress) -> SteeredAnswers:
    """What the base writes to the problems that judge, with and without the direction."""
    problems = [judge.asked[row].lesson for row in judge.judged.tolist()]

    def written(label: str) -> Sequence[Row]:
        # In one rectangle: the last column of a first pass is then what the first written token is predicted from.
        return reasoning_rows(
            base, label, {"test": problems}, ["question_only"], progress,
            decoding=Decoding(config.generated_tokens, in_groups=False), prompt_prefix=config.locate.prompt_prefix or "",
        )  # fmt: skip

    plain = written("base")
    with steered(base, steer):
        changed = written("base, steered")
    right, after = (np.array([float(bool(row["right"])) for row in rows]) for rows in (plain, changed))
    clusters = [problem.cluster for problem in problems]
    return SteeredAnswers(
        problems=len(problems),
        right=Estimated.of(cluster_share(right.tolist(), clusters)),
        steered_right=Estimated.of(cluster_share(after.tolist(), clusters)),
        change=Estimated.of(judge.mean(after - right)),
        repeated=float(np.mean([repeated_share(text(row, "text")) for row in plain])),
        steered_repeated=float(np.mean([repeated_share(text(row, "text")) for row in changed])),
    )


def tried_streams(n_layers: int) -> list[int]:
    """At even distances, neither what is embedded nor the last one."""
    return sorted({round(1 + (n_layers - 2) * step / (STREAMS - 1)) for step in range(STREAMS)} - {0, n_layers})


def repeated_share(written: str) -> float:
    """Share of the runs of four words that stood in the text before; 0 for fewer than two runs."""
    words = written.split()
    runs = [tuple(words[at : at + _REPEATED]) for at in range(len(words) - _REPEATED + 1)]
    return 1 - len(set(runs)) / len(runs) if len(runs) > 1 else 0.0


def _as_long(vector: Float[Tensor, " d_model"], as_one: Float[Tensor, " d_model"]) -> Float[Tensor, " d_model"]:
    norm = vector.norm()
    return vector if norm == 0 else vector / norm * as_one.norm()


def _random_like(direction: Float[Tensor, "stream d_model"], seed: int) -> list[Float[Tensor, "stream d_model"]]:
    """`RANDOM` of them, at every stream as long as the direction there."""
    by_stream = [random_like(vector, RANDOM, seed + stream) for stream, vector in enumerate(direction)]
    return [torch.stack([of_stream[number] for of_stream in by_stream]) for number in range(RANDOM)]
