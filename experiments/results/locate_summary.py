"""`summary.json` of `locate`: what a program reads of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from strata.experiments.items.framing import Framing
from strata.experiments.items.schema import Kind
from strata.experiments.results.answer_measures import Name
from strata.experiments.results.causal_map import CausalMap
from strata.experiments.results.caveats import Caveat
from strata.experiments.results.families import FamilyResult
from strata.experiments.results.file_versions import SUMMARY_SCHEMA
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.kinds import Hypothesis, KindLocalisation, Localisation, Order
from strata.experiments.results.record import Record, of_text
from strata.probes.statistics.bootstrap import Estimate


class CheckpointSummary(Record):
    """Which model it was."""

    spec: str
    identity: Mapping[str, str]
    """Hashes of what decides its numbers: weights, configuration, tokenizer, adapter, base."""


class FamilyBehaviour(Record):
    """How a family is answered."""

    family: str
    kind: Kind
    n: int
    """Items that could be asked."""
    accuracy: Estimate
    """Share answered right, by the measures of `decided_by`."""
    chance: float
    """Of that accuracy: what guessing, or always giving the commonest answer, would reach."""
    decided_by: Mapping[Name, int]
    """Of how many items each measure decided."""
    by_likelihood: Estimate | None
    """Share whose answer is likelier than the foil; None without foils."""
    by_choice: Estimate | None
    """Share whose answer is the likeliest choice; None without choices."""
    answered: bool
    """The accuracy's interval lies above chance."""


class FamilySummary(FamilyResult):
    """`families.<name>`: what interventions say of it, and how it is answered."""

    behaviour: FamilyBehaviour


class ReadOutOnset(Record):
    """First of three streams in a row at which a read-out is above its baselines."""

    layer: int | None
    """Stream; None: nowhere."""
    axis: Literal["stream"] = "stream"
    depth: float | None
    interval: tuple[int, int | None] | None
    """In streams, 95 %; an upper end of None: too many draws have no onset. None: fewer than eight clusters."""
    n: int
    """Items."""
    definition: str
    """The rule, and how small a value would have been seen."""


NoOnset = Literal[
    "no-unrelated-answer",  # kind: none of its used items has one
    "no-target",  # kind: no target has two answers
    "not-probed",  # text: why most of its targets could not be probed
]


class WhyNoOnset(Record):
    """Why no onset was sought."""

    code: NoOnset
    kind: Kind | None = None
    text: str | None = None


class Instrument(Record):
    """A read-out of one kind."""

    onset: ReadOutOnset | None
    reason: Annotated[WhyNoOnset | None, of_text("not-probed")] = None
    """Where no onset was sought."""


class Instruments(Record):
    """The read-outs of one kind."""

    probe: Instrument | None = None
    lens: Instrument | None = None

    @property
    def read(self) -> dict[str, Instrument]:
        """Those whose onset was sought, or why it wasn't is known, by name."""
        both = {"probe": self.probe, "lens": self.lens}
        return {name: instrument for name, instrument in both.items() if instrument is not None}


class KindSummary(KindLocalisation):
    """`kinds.<name>`: what interventions say of it, how it is answered, and from where on it can be read."""

    items: int
    used: int
    """Answered right, in a family answered above chance."""
    accuracy: float | None
    """Share answered right of those that could be asked."""
    decided_by: Mapping[Name, int] = Field(default_factory=dict)
    excluded: Mapping[str, int] = Field(default_factory=dict)
    """Items that aren't used, by reason (`WhyExcluded` as text)."""
    pairs: int | None = None
    """Pairs that were intervened on, of all its families."""
    not_intervened_on: Mapping[str, int] = Field(default_factory=dict)
    """Items that aren't intervened on, likewise."""
    instruments: Instruments


class CausalSettings(Record):
    """How much was intervened."""

    map: CausalMap
    pairs_per_family: int | None = None
    """At most."""
    pairs: int | None = None
    """Pairs intervened on in all."""
    draws: int | None = None
    """Of clusters, in which the whole rule is applied anew."""
    neutral_text: Literal["the model's own", "a file"] | None = None
    """On which an ablation's general damage is measured."""


class Share(Record):
    """A share of items with its 95 % interval over clusters."""

    value: float
    low: float | None
    high: float | None
    n: int
    clusters: int


class Intermediate(Record):
    """One two-hop item: streams and blocks count from 0, None is never."""

    item: str
    bridge: str
    bridge_stream: int | None
    answer_stream: int | None
    bridge_block: int | None
    answer_block: int | None


class WhyNoIntermediates(Record):
    """Why nothing is said of two-hop items."""

    code: Literal[
        "no-interventions-asked",
        "no-bridge",  # no usable pair names one
        "said",  # text: what an earlier version wrote
    ]
    text: str | None = None


class Intermediates(Record):
    """Is the bridge of two-hop items readable, and effective, before the answer?"""

    reason: Annotated[WhyNoIntermediates | None, of_text("said")] = None
    n: int = 0
    """Pairs that name their bridge."""
    bridge_readable: Share | None = None
    """Of items: the bridge is readable at any stream."""
    bridge_read_first: Share | None = None
    """Of items with both streams: the bridge at the earlier one."""
    bridge_used_first: Share | None = None
    """Of items with both blocks: the bridge at the earlier one."""
    items: tuple[Intermediate, ...] = ()


class Summary(Record):
    """`summary.json`."""

    version: Literal["strata.summary/2"] = Field(default=SUMMARY_SCHEMA, alias="schema")
    run: str
    """Id of the run, which its tables carry too."""
    checkpoint: CheckpointSummary
    n_layers: int
    seed: int
    framing: Framing
    families: Mapping[str, FamilySummary]
    kinds: Mapping[str, KindSummary]
    order: Order
    hypothesis: tuple[Hypothesis, ...]
    causal: CausalSettings
    intermediates: Intermediates
    quick: bool
    """Sizes were cut for a quick look."""
    limited: bool
    """`--limit` cut the items."""
    warnings: tuple[Annotated[Caveat, of_text("said")], ...]

    @property
    def withdrawn(self) -> bool:
        """Whether its places were made by the first rule, which is withdrawn."""
        return self.order.why is not None and self.order.why.code == "withdrawn"

    @property
    def localisation(self) -> Localisation:
        """Everything that the interventions say."""
        return Localisation(
            n_layers=self.n_layers,
            families=self.families,
            kinds=self.kinds,
            order=self.order,
            hypothesis=self.hypothesis,
        )


SUMMARY_FILE = JsonFile("summary.json", "summary", TypeAdapter(Summary))
FAMILIES_FILE = JsonFile("families.json", "families", TypeAdapter(list[FamilyBehaviour]))
