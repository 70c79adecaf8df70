"""How likely does each question ask for reasoning, by a classifier that hasn't seen it? Logistic regression of scikit-learn.

The classifier of 2505.11462 is a fine-tuned encoder; this one reads words (TF-IDF) or somebody's embedding of the question, and the six
numbers of its form.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from strata.experiments.split.form_features import form_features
from strata.experiments.split.questions import Question
from strata.probes.errors import StrataError
from strata.probes.progress import Progress

Reads = Literal["form", "words", "encoded"]
"""What a classifier reads: form alone, words and form, or an encoder's embedding and form."""
FOLDS = 5
_INNER_FOLDS = 3
_STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Inverse penalties (scikit-learn's C) that are tried on inner folds."""
_MOST_TERMS = 50_000


@dataclass(frozen=True)
class HeldOut:
    """Probabilities of reasoning from classifiers that were fitted without the question's cluster."""

    probability: Float[np.ndarray, "repeat question"]
    folds: Int[np.ndarray, "repeat question"]

    @property
    def mean(self) -> Float[np.ndarray, " question"]:
        """Over the repeats."""
        return np.asarray(self.probability.mean(axis=0))


def require_scikit_learn() -> None:
    """Raises StrataError where it isn't installed."""
    if importlib.util.find_spec("sklearn") is None:
        raise StrataError(
            "Splitting items needs the package scikit-learn", "Install it with `pip install 'strata-probes[split]'`"
        )


def fold_sets(questions: Sequence[Question], repeats: int, seed: int) -> Int[np.ndarray, "repeat question"]:
    """The fold of every labelled question in every repeat; no cluster is parted, labels are spread evenly."""
    from sklearn.model_selection import StratifiedGroupKFold

    labels, groups = _labels(questions), [one.cluster for one in questions]
    folds = np.zeros((repeats, len(questions)), dtype=np.int64)
    for repeat in range(repeats):
        outer = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed + repeat)
        for fold, (_, held_out) in enumerate(outer.split(labels, labels, groups)):
            folds[repeat, held_out] = fold
    return folds


def held_out_probabilities(
    questions: Sequence[Question],
    reads: Reads,
    folds: Int[np.ndarray, "repeat question"],
    seed: int,
    progress: Progress,
    stage: str,
) -> HeldOut:
    """Fits one classifier a fold and repeat; features and penalty are chosen without the held-out questions."""
    probability = np.zeros(folds.shape)
    total = len(folds) * FOLDS
    for repeat, fold_of in enumerate(folds):
        for fold in range(FOLDS):
            train, held_out = np.flatnonzero(fold_of != fold).tolist(), np.flatnonzero(fold_of == fold).tolist()
            fitted = fit([questions[row] for row in train], reads, seed + repeat)
            probability[repeat, held_out] = fitted.probability([questions[row] for row in held_out])
            progress(stage, repeat * FOLDS + fold + 1, total, "fits")
    return HeldOut(probability, folds)


@dataclass(frozen=True)
class Fitted:
    """A classifier on labelled questions."""

    features: Any
    model: Any

    def probability(self, questions: Sequence[Question]) -> Float[np.ndarray, " question"]:
        """That each asks for reasoning."""
        if not questions:
            return np.empty(0)
        columns = list(self.model.classes_).index(True)
        return np.asarray(self.model.predict_proba(self.features.transform(questions))[:, columns], dtype=float)


def fit(questions: Sequence[Question], reads: Reads, seed: int) -> Fitted:
    """On labelled questions; the penalty is that with the least held-out log-loss on inner folds. Raises StrataError for texts without words."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss, make_scorer
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

    labels = _labels(questions)
    features = _features(reads)
    try:
        table = features.fit_transform(questions)
    except ValueError as error:
        raise StrataError("The questions hold no words that could tell them apart", "Give questions as text") from error
    scorer = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba", labels=[False, True])
    inner = StratifiedGroupKFold(_INNER_FOLDS, shuffle=True, random_state=seed)
    search = GridSearchCV(LogisticRegression(max_iter=2_000), {"C": list(_STRENGTHS)}, scoring=scorer, cv=inner)
    search.fit(table, labels, groups=[one.cluster for one in questions])
    return Fitted(features, search.best_estimator_)


def _features(reads: Reads) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion, Pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    def scaled(table: Any) -> Any:
        return Pipeline([("table", FunctionTransformer(table, validate=False)), ("scaled", StandardScaler())])

    parts = [("form", scaled(form_features))]
    if reads == "words":
        words = TfidfVectorizer(
            ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", sublinear_tf=True, max_features=_MOST_TERMS
        )
        parts.append(("words", Pipeline([("text", FunctionTransformer(_texts, validate=False)), ("tfidf", words)])))
    if reads == "encoded":
        parts.append(("encoded", scaled(_encoded)))
    return FeatureUnion(parts)


def _texts(questions: Sequence[Question]) -> list[str]:
    return [one.text for one in questions]


def _encoded(questions: Sequence[Question]) -> Float[np.ndarray, "question d_model"]:
    return np.stack([one.encoded for one in questions if one.encoded is not None])


def _labels(questions: Sequence[Question]) -> np.ndarray:
    return np.array([bool(one.reasoning) for one in questions])
