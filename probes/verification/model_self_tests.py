"""Identities that hold for every model if it is read and edited rightly; an experiment that fails one must not go on."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import torch
from jaxtyping import Float
from torch import Tensor

from strata.probes.backends.body_inputs import body_inputs
from strata.probes.backends.contract import Backend, Site, SiteEdit, streams_of
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError, SelfTestError, is_out_of_memory
from strata.probes.numerics.double_precision import exact
from strata.probes.numerics.tolerance import differences, running_scale, tolerance_of
from strata.probes.progress import Progress, silent
from strata.probes.prompts.batching import Batch, Side, pad
from strata.probes.prompts.prompt import Prompt

_MOST_PROMPTS = 4
_MOST_TOKENS = 16
_ADDED_PADS = 5
_SIDES: tuple[Side, ...] = ("right", "left")
_PLACES = 16
"""At which the longest and the shortest prompt are compared: streams everywhere would fill the memory of long ones."""


@dataclass(frozen=True)
class SelfTest:
    name: str
    """The identity, as a claim."""
    passed: bool
    """Whether `value` is at most `tolerance`."""
    value: float
    """Largest deviation found; its unit is in `note`."""
    tolerance: float
    """Largest deviation that rounding in the model's dtype explains."""
    note: str
    """What was compared, and in which unit."""


class FiniteLogits(SelfTest):
    """The self-test that broken weights fail, whatever the architecture."""


def run_self_tests(
    checkpoint: Checkpoint,
    prompts: Sequence[Prompt],
    *,
    backend: Backend | None = None,
    progress: Progress = silent,
) -> tuple[SelfTest, ...]:
    """The identities of capture and lens on the first tokens of a few of `prompts`, of the most different lengths.

    Those that a prompt's length may break are tried on the longest and the shortest prompt as well, uncut. `backend`
    defaults to torch hooks. Costs about fifteen small forward passes and six of the longest prompt (two, where it is the
    only one).
    Raises DoesNotFitError where the two don't fit into memory.
    """
    if not prompts:
        raise ValueError("self-tests need at least one prompt")
    backend = backend or TorchHooks(checkpoint)
    bench = _Bench(checkpoint, backend, beginnings_of(prompts), _ends(prompts))
    results: list[SelfTest] = []
    tests = (
        _logits_are_finite,
        _clean_into_clean,
        _every_position_is_the_donor,
        _contributions_add_up,
        _lens_is_the_model,
        _silencing_is_deleting,
        _invariances,
        _length_does_not_matter,
        _lens_is_the_model_at_length,
    )
    for done, test in enumerate(tests):
        progress("self-tests", done, len(tests), "test")
        try:
            results += test(bench)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            raise DoesNotFitError(
                f"The longest prompt ({len(bench.ends[-1].ids)} tokens) does not fit into memory beside the shortest",
                "Leave it out, or use --dtype bfloat16, a smaller model or --device-map auto",
            ) from error
    progress("self-tests", len(tests), len(tests), "test")
    return tuple(results)


def beginnings_of(prompts: Sequence[Prompt]) -> list[Prompt]:
    """The first tokens of a few of `prompts`, of the most different lengths, the shortest first: of these, the same again."""
    cut = [Prompt(prompt.key, prompt.ids[:_MOST_TOKENS]) for prompt in prompts]
    by_length = sorted(cut, key=lambda prompt: len(prompt.ids))
    if len(by_length) <= _MOST_PROMPTS:
        return by_length
    step = (len(by_length) - 1) / (_MOST_PROMPTS - 1)
    return [by_length[round(index * step)] for index in range(_MOST_PROMPTS)]


def logits_sha256(checkpoint: Checkpoint, beginnings: Sequence[Prompt]) -> str:
    """Of the logits that torch hooks read in one small forward pass over the first tokens that the self-tests look at."""
    read = TorchHooks(checkpoint).read(pad(beginnings, checkpoint.pad_id), [], logits=True)
    assert read.logits is not None
    return sha256(read.logits.float().cpu().contiguous().numpy().tobytes()).hexdigest()


def require_passed(results: Sequence[SelfTest]) -> None:
    """Raises SelfTestError that names the first failed identity."""
    failed = [result for result in results if not result.passed]
    if failed:
        first = failed[0]
        raise SelfTestError(
            f"Self-test '{first.name}' failed: {first.value:.3g} where at most {first.tolerance:.3g} is rounding "
            f"({len(failed)} of {len(results)} self-tests failed)",
            "Do not trust numbers from this model; `strata verify` shows which backend differs at which site",
        )


