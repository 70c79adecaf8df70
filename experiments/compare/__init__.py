"""What did training change between two models, where, and is it more than any training changes?"""

from experiments.compare.compare import compare
from experiments.compare.config import CompareConfig
from experiments.compare.specs import Specs

__all__ = ["CompareConfig", "Specs", "compare"]
