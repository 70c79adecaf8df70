"""What does a written answer say, and is it the right one?"""

from strata.experiments.generated_answers.ending import end_of_answer, leaves_open
from strata.experiments.generated_answers.extraction import Answer, extract_answer, is_right

__all__ = ["Answer", "end_of_answer", "extract_answer", "is_right", "leaves_open"]