def logits_are_finite(largest: Float[Tensor, " token"]) -> FiniteLogits:
    """Whether the largest logit (or log-probability) of every token is a number: single logits may be masked out."""
    lost = int((~largest.isfinite()).sum())
    note = f"tokens without a finite logit, of {largest.numel()}"
    return FiniteLogits("logits are finite", lost == 0, lost, 0.0, note)


class _Bench:
    """What the tests share: one right-padded batch, read once; and whole prompts of the most different lengths."""

    def __init__(
        self, checkpoint: Checkpoint, backend: Backend, prompts: Sequence[Prompt], ends: Sequence[Prompt]
    ) -> None:
        self.checkpoint, self.backend, self.prompts, self.ends = checkpoint, backend, prompts, ends
        self.n_layers = checkpoint.n_layers
        self.tolerance = tolerance_of(checkpoint.dtype)
        self.batch = pad(prompts, checkpoint.pad_id)
        self.everywhere = torch.arange(self.batch.ids.shape[1]).expand(self.batch.ids.shape)
        self.real = self.batch.mask.bool().to(checkpoint.device)
        parts = [Site(name, layer) for layer in range(self.n_layers) for name in ("attn_out", "mlp_out")]
        self.clean = backend.read(self.batch, [*streams_of(self.n_layers), *parts], logits=True)
        self.streams = self.clean.stack(streams_of(self.n_layers)).transpose(0, 1)[:, self.real]
        """Float[Tensor, "stream token d_model"], real tokens only."""
        self.scale = running_scale(self.streams)

    def read_whole(self, rows: Sequence[int], side: Side = "right") -> list[Float[Tensor, "stream place d_model"]]:
        """Streams of whole prompts in one batch, at places spread over each, its last token among them."""
        prompts = [self.ends[row] for row in rows]
        batch, sites = pad(prompts, self.checkpoint.pad_id, side), streams_of(self.n_layers)
        places = [torch.linspace(0, len(prompt.ids) - 1, _PLACES).round().long() for prompt in prompts]
        return list(self.backend.read(batch, sites, torch.stack(places) + batch.start[:, None]).stack(sites))

    @cached_property
    def alone(self) -> list[Float[Tensor, "stream place d_model"]]:
        """`read_whole` of each of `ends` by itself, the shortest first."""
        return [self.read_whole([row])[0] for row in range(len(self.ends))]

    def logits_after(self, edits: Sequence[SiteEdit]) -> Float[Tensor, "token vocab"]:
        logits = self.backend.edit(self.batch, edits).logits
        assert logits is not None
        return logits[self.real]

    @property
    def logits(self) -> Float[Tensor, "token vocab"]:
        assert self.clean.logits is not None
        return self.clean.logits[self.real]

    def put(self, site: Site, values: Float[Tensor, "item token d_model"]) -> SiteEdit:
        return SiteEdit(site, self.everywhere, values)


