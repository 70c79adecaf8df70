"""What does an answer lose when one block's contribution is ablated? Ablation of prompts given as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import torch

from strata.probes.arguments.whole_numbers import whole_number
from strata.probes.checkpoints.open_model import Model, checkpoint_of
from strata.probes.checkpoints.torch_settings import undisturbed
from strata.probes.errors import StrataError
from strata.probes.interventions.ablation import DRAWS, ablate_pairs
from strata.probes.interventions.activation_patching import starts_of
from strata.probes.interventions.intervention import Ablation, AblationMethod
from strata.probes.interventions.minimal_pairs import ALL, Single
from strata.probes.progress import Progress, silent
from strata.probes.prompts.alignment import encode_items
from strata.probes.public_api.ablation_result import AblationResult
from strata.probes.public_api.edit_options import (
    Places,
    layers_of,
    memory_for,
    names_of,
    placed,
    places_of,
    require_places,
    require_windows,
    windows_of,
)
from strata.probes.public_api.questions import texts_asked
from strata.probes.rerun.run_edits import Component
from strata.probes.rerun.shared_recordings import Runs
from strata.probes.verification.before_measuring import admit

_COMPONENTS: tuple[Component, ...] = ("block_out", "attn_out", "mlp_out")
_METHODS: tuple[AblationMethod, ...] = get_args(AblationMethod)
_ONE_TOKEN = "only one token, and all is every token but the first"


@undisturbed()
def ablate(  # twelve parameters: a call of the public interface, each with a default that suits most
    model: Model,
    texts: Any,
    answers: str | Sequence[str] | None = None,
    *,
    foils: str | Sequence[str] | None = None,
    method: str | Sequence[str] = "zero",
    components: str | Sequence[str] = ("attn_out", "mlp_out"),
    positions: Places = (ALL,),
    layers: int | Iterable[int] | None = None,
    windows: int | Sequence[int] = 1,
    draws: int = DRAWS,
    batch_tokens: int | None = None,
    progress: Progress = silent,
) -> AblationResult:
    """How much the answer loses when what a block, its attention or its MLP adds is ablated, block by block.

    `texts`: strings with their `answers` (and `foils`), pairs (prompt, answer, foil_prompt, foil), or items. Scored is the
    first token in which the answer differs from its foil, without one the first that is more than a space: by how many
    nats its log-probability falls, and with a foil by how many logits the logit difference.

    `method`: zero puts nothing in place; mean the mean contribution over the other texts' tokens of the same named
    position; resample another text's, averaged over `draws` donors. Donors are the other texts given, of the same kind and
    family where texts are items, never the text itself given again: give at least two, better a dozen, of one template. The three push a model off its
    distribution in different ways (2404.15255): trust what they agree on.

    `positions`: `all` (every token but the first, whose activation is needed whatever the text; a text of one token is
    excluded), `last`, names of spans, or indices.
    `components`, `layers`, `windows`, `batch_tokens` as in `patch`; a stream can't be ablated.

    Raises StrataError for bad input, for no text that can be used, and for mean or resample ablation without other texts.

    >>> import strata
    >>> result = strata.ablate("smollm2", ["The capital of Germany is", "The opposite of hot is"], [" Berlin", " cold"],
    ...                        components="mlp_out", layers=[0, 10, 29])
    >>> result
    AblationResult(2 texts, 0 excluded; zero ablation of mlp_out at all; 3 blocks)
    >>> result.to_pandas()[["layer", "texts"]].values.tolist()
    [[0, 2], [10, 2], [29, 2]]
    """
    methods = names_of("methods", method, _METHODS)
    parts = names_of("components", components, _COMPONENTS)
    places, sizes, draws = places_of(positions), windows_of(windows), whole_number("draws", draws, 1)
    asked = texts_asked(texts, answers, foils)
    for question in asked:
        if not question.answer:
            raise StrataError(f"Text {question.id} has no answer to score", "Give answers, one for every text")
    checkpoint = checkpoint_of(model)
    blocks = layers_of(layers, checkpoint.n_layers)
    require_windows(sizes, blocks, checkpoint.n_layers)
    encoded, refused = encode_items(asked, checkpoint, checkpoint.max_context)
    excluded = {key: why.words for key, why in refused.items()}
    if ALL in places:
        short = {encoded_item.key: _ONE_TOKEN for encoded_item in encoded if len(encoded_item.prompt.ids) < 2}
        excluded |= short
        encoded = [encoded_item for encoded_item in encoded if encoded_item.key not in short]
    needs_donors = [name for name in methods if name != "zero"]
    if needs_donors:
        # A text given twice is one text: it is no donor of itself.
        different = {(encoded_item.item.group, encoded_item.prompt.ids) for encoded_item in encoded}
        sizes_of_groups = Counter(group for group, _ in different)
        alone = f"no other text of its group to take a {needs_donors[0]} from"
        excluded |= {
            encoded_item.key: alone for encoded_item in encoded if sizes_of_groups[encoded_item.item.group] < 2
        }
        encoded = [encoded_item for encoded_item in encoded if sizes_of_groups[encoded_item.item.group] > 1]
    if not encoded:
        counted = "; ".join(f"{count} × {reason}" for reason, count in Counter(excluded.values()).most_common())
        raise StrataError(
            f"None of the {len(asked)} texts can be ablated ({counted})",
            "Give at least two different texts of one group, or method='zero'"
            if needs_donors
            else "Change prompts or answers",
        )
    targets = [
        Single(
            encoded_item.key,
            placed(encoded_item.prompt, places),
            encoded_item.answer_id,
            encoded_item.foil_id,
            encoded_item.item.group,
        )
        for encoded_item in encoded
    ]
    require_places("text", places, [target.clean for target in targets])
    admit(checkpoint, [target.clean for target in targets], any_prompts=True, progress=progress)

    lines = [
        Ablation(name, part, place, size) for name in methods for part in parts for place in places for size in sizes
    ]
    log_prob, difference = torch.full((2, len(targets)), torch.nan)
    nats, logits = (
        {
            line: torch.full((len(targets), len(starts_of(line.window, blocks, checkpoint.n_layers))), torch.nan)
            for line in lines
        }
        for _ in range(2)
    )
    with memory_for(batch_tokens):
        for batch in ablate_pairs(
            Runs(checkpoint), targets, targets, lines, layers=blocks, draws=draws, log_probs=True,
            batch_tokens=batch_tokens, progress=progress, stage="ablation",
        ):  # fmt: skip
            rows = torch.tensor(batch.rows)
            assert batch.log_prob is not None
            log_prob[rows], difference[rows] = batch.log_prob, batch.intact.float()
            for line, drop in batch.log_prob_drop.items():
                nats[line][rows], logits[line][rows] = drop, batch.drop[line].float()
    return AblationResult(
        texts=tuple(target.key for target in targets),
        answers=tuple(checkpoint.token_text(target.answer_id) for target in targets),
        foils=tuple(None if target.foil_id is None else checkpoint.token_text(target.foil_id) for target in targets),
        log_prob=log_prob,
        logit_difference=difference,
        log_prob_drop=nats,
        logit_difference_drop=logits,
        layers=tuple(blocks),
        n_layers=checkpoint.n_layers,
        excluded=excluded,
    )
