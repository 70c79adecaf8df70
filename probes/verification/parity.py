"""Do torch hooks, restarted runs, TransformerLens, nnsight and plain Hugging Face see the same numbers in this model?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from strata.probes.backend_choice import BACKENDS, Remote
from strata.probes.backends import open_backend
from strata.probes.backends.contract import EDITABLE, SITE_NAMES, Backend, Site, SiteEdit
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.quiet_libraries import first_line
from strata.probes.errors import StrataError, is_out_of_memory
from strata.probes.numerics.double_precision import exact
from strata.probes.numerics.tolerance import differences, running_scale, tolerance_of
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import Batch, Side, pad
from strata.probes.prompts.prompt import Prompt
from strata.probes.rerun.edit_sweep import sweep
from strata.probes.rerun.no_restart import WhyWhole
from strata.probes.rerun.recording import record
from strata.probes.rerun.run_edits import COMPONENTS, Replacement
from strata.probes.rerun.why_whole import why_whole

RESTART = "restart"
"""Runs restarted from the middle of a recorded one. No backend of its own: it edits, and records left-padded."""
COMPARED = (*BACKENDS, RESTART)
_SIDES: tuple[Side, ...] = ("right", "left")
_TEXTS = (
    "The capital of France is",
    "If Anna is older than Ben, and Ben is older than Carla, then the oldest of the three is",
)
_RANDOM_LENGTHS = (3, 9, 17)


@dataclass(frozen=True)
class Comparison:
    """One quantity of one backend against its reference, over all blocks and all real tokens of the batch."""

    backend: str
    """torch, transformer_lens, nnsight, restart, or huggingface (the model called as anyone would)."""
    padding: Side
    """Side on which the compared batch was padded."""
    quantity: str
    """A site; `final_norm`: stream L through the final norm; `logits`; or `edit SITE`: the logits after an edit."""
    reference: str
    """What it was held against."""
    layer: int | None
    """Block with the largest relative difference (None for `final_norm`, `logits` and edits)."""
    max_absolute: float
    """Largest difference of one coordinate."""
    max_relative: float
    """Largest Euclidean distance of one token's vectors, over the largest norm its stream has had up to there."""
    tolerance: float
    """What `max_relative` may be in this dtype."""

    @property
    def ok(self) -> bool:
        return self.max_relative <= self.tolerance


@dataclass(frozen=True)
class Parity:
    comparisons: tuple[Comparison, ...]
    """By backend, padding side and quantity."""
    unavailable: Mapping[str, str | WhyWhole]
    """Backends that can't open this model, and `restart` where it can't be run from the middle, with the reason."""
    lengths: tuple[int, ...]
    """Tokens of each row of the batch."""
    dtype: str
    """Of the model's parameters."""
    attention: str
    """Attention implementation of the plain model."""

    @property
    def ok(self) -> bool:
        """Nothing that could be compared differs beyond its tolerance."""
        return all(comparison.ok for comparison in self.comparisons)


@dataclass(frozen=True)
class _Truth:
    """Every row run by itself, without padding, through the plain model (contributions: through torch hooks)."""

    sites: Mapping[Site, Float[Tensor, "token d_model"]]
    final_norm: Float[Tensor, "token d_model"]
    logits: Float[Tensor, "token vocab"]
    scale: Float[Tensor, "stream token"]
    """Largest norm of the token's stream so far."""
    cancelled: Float[Tensor, " token"]
    """How many times larger than at the end the stream has once been: final norm and logits inherit its rounding."""


