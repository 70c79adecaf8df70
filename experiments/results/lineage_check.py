"""What `pair_check.json` says of each model: is the base its base, by what, and what differs between the two?"""

from __future__ import annotations

from dataclasses import fields
from typing import Literal

from pydantic import TypeAdapter

from strata.experiments.results.comparison import BaseCheck
from strata.experiments.results.json_file import JsonFile
from strata.experiments.results.roles import Role
from strata.probes.checkpoints.architecture_difference import ArchitectureDifference
from strata.probes.checkpoints.known_model_pairs import KnownPair
from strata.probes.checkpoints.tokenizer_difference import TokenizerDifference
from strata.probes.weights.lineage import Candidate, Closeness, PairCheck


class LineageCheck(BaseCheck):
    """`PairCheck` of the probes without its tensors."""

    base: str = ""
    distilled: str = ""
    judged_by: Literal["weights", "names"] | None = None
    """None: an error kept it from being judged, which is then the reason."""
    registry: KnownPair | None = None
    closeness: Closeness | None = None
    candidates: tuple[Candidate, ...] = ()
    architecture: tuple[ArchitectureDifference, ...] = ()
    tokenizer: TokenizerDifference | None = None
    unfetched: bool = False

    @classmethod
    def of(cls, check: PairCheck) -> LineageCheck:
        kept = {field.name: getattr(check, field.name) for field in fields(check) if field.name != "tensors"}
        return cls(**kept, ok=check.ok)

    @property
    def doubted(self) -> bool:
        """Whether the base was judged and found not to be one for sure; what a download kept from being judged may yet be."""
        return self.judged_by is not None and not self.ok and not self.unfetched


PAIR_CHECK_FILE = JsonFile("pair_check.json", "pair_check", TypeAdapter(dict[Role, LineageCheck]))
"""By model whether the base is its base."""
