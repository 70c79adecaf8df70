"""In which ways is an item put to a model, so that what is only format can be told from what is known?"""

from __future__ import annotations

from typing import Literal, get_args

Way = Literal[
    "as_asked",  # as every other part of the run asks it
    "empty_block",  # behind a think block with nothing in it, as training would have written it
    "examples",  # after answered items of its family and template
]
WAYS: tuple[Way, ...] = get_args(Way)
AS_ASKED: Way
EMPTY_BLOCK: Way
EXAMPLES: Way
AS_ASKED, EMPTY_BLOCK, EXAMPLES = WAYS
