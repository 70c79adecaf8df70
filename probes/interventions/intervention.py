"""What is done to a run, in every block in turn: the one description that patching, ablation and cross-model patching take.

How it is carried out is said with tensors: `RunEdit` (`rerun/`) makes one run that is started anew at the edited block, a
`SiteEdit` (`backends/`) one site in a whole pass of a library, which the former is checked against.
"""

from __future__ import annotations

from typing import Generic, Literal, NamedTuple, TypeVar

from strata.probes.interventions.minimal_pairs import ALL
from strata.probes.rerun.run_edits import Component

PatchingMeasure = Literal["denoise", "noise", "random_donor", "norm_matched_noise", "wrong_position"]
"""From a pair's other prompt into this one, and the controls of that."""
AblationMethod = Literal["zero", "mean", "resample"]
"""Nothing, the mean over other prompts, or another prompt's contribution is put in place."""
CrossModelMeasure = Literal["other_model", "random_step"]
"""From another model on the same tokens; its null moves the receiver's own by as much in a random direction, at every token."""

Measure = TypeVar("Measure", bound=str)


class Intervention(NamedTuple, Generic[Measure]):
    """One row of a map of effects: every block (or window of blocks) edited in turn."""

    measure: Measure
    """What is put in place, and from where."""
    component: Component
    """What is replaced. A stream (`resid_pre`) is replaced at one block only, and can't be ablated."""
    position: str = ALL
    """A named position, or `all`: every token from the first that can matter on."""
    window: int = 1
    """Number of consecutive blocks edited together."""


class Patching(Intervention[PatchingMeasure]):
    """Activation patching between the two prompts of a minimal pair."""

    __slots__ = ()


class Ablation(Intervention[AblationMethod]):
    """A contribution taken out of a run, or made to say what it says elsewhere."""

    __slots__ = ()


class CrossPatching(Intervention[CrossModelMeasure]):
    """A contribution of another model written into this one."""

    __slots__ = ()
