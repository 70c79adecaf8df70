"""How is a problem put so that the model thinks first, must answer at once, or has thought something given? One text, three endings.

The think block is opened, closed by force with nothing in it, or closed behind steps: nothing else differs. In a chat the question is
what the user says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from strata.experiments.generated_answers.extraction import TAGS, ThinkTags
from strata.experiments.items.framing import with_request
from strata.probes.checkpoints.checkpoint import Checkpoint

KNOWN = (
    TAGS,
    ThinkTags("<thinking>", "</thinking>"),
    ThinkTags("<thought>", "</thought>"),
    ThinkTags("<reasoning>", "</reasoning>"),
    ThinkTags("<|begin_of_thought|>", "<|end_of_thought|>"),
    ThinkTags("[THINK]", "[/THINK]"),
)
"""Tags of published models; the first are written where a model names none."""
_UNKNOWN = re.compile(r"[<\[][|]?(?!/)[^\s<>\[\]/]*(?:think|thought|reason|reflect)[^\s<>\[\]/]*[>\]]", re.IGNORECASE)


def think_tags(checkpoint: Checkpoint, given: str) -> ThinkTags | None:
    """`OPEN,CLOSE` as a person gives them, else those that the checkpoint's vocabulary or chat template names.

    None: the chat template opens a block, and nothing says how it is closed.
    """
    if given:
        opening, closing = (part.strip() for part in given.split(","))
        return ThinkTags(opening, closing)
    vocabulary = checkpoint.tokenizer.get_vocab()
    template = str(getattr(checkpoint.tokenizer, "chat_template", None) or "")
    for tags in KNOWN:
        if tags.close in vocabulary or tags.close in template:
            return tags
    return None if _UNKNOWN.search(template) else TAGS


def spells(checkpoint: Checkpoint, tags: ThinkTags) -> bool:
    """Whether the tokenizer can write both tags."""
    text = f"{tags.open} {tags.close}"
    written = checkpoint.tokenizer.decode(list(checkpoint.encode(text)), clean_up_tokenization_spaces=False)
    return tags.open in written and tags.close in written


@dataclass(frozen=True)
class ThinkFrame:
    """What stands around a question and around what is thought."""

    tags: ThinkTags
    prompt_prefix: str = ""
    """The framing's text before every prompt, up to where the answer begins; empty: raw texts."""

    @property
    def in_chat(self) -> bool:
        return bool(self.prompt_prefix)

    def opened(self, question: str) -> str:
        """The model goes on with its chain of thought."""
        return f"{self._before(question)}{self.tags.open}{self.gap}"

    def closed(self, question: str, chain: str = "") -> str:
        """The model goes on with its answer, `chain` behind it."""
        if not self.in_chat:
            return f"{self._before(question)}{self.tags.open}{f' {chain} ' if chain else ' '}{self.tags.close}"
        return f"{self.opened(question)}{chain}\n{self.tags.close}\n\n"

    def answer(self, text: str) -> str:
        """As it follows a closed block."""
        return text if self.in_chat else f" {text}"

    @property
    def gap(self) -> str:
        """What stands between the opening tag and the chain, beside blanks."""
        return "\n" if self.in_chat else ""

    def _before(self, question: str) -> str:
        if not self.in_chat:
            return f"{question} "
        started = self.prompt_prefix
        for tags in (self.tags, TAGS):
            # A template may open a block itself, or write a whole empty one.
            started = re.sub(rf"{re.escape(tags.open)}\s*(?:{re.escape(tags.close)}\s*)?\Z", "", started)
        return with_request(started, question)
