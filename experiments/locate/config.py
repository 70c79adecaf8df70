"""What `locate` is asked to do. Everything here decides numbers, so everything here is part of a run's identity."""

from __future__ import annotations

from dataclasses import dataclass, field

from strata.experiments.declared_setting import MOST_DRAWS, positive, setting, whole
from strata.experiments.declared_setting import draws as drawn
from strata.experiments.items.framing import FRAMINGS, Framing
from strata.experiments.question_choice import QuestionChoice
from strata.experiments.results.causal_map import CAUSAL_MAPS, CausalMap
from strata.probes.errors import StrataError

FEWEST_DRAWS = 100


@dataclass(frozen=True)
class LocateConfig(QuestionChoice):
    framing: Framing = field(
        default="raw",
        metadata=setting(
            "what stands before every prompt: raw (nothing), chat (the model's chat template up to its answer), empty-think (the same and an empty think block); compare takes DISTILLED's template for all models",
            "questions",
            choices=FRAMINGS,
        ),
    )
    """What stands before every prompt: nothing, a chat in which the model is answering, or one with an empty think block."""
    seed: int = field(
        default=0, metadata=setting("seed of items, folds, draws and controls", "questions", whole, metavar="N")
    )
    """Of items, folds, control labels, draws and the random-initialised baseline."""
    positions: tuple[str, ...] = field(
        default=("last", "subject", "operand"), metadata=setting("named positions that are read", "measuring")
    )
    """Named positions that are read; an item that lacks one is skipped there."""
    lenses: tuple[str, ...] = field(
        default=("logit",),
        metadata=setting("lenses: logit, tuned, jacobian", "measuring", choices=("logit", "tuned", "jacobian")),
    )
    """Lenses to read the streams through; `tuned` brings its bias-only baseline along."""
    random_init: bool = field(
        default=True, metadata=setting("also probe the same architecture with fresh weights", "measuring")
    )
    """Whether the probes are also fitted on the same architecture with fresh weights."""
    folds: int = field(default=5, metadata=setting("outer folds of every probe", "measuring", positive, metavar="N"))
    """Outer folds of every probe."""
    draws: int = field(
        default=10_000,
        metadata=setting("cluster-bootstrap draws behind every interval", "measuring", drawn, metavar="N"),
    )
    """Cluster-bootstrap draws behind every interval."""
    lens_maps: int = field(
        default=16, metadata=setting("items whose whole lens map is kept for the page", "measuring", whole, metavar="N")
    )
    """Items whose whole lens map (every stream × token) is kept for the page."""
    causal_map: CausalMap = field(
        default="default",
        metadata=setting(
            "interventions: none; quick: places only; default: necessity, heads, knockout and ablations beside them; full: more of these",
            "interventions",
            choices=CAUSAL_MAPS,
        ),
    )
    """How much is intervened: `none`; `quick`: places only; `default`: necessity, heads, knockout and ablations beside them;
    `full`: ablations of attention too."""
    pairs: int = field(
        default=24,
        metadata=setting(
            "most minimal pairs of a family that are intervened on: 12 at first, more while its place is wide",
            "interventions",
            positive,
            metavar="N",
        ),
    )
    """Most minimal pairs of a family that are intervened on: 12 at first, more while its place is wide; 18 at most of a control or a
    composite family. The last look is at 48."""
    damage_texts: int = field(
        default=6,
        metadata=setting(
            "neutral texts on which an ablation's general damage is measured", "interventions", positive, metavar="N"
        ),
    )
    """Neutral texts on which an ablation's general damage is measured."""
    quick: bool = field(
        default=False,
        metadata=setting(
            "a quick look: fewer families, items and pairs, no random-initialised baseline; the page says so",
            "measuring",
        ),
    )
    """Whether the sizes were cut for a quick look; the run is stamped as quick."""
    paired_with: tuple[str, ...] = ()
    """Hashes (weights, configuration, tokenizer) of the checkpoints this one is compared with: what is intervened on depends on what they answer."""
    text: str | None = field(
        default=None,
        metadata=setting(
            "file that tuned and Jacobian lenses are fitted on (default: text sampled from the model)",
            "measuring",
            metavar="FILE",
        ),
    )
    """File that the tuned and Jacobian lenses are fitted on; None: text sampled from the model itself."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("positions", "lenses"):
            values = getattr(self, name)
            object.__setattr__(self, name, tuple(dict.fromkeys(values)))
        if "last" not in self.positions or "logit" not in self.lenses:
            raise StrataError(
                "--positions needs last and --lenses needs logit", "Add them: everything else is read beside them"
            )
        if self.draws < FEWEST_DRAWS:
            raise StrataError(f"--draws is {self.draws}", f"Give at least {FEWEST_DRAWS}: an interval needs its tails")
        if self.draws > MOST_DRAWS:
            raise StrataError(f"--draws is {self.draws}", f"Give at most {MOST_DRAWS}: an interval of more is the same")
        if self.causal_map not in CAUSAL_MAPS:
            raise StrataError(f"--causal-map is {self.causal_map!r}", f"Choose among: {', '.join(CAUSAL_MAPS)}")
        if self.pairs < 1 or self.damage_texts < 2:
            raise StrataError(
                "--pairs needs at least 1 and --damage-texts at least 2",
                "Give more, or --causal-map none to make no interventions",
            )
        if self.folds < 2:
            raise StrataError(f"--folds is {self.folds}", "Give at least 2: a probe is scored on items it has not seen")
