"""What `compare` says: `comparison.json` and `families.json`, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import ConfigDict, Field, TypeAdapter

from strata.experiments.items.schema import Kind
from strata.experiments.results.answer_measures import Name
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.cell_changes import CellComparison, LocationChange
from strata.experiments.results.compared_behaviour import ComparedBehaviour
from strata.experiments.results.comparison_reasons import (
    ExcludedPart,
    HypothesisReason,
    WhyNoHalf,
    WhyNoShare,
)
from strata.experiments.results.estimates import Contrasted, Estimated
from strata.experiments.results.file_versions import COMPARISON_SCHEMA
from strata.experiments.results.headline import Headline, SeedChange
from strata.experiments.results.intervals import side_of
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.kinds import Located, Order
from strata.experiments.results.record import Record
from strata.experiments.results.roles import ROLES, Contrast, Role
from strata.experiments.results.steering import Steering
from strata.experiments.results.ways_of_asking import Way
from strata.probes.interventions.cells import Cell

HalvedBy = Literal["logit_difference", "accuracy", "generated"]
"""What layer swaps are scored on; `accuracy` is the one by likelihood."""
BaseVerdict = Literal["base", "same weights", "not the base", "unclear"]


class ComparedModel(Record):
    """One of the models."""

    spec: str
    """As the person wrote it."""
    sha256: str
    """Of its weights."""
    run: str
    """Folder of its own run, inside of the comparison's."""


class BaseCheck(Record):
    """Is the base the base of a model?"""

    verdict: BaseVerdict
    ok: bool
    """Whether the two may be compared as base and what was trained from it."""
    reasons: tuple[str, ...] = ()
    """As the check of lineage words them."""
    hint: str | None = None
    """A checkpoint that is the base instead, where one is known or nearer."""


class Agreement(Record):
    """What the measures of the answers show in one contrast."""

    sign: int
    """What all of them show: 1, −1, else 0."""
    opposite: bool
    """Whether two show opposites."""
    signs: Mapping[str, int]
    """By measure 1 or −1 where its interval leaves 0 out, else 0."""


class AnswerChange(Record):
    """The answers of some items before and after, by every measure."""

    items: int = 0
    asked: int = 0
    """Items that every model could be asked."""
    excluded: int = 0
    decided_by: Mapping[Name, int] = Field(default_factory=dict)
    """Of how many items each measure decides in the base whether they are answered right."""
    accuracy: Contrasted = Contrasted()
    """Share answered right, by the measure that decides for an item."""
    by_choice: Contrasted = Contrasted()
    by_likelihood: Contrasted = Contrasted()
    logit_difference: Contrasted = Contrasted()
    answer_logprob: Contrasted = Contrasted()
    agreement: Mapping[Contrast, Agreement] = Field(default_factory=dict)

    def measure(self, name: str) -> Contrasted:
        """`accuracy` or one of the measures of an answer. Raises AttributeError for another name."""
        measure: Contrasted = getattr(self, name)
        return measure


class FamilyChange(AnswerChange):
    """A row of families.json. Nothing is claimed of a family: the intervals are not corrected for their number."""

    kind: Kind
    family: str


class FormatShare(Record):
    """Share of the drop from base to distilled that is gone when each is asked in its best way: (drop as asked − drop in the best
    ways) ÷ drop as asked. 1: the whole drop was one of format, 0: none of it; above 1 the change turns round."""

    share: Estimated | None = None
    why: WhyNoShare | None = None
    """Why it isn't defined."""


class MeasureInWays(Record):
    """One measure of the same answers, asked in several ways."""

    ways: Mapping[Way, Contrasted]
    """All models asked alike."""
    chosen: Mapping[Role, tuple[Way, Way]]
    """In which way each half of the clusters is scored, of several seeds by the first: the best one of the other half by this measure,
    where it is better than as asked by more than its standard error."""
    format: FormatShare


OPENS_TAGS_FROM = 0.01
"""Mean probability of an opening tag below which a model counts as opening none."""


