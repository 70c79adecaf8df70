"""Which block, at which position, carries the answer? Activation patching over minimal pairs given as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

import torch

from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_model import Model, checkpoint_of
from strata.probes.checkpoints.torch_settings import undisturbed
from strata.probes.errors import StrataError
from strata.probes.interventions.activation_patching import CONTROLS, patch_pairs, starts_of
from strata.probes.interventions.intervention import Patching
from strata.probes.interventions.minimal_pairs import ALL, pair_of
from strata.probes.interventions.scores import LEAST_DIFFERENCE
from strata.probes.progress import Progress, silent
from strata.probes.prompts.alignment import Encoded, encode_items
from strata.probes.prompts.exclusion import Exclusion
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
from strata.probes.public_api.patching_result import PatchingResult, counted_reasons
from strata.probes.public_api.questions import Asked, pairs_asked
from strata.probes.rerun.run_edits import COMPONENTS
from strata.probes.rerun.shared_recordings import Runs
from strata.probes.verification.before_measuring import admit
from strata.probes.verification.intervention_self_tests import run_causal_self_tests
from strata.probes.verification.model_self_tests import SelfTest, require_passed

Direction = Literal["denoise", "noise", "both"]

_TESTED: WeakKeyDictionary[Checkpoint, tuple[SelfTest, ...]] = WeakKeyDictionary()
"""What the gate said of each checkpoint when it passed the self-tests of interventions: these are about the model, not about the
pairs, so they are made again only where the gate makes its own again."""


@undisturbed()
def patch(  # twelve parameters: a call of the public interface, each with a default that suits most
    model: Model,
    pairs: Iterable[Any],
    *,
    components: str | Sequence[str] = ("attn_out", "mlp_out"),
    positions: Places = ("last",),
    layers: int | Iterable[int] | None = None,
    direction: Direction = "denoise",
    windows: int | Sequence[int] = 1,
    controls: str | Sequence[str] = (),
    least_difference: float = LEAST_DIFFERENCE,
    seed: int = 0,
    batch_tokens: int | None = None,
    progress: Progress = silent,
) -> PatchingResult:
    """Activation patching (2309.16042, 2404.15255): the corrupted run with one activation of the clean run, block by block.

    `pairs`: tuples (prompt, answer, foil_prompt, foil), dicts with these keys (and `spans`, `foil_spans`, `id`), or items.
    The clean run reads `prompt`, the corrupted run `foil_prompt`; the measure is the logit difference answer − foil at
    the last position, of the first token in which the two differ. Pairs may have any lengths; the two prompts of one pair
    must have the same number of tokens. A pair that can't be used is in `excluded` with its reason; so is one whose clean
    run's logit difference isn't `least_difference` logits above that of the corrupted run: there is nothing to move.

    `components`: `attn_out`, `mlp_out`, `block_out` (their sum), `resid_pre` (the stream that enters the block).
    `positions`: `last`, names of spans (their last token), indices into the token ids (negative: from the end), or `all`:
    every token from the first that differs on, at once. Before that token both runs are the same and an edit has no effect.
    `layers`: blocks to patch (default: all); with `windows` over 1 so many consecutive blocks at once, from each of them.
    `direction`: denoise puts clean activations into the corrupted run (0: corrupted run, 1: clean run), noise puts
    corrupted ones into the clean run (0: clean run, 1: corrupted run). `controls` are denoised with something that should
    not restore the answer: `random_donor` (another pair's activation), `norm_matched_noise` (as far, in a random direction),
    `wrong_position` (another position's); contributions at named positions only. `seed` is that of random directions;
    `batch_tokens` bounds how many recomputed tokens are held at once.

    Raises StrataError for bad input and when no pair can be used, NotSupportedError for a model that isn't read rightly.

    >>> import strata
    >>> pairs = [("The capital of Germany is", " Berlin", "The capital of France is", " Paris"),
    ...          ("The opposite of hot is", " cold", "The opposite of big is", " small")]
    >>> result = strata.patch("smollm2", pairs, components="block_out")
    >>> result
    PatchingResult(2 pairs, 0 excluded; denoise; block_out at last; 30 blocks)
    >>> effect = result.effect("block_out")
    >>> tuple(effect.shape), int(effect.argmax())
    ((30,), 23)
    """
    lines = _lines(components, positions, direction, windows, controls)
    asked = pairs_asked(pairs)
    checkpoint = checkpoint_of(model)
    blocks = layers_of(layers, checkpoint.n_layers)
    require_windows([line.window for line in lines], blocks, checkpoint.n_layers)
    encoded, excluded, alike = _usable(asked, checkpoint)
    if not encoded:
        raise StrataError(*_none_usable(len(asked), excluded, alike))
    places = [line.position for line in lines]
    given = [
        replace(pair, clean=placed(pair.clean, places), foil=placed(pair.foil, places))
        for pair in (pair_of(encoded_item, encoded_item.item.group) for encoded_item in encoded)
    ]
    require_places("pair", places, [pair.clean for pair in given])
    admitted = admit(
        checkpoint,
        [prompt for pair in given for prompt in (pair.clean, pair.foil)],
        any_prompts=True,
        progress=progress,
    )
    if _TESTED.get(checkpoint) is not admitted:
        require_passed(run_causal_self_tests(checkpoint, given))
        _TESTED[checkpoint] = admitted

    clean, corrupted = torch.full((2, len(given)), torch.nan)
    widths = {line: len(starts_of(line.window, blocks, checkpoint.n_layers)) for line in lines}
    shift = {line: torch.full((len(given), width), torch.nan) for line, width in widths.items()}
    with memory_for(batch_tokens):
        for batch in patch_pairs(
            Runs(checkpoint),
            given,
            lines,
            layers=blocks,
            seed=seed,
            batch_tokens=batch_tokens,
            progress=progress,
        ):
            rows = torch.tensor(batch.rows)
            clean[rows], corrupted[rows] = batch.clean.float(), batch.foil.float()
            for line, moved in batch.shift.items():
                shift[line][rows] = moved.float()

    strong = clean - corrupted >= least_difference
    for row in (~strong).nonzero().flatten().tolist():
        key = encoded[row].key
        alike[key] = _weak(least_difference)
        excluded[key] = _weak(least_difference, f" ({clean[row]:.4g})", f" ({corrupted[row]:.4g})")
    if not bool(strong.any()):
        raise StrataError(*_none_usable(len(asked), excluded, alike))
    kept = [encoded_item for encoded_item, is_strong in zip(encoded, strong.tolist(), strict=True) if is_strong]
    return PatchingResult(
        pairs=tuple(encoded_item.key for encoded_item in kept),
        answers=tuple(checkpoint.token_text(encoded_item.answer_id) for encoded_item in kept),
        foils=tuple(checkpoint.token_text(encoded_item.foil_id or 0) for encoded_item in kept),
        clean=clean[strong],
        corrupted=corrupted[strong],
        shift={line: moved[strong] for line, moved in shift.items()},
        layers=tuple(blocks),
        n_layers=checkpoint.n_layers,
        excluded=excluded,
        excluded_alike=alike,
    )


def _lines(
    components: str | Sequence[str],
    positions: Places,
    direction: Direction,
    windows: int | Sequence[int],
    controls: str | Sequence[str],
) -> list[Patching]:
    parts: tuple[Any, ...] = names_of("components", components, COMPONENTS)
    places, sizes = places_of(positions), windows_of(windows)
    if direction not in get_args(Direction):
        raise StrataError(f"There is no direction {direction!r}", f"Choose among: {', '.join(get_args(Direction))}")
    if "resid_pre" in parts and max(sizes) > 1:
        raise StrataError("A stream is patched at one block, not in a window", "Give windows=1, or leave resid_pre out")
    measures: Any = ("denoise", "noise") if direction == "both" else (direction,)
    extra: tuple[Any, ...] = names_of("controls", controls, CONTROLS) if controls else ()
    controlled = [part for part in parts if part != "resid_pre"], [place for place in places if place != ALL]
    if extra and not all(controlled):
        raise StrataError(
            "Controls need a contribution at a named position",
            "Add attn_out, mlp_out or block_out to components and last or a span to positions, or leave controls out",
        )
    lines = [
        Patching(measure, part, place, size)
        for measure in measures
        for part in parts
        for place in places
        for size in sizes
    ]
    return lines + [
        Patching(measure, part, place, size)
        for measure in extra
        for part in controlled[0]
        for place in controlled[1]
        for size in sizes
    ]


def _usable(
    asked: Sequence[Asked], checkpoint: Checkpoint
) -> tuple[list[Encoded[Asked]], dict[str, str], dict[str, str]]:
    """The pairs that line up under the checkpoint's tokenizer, and why the others don't: each its own way, and all alike."""
    encoded, refused = encode_items(asked, checkpoint, checkpoint.max_context)
    excluded = {key: why.words for key, why in refused.items()}
    aligned = []
    tokens: dict[str, str] = {}
    for encoded_item in encoded:
        if not encoded_item.aligned or encoded_item.foil_prompt is None:
            excluded[encoded_item.key] = Exclusion(encoded_item.unaligned_reason or "no-pair").words
            if encoded_item.unaligned_reason == "lengths-differ" and encoded_item.foil_prompt is not None:
                lengths = (
                    len(prompt.ids) - encoded_item.shared_prefix
                    for prompt in (encoded_item.prompt, encoded_item.foil_prompt)
                )
                tokens[encoded_item.key] = " ({} and {} tokens)".format(*lengths)
        elif encoded_item.prompt.ids == encoded_item.foil_prompt.ids:
            excluded[encoded_item.key] = Exclusion("same-prompts").words
        else:
            aligned.append(encoded_item)
    return aligned, {key: reason + tokens.get(key, "") for key, reason in excluded.items()}, excluded


def _weak(least_difference: float, clean: str = "", corrupted: str = "") -> str:
    least = f"{least_difference:g} (least_difference)"
    return f"the clean run's logit difference{clean} is not {least} above the corrupted run's{corrupted}"


def _none_usable(n_asked: int, excluded: dict[str, str], alike: dict[str, str]) -> tuple[str, str]:
    reasons = counted_reasons(excluded, alike)
    remedy = "Give prompts of one token length that differ in one word, with answers between which the model tells them apart"
    return f"None of the {n_asked} pairs can be used ({reasons})", remedy
