"""At which stream are my labels decodable, beyond every control? Held-out clusters, intervals, baselines, shuffles, selectivity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.errors import StrataError
from strata.probes.linear.clusters import clusters_of, of_each_item
from strata.probes.linear.held_out import Precision
from strata.probes.linear.inputs import Activations, streams_of
from strata.probes.linear.labels import Labels, labels_of
from strata.probes.linear.penalties import DECADES
from strata.probes.linear.probe_streams import ProbeResult, probe_streams
from strata.probes.linear.scores import ProbeScores, TemplateScores
from strata.probes.linear.shuffled_baseline import accuracy_of, best_by_chance, majority_of
from strata.probes.linear.shuffled_labels import shuffled_labels
from strata.probes.numerics.threads import threads_for
from strata.probes.progress import Progress, silent
from strata.probes.statistics.bootstrap import FEWEST_DRAWS, MIN_CLUSTERS, cluster_bootstrap, cluster_codes
from strata.probes.statistics.share import share_by_layer

PRECISION = Precision(tolerance=1e-5, max_iterations=150)
"""In nats: far below what held-out items can show, and several times faster than what weights are read at."""
SHUFFLES_AT_ONCE = 20
MOST_UNCHANGED = 0.05
"""Share of the shuffles that may leave the labels as they are without a note."""
SAME_TEXTS = "No clusters were given: {} items with the tokens of another are one cluster with it, every other item is its own, so items that share an entity may stand on both sides of a fold"
NO_CLUSTERS = "No clusters were given: every item is its own cluster, so items that share an entity may stand on both sides of a fold"

_T = TypeVar("_T")


class Remember(Protocol):
    """Makes a named piece of the work, or hands back what an earlier start has made of it."""

    def __call__(self, name: str, make: Callable[[], _T], /) -> _T: ...


def at_once(name: str, make: Callable[[], _T], /) -> _T:
    """Remembers nothing."""
    return make()


def cross_validate(  # thirteen parameters: items by their columns, and a setting for each control
    x: Activations,
    labels: Sequence[Any],
    clusters: Iterable[object] | None = None,
    templates: Iterable[object] | None = None,
    *,
    random_init: Activations | None = None,
    folds: int = 5,
    penalties: Sequence[float] = DECADES,
    seed: int = 0,
    shuffles: int = 19,
    draws: int = 10_000,
    device: torch.device | str | None = None,
    progress: Progress = silent,
    remember: Remember = at_once,
) -> ProbeScores:
    """Linear probes of `labels` at every stream, on clusters held out, with every control.

    Controls: the majority rate; stream 0 alone (where it is known to be the first of several); `shuffles` refits on shuffled labels, which
    give the p-value of the best stream; `random_init`, the same items in the same architecture with random weights; and where
    `templates` are given and clusters are asked in several of them, templates held out with the control task (1909.03368).

    `clusters`: what must not stand on both sides of a fold (an entity, an operand pair); an item whose cluster is None is its
    own. Without clusters every item is, but texts that were captured and are the same are one.
    Intervals are 95 % cluster bootstraps with `draws` draws, and absent with fewer than eight clusters. Items without a label,
    and labels found in one cluster only, are excluded and counted.
    Raises StrataError for fewer than 0 shuffles or 100 draws, one class, a continuous target, fewer items or clusters than folds, activations that aren't finite.
    """
    if shuffles < 0:
        raise StrataError(f"shuffles is {shuffles}", "Give 0 for none, or 19 or more for a p of 0.05 or below")
    if draws < FEWEST_DRAWS:
        raise StrataError(f"draws is {draws}", f"Give at least {FEWEST_DRAWS}: an interval needs its tails")
    given = streams_of(x, device)
    n_items = len(given.values)
    named, names = probeable(labels, clusters, n_items, folds, given.token_ids)
    worded = None if templates is None else of_each_item(templates, n_items, "template")
    of_kept = None if worded is None else [worded[item] for item in named.kept]
    values = given.values[torch.from_numpy(named.kept)]

    def probed(x: Tensor, scheme: Any = "cluster") -> ProbeResult:
        # The codes are spelled so that their order is that of the classes.
        return probe_streams(
            x, [f"{code:09d}" for code in named.codes], names, of_kept or ["0"] * len(names), scheme=scheme, seed=seed,
            penalties=penalties, n_folds=folds, precision=PRECISION, progress=_told(progress, f"probes ({scheme} folds)"),
        )  # fmt: skip

    with threads_for(values.numel()):
        result = remember("model", lambda: probed(values))
        kept_names = tuple(names[item] for item in result.kept)
        labellings = _labellings(result.truth, kept_names, shuffles, seed)
        shuffled, unshuffled, p = _shuffled(values, result, kept_names, labellings, penalties, seed, progress, remember)
        fresh = None
        if random_init is not None:
            other = streams_of(random_init, device).values
            if other.shape[:2] != given.values.shape[:2]:
                raise StrataError(
                    f"random_init has {other.shape[0]} items and {other.shape[1]} streams, the activations have {n_items} and {given.values.shape[1]}",
                    "Capture the same items at the same streams",
                )
            other = other[torch.from_numpy(named.kept)]
            fresh = remember("random-init", lambda: probed(other))
        template, why_not = _template(
            names, of_kept, lambda: remember("template", lambda: probed(values, "template")), draws, seed
        )

    accuracy = share_by_layer(result.correct, kept_names, draws=draws, seed=seed)
    notes = []
    if clusters is None:
        sizes = Counter(kept_names)
        alike = sum(size for size in sizes.values() if size > 1)
        notes.append(SAME_TEXTS.format(alike) if alike else NO_CLUSTERS)
    if accuracy[0].n_clusters < MIN_CLUSTERS:
        notes.append(f"No intervals: {accuracy[0].n_clusters} clusters are fewer than {MIN_CLUSTERS}")
    unchanged = sum(bool((labelling == result.truth).all()) for labelling in labellings[1:])
    if unchanged > MOST_UNCHANGED * shuffles:
        notes.append(
            f"{unchanged} of the {shuffles} shuffles leave the labels as they are, so p can't be small: labels go with the size of their clusters, or clusters are few"
        )
    if why_not:
        notes.append(why_not)
    return ProbeScores(
        streams=given.numbers,
        classes=tuple(named.classes[int(name)] for name in result.labels),
        kept=named.kept[result.kept],
        truth=result.truth,
        predicted=result.predicted,
        log_likelihood=result.log_likelihood,
        clusters=kept_names,
        fold=result.folds,
        penalty=np.asarray(result.penalty),
        accuracy=tuple(accuracy),
        # Of all items, not of each fold's training items: with few clusters those lean away from the fold's own label, and a
        # baseline below chance is no baseline.
        majority_correct=result.truth == np.bincount(result.truth).argmax(),
        embedding=accuracy[0] if len(given.numbers) > 1 and given.has_embedding else None,
        shuffled=shuffled,
        unshuffled=unshuffled,
        random_init=None if fresh is None else tuple(share_by_layer(fresh.correct, kept_names, draws=draws, seed=seed)),
        random_init_correct=None if fresh is None else fresh.correct,
        template=template,
        p=p,
        excluded={**named.excluded, **result.excluded},
        notes=tuple(notes),
    )


def probeable(
    labels: Sequence[Any],
    clusters: Iterable[object] | None,
    n_items: int,
    folds: int,
    token_ids: Sequence[Sequence[int]] | None = None,
) -> tuple[Labels, tuple[Hashable, ...]]:
    """The labels, and the cluster of every item that has one. Raises StrataError where `cross_validate` would for them."""
    if folds < 2:
        raise StrataError(f"folds is {folds}", "Give at least 2: a probe is scored on items it has not seen")
    named = labels_of(labels, n_items)
    names = clusters_of(clusters, named.kept, n_items, token_ids)
    if len(names) < folds:
        raise StrataError(
            f"{folds} folds need at least {folds} items with a label, and there are {len(names)}",
            "Ask for fewer folds or add items",
        )
    pairs = {(int(code), name) for code, name in zip(named.codes, names, strict=True)}
    spread = Counter(code for code, _ in pairs)
    shared = {code for code, n_clusters in spread.items() if n_clusters > 1}
    what = "clusters" if clusters is not None else "items" if len(set(names)) == len(names) else "texts"
    if len(shared) < 2:
        raise StrataError(
            f"Only {len(shared)} of the {len(named.classes)} labels is found in two or more {what}",
            f"Probe labels that {what} share: one of each has to be held out",
        )
    n_clusters = len({name for code, name in pairs if code in shared})
    if n_clusters < folds:
        raise StrataError(
            f"{folds} folds need at least {folds} {what}, and the items to probe have {n_clusters}",
            f"Ask for fewer folds, or add items of other {what}",
        )
    return named, names


def _labellings(
    truth: Int[np.ndarray, " item"], names: Sequence[object], shuffles: int, seed: int
) -> list[Int[np.ndarray, " item"]]:
    """The true labels and their shuffles."""
    cluster = cluster_codes(names)
    # Far from the seeds of folds and control labels; a longer null begins with the same shuffles.
    return [
        truth,
        *(shuffled_labels(truth, cluster, 1_000_003 * (seed + 1) + number) for number in range(shuffles)),
    ]


def _shuffled(
    values: Float[Tensor, "item stream d_model"],
    result: ProbeResult,
    names: Sequence[object],
    labellings: Sequence[Int[np.ndarray, " item"]],
    penalties: Sequence[float],
    seed: int,
    progress: Progress,
    remember: Remember,
) -> tuple[Float[np.ndarray, "shuffle stream"], Float[np.ndarray, " stream"] | None, float | None]:
    """Accuracies on shuffled labels, those of the true ones on the same folds, and p of the best stream."""
    shuffles = len(labellings) - 1
    if shuffles == 0:
        return np.zeros((0, values.shape[1])), None, None
    kept, cluster = values[torch.from_numpy(result.kept)], cluster_codes(names)
    parts = []
    progress("shuffled labels", 0, shuffles, "shuffles")
    for start in range(0, len(labellings), SHUFFLES_AT_ONCE):
        targets = np.stack(labellings[start : start + SHUFFLES_AT_ONCE])

        def made(targets: np.ndarray = targets) -> Float[np.ndarray, "target stream"]:
            return accuracy_of(
                kept, targets, cluster, penalties, n_folds=len(result.n_test), seed=seed, precision=PRECISION
            )

        parts.append(remember(f"shuffled-{start}-{len(targets)}", made))
        progress("shuffled labels", min(shuffles, start + len(targets) - 1), shuffles, "shuffles")
    accuracy = np.concatenate(parts)
    majority = np.array([majority_of(labels) for labels in labellings])
    return accuracy[1:], accuracy[0], best_by_chance(accuracy[0], majority[0], accuracy[1:], majority[1:])


def _template(
    names: Sequence[object],
    templates: Sequence[object] | None,
    probed: Callable[[], ProbeResult],
    draws: int,
    seed: int,
) -> tuple[TemplateScores | None, str]:
    """Held-out templates with the control task, or why there are none."""
    if templates is None:
        return None, ""
    if None in templates:
        return None, f"No control task: {sum(template is None for template in templates)} items have no template"
    if len(set(templates)) < 2:
        return None, "No control task: all items have one template"
    if len(set(zip(names, templates, strict=True))) == len(set(names)):
        return None, "No control task: no cluster is asked in two templates, so a label for each can't be found again"
    try:
        result = probed()
    except StrataError as error:
        return None, f"No control task: {error.what}"
    assert result.control_correct is not None
    clusters = [names[item] for item in result.kept]
    difference = result.correct.astype(float) - result.control_correct.astype(float)
    return (
        TemplateScores(
            tuple(share_by_layer(result.correct, clusters, draws=draws, seed=seed)),
            tuple(share_by_layer(result.control_correct, clusters, draws=draws, seed=seed)),
            tuple(cluster_bootstrap(difference, clusters, draws=draws, seed=seed)),
        ),
        "",
    )


def _told(progress: Progress, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(stage, done, total, "streams")
