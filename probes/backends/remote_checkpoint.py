"""A model that NDIF holds, opened without its weights: shapes and tokenizer from the hub, what reads streams out from the server.

The lens is computed here, so embedding, final norm and unembedding travel once, in bounded requests, and stay in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from strata.probes.backends.ndif_requests import MOST_BYTES, pieces, require_key, sent
from strata.probes.backends.nnsight_backend import hosted_model
from strata.probes.backends.nnsight_library import nnsight_library
from strata.probes.checkpoints.before_unembedding import before_unembedding
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat
from strata.probes.checkpoints.identity import ON_SERVER
from strata.probes.checkpoints.open_spec import open_on_meta
from strata.probes.checkpoints.readout import readout_of
from strata.probes.checkpoints.spec import parse_dose, parse_spec
from strata.probes.errors import StrataError
from strata.probes.files.atomic_writes import whole_file
from strata.probes.files.tensor_hash import hash_state
from strata.probes.files.user_cache import cache_directory
from strata.probes.foreign_types import DeviceMap
from strata.probes.progress import Progress, silent


@dataclass(frozen=True)
class _Wanted:
    """A parameter that is needed here, by the module that the server has it in."""

    path: str
    name: str
    shape: torch.Size
    n_bytes: int

    @property
    def whole_name(self) -> str:
        return f"{self.path}.{self.name}"


def open_remote(
    spec: str,
    *,
    dtype: str = "auto",
    device: str = "auto",
    device_map: str | DeviceMap | None = None,
    attention: str | None = None,
    trust_remote_code: bool = False,
    progress: Progress = silent,
) -> Checkpoint:
    """Opens `org/name[@revision]` for measuring on NDIF's servers, which choose precision and place.

    A fetch that was broken off goes on where it was. Raises StrataError for a spec that is no hub id, where there is no key, for
    an option that is the server's to choose, and for what the server refuses; NotFetchedError where hub or server can't be reached.
    """
    base = _hub_id(spec)
    options = {"dtype": dtype, "device": device, "device_map": device_map, "attention": attention}
    chosen = next((name for name, value in options.items() if value not in (None, "auto")), None)
    if chosen is not None:
        raise StrataError(f"{chosen} can't be chosen for a model on NDIF's servers", "Leave it out, or --remote")
    require_key()
    shapes = open_on_meta(spec, trust_remote_code=trust_remote_code)
    shapes = replace(shapes, identity=replace(shapes.identity, source=ON_SERVER))
    folder = cache_directory() / "read-outs" / f"{base.replace('/', '--')}@{shapes.identity.revision or 'main'}"
    fetched = _fetched(shapes, folder, progress)
    _put(shapes.model, fetched)
    return replace(
        shapes,
        identity=replace(shapes.identity, weights_sha256=hash_state(fetched)),
        readout=readout_of(shapes.model, before_unembedding(shapes.model, shapes.anatomy)),
        caveats=(*shapes.caveats, CheckpointCaveat("weights-on-server")),
    )


def _hub_id(spec: str) -> str:
    parsed = None if parse_dose(spec) is not None else parse_spec(spec)
    if parsed is None or parsed.source != "hub" or parsed.adapters:
        raise StrataError(
            f"NDIF runs models that it knows by their hub id, and {spec} is none",
            "Give org/name or org/name@revision, or leave --remote out",
        )
    return parsed.base


def _wanted(shapes: Checkpoint) -> Iterator[_Wanted]:
    """Embedding, unembedding, and whatever stands before that; what is tied comes once."""
    model = shapes.model
    parts = (model.get_input_embeddings(), shapes.readout.norm, model.get_output_embeddings())
    needed = {id(tensor) for part in parts for tensor in (*part.parameters(), *part.buffers())}
    for whole_name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if id(tensor) in needed:
            path, _, name = whole_name.rpartition(".")
            yield _Wanted(path, name, tensor.shape, tensor.nbytes)


def _fetched(shapes: Checkpoint, folder: Path, progress: Progress) -> dict[str, Tensor]:
    """By name, in the server's precision."""
    wanted = list(_wanted(shapes))
    done, total = 0, sum(each.n_bytes for each in wanted)
    hosted: Any = None
    values: dict[str, Tensor] = {}
    progress("read-out", done, total, "B")
    for each in wanted:
        rows = each.shape[0] if each.shape else 1
        parts = []
        for part in pieces(rows, rows * MOST_BYTES // max(1, each.n_bytes)):
            kept = folder / f"{each.whole_name}.{part.start}-{part.stop}.safetensors"
            found = _kept(kept)
            if found is None:
                hosted = hosted or hosted_model(shapes)
                found = sent(shapes.identity.spec, _request(hosted, each, part))
                with whole_file(kept) as unfinished:
                    save_file({"part": found}, unfinished)
            parts.append(found)
            done += each.n_bytes * (part.stop - part.start) // rows
            progress("read-out", done, total, "B")
        values[each.whole_name] = torch.cat(parts) if each.shape else parts[0]
        if values[each.whole_name].shape != each.shape:
            raise StrataError(
                f"NDIF's {each.whole_name} of {shapes.identity.spec} has shape {tuple(values[each.whole_name].shape)}, "
                f"where the configuration says {tuple(each.shape)}",
                "Give the revision that the server holds: org/name@revision",
            )
    return values


def _kept(file: Path) -> Tensor | None:
    """A part of an earlier fetch; one that was damaged is as good as none."""
    try:
        return load_file(file)["part"]
    except (OSError, SafetensorError, KeyError):
        return None


def _request(hosted: Any, wanted: _Wanted, part: slice) -> Any:
    def run() -> Tensor:
        return _traced_parameter(hosted, wanted.path, wanted.name, part.start, part.stop, len(wanted.shape) > 0)

    return run


def _traced_parameter(model: Any, path: str, name: str, low: int, high: int, sliced: bool) -> Tensor:
    """Rows of a parameter. As in `nnsight_backend`, the block under `with` names no Strata code."""
    save = nnsight_library().save
    envoy = model
    for step in path.split("."):
        envoy = envoy[int(step)] if step.isdigit() else getattr(envoy, step)
    ids = torch.zeros(1, 1, dtype=torch.long)
    kept: list[Tensor]
    with torch.no_grad(), model.trace(input_ids=ids, use_cache=False, remote=True) as tracer:
        kept = save([])
        whole = getattr(envoy, name).detach()
        kept.append((whole[low:high] if sliced else whole).to("cpu").clone())
        tracer.stop()
    return kept[0].contiguous()


def _put(model: nn.Module, values: dict[str, Tensor]) -> None:
    """Puts tensors in the place of those without numbers, wherever these are tied to."""
    by_id = {}
    for whole_name, value in values.items():
        path, _, name = whole_name.rpartition(".")
        by_id[id(getattr(model.get_submodule(path), name))] = value
    made: dict[int, Tensor] = {}
    for module in model.modules():
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if id(tensor) not in by_id:
                continue
            if id(tensor) not in made:
                value = by_id[id(tensor)]
                made[id(tensor)] = nn.Parameter(value, False) if isinstance(tensor, nn.Parameter) else value
            setattr(module, name, made[id(tensor)])
