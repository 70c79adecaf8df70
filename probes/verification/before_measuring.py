"""May this model be measured on these prompts? The one gate that every command sends a model through first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from strata.probes.backends.contract import Backend
from strata.probes.checkpoints.architecture_anatomy import name_of
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import NotSupportedError, SelfTestError
from strata.probes.progress import Progress, silent
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.why_whole import is_other
from strata.probes.verification.model_self_tests import (
    FiniteLogits,
    SelfTest,
    beginnings_of,
    logits_sha256,
    require_passed,
    run_self_tests,
)
from strata.probes.verification.shape_check import check_shapes


@dataclass(frozen=True)
class _Passed:
    prompts: int
    """Their hash: there may be a hundred thousand."""
    beginnings: Sequence[Prompt]
    """Of the few prompts whose logits tell whether the model is still the one that passed."""
    longest: int
    """Tokens of the longest prompt."""
    logits: str
    tests: tuple[SelfTest, ...]


_PASSED: WeakKeyDictionary[Checkpoint, _Passed] = WeakKeyDictionary()
"""What each open checkpoint passed last: a comparison asks every model once before and once while it is measured."""


def admit(
    checkpoint: Checkpoint,
    prompts: Sequence[Prompt],
    *,
    backend: Backend | None = None,
    any_prompts: bool = False,
    record: Callable[[Sequence[SelfTest]], None] = lambda tests: None,
    progress: Progress = silent,
) -> tuple[SelfTest, ...]:
    """Checks the shapes of everything that is read (of a model on a server there is nothing to look at), then runs the self-tests on `prompts`: all that will be measured.

    A checkpoint that has passed on the same prompts, and still gives the same logits at the beginnings of some, isn't tested again:
    the very results of the last time are returned. `any_prompts`: other prompts will do, if the longest was as long as these are;
    for calls that a person makes one after another, each with texts of its own.
    `record` is given the results before one of them can stop the run. Raises NotSupportedError for an architecture that
    isn't read rightly, SelfTestError for one whose logits are no numbers, which is the fault of its weights.
    """
    if not checkpoint.is_elsewhere:
        check_shapes(checkpoint)
    passed = None if is_other(backend) else _PASSED.get(checkpoint)
    asked, longest = (
        hash(tuple(tuple(prompt.ids) for prompt in prompts)),
        max((len(prompt.ids) for prompt in prompts), default=0),
    )
    covered = passed is not None and (passed.prompts == asked or (any_prompts and passed.longest >= longest))
    if passed is not None and covered and passed.logits == logits_sha256(checkpoint, passed.beginnings):
        tests = passed.tests
    else:
        passed, tests = None, run_self_tests(checkpoint, prompts, backend=backend, progress=progress)
    record(tests)
    failed = [test for test in tests if not test.passed]
    if any(isinstance(test, FiniteLogits) for test in failed):
        broken = _first_broken_weight(checkpoint)
        if broken is not None:
            raise SelfTestError(
                f"{broken} of {checkpoint.identity.spec} holds NaN or infinity", "Download it again, or train it anew"
            )
        require_passed(tests)
    if failed:
        first, by = failed[0], f"run by {backend.name} " if is_other(backend) else ""
        raise NotSupportedError(
            name_of(checkpoint.model),
            f"{by}it fails the self-test '{first.name}': {first.value:.3g} where at most {first.tolerance:.3g} is rounding "
            f"({len(failed)} of {len(tests)} self-tests failed)",
            "Do not trust numbers from this model; `strata verify` shows which backend differs at which site",
        )
    if passed is None and not is_other(backend):
        beginnings = beginnings_of(prompts)
        _PASSED[checkpoint] = _Passed(asked, beginnings, longest, logits_sha256(checkpoint, beginnings), tests)
    return tests


def _first_broken_weight(checkpoint: Checkpoint) -> str | None:
    return next(
        (
            name
            for name, weight in checkpoint.model.named_parameters()
            if weight.device.type != "meta" and not bool(weight.isfinite().all())
        ),
        None,
    )
