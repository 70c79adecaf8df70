"""What does a written answer say, and is it the right one?"""

from strata.experiments.generation.answers import Answer, extract_answer, is_right
from strata.experiments.generation.ending import end_of_answer, leaves_open

__all__ = ["Answer", "end_of_answer", "extract_answer", "is_right", "leaves_open"]
