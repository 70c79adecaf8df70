"""The backend on nnsight: one trace a call, which can also run on a remote server that holds the weights."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from strata.probes.backend_choice import Remote
from strata.probes.backends.contract import Activations, OneRun, Site, SiteEdit
from strata.probes.backends.foreign_failures import failures_named
from strata.probes.backends.ndif_requests import MOST_BYTES, MOST_TOKENS, pieces, require_key, sent
from strata.probes.backends.nnsight_library import nnsight_library
from strata.probes.backends.second_module_tree import second_tree
from strata.probes.checkpoints.block_steps import Source, sole_source
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.identity import ON_SERVER
from strata.probes.checkpoints.spec import parse_spec
from strata.probes.errors import StrataError
from strata.probes.prompts.batching import Batch

_ORDER = {name: index for index, name in enumerate(("resid_pre", "attn_out", "mlp_out", "resid_post"))}
"""A trace meets a block's values in this order and may not go back."""
_STEPS = ("attn_out", "mlp_out")


class _Step(NamedTuple):
    """One value of the forward pass to change, keep or both. Plain data, because it may travel to a server."""

    module: Any
    at_input: bool
    scale: float
    edits: list[tuple[Tensor, Tensor, Tensor]]
    """(rows, columns, values) that replace."""
    additions: list[tuple[Tensor, Tensor, Tensor]]
    """(rows, columns, values) that replace what the block adds to its input."""
    remembered: bool
    """The block's input is needed by additions at its output."""
    kept: bool


