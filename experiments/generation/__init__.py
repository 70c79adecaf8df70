"""What does a written answer say, and is it the right one?"""

from experiments.generation.answers import Answer, extract_answer, is_right

__all__ = ["Answer", "extract_answer", "is_right"]