class FormatApart(Record):
    """What of a change is one of format: every model asked in several ways, and in the way that suits it best."""

    measures: Mapping[str, MeasureInWays]
    """`accuracy` and every measure that a claim must agree in."""
    best: AnswerChange
    """The change where each model is asked in its best way, chosen on one half of the clusters and scored on the other."""
    opening: Mapping[Way, Contrasted]
    """Probability that the next token opens a tag where the answer is asked for."""
    claimed: int = 0
    """1: a gain, −1: a loss, which every measure shows in the best ways too; 0: neither is claimed."""

    @property
    def opens_tags(self) -> bool:
        """Whether any model opens tags at all, in any way of asking."""
        means = (contrasted.of(role) for contrasted in self.opening.values() for role in ROLES)
        return any((mean.value or 0.0) >= OPENS_TAGS_FROM for mean in means if mean is not None)


class Halves(Record):
    """Recovery by the upper half of the donor's blocks minus recovery by its lower half.

    1 where the upper half brings the whole change and the lower none of it, −1 the other way round.
    """

    cut: int | None
    """First block of the upper half."""
    whole: Estimated
    """The change that is shared out."""
    upper_minus_lower: Estimated | None
    upper: Estimated | None = None
    """Recovery by the upper half alone; below 0 it does harm."""
    lower: Estimated | None = None
    why: WhyNoHalf | None = None
    split: str | None = None
    """Of problems with generated answers."""
    prompt: str | None = None
    """In which way they were asked."""


class PlaceShare(Record):
    """What the blocks that make a model's answers bring of its change: the mean step of prefix and suffix swaps over them."""

    cell: Cell | None = None
    """Of the place; the swap takes whole blocks."""
    first: int | None = None
    """Blocks of the place, widened to where layer swaps end."""
    last: int | None = None
    share: Estimated | None = None
    equal: float | None = None
    """What as many blocks would bring if all brought the same."""
    why: WhyNoHalf | None = None
    """Why no share is told."""

    @property
    def more_than_equal(self) -> bool:
        """Whether its interval lies above what as many blocks would bring."""
        return self.share is not None and side_of(self.share.low, self.share.high, self.equal or 0.0) > 0


class ComparedKind(AnswerChange):
    """`kinds.<name>`."""

    claimed: int = 0
    """1: a gain, −1: a loss, 0: neither is claimed."""
    format: FormatApart | None = None
    """The same items asked in other ways; None: they could not be."""
    located: Mapping[Role, Located | None] = Field(default_factory=dict)
    location_change: Mapping[Role, LocationChange] = Field(default_factory=dict)
    upper_minus_lower: Mapping[Role, Mapping[HalvedBy, Halves]] = Field(default_factory=dict)
    place_share: Mapping[Role, PlaceShare] = Field(default_factory=dict)
    """By logit difference, on the place of the model in question."""


class GeneratedSplit(Record):
    """Share of right generated answers to the problems of one split."""

    accuracy: Contrasted = Contrasted()
    prompt: Mapping[Role, tuple[str, str]] = Field(default_factory=dict)
    """In which way each half of the problems was asked."""
    no_answer: Mapping[Role, Mapping[str, int]] = Field(default_factory=dict)
    """Texts in which no answer was found, by reason; they are not right."""
    unmeasured: Mapping[Role, int] = Field(default_factory=dict)
    """Models of which more than half of the texts hold no answer, with the number of their texts: they have no accuracy."""


class GeneratedFamily(Record):
    """The problems of one family in one split: of how many the generated answer is right. No claim is made of so few."""

    split: str
    family: str
    problems: int
    right: Mapping[Role, float]
    """Problems answered right; of several draws their shares."""
    no_answer: Mapping[Role, int]
    """Texts in which no answer was found."""


