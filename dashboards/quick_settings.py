"""What does a quick look set, where nothing else was asked for? The same in the terminal and in Python."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.option_values import OptionValue

QUICK_FAMILIES = (
    *("language", "continent", "animal_class"),
    *("addition", "product", "binding"),
    *("language_stated", "product_stated"),
)
"""Some of the default ones: as few as a kind can be located by, each with items enough for its pairs."""
QUICK_LOCATE: Mapping[str, OptionValue] = {
    "families": QUICK_FAMILIES, "per_family": 48, "positions": ("last",), "random_init": False, "draws": 2_000, "lens_maps": 6, "causal_map": "quick", "pairs": 18,
    "damage_texts": 2, "folds": 3,
}  # fmt: skip
"""Of `locate`."""
QUICK_COMPARE: Mapping[str, OptionValue] = {
    "families": ("language", "animal_class", "addition", "product", "language_stated", "addition_stated"),
    "per_family": 36, "random_init": False, "draws": 2_000, "lens_maps": 2, "causal_map": "quick", "pairs": 12,
    "damage_texts": 2, "swap_pairs": 8, "contrast_items": 0, "steered": 0, "swap_stride": 5, "both_ways": False, "crossed_positions": ("span", "last"), "generated": 5, "generated_swap_parts": 2, "generated_ways": ("question_only", "few_shot"),
    "generated_tokens": 64, "spectra": False,
}  # fmt: skip
"""Of `compare`."""
