"""What do a page's scripts say, and what do they call what can be chosen? `say('key', {name: …})` puts values in."""

from __future__ import annotations

from collections.abc import Mapping

from strata.dashboards.sentences.figures.comparison import LAYER_CONTRASTS, SWAP_WAYS
from strata.dashboards.sentences.figures.positions import PLACES, POSITIONS
from strata.dashboards.sentences.figures.read_outs import PROBE_LINES

NAMES: Mapping[str, Mapping[str, str]] = {
    "positions": POSITIONS,
    "places": PLACES,
    "swap_ways": SWAP_WAYS,
    "layer_contrasts": {name: shown.text for name, shown in LAYER_CONTRASTS.items()},
    "probe_lines": {name: line.text for name, line in PROBE_LINES.items()},
}
"""What a list offers."""
SENTENCES: Mapping[str, str] = {
    "at": "at {position}",
    "newer": "This page reads {reads}, the data is {schema}: rebuild the report.",
    "not_drawn": "This view could not be drawn: {error}",
    "link_copied": "Link copied: it restores this view.",
    "not_copied": "The browser lets nothing be copied here.",
    "no_side_file": "{file} is not beside this page",
    # Where a part shows nothing.
    "not_run": "{what}: not run",
    "not_comparable": "{what}: not comparable",
    "none_kept": "{what}: none kept",
    "nothing_to_draw": "{what}: nothing to draw",
    "interventions": "Interventions",
    "family_map": "Layer × family map",
    "attention_heads": "Attention heads",
    "lens_maps": "Lens maps",
    "stage_maps": "Stage maps",
    "stage_map": "Stage map",
    "no_points": "No points",
    "no_item": "No item matches",
    "of_items": "0 of {items} items.",
    "no_stream_curve": "No curve by stream",
    "lens_loading": "Loading the lens map",
    # Behaviour by stream.
    "no_streams": "{kind}: nothing is said by stream, {why}.",
    # Curves.
    "all_kinds": "all kinds, side by side",
    "no_curve": "No curve for this choice",
    "no_pair": "No usable pair of this group has this site and position.",
    "no_series": "0 of {series} series match. A family's curves are kept for the default target and folds only.",
    "curves": (
        "{instrument} — {says}. Each mark is a mean over items, the band its 95 % interval; "
        "thin grey lines are baselines, the mark on them tells the kind."
    ),
    "curves_by_block": "{instrument} — {says}. Of a family: means over pairs with a 95 % band (none under 8 entities). Of a kind: means over families, without a band.{more}",
    "of_patching": " Block 0 at a replaced token is token identity and is not counted.",
    "of_ablation": (
        " Beneath: what the same ablation does to neutral text; a drop where the damage is large says little about this kind. "
        "Block 0 is not counted."
    ),
    # Maps.
    "no_heads": (
        "No head was edited alone: that is done without --quick only, and only in blocks where attention makes or brings the answer. "
        "Start `strata locate` with --causal-map default and another --out."
    ),
    "emergence": (
        "Logit lens, one bar a stream: items by the stream at which the answer is {name}, the {definition}. "
        "All items that were asked, also those answered wrong, each counted once. Items that never get there stand apart on the right; "
        "they are not counted as the last stream. “Readable from” in the verdict asks for less: an answer likelier than an unrelated one."
    ),
    "no_emergence": "0 items have an emergence depth.",
    "map": "Colour: {unit}. {caption} Families the model does not answer keep their row.",
    "no_map": (
        "No instrument left a curve for a family. Start the same `strata locate` command with probes or lens switched on."
    ),
    "causal": "{measure}, {pairs}. Colour: {unit}. {more}",
    "causal_first": (
        "Clean activations put into the corrupted run (denoise) or corrupted ones into the clean run (noise), one block and position at a time."
    ),
    "causal_item": "Item maps are kept for {rule}.",
    "causal_columns": "Columns stand in prompt order; “all” edits every position at once.",
    "no_site": "{measure}: not run for this site",
    "other_site": "Choose another site or measure; controls exist for contributions at named positions only.",
    "denoise_everywhere": "Show denoise at all sites",
    "identity": " block 0 at a replaced token: token identity, not counted",
    "pair": "Clean and counterfactual prompt, aligned",
    # Items.
    "ranked": "ranked by the effect of {blocks}",
    "ranked_by_change": "ranked by how far the effect of {blocks} changed",
    "no_such_item": "There is no item “{item}” in this report.",
    "item_gone": "The item “{item}” is not in this report any more.",
    # Lens maps.
    "lens": (
        "Every cell: what this stream would say next if the model's own output layer read it now. {kept} prompts are kept (rule: {rule})."
    ),
    "lens_and_reads": (
        "Every cell: what this stream would say next if the model's own output layer read it now. {kept} prompts are kept whole (rule: {rule}); "
        "the {read} others at the positions that the run read ({where}). Choose one in the item table."
    ),
    "lens_read": "at the read positions; --lens-maps N keeps more prompts whole",
    "lens_looked_at": (
        "Outlined: what enters and leaves {blocks}. Patching this item's activations in, {gained} of the logit difference between answer and foil is "
        "gained there. The lens reads the whole vocabulary, so it may show nothing of that."
    ),
    "lens_prompt": "Prompt: ",
    "lens_read_axis": "read positions ({n} of the prompt's tokens)",
    "lens_read_aria": "Lens map of {item} at {where}: the likeliest tokens of every stream.",
    "lens_of_one": "Every cell: what this stream would say next if the output layer read it now. Click a cell, or use the arrow keys.",
    "lens_first": "What every stream would say next, token by token.",
    "no_lens_map": "No lens map was kept for {item}",
    "lens_kept": 'Only {kept} of {items} prompts are embedded (rule: {rule}). See any other with: strata lens CHECKPOINT "prompt"; --lens-maps N keeps more, beside the page where it has no room.',
    "lens_not_loaded": "The lens map could not be loaded",
    "lens_keys": (
        "Lens map. Arrow keys move between tokens and streams, Home and End go to the first and last token, "
        "Page Up and Page Down move ten streams, plus, minus and 0 zoom."
    ),
    "kl": "KL to the final stream {nats} nats",
    "tokens_here": "Tokens at this position, stream by stream",
    "tokens_note": "Position {position}; a token has no mark where it is not among the {top} most probable.",
    "tokens_aria": "Probabilities after token {position} by stream. {lines}",
    "token_last": "{token}: {probability} at its last stream",
    "token_never": "{token}: never among the most probable",
    # Keys.
    "key_cells": "on a map: from cell to cell",
    "key_ends": "on a map: first and last cell of the row",
    "key_enter": "on a map: what a click does there; in the item table: opens the item",
    "key_escape": "closes what explains a word",
    "key_link": "copies a link to this view",
    "key_streams": "in the lens map: ten streams up or down",
    "key_next_model": "goes over to the next model, same view",
    "key_next_shown": "goes on to the next model, or difference, in the map layer by layer",
    "map_keys": "{title}. Arrow keys go from cell to cell.",
    "map_keys_choose": "{title}. Arrow keys go from cell to cell, Enter filters the items by it.",
    "no_sweep_numbers": "No run of this sweep holds numbers for this view.",
    # Comparison.
    "no_change": "Weights: no change was measured",
    "no_matrix": "No matrix inside of the blocks could be compared.",
}
"""By key; `{name}` is put in by the script."""
