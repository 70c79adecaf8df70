"""What does a terminal say above the lens map of one prompt?"""

from __future__ import annotations

ANSWER_RANK = "answer rank"


def map_title(step: int, last_stream: int, shown: int, tokens: int) -> str:
    """`step`: every so many streams have a row; `shown` of the `tokens` fit."""
    cut = f"; the last {shown} of {tokens} tokens" if tokens > shown else ""
    return f"streams × tokens (every {step} streams; {last_stream} is the model's output{cut})"