class NNsightBackend(OneRun):
    """`remote`: True sends every trace to nnsight's server, "local" rehearses that without one.

    Either way a trace is sent in requests that are bounded in what they run and bring back, and only the sites asked for come
    back. Raises StrataError for a model that the server can't know, and where there is no key for it.
    """

    name = "nnsight"

    def __init__(self, checkpoint: Checkpoint, *, remote: Remote = False) -> None:
        super().__init__(checkpoint)
        self.remote = remote
        if remote is True:
            self._model: Any = hosted_model(checkpoint)
        else:
            self._model = _wrapped(second_tree(checkpoint.model), checkpoint)

    @property
    def tokens_a_pass(self) -> int:
        return MOST_TOKENS if self.remote else super().tokens_a_pass

    def _run(
        self,
        batch: Batch,
        edits: Sequence[SiteEdit],
        where: Int[Tensor, "item position"] | None,
        sites: Sequence[Site],
        logits: bool,
    ) -> Activations:
        n_rows, n_columns = batch.ids.shape
        columns = torch.arange(n_columns).expand(n_rows, -1) if where is None else where
        if not self.remote:
            return self._traced(batch, edits, columns, sites, logits)
        rows, at_once = self._bounds(batch, columns, sites, logits)
        parts = [
            self._of_rows(batch, edits, columns, chosen, [sites[each] for each in pieces(len(sites), at_once)], logits)
            for chosen in pieces(n_rows, rows)
        ]
        values = {site: torch.cat([part.values[site] for part in parts]) for site in sites}
        read = [part.logits for part in parts if part.logits is not None]
        return Activations(values, torch.cat(read) if logits else None)

    def _bounds(
        self, batch: Batch, columns: Int[Tensor, "item position"], sites: Sequence[Site], logits: bool
    ) -> tuple[int, int]:
        """How many rows, and how many sites of them, one request asks for."""
        model = self.checkpoint
        value = columns.shape[1] * model.dtype.itemsize
        of_site = value * model.d_model * max((len(_parts(site)) for site in sites), default=1)
        of_logits = value * model.vocab_size if logits else 0
        rows = min(MOST_TOKENS // batch.ids.shape[1], MOST_BYTES // max(1, len(sites) * of_site + of_logits))
        return max(1, rows), max(1, (MOST_BYTES - of_logits) // (max(1, rows) * of_site))

    def _of_rows(
        self,
        batch: Batch,
        edits: Sequence[SiteEdit],
        columns: Int[Tensor, "item position"],
        rows: slice,
        groups: Sequence[Sequence[Site]],
        logits: bool,
    ) -> Activations:
        """Some rows, in one request for each group of sites."""
        part = Batch(*(values[rows] for values in (batch.ids, batch.mask, batch.position_ids, batch.start)))
        of_rows = [_of_slice(edit, rows) for edit in edits]
        found: dict[Site, Tensor] = {}
        last = None
        for number, group in enumerate(groups or [()]):
            is_last = number == max(1, len(groups)) - 1
            answer = self._traced(part, of_rows, columns[rows], group, logits and is_last)
            found |= answer.values
            last = answer.logits
        return Activations(found, last)

    def _traced(
        self,
        batch: Batch,
        edits: Sequence[SiteEdit],
        columns: Int[Tensor, "item position"],
        sites: Sequence[Site],
        logits: bool,
    ) -> Activations:
        model = self.checkpoint
        batch = batch.to(model.device)
        wanted = sorted(
            {part for site in sites for part in _parts(site)}, key=lambda site: (site.layer, _ORDER[site.name])
        )
        steps = self._steps(edits, wanted)
        at = columns.to(model.device)

        def run() -> tuple[list[Tensor], list[Tensor]]:
            with torch.no_grad():
                return _trace(self._model, batch, steps, at, logits, self.remote)

        if self.remote is True:
            streams, logit_values = sent(model.identity.spec, run)
        else:
            with failures_named(self.name, model):
                streams, logit_values = run()
        values = {site: value.to(model.device) for site, value in zip(wanted, streams, strict=True)}
        for site in sites:
            if site.name in ("resid_mid", "block_out"):
                first, second = _parts(site)
                values[site] = values[first] + values[second]
        final = logit_values[0].to(model.device) if logits else None
        return Activations({site: values[site] for site in sites}, final)

    def _steps(self, edits: Sequence[SiteEdit], wanted: Sequence[Site]) -> list[_Step]:
        by_site: dict[Site, list[tuple[Tensor, Tensor, Tensor]]] = defaultdict(list)
        for edit in edits:
            by_site[edit.site].append((edit.items[:, None], edit.where, edit.values))
        needed = set(wanted)
        for site in by_site:
            needed |= {site} if site.name in _ORDER else {_pre(site), _post(site)}
        steps = []
        for site in sorted(needed, key=lambda site: (site.layer, _ORDER[site.name])):
            contribution = by_site.get(Site("block_out", site.layer), [])
            steps.append(
                _Step(
                    module=self._module(site),
                    at_input=site.name == "resid_pre",
                    scale=self._scale(site),
                    edits=by_site.get(site, []),
                    additions=contribution if site.name == "resid_post" else [],
                    remembered=bool(contribution) and site.name == "resid_pre",
                    kept=site in wanted,
                )
            )
        return steps

    def _module(self, site: Site) -> Any:
        block = self.checkpoint.blocks[site.layer]
        wanted = self._source(site).module if site.name in _STEPS else block
        path = next(path for path, module in self.checkpoint.model.named_modules() if module is wanted)
        envoy = self._model
        for name in path.split("."):
            envoy = envoy[int(name)] if name.isdigit() else getattr(envoy, name)
        return envoy

    def _scale(self, site: Site) -> float:
        return self._source(site).scale if site.name in _STEPS else 1.0

    def _source(self, site: Site) -> Source:
        source = sole_source(self.checkpoint.anatomy.blocks[site.layer].step(site.name))
        if source is None:
            raise StrataError(
                f"The backend nnsight reads one module's output, and {site.name} of block {site.layer} isn't that of one",
                "Use the default backend, torch, or ask for streams only",
            )
        return source


def hosted_model(checkpoint: Checkpoint) -> Any:
    """nnsight's model of a checkpoint that a server holds: its shapes, under the hub id and revision that it was opened by.

    Raises StrataError for a model that has no hub id of its own, and where there is no key.
    """
    identity = checkpoint.identity
    spec = parse_spec(identity.spec) if identity.source in ("hub", ON_SERVER) else None
    if spec is None or spec.adapters:
        raise StrataError(
            f"NDIF runs models that it knows by their hub id, and {identity.spec} has none",
            "Give org/name or org/name@revision, or leave --remote out",
        )
    require_key()
    with torch.device("meta"):
        shapes = type(checkpoint.model)._from_config(copy.deepcopy(checkpoint.model.config))
    model = _wrapped(shapes, checkpoint, device="meta")
    model.repo_id, model.revision = spec.base, spec.revision
    return model


def _wrapped(model: Any, checkpoint: Checkpoint, **options: str) -> Any:
    # The library pads left and sets a pad token on the tokenizer it is given.
    tokenizer = copy.deepcopy(checkpoint.tokenizer)
    return nnsight_library().TransformersModel(model, task="text-generation", tokenizer=tokenizer, **options)


def _trace(
    model: Any, batch: Batch, steps: Sequence[_Step], columns: Tensor, logits: bool, remote: Remote
) -> tuple[list[Tensor], list[Tensor]]:
    """The values of the kept steps, in their order, and the logits (none or one tensor), all at `columns`.

    The block under `with` is source that nnsight reads, moves and runs elsewhere: it names no Strata code, and
    nothing leaves it that isn't saved.
    """
    save = nnsight_library().save
    # A server knows no class of ours.
    plain = [tuple(step) for step in steps]
    rows = torch.arange(len(columns), device=columns.device)[:, None]
    inputs = {"input_ids": batch.ids, "attention_mask": batch.mask, "position_ids": batch.position_ids}
    streams: list[Tensor]
    outputs: list[Tensor]
    with model.trace(**inputs, use_cache=False, remote=remote) as tracer:
        streams, outputs = save([]), save([])
        entered: Any = None
        for module, at_input, scale, edits, additions, remembered, kept in plain:
            value = module.input if at_input else module.output
            h = value[0] if isinstance(value, tuple) else value
            for at_rows, at_columns, new in edits:
                h[at_rows.to(h.device), at_columns.to(h.device)] = new.to(h) / scale
            for at_rows, at_columns, new in additions:
                where = (at_rows.to(h.device), at_columns.to(h.device))
                h[where] = entered[where] + new.to(h)
            if remembered:
                entered = h
            if kept:
                streams.append(h[rows.to(h.device), columns.to(h.device)] * scale)
        if logits:
            outputs.append(model.output.logits[rows, columns])
        else:
            tracer.stop()
    return streams, outputs


def _of_slice(edit: SiteEdit, rows: slice) -> SiteEdit:
    """What of an edit is made in these rows, told as rows of them."""
    items = edit.items
    here = ((items >= rows.start) & (items < rows.stop)).nonzero()[:, 0]
    at = here.to(edit.where.device), here.to(edit.values.device)
    return SiteEdit(edit.site, edit.where[at[0]], edit.values[at[1]], items[here] - rows.start)


def _parts(site: Site) -> tuple[Site, ...]:
    """The sites a trace reads: `resid_mid` and `block_out` are sums of others."""
    if site.name == "resid_mid":
        return _pre(site), Site("attn_out", site.layer)
    if site.name == "block_out":
        return Site("attn_out", site.layer), Site("mlp_out", site.layer)
    return (site,)


def _pre(site: Site) -> Site:
    return Site("resid_pre", site.layer)


def _post(site: Site) -> Site:
    return Site("resid_post", site.layer)
