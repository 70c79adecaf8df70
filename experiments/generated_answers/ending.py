"""Where does a written answer end? At the end of its line, unless the model is still thinking or replies in paragraphs."""

from __future__ import annotations

from strata.experiments.generated_answers.extraction import TAGS, ThinkTags, gives_answer


def leaves_open(prompt: str, tags: ThinkTags = TAGS) -> bool:
    """Whether what is written after `prompt` goes on with a think block that the prompt began."""
    return prompt.rfind(tags.open) > prompt.rfind(tags.close)


def end_of_answer(text: str, *, opened: bool = False, tags: ThinkTags = TAGS) -> int | None:
    """How many characters of `text` belong to the answer; None while it goes on. `opened`: see `leaves_open`.

    Without a think block that is the first line; a block may begin after blank lines and run over any number of them.
    An answer on the line that closes the block ends with that line. A reply that begins on a line of its own may have
    paragraphs before it comes to the point: it ends with the line that boxes or states its answer. A second block is
    another problem's: a model that was shown examples makes up more of them.
    """
    start = 0
    if not opened:
        before, begun, _ = text.partition(tags.open)
        line = before.find("\n")
        if line >= 0 and (before[:line].strip() or not tags.open.startswith(before.strip())):
            return line
        if not begun:
            return None
        start = len(before) + len(tags.open)
    elif text.lstrip().startswith(tags.open):
        # Some templates open the block, and the model opens it once more.
        start = text.find(tags.open) + len(tags.open)
    again = text.find(tags.open, start)
    if again >= 0:
        return max(start, text.rfind("\n", 0, again))
    closed = text.find(tags.close, start)
    return None if closed < 0 else _end_of_reply(text, closed + len(tags.close))


def _end_of_reply(text: str, start: int) -> int | None:
    line = text.find("\n", start)
    if line < 0 or text[start:line].strip():
        return None if line < 0 else line
    while (line := text.find("\n", line + 1)) >= 0:
        if gives_answer(text[start:line]):
            return line
    return None
