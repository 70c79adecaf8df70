"""Which reasoning problems does the generator library reasoning-gym (an optional extra) give as items?"""

from __future__ import annotations

import re
from difflib import get_close_matches
from random import Random
from typing import Any

from strata.experiments.items.importing.usable_values import UnusableRowError, plain_text
from strata.experiments.items.schema import Item
from strata.probes.errors import StrataError

_LONGEST_ANSWER = 40


def from_reasoning_gym(dataset_name: str, n: int, seed: int = 0, **settings: Any) -> list[Item]:
    """At most `n` items of one of the library's data sets, the same for the same seed and library version.

    They have no minimal-pair prompt: the foil is the answer of another generated problem, as long as possible as
    the item's own. Problems whose answer is no single line of at most 40 characters are excluded. `settings`
    go to the generator. Raises StrataError without the library, and for a name or setting that it doesn't know.
    """
    entries = _generated(dataset_name, n, seed, settings)
    lines = [(number, _text(entry["question"]), _text(entry["answer"])) for number, entry in enumerate(entries)]
    usable = [(number, question, answer) for number, question, answer in lines if question and _short(answer)]
    family = f"gym_{dataset_name}"
    answers = sorted({answer for _, _, answer in usable})
    items: list[Item] = []
    seen: set[str] = set()
    for number, question, answer in usable:
        if question in seen:
            continue
        seen.add(question)
        foil = _foil(answer, answers, Random(f"{family} {seed} {number}"))
        items.append(
            Item(
                id=f"{family}.{seed}.{number:05d}",
                kind="reasoning",
                family=family,
                domain="reasoning-gym",
                prompt=f"Question: {question}\nAnswer:",
                answer=f" {answer}",
                foil=f" {foil}" if foil else "",
                cluster=f"{family}:{question}",
                template=family,
                source="reasoning-gym",
            )
        )
    if not items:
        raise StrataError(
            f"The reasoning-gym data set {dataset_name!r} gives no answers of one short line",
            "Choose another, such as chain_sum, number_sequence or syllogism",
        )
    return items


def _generated(dataset_name: str, n: int, seed: int, settings: dict[str, Any]) -> Any:
    try:
        import reasoning_gym
        from reasoning_gym.factory import DATASETS
    except ImportError as error:
        raise StrataError(
            "This source of items needs the package reasoning-gym",
            "Install it with `pip install 'strata-probes[reasoning-gym]'`",
        ) from error
    if dataset_name not in DATASETS:
        near = get_close_matches(dataset_name, list(DATASETS), n=3, cutoff=0.4)
        raise StrataError(
            f"reasoning-gym has no data set {dataset_name!r}",
            f"Perhaps {' or '.join(map(repr, near))} is meant" if near else "Its documentation lists them",
        )
    try:
        return reasoning_gym.create_dataset(dataset_name, size=n, seed=seed, **settings)
    except (AssertionError, TypeError, ValueError) as error:
        raise StrataError(f"reasoning-gym refuses {dataset_name!r}: {error}", "Change the settings or n") from error


def _text(value: Any) -> str:
    """The value as text; empty for what is neither text nor a finite number nor true or false."""
    try:
        return plain_text(value, "answer")
    except UnusableRowError:
        return ""


def _short(answer: str) -> bool:
    return 0 < len(answer) <= _LONGEST_ANSWER and "\n" not in answer


def _foil(answer: str, answers: list[str], rng: Random) -> str:
    """Another answer of the same form where there is one, nearest in length; neither begins the other."""
    others = [other for other in answers if not other.startswith(answer) and not answer.startswith(other)]
    rng.shuffle(others)
    return min(others, key=lambda other: (_form(other) != _form(answer), abs(len(other) - len(answer))), default="")


def _form(text: str) -> str:
    """Digits and letters by kind, so that a number is matched with a number."""
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[A-Za-z]", "a", re.sub(r"\d", "0", text)))
