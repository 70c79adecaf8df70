"""What did training change between two models, where, and is it more than any training changes?"""

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.model_specs import Specs
from strata.experiments.compare.pipeline import compare

__all__ = ["CompareConfig", "Specs", "compare"]
