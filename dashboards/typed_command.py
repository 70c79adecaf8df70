"""What would have been typed in the terminal? The command and the options that a run keeps in its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.dashboards.option_values import OptionValue


def command_words(verb: str, models: Sequence[str], options: Mapping[str, OptionValue]) -> list[str]:
    """`strata VERB MODEL … --option value …`, which asks the same of the same run directory.

    A model in memory stands as what it is called: the terminal can't reach it.
    """
    words = ["strata", verb, *models]
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            words += [f"--{flag}", ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)]
    return words
