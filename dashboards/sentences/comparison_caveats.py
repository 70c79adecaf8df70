"""What must stand beside the numbers of a comparison? Every caveat once, for terminal and page alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from strata.dashboards.sentences.comparison_reasons import exclusion_sentence
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.sentences.shown_names import shown_name
from strata.dashboards.visible_text import path_free
from strata.experiments.results.comparison import Comparison, ComparisonCaveat, Warned
from strata.experiments.results.roles import BASE, CONTROL, DISTILLED, Role

Code = Literal["quick", "limited", "self_test", "pair", "control", "incomparable", "warning"]


@dataclass(frozen=True)
class Caveat:
    """A sentence and what it is about."""

    code: Code
    text: str


FailedSelfTests = Mapping[Role | None, Sequence[str]]
"""Their names by model; None: of the comparison itself."""


def caveats(comparison: Comparison, failed_self_tests: FailedSelfTests | None = None) -> list[Caveat]:
    """Each once, however often it was found."""
    return list(dict.fromkeys(_caveats(comparison, failed_self_tests or {})))


def _caveats(comparison: Comparison, failed_self_tests: FailedSelfTests) -> Iterator[Caveat]:
    if comparison.quick:
        yield Caveat(
            "quick",
            "This is a --quick run: fewer families, items and pairs, fewer draws and coarser layer swaps, so its intervals are wide.",
        )
    if comparison.limited:
        yield Caveat("limited", "This is a --limit run: good for trying out, not for conclusions.")
    for owner, tests in failed_self_tests.items():
        yield Caveat(
            "self_test",
            f"Self-test of the {owner or 'comparison'} failed: {', '.join(tests)}. No number below can be trusted.",
        )
    for role, check in comparison.pair_check.items():
        if not check.ok:
            yield Caveat(
                "pair",
                f"Whether {label_of(comparison, BASE)} is the base of {label_of(comparison, role)}: {check.verdict}. "
                "What differs between them may be no effect of training.",
            )
    if CONTROL not in comparison.models:
        yield Caveat(
            "control",
            "No control model was given: what reasoning training did can't be told from what any training does.",
        )
    for excluded in comparison.not_comparable:
        yield Caveat("incomparable", path_free(exclusion_sentence(excluded)))
    for sentence in own_caveats(comparison):
        yield Caveat("warning", sentence)
    for warned in comparison.warnings:
        yield Caveat("warning", _warning(warned))


def own_caveats(comparison: Comparison) -> list[str]:
    """Those that the comparison itself found."""
    return [path_free(_own(comparison, caveat)) for caveat in comparison.caveats]


def _own(comparison: Comparison, caveat: ComparisonCaveat) -> str:
    role = caveat.model or DISTILLED
    match caveat.code:
        case "base-doubted":
            check = comparison.pair_check[role]
            because = " ".join((*check.reasons[:2], *([check.hint] if check.hint else [])))
            return f"{_spec(comparison, BASE)} may not be the base of {_spec(comparison, role)}: {because.rstrip('.')}."
        case "other-prefix":
            return (
                f"The tokenizers of {_spec(comparison, BASE)} and {_spec(comparison, role)} put different tokens before a text; "
                "where one model runs with parts of the other both read the base's."
            )
        case "matched-by-text":
            return (
                f"The tokenizer of {_spec(comparison, role)} cuts the questions into other tokens than that of {_spec(comparison, BASE)}: "
                "layers are compared where the same places of the text end, and nothing that needs the same tokens is."
            )
        case "foreign-template":
            has = {"none": "has none", "another": "has another one"}
            others = ", ".join(f"{_spec(comparison, of)} {has[which]}" for of, which in caveat.templates.items())
            return f"All models are asked inside the chat template of {_spec(comparison, DISTILLED)}: {others}."
        case _:
            assert_never(caveat.code)


def _warning(warned: Warned) -> str:
    """A model's own warning under its role: directories of three models may end in the same name."""
    ahead = "" if warned.model is None else f"{warned.model.capitalize()}: "
    return path_free(f"{ahead}{caveat_sentence(warned.caveat)}").rstrip(".") + "."


def label_of(comparison: Comparison, role: Role) -> str:
    """The model as it was asked for, without the path of its directory."""
    return shown_name(path_free(_spec(comparison, role)).removeprefix("…/"))


def _spec(comparison: Comparison, role: Role) -> str:
    model = comparison.models.get(role)
    return role if model is None else model.spec
