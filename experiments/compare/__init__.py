"""What did training change between two models, where, and is it more than any training changes?"""

from experiments.compare.compare import Specs, compare
from experiments.compare.config import CompareConfig

__all__ = ["CompareConfig", "Specs", "compare"]
