"""Does taking a planted part out of the weights do to the answers what the truth says?

Asked of plain Hugging Face forward passes, with the part's heads or neurons silenced in the weights.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.planted_checkpoint import PlantedFiles, taken_out
from strata.experiments.calibrate.planted_part import PlantedPart
from strata.experiments.calibrate.truth import FamilyTruth, truth_of

_ITEMS = 12
"""Items a family that are asked: an effect of the weights shows on few."""
_FALLS, _STAYS = 0.2, 0.1
"""Share of the intact margin that is lost at least where answers fall, and at most where they stay."""


@dataclass(frozen=True)
class RevertResult:
    """What taking one or more planted parts out did to one family's items."""

    family: str
    parts: tuple[PlantedPart, ...]
    expected: str
    """`falls`, `rises` or `stays` of the margin; `right`: the answers stay right, by whatever margin."""
    accuracy: float
    """Share of items answered with the highest of their choices, without the parts."""
    intact_accuracy: float
    margin: float
    """Mean margin of the answer over the mean of the other choices, in logits, without the parts."""
    intact_margin: float

    @property
    def ok(self) -> bool:
        lost = 1 - self.margin / self.intact_margin
        if self.expected == "falls":
            return lost >= _FALLS and self.accuracy <= self.intact_accuracy
        if self.expected == "right":
            return self.accuracy >= self.intact_accuracy - _STAYS
        return lost <= -_STAYS if self.expected == "rises" else lost <= _STAYS


class _Asked:
    """The items of one planted model as batches of token ids, one a length."""

    def __init__(self, files: PlantedFiles) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.model: Any = AutoModelForCausalLM.from_pretrained(
            files.checkpoint, dtype=torch.float32, trust_remote_code=False
        ).eval()
        tokenizer = AutoTokenizer.from_pretrained(files.checkpoint, trust_remote_code=False)
        self.records, asked = [], Counter[str]()
        for record in map(json.loads, files.items.read_text(encoding="utf-8").splitlines()):
            asked[record["family"]] += 1
            if asked[record["family"]] <= _ITEMS:
                self.records.append(record)
        self.tokens = [tokenizer(record["prompt"])["input_ids"] for record in self.records]
        self.choices = [
            [tokenizer(choice.strip(), add_special_tokens=False)["input_ids"][0] for choice in record["choices"]]
            for record in self.records
        ]

    def margins(self) -> tuple[Tensor, Tensor]:
        """Per item: answer over the mean of the other choices, and answer over the best of them, in logits."""
        means, bests = torch.zeros(len(self.records)), torch.zeros(len(self.records))
        for length in sorted({len(tokens) for tokens in self.tokens}):
            rows = [row for row, tokens in enumerate(self.tokens) if len(tokens) == length]
            with torch.no_grad():
                ids = torch.tensor([self.tokens[row] for row in rows])
                logits = self.model(ids, use_cache=False, logits_to_keep=1).logits[:, -1].float()
            for row, scores in zip(rows, logits, strict=True):
                of_choices = scores[self.choices[row]]
                right = self.records[row]["choices"].index(self.records[row]["answer"])
                others = torch.cat([of_choices[:right], of_choices[right + 1 :]])
                means[row], bests[row] = of_choices[right] - others.mean(), of_choices[right] - others.max()
        return means, bests


def revert(construction: Construction, files: PlantedFiles) -> tuple[RevertResult, ...]:
    """Every planted part taken out by itself, and all copies of a family's lookup together, seen by its own family and
    by the others (which must stay)."""
    asked, truth = _Asked(files), truth_of(construction)
    intact = asked.margins()
    families = {name: family for name, family in truth.families.items() if family.parts}
    results = []
    for name, family in families.items():
        for parts, expected in _sets_of_parts(family):
            with taken_out(construction, asked.model.state_dict(), parts):
                reverted = asked.margins()
            results += _compared(asked, intact, reverted, truth.families, name, parts, expected)
    return tuple(results)


def excluded_families(results: Sequence[RevertResult]) -> dict[str, tuple[str, ...]]:
    """Families whose plant isn't what its truth says, and the parts that failed."""
    failed: dict[str, list[str]] = {}
    for result in results:
        if not result.ok:
            failed.setdefault(result.parts[0].family, []).append("+".join(part.name for part in result.parts))
    return {family: tuple(dict.fromkeys(parts)) for family, parts in failed.items()}


def _sets_of_parts(family: FamilyTruth) -> list[tuple[tuple[PlantedPart, ...], str]]:
    parts = family.parts or {}
    taken = [((part,), effect) for part, effect in parts.items()]
    makes = tuple(part for part in parts if part.role == "makes")
    backups = tuple(part for part in parts if part.role == "backup")
    return taken + ([(makes + backups, "falls")] if len(makes + backups) > 1 else [])


def _compared(
    asked: _Asked, intact: tuple[Tensor, Tensor], reverted: tuple[Tensor, Tensor],
    families: Mapping[str, FamilyTruth], name: str, parts: tuple[PlantedPart, ...], expected: str,
) -> list[RevertResult]:  # fmt: skip
    results = []
    for family in families:
        rows = [row for row, record in enumerate(asked.records) if record["family"] == family]
        results.append(
            RevertResult(
                family, parts, expected if family == name else "stays",
                (reverted[1][rows] > 0).float().mean().item(), (intact[1][rows] > 0).float().mean().item(),
                reverted[0][rows].mean().item(), intact[0][rows].mean().item(),
            )
        )  # fmt: skip
    return results