def measure_parity(
    checkpoint: Checkpoint,
    *,
    backends: Sequence[str | Backend] = COMPARED,
    prompts: Sequence[Prompt] | None = None,
    seed: int = 0,
    remote: Remote = False,
    progress: Progress = silent,
) -> Parity:
    """Runs one batch of mixed lengths through every backend, padded right and padded left, and compares.

    Streams, the final norm and the logits are held against `model(input_ids, output_hidden_states=True)` of every
    row alone; contributions against torch hooks on every row alone, except that a block's contribution is the
    difference of two of those plain streams; edits, and runs restarted at them, against torch hooks on the
    right-padded batch.
    `prompts` default to two sentences and three random rows by `seed`.
    """
    if checkpoint.anatomy.n_streams > 1:
        raise StrataError(
            f"{type(checkpoint.model).__name__} has {checkpoint.anatomy.n_streams} streams a token",
            "Backends are compared on models with one; strata verify --architectures holds types of several against Hugging Face",
        )
    prompts = list(prompts) if prompts is not None else default_prompts(checkpoint, seed)
    restarts = RESTART in backends
    opened, unavailable = _open(checkpoint, [backend for backend in backends if backend != RESTART], remote)
    steps = 1 + 2 * (1 + len(opened)) + restarts
    progress("parity", 0, steps, "run")
    truth = _truth(checkpoint, prompts)
    edits = _edits(checkpoint, prompts, truth)
    expected = _edited_logits(TorchHooks(checkpoint), pad(prompts, checkpoint.pad_id), prompts, edits)
    comparisons: list[Comparison] = []
    runs: list[tuple[Backend | None, Side]] = [(backend, side) for backend in (None, *opened) for side in _SIDES]
    for done, (backend, side) in enumerate(runs, start=1):
        progress("parity", done, steps, "run")
        batch = pad(prompts, checkpoint.pad_id, side)
        if backend is None:
            comparisons += _compare_plain(checkpoint, batch, side, truth)
        else:
            try:
                read = [*_compare_reads(checkpoint, backend, batch, side, truth)]
                edited = _edited_logits(backend, batch, prompts, edits)
                comparisons += [
                    *read,
                    *_compare_edits(checkpoint, backend.name, side, edited, expected, truth, prompts),
                ]
            except Exception as error:  # a library's own code, on an architecture it may not know
                if backend.name == "torch" or is_out_of_memory(error):
                    raise
                unavailable[backend.name] = (
                    f"it fails on rows padded {side} ({type(error).__name__}: {first_line(error)})"
                )
    if restarts:
        edited = _restarted_logits(checkpoint, prompts, edits)
        reason = why_whole(checkpoint)
        if reason is None:
            comparisons += _compare_edits(checkpoint, RESTART, "left", edited, expected, truth, prompts)
        else:
            unavailable[RESTART] = reason
    progress("parity", steps, steps, "run")
    return Parity(
        comparisons=tuple(comparisons),
        unavailable=unavailable,
        lengths=tuple(len(prompt.ids) for prompt in prompts),
        dtype=str(checkpoint.dtype).removeprefix("torch."),
        attention=checkpoint.attention,
    )


def default_prompts(checkpoint: Checkpoint, seed: int = 0) -> list[Prompt]:
    """Two sentences and three rows of random ids: unequal lengths, and any tokenizer will do."""
    generator = torch.Generator().manual_seed(seed)
    longest = checkpoint.max_context or 1 << 30
    rows = [checkpoint.encode(text) for text in _TEXTS]
    for length in _RANDOM_LENGTHS:
        ids = torch.randint(checkpoint.vocab_size, (length,), generator=generator).tolist()
        rows.append((*checkpoint.prefix, *ids))
    return [Prompt(f"row {index}", row[:longest]) for index, row in enumerate(rows)]


def _open(
    checkpoint: Checkpoint, backends: Sequence[str | Backend], remote: Remote
) -> tuple[list[Backend], dict[str, str | WhyWhole]]:
    opened: list[Backend] = []
    unavailable: dict[str, str | WhyWhole] = {}
    for backend in backends:
        if not isinstance(backend, str):
            opened.append(backend)
            continue
        try:
            opened.append(open_backend(backend, checkpoint, remote=remote if backend == "nnsight" else False))
        except StrataError as error:
            unavailable[backend] = str(error)
    return opened, unavailable


def _sites(checkpoint: Checkpoint) -> list[Site]:
    names = [name for name in SITE_NAMES if not (name == "resid_mid" and checkpoint.anatomy.parallel)]
    return [Site(name, layer) for layer in range(checkpoint.n_layers) for name in names]


