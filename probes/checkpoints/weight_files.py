"""Which files of a directory are the model's weights? Decided once; loading, hashing, comparing and the manifest use this list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat
from strata.probes.checkpoints.identity import check_safetensors
from strata.probes.checkpoints.quiet_libraries import first_line
from strata.probes.checkpoints.refusals import (
    absent_weights,
    adapter_alone,
    read_config,
    read_object,
    refuse_irregular_entries,
    refuse_pointer,
    refuse_quantised,
    refuse_quantised_tensors,
)
from strata.probes.errors import StrataError
from strata.probes.foreign_types import ForeignJson

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_BODIES = ("model.", "transformer.", "gpt_neox.")
"""Names of bodies, with or without which transformers takes a weight."""
_NAMED_IN_CONFIG = "transformers_weights"
"""A field of config.json by which transformers loads another file than the usual one."""


@dataclass(frozen=True)
class WeightFiles:
    """What is loaded from a directory, and what is left lying beside it."""

    files: tuple[Path, ...]
    """The safetensors files that transformers loads, each checked to be whole."""
    chosen: str
    """The file that led to them: a weight file or an index."""
    ignored: tuple[str, ...]
    """Names of other weights of the same model in the directory, which are not loaded."""

    @property
    def caveats(self) -> tuple[CheckpointCaveat, ...]:
        """What a reader of the numbers has to know of the choice; none where there was none to make."""
        if not self.ignored:
            return ()
        return (CheckpointCaveat("weights-in-several-forms", file=self.chosen, ignored=self.ignored),)


def weight_files(directory: Path) -> WeightFiles:
    """The weights of a Hugging Face directory, chosen in the order of transformers.

    That is: what `transformers_weights` in config.json names, else `model.safetensors`, else the shards of
    `model.safetensors.index.json`. Raises StrataError for pickled, absent, damaged and doubtful weights.
    """
    refuse_irregular_entries(directory)
    config = read_config(directory)
    refuse_quantised(directory, config)
    if (directory / "adapter_config.json").exists():
        if not any((directory / name).exists() for name in (SINGLE, INDEX)):
            raise adapter_alone(directory)
        # transformers adds such an adapter to the model without a word, also where it is merged into it already.
        raise StrataError(
            f"{directory} holds a whole model and an adapter (adapter_config.json)",
            "Move the adapter's files to a directory of their own; give MODEL+ADAPTER only if it is not merged yet",
        )
    chosen = _chosen(directory, config)
    files = _shards(directory, chosen) if chosen.endswith(".json") else [directory / chosen]
    for file in files:
        refuse_pointer(file)
        check_safetensors(file)
    refuse_quantised_tensors(directory, _headers(files))
    _refuse_twice_stored(files)
    return WeightFiles(tuple(files), chosen, _ignored(directory, files, chosen))


def _chosen(directory: Path, config: ForeignJson) -> str:
    named = config.get(_NAMED_IN_CONFIG)
    if named is not None:
        return _named(directory, named)
    for name in (SINGLE, INDEX):
        if (directory / name).exists():
            return name
    raise absent_weights(directory)


def _named(directory: Path, named: Any) -> str:
    where = f"{directory}/config.json names {named!r} as the weights ({_NAMED_IN_CONFIG})"
    if not isinstance(named, str) or not named.endswith((".safetensors", ".safetensors.index.json")):
        raise StrataError(f"{where}, which is no safetensors file", "Name a safetensors file, or take the field out")
    if not _inside(named):
        raise StrataError(f"{where}, which lies outside of the directory", "Use a checkpoint with its weights inside")
    if not (directory / named).exists():
        raise StrataError(f"{where}, but there is no such file", "Download it, or take the field out")
    return named


def _shards(directory: Path, index: str) -> list[Path]:
    file = directory / index
    try:
        names = sorted(set(read_object(file)["weight_map"].values()))
        odd = [name for name in names if not (isinstance(name, str) and name.endswith(".safetensors"))]
    except (KeyError, AttributeError, TypeError) as error:
        raise StrataError(f"{file} is not a weight index ({first_line(error)})", "Download it again") from error
    if odd:
        raise StrataError(
            f"{file} names {odd[0]!r}, which is no safetensors file and could run code when opened",
            "Use a revision of the model whose weights are safetensors",
        )
    outside = [name for name in names if not _inside(name)]
    if outside:
        raise StrataError(f"{file} names {outside[0]!r}, outside of the directory", "Download the checkpoint again")
    absent = [name for name in names if not (directory / name).exists()]
    if absent:
        raise StrataError(f"{directory} lacks {absent[0]}, which its index names", "Download the missing shard")
    if not names:
        raise StrataError(f"{file} names no weights", "Download it again")
    # Like transformers: from the directory, wherever in it the index lies.
    return [directory / name for name in names]


def _inside(name: str) -> bool:
    # By name, not by where links lead: the hub's cache keeps links to files elsewhere.
    parts = Path(name).parts
    return not Path(name).is_absolute() and ".." not in parts


def _refuse_twice_stored(files: list[Path]) -> None:
    """Where one weight is stored twice, or under two names that are one to transformers, which is loaded is chance."""
    where: dict[str, tuple[Path, str]] = {}
    for file in files:
        for name, _, _ in _tensors([file]):
            key = next((name.removeprefix(body) for body in _BODIES if name.startswith(body)), name)
            # Two names with different bodies in front are two weights: a model of several towers may have them.
            if key in where and (where[key][1] in (name, key) or name == key):
                other, its = where[key]
                both = f"{its} and {name}" if its != name else f"{name} twice"
                held = f"{other.name} and {file.name}" if other != file else file.name
                raise StrataError(
                    f"{held} of {file.parent} store {both}" if other != file else f"{file} stores {both}",
                    "Download the checkpoint again: which of the two is meant can't be told",
                )
            where[key] = (file, name)


def stored_shapes(files: Iterable[Path]) -> dict[str, tuple[int, ...]]:
    """Name to shape of every tensor in whole safetensors files; only headers are read."""
    return {name: shape for name, _, shape in _tensors(files)}


def _headers(files: Iterable[Path]) -> Iterator[tuple[str, str]]:
    return ((name, kind) for name, kind, _ in _tensors(files))


def _tensors(files: Iterable[Path]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(name, storage type, shape)."""
    from safetensors import safe_open

    for file in files:
        with safe_open(str(file), framework="pt") as shard:
            for name in shard.keys():  # noqa: SIM118  # a safetensors file is no mapping
                part = shard.get_slice(name)
                yield name, part.get_dtype(), tuple(part.get_shape())


def _ignored(directory: Path, files: list[Path], chosen: str) -> tuple[str, ...]:
    used = {chosen, *(str(file.relative_to(directory)) for file in files)}
    beside = {file.name for file in directory.glob("*.safetensors")} - used
    # An index of the very file that is loaded says nothing else.
    other_index = INDEX not in used and (directory / INDEX).exists() and set(_named_by(directory / INDEX)) != used
    return tuple(sorted([*beside, *([INDEX] if other_index else [])]))


def _named_by(index: Path) -> list[str]:
    try:
        return [str(name) for name in read_object(index)["weight_map"].values()]
    except (StrataError, KeyError, AttributeError, TypeError):
        return []
