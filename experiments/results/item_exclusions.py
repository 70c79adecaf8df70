"""Why is an item not used further, or not intervened on? A code and what its sentence needs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from strata.experiments.results.record import Record
from strata.probes.prompts.exclusion import Exclusion, Misaligned, Unscorable

NotUsed = Literal[
    "not-answered",
    "family-not-answered",  # its family isn't answered above chance
    "hop-not-answered",  # one of its single hops isn't
]
NotIntervenedOn = Literal[
    "not-likelier",  # right by choice, but not likelier than its foil
    "span-kept",  # span: nothing is replaced there
    "exchanged-pair",  # its prompts are those of another pair, the other way round
    "foil-not-answered",  # the counterfactual prompt isn't answered by the foil
    "weak-pair",  # least: clean and counterfactual run differ by less
    "beyond-most",  # pairs: so many of its family are intervened on
]
Code = Literal[Unscorable, Misaligned, NotUsed, NotIntervenedOn, "said"]
_CODES = frozenset(get_args(Code))


class WhyExcluded(Record):
    """Why an item is excluded; a column or a key of a mapping holds it as text."""

    code: Code
    token: str | None = None
    n_tokenizer: int | None = None
    n_model: int | None = None
    span: str | None = None
    least: float | None = None
    pairs: int | None = None
    said: str | None = None
    """What a run of before there were codes says."""

    @classmethod
    def of(cls, exclusion: Exclusion) -> WhyExcluded:
        return cls(**vars(exclusion))

    def as_text(self) -> str:
        """The code, behind it what its sentence needs as JSON."""
        needed = self.model_dump(exclude={"code"}, exclude_none=True)
        return f"{self.code} {json.dumps(needed, ensure_ascii=False)}" if needed else self.code

    @classmethod
    def from_text(cls, text: str) -> WhyExcluded:
        """Of a run of any age."""
        code, _, needed = text.partition(" ")
        if code not in _CODES:  # no code is a single word that a sentence may begin with
            return cls(code="said", said=text)
        return cls.model_validate({"code": code, **(json.loads(needed) if needed else {})})


def as_texts(counts: Mapping[WhyExcluded, int]) -> dict[str, int]:
    """How many items, by reason as it is written."""
    return {why.as_text(): items for why, items in counts.items()}


def counted(reasons: Iterable[WhyExcluded]) -> dict[str, int]:
    """`as_texts` of reasons that are still to be counted."""
    counts: dict[WhyExcluded, int] = {}
    for why in reasons:
        counts[why] = counts.get(why, 0) + 1
    return as_texts(counts)