def _truth(checkpoint: Checkpoint, prompts: Sequence[Prompt]) -> _Truth:
    hooks, sites = TorchHooks(checkpoint), _sites(checkpoint)
    hidden: list[list[Tensor]] = []
    logits: list[Tensor] = []
    by_hooks: list[Mapping[Site, Tensor]] = []
    for prompt in prompts:
        ids = torch.tensor([prompt.ids], device=checkpoint.device)
        with torch.no_grad():
            output = checkpoint.model(
                input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True, use_cache=False
            )
        hidden.append([h[0].to(checkpoint.device) for h in output.hidden_states])
        logits.append(output.logits[0])
        by_hooks.append(hooks.read(pad([prompt], checkpoint.pad_id), sites).values)
    streams = [torch.cat([row[stream] for row in hidden]) for stream in range(checkpoint.n_layers + 1)]
    # The last hidden state has been through the final norm: it is no stream.
    final_norm = streams.pop()
    values = {site: torch.cat([row[site][0] for row in by_hooks]) for site in sites}
    for layer in range(checkpoint.n_layers):
        values[Site("resid_pre", layer)] = streams[layer]
        if layer + 1 < checkpoint.n_layers:
            values[Site("resid_post", layer)] = streams[layer + 1]
            values[Site("block_out", layer)] = exact(streams[layer + 1]) - exact(streams[layer])
    last = values[Site("resid_post", checkpoint.n_layers - 1)]
    scale = running_scale(torch.stack([*streams, last]))
    # A stream of zeros (the embedding of a pad id) has cancelled nothing.
    cancelled = (scale[-1] / torch.linalg.vector_norm(exact(last), dim=-1)).nan_to_num(1.0)
    return _Truth(values, final_norm, torch.cat(logits), scale, cancelled)


def _compare_plain(checkpoint: Checkpoint, batch: Batch, side: Side, truth: _Truth) -> Iterator[Comparison]:
    real, placed = batch.mask.bool(), batch.to(checkpoint.device)
    with torch.no_grad():
        output = checkpoint.model(
            input_ids=placed.ids,
            attention_mask=placed.mask,
            position_ids=placed.position_ids,
            output_hidden_states=True,
            use_cache=False,
        )
    streams = {Site("resid_pre", layer): h for layer, h in enumerate(output.hidden_states[:-1])}
    real_streams = {site: h.to(checkpoint.device)[real.to(checkpoint.device)] for site, h in streams.items()}
    compare = _comparer(checkpoint, "huggingface", side, truth)
    yield compare("resid_pre", real_streams, "plain, row by row")
    yield from _compare_ends(
        checkpoint, "huggingface", side, truth, output.hidden_states[-1][real], output.logits[real]
    )


def _compare_reads(
    checkpoint: Checkpoint, backend: Backend, batch: Batch, side: Side, truth: _Truth
) -> Iterator[Comparison]:
    sites, real = _sites(checkpoint), batch.mask.bool().to(checkpoint.device)
    activations = backend.read(batch, sites, logits=True)
    values = {site: h[real] for site, h in activations.values.items()}
    compare = _comparer(checkpoint, backend.name, side, truth)
    for name in dict.fromkeys(site.name for site in sites):
        of_name = {site: h for site, h in values.items() if site.name == name}
        plain = name in ("resid_pre", "resid_post", "block_out")
        yield compare(name, of_name, "plain, row by row" if plain else "torch, row by row")
    assert activations.logits is not None
    with torch.no_grad():
        normed = checkpoint.readout.normed(values[Site("resid_post", checkpoint.n_layers - 1)])
    yield from _compare_ends(checkpoint, backend.name, side, truth, normed, activations.logits[real])


def _comparer(
    checkpoint: Checkpoint, backend: str, side: Side, truth: _Truth
) -> Callable[[str, Mapping[Site, Tensor], str], Comparison]:
    tolerance = tolerance_of(checkpoint.dtype).stream

    def compare(quantity: str, measured: Mapping[Site, Tensor], reference: str) -> Comparison:
        by_layer = {}
        for site, h in measured.items():
            scale = truth.scale[site.layer if site.name == "resid_pre" else site.layer + 1]
            by_layer[site.layer] = differences(h, truth.sites[site], scale)
        worst = max(by_layer, key=lambda layer: by_layer[layer][1])
        largest = max(absolute for absolute, _ in by_layer.values())
        return Comparison(backend, side, quantity, reference, worst, largest, by_layer[worst][1], tolerance)

    return compare