def _ends(prompts: Sequence[Prompt]) -> list[Prompt]:
    """The shortest and the longest prompt. Where all are as long, one is cut in half; a single one needs no company."""
    by_length = sorted(prompts, key=lambda prompt: len(prompt.ids))
    shortest, longest = by_length[0], by_length[-1]
    if len(prompts) == 1:
        return [longest]
    if len(shortest.ids) == len(longest.ids):
        shortest = Prompt("half", longest.ids[: max(1, len(longest.ids) // 2)])
    return [shortest, longest]


def _result(name: str, value: float, tolerance: float, note: str) -> SelfTest:
    return SelfTest(name, value <= tolerance, value, tolerance, note)


def _logits_are_finite(bench: _Bench) -> Iterator[SelfTest]:
    yield logits_are_finite(bench.logits.amax(-1))


def _clean_into_clean(bench: _Bench) -> Iterator[SelfTest]:
    layers = sorted({0, bench.n_layers // 2, bench.n_layers - 1})
    sites = [Site(name, layer) for layer in layers for name in ("resid_pre", "attn_out", "mlp_out")]
    patched = bench.logits_after([bench.put(site, bench.clean.values[site]) for site in sites])
    change = differences(patched, bench.logits, torch.ones(len(patched), device=patched.device))[0]
    # Where a block rescales a contribution (Granite), or it is told from the stream around it, the way in and out rounds.
    exact = bench.checkpoint.anatomy.is_exact
    yield _result(
        "patching a run into itself changes nothing",
        change,
        0.0 if exact else bench.tolerance.logits * float(bench.logits.abs().max()),
        f"largest change of a logit; stream, mixer and channel part of blocks {', '.join(map(str, layers))} at once",
    )


def _every_position_is_the_donor(bench: _Bench) -> Iterator[SelfTest]:
    beside = bench.checkpoint.anatomy.beside_stream
    if beside is not None:
        yield from _stream_is_the_run_it_comes_from(bench, beside)
        return
    size = int(bench.checkpoint.model.get_input_embeddings().weight.shape[0])
    donors = [Prompt(prompt.key, tuple((token + 1) % size for token in prompt.ids)) for prompt in bench.prompts]
    stream = Site("resid_pre", bench.n_layers // 2)
    donor = bench.backend.read(pad(donors, bench.checkpoint.pad_id), [stream], logits=True)
    assert donor.logits is not None
    patched = exact(bench.logits_after([bench.put(stream, donor.values[stream])]))
    wanted, before = exact(donor.logits[bench.real]), exact(bench.logits)
    effect = float(((patched - before) * (wanted - before)).sum() / (wanted - before).square().sum())
    yield _result(
        "patching every position of one stream gives the donor's run",
        float((patched - wanted).norm() / (wanted - before).norm()),
        bench.tolerance.rounding,
        f"distance to the donor's logits over the way there; stream {stream.layer}, effect {effect:.7f}",
    )


def _stream_is_the_run_it_comes_from(bench: _Bench, beside: str) -> Iterator[SelfTest]:
    """Of blocks that read more than the stream: the donor has the same tokens, and another output of the block before."""
    stream = Site("resid_pre", bench.n_layers // 2)
    if not stream.layer:
        return
    before = Site("resid_post", stream.layer - 1)
    other = bench.clean.values[stream].roll(1, dims=0).flip(1)
    edited = bench.backend.edit(bench.batch, [bench.put(before, other)], sites=[stream])
    assert edited.logits is not None
    patched = exact(bench.logits_after([bench.put(stream, edited.values[stream])]))
    wanted, unedited = exact(edited.logits[bench.real]), exact(bench.logits)
    yield _result(
        "patching every position of one stream gives the run that it comes from",
        float((patched - wanted).norm() / (wanted - unedited).norm()),
        bench.tolerance.rounding,
        f"distance to that run's logits over the way there; stream {stream.layer}; same tokens, since blocks read {beside} too",
    )


def _contributions_add_up(bench: _Bench) -> Iterator[SelfTest]:
    total = exact(bench.streams[0])
    for layer in range(bench.n_layers):
        for name in ("attn_out", "mlp_out"):
            total = total + exact(bench.clean.values[Site(name, layer)][bench.real])
    value = differences(total, bench.streams[-1], bench.scale[-1])[1]
    yield _result(
        "stream 0 plus every contribution is stream L",
        value,
        bench.tolerance.stream,
        "Euclidean distance over the largest norm of the token's stream",
    )


def _lens_is_the_model(bench: _Bench) -> Iterator[SelfTest]:
    with torch.no_grad():
        model_logits = bench.logits if bench.checkpoint.is_elsewhere else _logits_without_hooks(bench)
        lens_logits = bench.checkpoint.readout.logits(bench.streams[-1]).to(model_logits.device)
    norms = torch.linalg.vector_norm(exact(model_logits), dim=-1)
    yield _result(
        "the lens at stream L gives the model's logits",
        differences(lens_logits, model_logits, norms)[1],
        bench.tolerance.rounding,
        f"Euclidean distance over the norm of the logits; {_called(bench)}",
    )


def _logits_without_hooks(bench: _Bench) -> Float[Tensor, "token vocab"]:
    # Ones for a mask: under causal attention the pads behind a row change nothing, and the kernels stay the same.
    given = body_inputs(bench.checkpoint, bench.batch.to(bench.checkpoint.device))
    given.setdefault("attention_mask", torch.ones_like(given["input_ids"]))
    logits: Tensor = bench.checkpoint.model(**given, use_cache=False).logits
    return logits[bench.real]


def _called(bench: _Bench) -> str:
    return "the logits that the server gives" if bench.checkpoint.is_elsewhere else "the model called without hooks"


def _silencing_is_deleting(bench: _Bench) -> Iterator[SelfTest]:
    layer = bench.n_layers // 2
    nothing = torch.zeros_like(bench.clean.values[Site("attn_out", layer)])
    silenced = bench.logits_after([bench.put(Site(name, layer), nothing) for name in ("attn_out", "mlp_out")])
    entering = bench.clean.values[Site("resid_pre", layer)]
    # What blocks hand on beside the stream has to be the same in both.
    alike = [] if bench.checkpoint.anatomy.beside_stream is None else [bench.put(Site("attn_out", layer), nothing)]
    deleted = bench.logits_after([*alike, bench.put(Site("resid_post", layer), entering)])
    yield _result(
        "zeroing what a block's steps add deletes the block",
        differences(silenced, deleted, torch.linalg.vector_norm(exact(deleted), dim=-1))[1],
        bench.tolerance.rounding,
        f"Euclidean distance over the norm of the logits; block {layer}",
    )


def _invariances(bench: _Bench) -> Iterator[SelfTest]:
    prompts, pad_id = list(bench.prompts), bench.checkpoint.pad_id
    longest = max(prompts, key=lambda prompt: len(prompt.ids))
    longer = Prompt("longer", (longest.ids + (longest.ids[-1],) * _ADDED_PADS)[: bench.checkpoint.max_context])
    n_rows = len(prompts)
    # What is changed, the batches that show it, and after how many rows the prompts come again.
    rows: tuple[tuple[str, list[Batch], int], ...] = (
        ("batch order", [pad(prompts[::-1], pad_id)], n_rows),
        ("batch size", [pad([prompt], pad_id) for prompt in prompts[::-1]], n_rows),
        ("padding side", [pad(prompts[::-1], pad_id, "left")], n_rows),
        (
            "added pads",
            [pad([*prompts[::-1], longer], pad_id), pad([*prompts[::-1], longer], pad_id, "left")],
            n_rows + 1,
        ),
    )
    for change, batches, every in rows:
        by_row = [stream for batch in batches for stream in _streams_by_row(bench, batch)]
        # Rows come in reverse order, over and over, with the row that only made the batch longer in between.
        wanted = [*_rows_of(bench, bench.streams)][::-1]
        scales = [*_rows_of(bench, bench.scale[..., None])][::-1]
        pairs = [(by_row[index], index % every) for index in range(len(by_row)) if index % every < n_rows]
        value = max(differences(streams, wanted[row], scales[row][..., 0])[1] for streams, row in pairs)
        yield _result(
            f"streams do not depend on {change}",
            value,
            bench.tolerance.stream,
            "Euclidean distance over the largest norm of the token's stream; every stream and token",
        )


def _length_does_not_matter(bench: _Bench) -> Iterator[SelfTest]:
    """Short before long, and short again: what a long prompt leaves behind in a module shows as well."""
    alone = bench.alone
    if len(alone) == 1:
        return
    again = [(0, bench.read_whole([0])[0])]
    together = [(row, streams) for side in _SIDES for row, streams in enumerate(bench.read_whole([0, 1], side))]
    value = max(differences(streams, alone[row], running_scale(alone[row]))[1] for row, streams in (*again, *together))
    lengths = " and ".join(str(len(prompt.ids)) for prompt in bench.ends)
    yield _result(
        "streams do not depend on how long the prompts beside and before them are",
        value,
        bench.tolerance.stream,
        f"Euclidean distance over the largest norm of the token's stream; whole prompts of {lengths} tokens",
    )


def _lens_is_the_model_at_length(bench: _Bench) -> Iterator[SelfTest]:
    longest, stream = bench.ends[-1], bench.alone[-1][-1, -1:]
    with torch.no_grad():
        wanted = _last_logits(bench, longest)
        logits = bench.checkpoint.readout.logits(stream).to(wanted.device)
    yield _result(
        "the lens at stream L gives the model's logits after the longest prompt",
        differences(logits, wanted, torch.linalg.vector_norm(exact(wanted), dim=-1))[1],
        bench.tolerance.logits,
        f"Euclidean distance over the norm of the logits; {len(longest.ids)} tokens, {_called(bench)}",
    )


def _last_logits(bench: _Bench, prompt: Prompt) -> Float[Tensor, "one vocab"]:
    checkpoint, last = bench.checkpoint, torch.tensor([[len(prompt.ids) - 1]])
    if checkpoint.is_elsewhere:
        read = bench.backend.read(pad([prompt], checkpoint.pad_id), (), last, logits=True).logits
        assert read is not None
        return read[0]
    model = checkpoint.model
    only = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
    ids = torch.tensor([prompt.ids], device=checkpoint.device)
    logits: Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False, **only).logits
    return logits[0, -1:]


def _streams_by_row(bench: _Bench, batch: Batch) -> Iterator[Float[Tensor, "stream token d_model"]]:
    sites = streams_of(bench.n_layers)
    streams = bench.backend.read(batch, sites).stack(sites)
    for row, mask in zip(streams, batch.mask.bool().to(streams.device), strict=True):
        yield row[:, mask]


def _rows_of(
    bench: _Bench, tokens: Float[Tensor, "stream token width"]
) -> Iterator[Float[Tensor, "stream token width"]]:
    yield from torch.split(tokens, [len(prompt.ids) for prompt in bench.prompts], dim=1)
