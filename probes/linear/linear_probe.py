"""Can a linear read-out name my labels, at which stream, and along which direction? The probe a person holds."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from pydantic import JsonValue
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from strata.probes.arguments.label_values import plain_value
from strata.probes.checkpoints.torch_settings import in_own_precision
from strata.probes.errors import DamagedError, StrataError
from strata.probes.files.atomic_writes import whole_file
from strata.probes.linear.clusters import clusters_of
from strata.probes.linear.cross_validation import PRECISION, at_once, cross_validate
from strata.probes.linear.folds import assign_folds, splits_of
from strata.probes.linear.held_out import score_held_out
from strata.probes.linear.inputs import Activations, HasStreams, streams_of
from strata.probes.linear.labels import as_array, label_from_json, label_to_json, labels_of
from strata.probes.linear.penalties import Penalty, grid_of, penalty_to_json
from strata.probes.linear.probe_weights import Weights, fit_weights
from strata.probes.linear.scores import ProbeScores
from strata.probes.numerics.threads import threads_for
from strata.probes.progress import Progress, silent
from strata.probes.statistics.bootstrap import cluster_codes

SCHEMA = "strata.linear_probe/1"


@dataclass(frozen=True)
class _Fitted:
    streams: tuple[int, ...]
    classes: tuple[Hashable, ...]
    weights: Weights
    penalty: Float[np.ndarray, " stream"]
    excluded: Mapping[str, int]
    model: Mapping[str, JsonValue]


class LinearProbe:
    """Ridge-penalised logistic regression on every stream at once, used as a scikit-learn classifier is.

    Minimises `−(1/n) Σ log softmax(W z + b)[y] + (λ/2)‖W‖²` over standardised activations `z`; scikit-learn's
    `C` is `1/(n λ)`, and `2/(n λ)` with two classes, of which it keeps one row. Probes in this sense: 1610.01644.

    `penalty`: λ; a grid of which inner folds choose one per stream by held-out likelihood; None: a grid of decades.
    `folds`: inner folds, which never part a cluster. `device`: where it is solved; None: where the activations are.

    After `fit`:

    ```
    classes_      the labels, in the order of the axis "label"
    coef_         "stream label d_model", in units of the activations: logits of stream s are x[:, s] @ coef_[s].T + intercept_[s]
    intercept_    "stream label"
    penalty_      λ of every stream
    streams_      which streams of the model these are
    excluded_     items that were not learnt from, counted by reason
    ```

    The rows of `coef_` have mean 0 over labels, so with two classes `coef_[s, 1] − coef_[s, 0]` is the direction from the first
    to the second. Activations "item d_model" are one stream; what `predict` and its like return then has no axis of streams.

    >>> import numpy as np, strata
    >>> rng = np.random.default_rng(0)
    >>> labels = np.array(["cat", "dog"] * 40)
    >>> x = rng.normal(size=(80, 3, 8))                    # item, stream, d_model
    >>> x[labels == "dog", 2, 0] += 4                      # written into stream 2 only
    >>> probe = strata.LinearProbe().fit(x, labels)
    >>> probe.score(x, labels).round(1)[2]
    np.float64(1.0)
    >>> int(probe.coef_[2, 1].argmax()), probe.classes_
    (0, ('cat', 'dog'))
    >>> strata.LinearProbe().cross_validate(x, labels).best_stream
    2
    """

    def __init__(
        self, penalty: Penalty = None, *, seed: int = 0, folds: int = 5, device: torch.device | str | None = None
    ) -> None:
        self.penalty, self.seed, self.folds, self.device = penalty, seed, folds, device
        self._grid = grid_of(penalty)
        self._fitted: _Fitted | None = None

    @in_own_precision()
    def fit(self, x: Activations, labels: Sequence[Any], clusters: Iterable[object] | None = None) -> Self:
        """Learns the labels at every stream; items whose label is missing are excluded and counted in `excluded_`.

        `clusters`: what must not straddle the folds that choose the penalty (an entity, say); None: every item is its own, but
        captured texts that are the same are one.
        Raises StrataError for labels of one class, continuous ones, activations that are not finite, and fewer
        clusters than two where a penalty has to be chosen.
        """
        given = streams_of(x, self.device)
        named = labels_of(labels, len(given.values))
        groups = cluster_codes(clusters_of(clusters, named.kept, len(given.values), given.token_ids))
        values = given.values[torch.from_numpy(named.kept)]
        with threads_for(values.numel()):
            penalty = self._chosen(values, named.codes, groups, len(named.classes))
            y = torch.from_numpy(named.codes).to(values.device)
            weights = fit_weights(values, y, len(named.classes), penalty)
        self._fitted = _Fitted(given.numbers, named.classes, weights, penalty, named.excluded, given.model)
        return self

    def predict(self, x: Activations) -> np.ndarray:
        """The most probable label, "item stream" ("item" for activations "item d_model"); of the labels' own type."""
        logits, has_axis = self._logits(x)
        predicted = as_array(self.classes_)[logits.argmax(-1).numpy()]
        return predicted if has_axis else predicted[:, 0]

    def predict_proba(self, x: Activations) -> np.ndarray:
        """Probability of every label, "item stream label" ("item label" for activations "item d_model")."""
        logits, has_axis = self._logits(x)
        p = torch.softmax(logits, dim=-1).numpy()
        return p if has_axis else p[:, 0]

    def score(self, x: Activations, labels: Sequence[Any]) -> np.ndarray:
        """Share of the items named rightly at every stream (one number for activations "item d_model").

        Of items it was fitted on this says little: `cross_validate` scores items that were held out.
        A label that the probe doesn't know is never right; items without a label don't count.
        """
        logits, has_axis = self._logits(x)
        values = [plain_value(label) for label in labels]
        if len(values) != len(logits):
            raise StrataError(f"{len(logits)} items and {len(values)} labels", "Give one label per item")
        code = {label: index for index, label in enumerate(self.classes_)}
        truth = np.array([code.get(value, -1) for value in values])[:, None]
        there = np.array([value is not None for value in values])
        if not there.any():
            raise StrataError("No item has a label", "Give the labels to score against")
        right = (logits.argmax(-1).numpy() == truth)[there].mean(0)
        return right if has_axis else right[0]

    @in_own_precision()
    def cross_validate(
        self,
        x: Activations,
        labels: Sequence[Any],
        clusters: Iterable[object] | None = None,
        templates: Iterable[object] | None = None,
        *,
        random_init: Activations | None = None,
        shuffles: int = 19,
        draws: int = 10_000,
        progress: Progress = silent,
    ) -> ProbeScores:
        """Accuracy on held-out items at every stream, with intervals and all controls; see `cross_validation.cross_validate`."""
        return cross_validate(
            x, labels, clusters, templates, random_init=random_init, folds=self.folds, penalties=self._grid, seed=self.seed,
            shuffles=shuffles, draws=draws, device=self.device, progress=progress, remember=at_once,
        )  # fmt: skip

    @property
    def streams_(self) -> tuple[int, ...]:
        """Number of every stream it was fitted on, in the order of the axis "stream"."""
        return self._known.streams

    @property
    def classes_(self) -> tuple[Hashable, ...]:
        return self._known.classes

    @property
    def coef_(self) -> Float[Tensor, "stream label d_model"]:
        return self._known.weights.coefficients

    @property
    def intercept_(self) -> Float[Tensor, "stream label"]:
        return self._known.weights.intercepts

    @property
    def penalty_(self) -> Float[np.ndarray, " stream"]:
        return self._known.penalty

    @property
    def excluded_(self) -> Mapping[str, int]:
        return self._known.excluded

    @property
    def model_(self) -> Mapping[str, JsonValue]:
        """Whose activations it was fitted on, by the name of the hash; empty for plain tensors."""
        return self._known.model

    def save(self, path: str | Path) -> Path:
        """Writes the fitted probe as safetensors, whole or not at all; returns the path.

        Raises StrataError for labels that JSON can't hold: texts, numbers, true or false, and tuples of them can be saved.
        """
        known = self._known
        metadata = {
            "schema": SCHEMA,
            "streams": json.dumps(known.streams),
            "classes": json.dumps([label_to_json(label) for label in known.classes], ensure_ascii=False),
            "excluded": json.dumps(dict(known.excluded)),
            "model": json.dumps(dict(known.model), default=str),
            "seed": str(self.seed),
            "folds": str(self.folds),
            "penalty": json.dumps(penalty_to_json(self.penalty)),
        }
        tensors = {
            "coef": known.weights.coefficients.contiguous(),
            "intercept": known.weights.intercepts.contiguous(),
            "penalty": torch.from_numpy(known.penalty),
        }
        target = Path(path)
        with whole_file(target) as part:
            save_file(tensors, part, metadata=metadata)
        return target

    @classmethod
    def load(cls, path: str | Path) -> LinearProbe:
        """A probe that `save` wrote, with its penalty, seed and folds; it is solved where activations are. Raises StrataError for a file that is missing or none, DamagedError for a damaged one."""
        if not Path(path).is_file():
            raise StrataError(f"There is no file {path}", "Give the path that a probe was saved to")
        try:
            with safe_open(str(path), framework="pt") as file:
                metadata = dict(file.metadata() or {})
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        except (SafetensorError, OSError) as error:
            raise DamagedError(f"{path} is damaged ({error})", "Fit the probe again") from error
        if metadata.get("schema") != SCHEMA:
            raise StrataError(
                f"{path} holds no linear probe ({metadata.get('schema')!r})", f"This Strata reads {SCHEMA!r}"
            )
        try:
            streams = tuple(json.loads(metadata["streams"]))
            classes = tuple(label_from_json(label) for label in json.loads(metadata["classes"]))
            excluded, model = json.loads(metadata["excluded"]), json.loads(metadata["model"])
            weights = Weights(tensors["coef"], tensors["intercept"])
            penalty = tensors["penalty"].numpy()
            given = json.loads(metadata["penalty"])
            probe = cls(
                tuple(given) if isinstance(given, list) else given,
                seed=int(metadata["seed"]),
                folds=int(metadata["folds"]),
            )
        except (KeyError, ValueError) as error:
            raise DamagedError(f"{path} is damaged ({error})", "Fit the probe again") from error
        probe._fitted = _Fitted(streams, classes, weights, penalty, excluded, model)
        return probe

    def __repr__(self) -> str:
        if self._fitted is None:
            return "LinearProbe(not fitted)"
        n_streams, n_labels, d_model = self.coef_.shape
        return f"LinearProbe({n_streams} streams × {n_labels} labels × {d_model} dimensions)"

    @property
    def _known(self) -> _Fitted:
        if self._fitted is None:
            raise StrataError("This probe has not been fitted", "Call fit(activations, labels) first")
        return self._fitted

    def _logits(self, x: Activations) -> tuple[Float[Tensor, "item stream label"], bool]:
        weights = self._known.weights
        given = streams_of(x)
        n_streams, _, d_model = weights.coefficients.shape
        if isinstance(x, HasStreams) and given.numbers != self.streams_:
            raise StrataError(
                f"The probe was fitted on streams {_listed(self.streams_)}, these are {_listed(given.numbers)}",
                "Capture the same streams",
            )
        if given.values.shape[1:] != (n_streams, d_model):
            raise StrataError(
                f"Activations with {given.values.shape[1]} streams of width {given.values.shape[2]} can't be read by a probe "
                f"of {n_streams} streams of width {d_model}",
                "Give activations of the streams that it was fitted on",
            )
        logits = torch.einsum("isd,sld->isl", given.values.cpu().double(), weights.coefficients.double())
        return logits + weights.intercepts.double(), given.has_axis

    def _chosen(
        self, values: Float[Tensor, "item stream d_model"], codes: np.ndarray, groups: np.ndarray, n_labels: int
    ) -> Float[np.ndarray, " stream"]:
        """The penalty of every stream with the best likelihood of items that were held out."""
        if len(self._grid) == 1:
            return np.full(values.shape[1], self._grid[0])
        if self.folds < 2:
            raise StrataError(
                f"folds is {self.folds}",
                "Give at least 2, so that items are held out to choose a penalty, or give one penalty",
            )
        n_folds = min(self.folds, len(np.unique(groups)))
        if n_folds < 2:
            raise StrataError(
                "All items are one cluster, so none can be held out to choose a penalty",
                "Give a penalty, or more clusters",
            )
        splits = splits_of(assign_folds(codes, groups, n_folds, self.seed))
        y = torch.from_numpy(codes).to(values.device).unsqueeze(0)
        held_out = score_held_out(values, y, n_labels, splits, self._grid, precision=PRECISION)
        likelihood = held_out.log_likelihood.double().sum((2, 3, 4)).cpu().numpy()
        return np.asarray(self._grid)[likelihood.argmax(0)]


def _listed(streams: Sequence[int]) -> str:
    return ", ".join(map(str, streams)) if len(streams) <= 6 else f"{streams[0]}–{streams[-1]} ({len(streams)})"
