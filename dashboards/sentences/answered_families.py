"""When is a family called answered, and by which interval?"""

from __future__ import annotations

from strata.experiments.results.answer_measures import BY_CHOICE, BY_LIKELIHOOD, DECIDING_RULE, FIRST_TOKEN, USED

RULE = (
    f"An item is answered right {DECIDING_RULE}. A family is answered where the share of items that are answered right lies "
    f"above chance with its whole interval. Chance is what knowing nothing would reach: by choice {BY_CHOICE.chance}, by likelihood "
    f"{BY_LIKELIHOOD.chance}, by first token {FIRST_TOKEN.chance}. "
    f"Items that are used further down: {USED}."
)
INTERVAL = "95 % Wilson interval with the number of clusters as n (items of one cluster count once)"


def answered_word(*, answered: bool) -> str:
    """Beside a family."""
    return "answered" if answered else "not answered"
