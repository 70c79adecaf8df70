"""What must stand beside the numbers of a comparison? Every caveat once, for terminal and page alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

from strata.dashboards.sentences.comparison_reasons import exclusion_sentence
from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.dashboards.sentences.shown_names import shown_name
from strata.dashboards.sentences.stamped_runs import stamped_words
from strata.dashboards.visible_text import path_free
from strata.experiments.compare.found_caveats import FailedSelfTests, FoundCaveat, FoundCode, found_caveats
from strata.experiments.results.comparison import Comparison, ComparisonCaveat, Warned
from strata.experiments.results.roles import BASE, DISTILLED, Role

Code = Literal["quick", "limited", "self_test", "pair", "control", "seed", "incomparable", "warning"]


@dataclass(frozen=True)
class Caveat:
    """A sentence and what it is about."""

    code: Code
    text: str


_CODES: Mapping[FoundCode, Code] = {
    "quick": "quick",
    "limited": "limited",
    "self-tests-failed": "self_test",
    "not-its-base": "pair",
    "no-control": "control",
    "one-seed": "seed",
    "not-comparable": "incomparable",
    "own": "warning",
    "warned": "warning",
}
"""By which a page finds what a caveat rests on."""


def caveats(comparison: Comparison, failed_self_tests: FailedSelfTests | None = None) -> list[Caveat]:
    """Each once, as its sentence."""
    found = found_caveats(comparison, failed_self_tests or {})
    return [Caveat(_CODES[caveat.code], _sentence(comparison, caveat)) for caveat in found]


def _sentence(comparison: Comparison, caveat: FoundCaveat) -> str:
    match caveat.code:
        case "quick":
            return f"{stamped_words('quick', coarser='coarser layer swaps')}."
        case "limited":
            return f"{stamped_words('limited')}."
        case "self-tests-failed":
            return f"{stamped_words('self-tests-failed', tests=caveat.tests, of=caveat.model or 'comparison')}."
        case "not-its-base":
            role = caveat.model or DISTILLED
            return (
                f"Whether {label_of(comparison, BASE)} is the base of {label_of(comparison, role)}: "
                f"{comparison.pair_check[role].verdict}. What differs between them may be no effect of training."
            )
        case "no-control":
            return "No control model was given: what reasoning training did can't be told from what any training does."
        case "one-seed":
            return (
                "One training of each model: intervals are over items and problems, and don't say what another seed of the same training would "
                "have changed."
            )
        case "not-comparable":
            assert caveat.excluded is not None
            return path_free(exclusion_sentence(caveat.excluded))
        case "own":
            assert caveat.own is not None
            return path_free(_own(comparison, caveat.own))
        case "warned":
            assert caveat.warned is not None
            return _warning(caveat.warned)
        case _:
            assert_never(caveat.code)


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
        case "start-given":
            most = max(caveat.given, key=lambda kind: caveat.given[kind])
            (other,) = (kind for kind in caveat.given if kind != most)
            return (
                f"Answers of {most} are scored behind a start that they share with their foils ({100 * caveat.given[most]:.0f} % of items; "
                f"{other} {100 * caveat.given[other]:.0f} %). Where a model would rather begin in another way, as with <think>, that "
                f"costs log-probability mostly on {other} items."
            )
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
