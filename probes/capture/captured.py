"""What `capture` returns: activations of every text at the chosen sites and positions, and which is which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from safetensors.torch import load_file
from torch import Tensor

from strata.probes.backends.contract import Site
from strata.probes.backends.site_names import Sites, site_label, sites_of, stream_of
from strata.probes.capture.captured_model import CapturedModel
from strata.probes.capture.directory import (
    VALUES,
    description_of,
    lengthened,
    lines_of,
    opened,
    read_texts,
    texts_a_shard,
    where_of,
)
from strata.probes.capture.request import ALL, Position, positions_of, require_room_for
from strata.probes.errors import StrataError
from strata.probes.files.activation_store import ActivationStore

if TYPE_CHECKING:
    import pandas

LAST = "last"
_SHOWN = 5
"""Texts in the notebook display."""


@dataclass(frozen=True, eq=False)
class Captured:
    """Activations in the order of the texts.

    `captured.values[:, captured.sites.index(("mlp_out", 7))]` is one site, `captured.at("subject")` one position,
    `captured.streams` the residual streams as probes take them.
    """

    values: Float[Tensor, "item site position d_model"]
    """In the model's dtype, on the CPU; NaN where a text lacks the position."""
    where: Int[Tensor, "item position"]
    """Index of each position in the text's token ids, −1 where the text lacks it."""
    sites: tuple[Site, ...]
    """Names of the second axis, each `(name, block)`."""
    positions: tuple[str | int, ...]
    """Names of the third axis as they were asked for; 0, 1, … (with every token asked for)."""
    token_ids: tuple[tuple[int, ...], ...]
    """What was run, for every text, BOS included."""
    ids: tuple[str, ...]
    """The items' ids; "0", "1", … for plain texts."""
    texts: tuple[str, ...]
    """What was asked to be run."""
    model: CapturedModel
    """Which model the values come from."""
    every_token: bool = False
    """Whether every token was asked for (`"all"`): positions then reach to the end of the longest text."""

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def present(self) -> Bool[Tensor, "item position"]:
        """Whether the text has that position; where False the values are NaN."""
        return self.where >= 0

    def at(self, position: str | int) -> Float[Tensor, "item site d_model"]:
        """One of `positions`, NaN for texts that lack it. Raises StrataError for one that wasn't captured.

        Where every token was captured, `"last"` and −1, −2, … are counted back from the end of each text.
        """
        if position in self.positions:
            return self.values[:, :, self.positions.index(position)]
        back = -1 if position == LAST else position
        if self.every_token and isinstance(back, int) and back < 0:
            columns = torch.tensor([len(ids) + back for ids in self.token_ids])
            inside = (columns >= 0) & (columns < len(self.positions))
            values = self.values[torch.arange(len(self)), :, columns.clamp(0, len(self.positions) - 1)]
            return values.masked_fill(~inside[:, None, None], torch.nan)
        known = ", ".join(map(str, self.positions[:20]))
        raise StrataError(f"Position {position!r} was not captured", f"Choose among: {known}")

    @property
    def streams(self) -> Float[Tensor, "item stream d_model"]:
        """The residual streams in the order of `sites` (0..L by default), at the one position that was captured.

        Raises StrataError where there are several positions, sites that aren't streams, or a text without the position.
        """
        if len(self.positions) != 1:
            raise StrataError(
                f"{len(self.positions)} positions were captured, not one", "Take one: captured.at(position)"
            )
        other = next((site for site in self.sites if stream_of(site, self.model.n_layers) is None), None)
        if other is not None:
            raise StrataError(f"{site_label(other)} is not a residual stream", "Take captured.at(position)")
        lacking = [name for name, present in zip(self.ids, self.present[:, 0].tolist(), strict=True) if not present]
        if lacking:
            raise StrataError(
                f"{len(lacking)} of {len(self)} texts (first: {lacking[0]!r}) have no position {self.positions[0]!r}",
                "Leave them out",
            )
        return self.values[:, :, 0]

    def to_pandas(self) -> pandas.DataFrame:
        """One row for every text, site and position that is present, one column for every dimension, in float32.

        The index has the levels `id`, `site` (such as `mlp_out.7`) and `position`.
        """
        import pandas

        present = self.present[:, None, :].expand(self.values.shape[:3])
        index = pandas.MultiIndex.from_product(
            [self.ids, [site_label(site) for site in self.sites], self.positions], names=["id", "site", "position"]
        )
        return pandas.DataFrame(self.values[present].float().numpy(), index=index[present.flatten().numpy()])

    def save(self, directory: str | Path) -> None:
        """Writes documented safetensors shards (docs/capture.md), to be read by `Captured.load` or `strata.load_captured`.

        Raises StrataError where `directory` holds other values or anything else, DoesNotFitError when the disk is full.
        """
        _save(Path(directory), self)

    @staticmethod
    def load(directory: str | Path) -> Captured:
        """What `save` or `strata capture` has written. Raises as `strata.load_captured` does."""
        return load_captured(directory)

    def __repr__(self) -> str:
        return f"Captured({', '.join(f'{name}: {value}' for name, value in self._summary)})"

    def _repr_html_(self) -> str:
        facts = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in self._summary)
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(text if len(text) <= 80 else text[:79] + '…')}</td><td>{len(ids)}</td></tr>"
            for name, text, ids in list(zip(self.ids, self.texts, self.token_ids, strict=True))[:_SHOWN]
        )
        more = f"<p>and {len(self) - _SHOWN} more</p>" if len(self) > _SHOWN else ""
        head = "<tr><th>id</th><th>text</th><th>tokens</th></tr>"
        return f"<table>{facts}</table><table>{head}{rows}</table>{more}"

    @property
    def _summary(self) -> list[tuple[str, str]]:
        lengths = [len(ids) for ids in self.token_ids]
        absent = int((~self.present).sum())
        positions = ", ".join(map(str, self.positions)) if len(self.positions) <= 8 else f"{len(self.positions)} tokens"
        if absent:
            positions += f" ({absent} of {self.present.numel()} places are absent: see present)"
        sites = [site_label(site) for site in self.sites]
        shown = ", ".join(sites) if len(sites) <= 3 else f"{sites[0]} … {sites[-1]} ({len(sites)})"
        return [
            ("texts", f"{len(self)} of {min(lengths)}–{max(lengths)} tokens"),
            ("sites", shown),
            ("positions", positions),
            ("d_model", f"{self.values.shape[-1]} ({self.model.dtype}, {self.values.nbytes / 1e6:.1f} MB)"),
            ("model", self.model.spec),
            *(("caveat", str(caveat)) for caveat in self.model.caveats),
        ]


