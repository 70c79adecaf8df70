"""How does a trace of reasoning stand in a text?"""

from __future__ import annotations

from strata.experiments.generated_answers.extraction import CLOSE, OPEN
from strata.experiments.generated_answers.problems import Lesson

EMPTY_BLOCK = f" {OPEN} {CLOSE}"
"""What stands between a prompt and its answer where nothing is thought."""
CLOSED_BLOCK = f"\n{CLOSE}\n\n"
"""What closes a block that a chat template has opened, before anything is thought."""


def think_text(lesson: Lesson) -> str:
    """What a model that reasons writes after `lesson.prompt`: the steps in a think block, then the answer."""
    return f" {OPEN} {', '.join(lesson.steps)} {CLOSE} {lesson.answer}"
