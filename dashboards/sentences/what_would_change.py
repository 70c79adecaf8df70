"""What would change a verdict? One sentence for a comparison, and one each for a run with and without interventions."""

from __future__ import annotations

COMPARISON = (
    "More items or other families that move the intervals, a second control model or another seed of the same training, "
    "or a calibration on planted pairs that finds these instruments off."
)
WITHOUT_INTERVENTIONS = "Interventions: only they can show which part of the model makes the answer, and where."
WITH_INTERVENTIONS = (
    "More families or pairs that move the intervals, a control that is made elsewhere, "
    "or a calibration on planted models that finds this rule off."
)
