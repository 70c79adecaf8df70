"""Why is an item not used further, or not intervened on, in words?"""

from __future__ import annotations

from strata.experiments.results.item_exclusions import WhyExcluded
from strata.probes.prompts.exclusion import Exclusion


def exclusion_words(text: str) -> str:
    """A clause; `text`: what a table, a manifest or a summary of a run of any age holds."""
    why = WhyExcluded.from_text(text)
    match why.code:
        case "said":
            return str(why.said)
        case "not-answered":
            return "not answered right"
        case "family-not-answered":
            return "its family is not answered above chance"
        case "hop-not-answered":
            return "one of its single hops is not answered right"
        case "not-likelier":
            return "the model does not answer it"
        case "span-kept":
            return f"it has no replaced {why.span}"
        case "exchanged-pair":
            return "its prompts are those of another pair, exchanged"
        case "foil-not-answered":
            return "its counterfactual prompt is not answered by the foil"
        case "weak-pair":
            return f"clean and counterfactual run differ by less than {why.least:g} logit"
        case "beyond-most":
            return f"beyond the {why.pairs} pairs of its family that are intervened on"
        case _:
            return Exclusion(why.code, why.token, why.n_tokenizer, why.n_model).words