def load_captured(
    directory: str | Path, *, sites: Sites | None = None, layers: int | Iterable[int] | None = None
) -> Captured:
    """What `strata capture --out` or `Captured.save` wrote, in the order of the texts; every checksum is compared.

    `sites` and `layers` (as in `strata.capture`) read a part: memory holds their values and one shard.
    Raises StrataError for a directory that holds no capture or an unfinished one, and for a site that wasn't captured,
    DamagedError for a file that isn't what was written, DoesNotFitError where the values would take more than half of
    the memory that is free.

    >>> import strata, tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     strata.capture("smollm2", ["One text", "and another"]).save(directory)
    ...     strata.load_captured(directory, sites="streams", layers=[0, 30]).streams.shape
    torch.Size([2, 2, 576])
    """
    directory = Path(directory)
    described = description_of(directory)
    model = described.model
    rows = read_texts(directory, described.settings.texts_sha256)
    stored = sites_of(described.settings.sites, model.n_layers)
    wanted = stored if sites is None and layers is None else sites_of(sites, model.n_layers, layers)
    missing = next((site for site in wanted if site not in stored), None)
    if missing is not None:
        raise StrataError(
            f"{directory} holds no {site_label(missing)}", f"It holds {', '.join(map(site_label, stored))}"
        )
    asked = positions_of(described.settings.positions)
    longest = max(len(row.token_ids) for row in rows)
    positions: tuple[Position, ...] = tuple(range(longest)) if asked == (ALL,) else asked
    where = torch.tensor([where_of(row, positions) for row in rows])
    dtype: torch.dtype = getattr(torch, model.dtype)
    shape = (len(rows), len(wanted), len(positions), model.d_model)
    require_room_for(shape, dtype.itemsize, "Read a part of it: load_captured(directory, sites=…, layers=…)")
    store = ActivationStore(directory, asdict(described.settings))
    lacking = sum(row.id not in store for row in rows)
    if lacking:
        raise StrataError(
            f"{directory} is unfinished: {lacking} of {len(rows)} texts are missing", "Start the same command again"
        )
    values = torch.full(shape, torch.nan, dtype=dtype)
    number = {row.id: place for place, row in enumerate(rows)}
    columns = [stored.index(site) for site in wanted]
    for shard, names in store.shards().items():
        part = load_file(shard)[VALUES][:, columns]
        values[[number[name] for name in names], :, : part.shape[2]] = part
    values = values.masked_fill_((where < 0)[:, None, :, None], torch.nan)
    return Captured(
        values=values,
        where=where,
        sites=wanted,
        positions=positions,
        token_ids=tuple(row.token_ids for row in rows),
        ids=tuple(row.id for row in rows),
        texts=tuple(row.text for row in rows),
        model=model,
        every_token=asked == (ALL,),
    )


def _save(directory: Path, captured: Captured) -> None:
    """Writes what is in memory as `capture_to` would have written it. Raises StrataError where other values are there."""
    asked = (ALL,) if captured.every_token else captured.positions
    lines = lines_of(captured.ids, captured.texts, captured.token_ids, captured.where.tolist(), asked)
    with opened(directory, captured.model, captured.sites, asked, lines) as store:
        _refuse_other_values(directory, store, captured)
        rows = [row for row, name in enumerate(captured.ids) if name not in store]
        size = texts_a_shard(captured.values[0].nbytes)
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            store.write([captured.ids[row] for row in chosen], {VALUES: _stored(captured, chosen)}, finite=(VALUES,))


def _stored(captured: Captured, rows: Sequence[int]) -> Float[Tensor, "item site position d_model"]:
    """The values of some texts as a shard holds them."""
    longest = max(len(captured.token_ids[row]) for row in rows) if captured.every_token else len(captured.positions)
    values, present = captured.values[rows], captured.present[rows]
    return values.masked_fill(~present[:, None, :, None], 0)[:, :, :longest]


def _refuse_other_values(directory: Path, store: ActivationStore, captured: Captured) -> None:
    number = {name: row for row, name in enumerate(captured.ids)}
    for shard, names in store.shards().items():
        there = load_file(shard)[VALUES]
        ours = lengthened(_stored(captured, [number[name] for name in names]), there.shape[2])
        if not torch.equal(there, ours):
            raise StrataError(
                f"{directory} holds other values for the same texts and settings", "Give another directory"
            )