class Generated(Record):
    """Generated answers."""

    splits: Mapping[str, GeneratedSplit] = Field(default_factory=dict)
    overall: GeneratedSplit | None = None
    """All problems together; None: there is one split only."""
    families: tuple[GeneratedFamily, ...] = ()
    fixed: Mapping[Role, str] = Field(default_factory=dict)
    """Models that were asked in one way, the one they were trained in, which no result has chosen."""

    @property
    def all_problems(self) -> GeneratedSplit | None:
        """Of whatever splits were asked; None: there are none."""
        return self.overall if self.overall is not None else next(iter(self.splits.values()), None)

    why: Literal["not-asked-for", "no-model-could"] | None = None


class HypothesisDecision(Record):
    """What becomes of the layer-split hypothesis: knowledge in lower blocks, reasoning in upper ones, so reasoning training helps
    the one and hurts the other."""

    hypothesis: Literal["supported", "contradicted", "undetermined"]
    by: Literal["prompts", "generated"] = "prompts"
    """What the gain in reasoning is measured on."""
    gain: int = 0
    """Claimed change of reasoning: 1, −1, or 0."""
    loss: int = 0
    """Claimed change of knowledge."""
    reasons: tuple[HypothesisReason, ...] = ()
    """What speaks against it, or what it lacks."""


class ComparisonCaveat(Record):
    """What must stand beside the numbers."""

    code: Literal[
        "base-doubted",  # model
        "other-prefix",  # model: its tokenizer puts other tokens before a text than the base's
        "matched-by-text",  # model: its tokenizer cuts the questions into other tokens; read at the same places of the text
        "foreign-template",  # templates
        "start-given",  # given: far more of one kind than of the other is scored behind a start that answer and foil share
    ]
    model: Role | None = None
    given: Mapping[Kind, float] = Field(default_factory=dict)
    """Share of the asked items by kind."""
    templates: Mapping[Role, Literal["none", "another"]] = Field(default_factory=dict)
    """Models whose chat template isn't the distilled one's, in which all are asked."""


class Warned(Record):
    """A caveat that the run of a model, or of the comparison, has."""

    model: Role | None
    """None: the comparison."""
    caveat: Caveat


class Comparison(Record):
    """comparison.json."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=True, populate_by_name=True, serialize_by_alias=True
    )

    format: Literal["strata.comparison/3"] = Field(default=COMPARISON_SCHEMA, alias="schema")
    models: Mapping[Role, ComparedModel]
    n_layers: int
    """Blocks of the base."""
    seed: int
    framing: str = "raw"
    quick: bool = False
    limited: bool = False
    """One of the models was asked only some of the items."""
    pair_check: Mapping[Role, BaseCheck] = Field(default_factory=dict)
    kinds: Mapping[Kind, ComparedKind]
    order: Mapping[Role, Order] = Field(default_factory=dict)
    cells: Mapping[Role, CellComparison] = Field(default_factory=dict)
    """Every other model held against the base, cell by cell and family by family."""
    generated: Generated = Generated()
    behaviour: ComparedBehaviour = Field(default_factory=ComparedBehaviour)
    """Thinking, pressure and confidence of every model, paired by item."""
    steering: Steering | None = None
    """The base steered towards the distilled model; None: it wasn't asked for, or couldn't be."""
    verdict: HypothesisDecision
    headline: Headline
    seeds: tuple[SeedChange, ...] = ()
    """Every seed of the training by itself, where several were given; generated answers and what is beyond the format are means over them."""
    not_comparable: tuple[ExcludedPart, ...] = ()
    caveats: tuple[ComparisonCaveat, ...] = ()
    warnings: tuple[Warned, ...] = ()

    @property
    def others(self) -> tuple[Role, ...]:
        """All models but the base."""
        return tuple(role for role in self.models if role != "base")

    def kind(self, name: Kind) -> ComparedKind:
        """An empty one of a kind that isn't there."""
        return self.kinds.get(name, ComparedKind())


COMPARISON_FILE = JsonFile("comparison.json", "comparison", TypeAdapter(Comparison))
CHANGED_FAMILIES_FILE = JsonFile("families.json", "comparison_families", TypeAdapter(list[FamilyChange]))