def _compare_ends(
    checkpoint: Checkpoint, backend: str, side: Side, truth: _Truth, normed: Tensor, logits: Tensor
) -> Iterator[Comparison]:
    tolerance = tolerance_of(checkpoint.dtype).logits
    for quantity, measured, expected in (("final_norm", normed, truth.final_norm), ("logits", logits, truth.logits)):
        scale = _after_norm(expected, truth.cancelled)
        absolute, relative = differences(measured.to(expected.device), expected, scale)
        yield Comparison(backend, side, quantity, "plain, row by row", None, absolute, relative, tolerance)


def _after_norm(expected: Float[Tensor, "token width"], cancelled: Float[Tensor, " token"]) -> Float[Tensor, " token"]:
    return torch.linalg.vector_norm(exact(expected), dim=-1) * cancelled.to(expected.device)


def _edited_places(prompts: Sequence[Prompt]) -> Int[Tensor, "row position"]:
    """The middle and the last token of every row."""
    return torch.tensor([[len(prompt.ids) // 2, len(prompt.ids) - 1] for prompt in prompts])


def _edits(checkpoint: Checkpoint, prompts: Sequence[Prompt], truth: _Truth) -> dict[str, tuple[Site, Tensor]]:
    """For every editable site of the middle block, what the row before has at the same places."""
    layer = checkpoint.n_layers // 2
    starts = torch.tensor([0, *(len(prompt.ids) for prompt in prompts)]).cumsum(0)[:-1]
    donors = (starts[:, None] + _edited_places(prompts)).roll(1, dims=0)
    return {
        f"edit {name}": (Site(name, layer), truth.sites[Site(name, layer)][donors].to(checkpoint.dtype))
        for name in EDITABLE
    }


def _edited_logits(
    backend: Backend, batch: Batch, prompts: Sequence[Prompt], edits: Mapping[str, tuple[Site, Tensor]]
) -> dict[str, Float[Tensor, "row vocab"]]:
    where = _edited_places(prompts) + batch.start[:, None]
    edited = {}
    for name, (site, values) in edits.items():
        logits = backend.edit(batch, [SiteEdit(site, where, values)], where[:, -1:]).logits
        assert logits is not None
        edited[name] = logits[:, 0]
    return edited


def _everywhere(values: Tensor, layer: int) -> Tensor:
    return values


def _restarted_logits(
    checkpoint: Checkpoint, prompts: Sequence[Prompt], edits: Mapping[str, tuple[Site, Tensor]]
) -> dict[str, Float[Tensor, "row vocab"]]:
    """All edits as the runs of one sweep, which starts at the edited block."""
    run = record(checkpoint, prompts)
    where = _edited_places(prompts) + run.batch.start[:, None]
    names, replacements = [], []
    for name, (site, values) in edits.items():
        if site.name in COMPONENTS:
            names.append(name)
            replacements.append(Replacement(site.name, range(site.layer, site.layer + 1), partial(_everywhere, values)))
    with torch.no_grad():
        logits = checkpoint.readout.logits(sweep(run, replacements, where)[:, :, 0])
    return dict(zip(names, logits.to(checkpoint.device), strict=True))


def _compare_edits(
    checkpoint: Checkpoint,
    backend: str,
    side: Side,
    edited: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    truth: _Truth,
    prompts: Sequence[Prompt],
) -> Iterator[Comparison]:
    ends = torch.tensor([len(prompt.ids) for prompt in prompts]).cumsum(0) - 1
    for name, logits in edited.items():
        absolute, relative = differences(logits, expected[name], _after_norm(expected[name], truth.cancelled[ends]))
        yield Comparison(
            backend, side, name, "torch, right-padded", None, absolute, relative, tolerance_of(checkpoint.dtype).logits
        )
