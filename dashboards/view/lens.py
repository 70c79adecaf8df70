"""How does a lens map travel into a page? Planar bytes: u16 indices into one vocabulary, u8 negative log-probabilities.

Whole maps each travel alone; those of the read positions, which every other item has, travel together with their words.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open

from strata.dashboards.sentences.page_parts import OTHER_TOKEN, lens_answer_aria, lens_map_aria
from strata.dashboards.view.schema_readings import LensEntry, PackedArray, ReadMapsView, VocabularyEntry
from strata.dashboards.view.tables import RunTables
from strata.experiments.results.lens_maps import METRICS, LensMaps, MapRecord, ReadPrompt
from strata.experiments.results.locate_tables import BehaviourRow
from strata.probes.errors import StrataError

NATS_STEP = 0.05
OTHER = 0xFFFF  # index of "a token that found no room in the vocabulary"
READ = "read"
"""Key of the maps of the read positions among those of a page."""


@dataclass(frozen=True)
class LensMap:
    """One prompt through the lens: what every stream would say after every token."""

    key: str  # name of the map inside its report
    item: str  # item id, or a title for a free prompt
    tokens: Sequence[str]  # text of every token
    token_ids: Sequence[int]  # vocabulary id of every token
    top_ids: Int[np.ndarray, "stream token top"]  # most probable first
    top_logprobs: Float[np.ndarray, "stream token top"]  # nats
    entropy: Float[np.ndarray, "stream token"]  # nats
    kl_to_final: Float[np.ndarray, "stream token"] | None  # nats; None when not computed
    answer_logprob: Float[np.ndarray, "stream token"] | None  # nats; None for a prompt without an answer
    answer_rank: Int[np.ndarray, "stream token"] | None  # 0-based in the full vocabulary
    vocabulary: Mapping[int, str]  # text of every id in `top_ids`
    positions: Mapping[str, int] = field(default_factory=dict)  # named positions, such as last and subject
    answer: str = ""  # text of the scored answer token
    foil: str = ""  # text of the foil's token
    why: str = ""  # the rule by which this map was kept
    instrument: str = "lens.logit"  # which lens read it
    at: Sequence[int] | None = None  # index in the prompt of every token here; None: they are the whole prompt


@dataclass(frozen=True)
class PackedMap:
    """A lens map as the page wants it."""

    entry: LensEntry  # its line of `lens_index`
    blob: bytes  # gzip of the planar arrays


@dataclass(frozen=True)
class PackedReads:
    """The maps of the read positions as the page wants them."""

    view: ReadMapsView
    rows: Mapping[str, int]
    """By item: which of them is its own."""
    blob: bytes
    """gzip of the maps one behind the other, and of the JSON that says which is which."""


def read_lens_maps(run: RunTables) -> list[LensMap]:
    """The whole maps that the run kept, in the order of lens_maps.json. Raises StrataError naming what is broken."""
    kept = run.lens_maps
    if kept is None or not kept.maps:
        return []
    answers = {row.item: row for row in run.behaviour}
    with _tensors(run) as tensors:
        names = set(tensors.keys())
        return [
            _one(
                one,
                {name: tensors.get_tensor(f"{one.key}.{name}") for name in METRICS if f"{one.key}.{name}" in names},
                kept,
                answers.get(one.item),
            )
            for one in kept.maps
        ]


def read_position_maps(run: RunTables, items: Collection[str] | None = None) -> list[LensMap]:
    """Those of the read positions, of all `items` (None: of every one) that have no whole map.

    Raises StrataError naming what is broken.
    """
    kept = run.lens_maps
    if kept is None or kept.read is None:
        return []
    answers = {row.item: row for row in run.behaviour}
    wanted = [(row, one) for row, one in enumerate(kept.read.items) if items is None or one.item in items]
    with _tensors(run) as tensors:
        arrays = {name: tensors.get_tensor(f"{READ}.{name}") for name in METRICS}
        for name, found in arrays.items():
            if found.ndim < 3 or (found.shape[0], found.shape[2]) != (len(kept.read.items), len(kept.read.positions)):
                raise KeyError(f"{READ}.{name} has another shape than lens_maps.json says")
        return [
            _at_positions(
                one, kept.read.positions, {name: found[row] for name, found in arrays.items()}, kept, answers.get(one.item)
            )
            for row, one in wanted
        ]  # fmt: skip


@contextmanager
def _tensors(run: RunTables) -> Iterator[Any]:
    path = run.run_dir / "lens_maps.safetensors"
    try:
        with safe_open(path, framework="numpy") as tensors:
            yield tensors
    except (OSError, SafetensorError, KeyError) as error:
        raise StrataError(f"{path} cannot be read ({error})", "Delete it and start the same command again") from error


def _at_positions(
    one: ReadPrompt,
    stored: Sequence[str],
    arrays: Mapping[str, npt.NDArray[Any]],
    kept: LensMaps,
    row: BehaviourRow | None,
) -> LensMap:
    """In the order of the prompt; positions on one token are one column."""
    there = {at: name for name, at in reversed([*one.at.items()])}
    places = sorted(there)
    columns = [stored.index(there[at]) for at in places]
    cut = {name: found[:, columns] for name, found in arrays.items()}
    return LensMap(
        key=READ, item=one.item, tokens=[one.tokens[there[at]] for at in places],
        token_ids=[one.token_ids[there[at]] for at in places], top_ids=cut["top_ids"], top_logprobs=cut["top_logprobs"],
        entropy=cut["entropy"], kl_to_final=cut["kl_to_final"], answer_logprob=cut["answer_logprob"],
        answer_rank=cut["answer_rank"], vocabulary=kept.vocabulary,
        positions={name: places.index(at) for name, at in one.at.items()},
        answer="" if row is None else row.answer_token or "", foil="" if row is None else row.foil_token or "",
        instrument=f"lens.{kept.lens}", at=places,
    )  # fmt: skip


def _one(one: MapRecord, arrays: Mapping[str, npt.NDArray[Any]], kept: LensMaps, row: BehaviourRow | None) -> LensMap:
    if "top_ids" not in arrays:
        raise KeyError(f"{one.key}.top_ids is missing")
    return LensMap(
        key=one.key,
        item=one.item,
        tokens=one.tokens,
        token_ids=one.token_ids,
        top_ids=arrays["top_ids"],
        top_logprobs=arrays["top_logprobs"],
        entropy=arrays["entropy"],
        kl_to_final=arrays.get("kl_to_final"),
        answer_logprob=arrays.get("answer_logprob"),
        answer_rank=arrays.get("answer_rank"),
        vocabulary=kept.vocabulary,
        positions=one.positions,
        answer="" if row is None else row.answer_token or "",
        foil="" if row is None else row.foil_token or "",
        why=one.why,
        instrument=f"lens.{kept.lens}",
    )


def pack_maps(maps: Sequence[LensMap]) -> tuple[list[PackedMap], list[VocabularyEntry]]:
    """Packs whole maps of a report over one shared vocabulary; returns them with that vocabulary (`id`, `text`)."""
    index, vocabulary = _vocabulary(maps)
    return [_pack(m, index) for m in maps], vocabulary


def pack_reads(maps: Sequence[LensMap], positions: Sequence[str]) -> PackedReads | None:
    """Packs the maps of the read positions, over a vocabulary of their own that travels with them; None without any."""
    if not maps:
        return None
    index, vocabulary = _vocabulary(maps)
    n_streams, _, top = maps[0].top_ids.shape
    chunks: list[bytes] = []
    layouts: dict[int, tuple[PackedArray, ...]] = {}
    prompts: list[list[Any]] = []
    offset = 0
    for m in maps:
        arrays, data = _planes(m, index)
        layouts[len(m.tokens)] = arrays
        prompts.append([m.item, list(m.tokens), list(m.token_ids), list(m.at or ()), dict(m.positions), offset])
        chunks.append(data)
        offset += len(data)
    head = {
        "prompts": prompts, "layouts": {str(n): [array.as_json() for array in arrays] for n, arrays in layouts.items()},
        "vocabulary": [[entry.id, entry.text] for entry in vocabulary],
    }  # fmt: skip
    blob = gzip.compress(b"".join((*chunks, json.dumps(head).encode("ascii"))), compresslevel=9, mtime=0)
    view = ReadMapsView(
        positions=tuple(positions), prompts=len(maps), n_streams=n_streams, top=top, head=offset,
        bytes=len(blob), embedded=True,
    )  # fmt: skip
    return PackedReads(view, {m.item: row for row, m in enumerate(maps)}, blob)


def _vocabulary(maps: Sequence[LensMap]) -> tuple[dict[int, int], list[VocabularyEntry]]:
    """Every token among the likeliest of any map, the commonest first, and the place of each."""
    counts: Counter[int] = Counter()
    texts: dict[int, str] = {}
    for m in maps:
        ids, times = np.unique(m.top_ids, return_counts=True)
        counts.update({int(i): int(n) for i, n in zip(ids, times, strict=True)})
        texts |= {int(i): m.vocabulary.get(int(i), f"#{int(i)}") for i in ids}
    commonest = [i for i, _ in sorted(counts.items(), key=lambda e: (-e[1], e[0]))[:OTHER]]
    index = {token: at for at, token in enumerate(commonest)}
    vocabulary = [VocabularyEntry(id=i, text=texts[i]) for i in commonest]
    if len(counts) > len(commonest):
        vocabulary.append(VocabularyEntry(id=-1, text=OTHER_TOKEN))
    return index, vocabulary


def _pack(m: LensMap, index: Mapping[int, int]) -> PackedMap:
    arrays, data = _planes(m, index)
    streams, n_tokens, top = m.top_ids.shape
    blob = gzip.compress(data, compresslevel=9, mtime=0)
    entry = LensEntry(
        key=m.key, item=m.item, instrument=m.instrument, tokens=tuple(m.tokens),
        token_ids=tuple(int(i) for i in m.token_ids), positions=m.positions, answer=m.answer, foil=m.foil, why=m.why,
        n_streams=int(streams), n_tokens=int(n_tokens), top=int(top), arrays=arrays, bytes=len(blob), embedded=True,
        aria=_aria(m),
    )  # fmt: skip
    return PackedMap(entry, blob)


def _planes(m: LensMap, index: Mapping[int, int]) -> tuple[tuple[PackedArray, ...], bytes]:
    """The numbers of a map one plane behind the other, two-byte ones first, and where each plane lies."""
    n_tokens = m.top_ids.shape[1]
    if n_tokens != len(m.tokens) or n_tokens != len(m.token_ids):
        raise StrataError(
            f"Lens map {m.key!r} has {n_tokens} columns for {len(m.tokens)} tokens", "Rerun the lens stage"
        )
    unique, inverse = np.unique(m.top_ids, return_inverse=True)
    place = np.array([index.get(int(i), OTHER) for i in unique], dtype="<u2")
    planes: list[tuple[str, npt.NDArray[Any], float]] = [("top_ids", place[inverse.reshape(m.top_ids.shape)], 1.0)]
    if m.answer_rank is not None:
        planes.append(("answer_rank", np.clip(m.answer_rank, 0, 0xFFFF).astype("<u2"), 1.0))
    planes.append(("top_nlp", _nats(-np.asarray(m.top_logprobs)), NATS_STEP))
    planes.append(("entropy", _nats(m.entropy), NATS_STEP))
    for name, values, sign in (("answer_nlp", m.answer_logprob, -1.0), ("kl", m.kl_to_final, 1.0)):
        if values is not None:
            planes.append((name, _nats(sign * np.asarray(values)), NATS_STEP))
    arrays: list[PackedArray] = []
    chunks, offset = [], 0
    for name, values, step in planes:
        data = np.ascontiguousarray(values).tobytes()
        dtype: Literal["u8", "u16"] = "u16" if values.dtype.itemsize == 2 else "u8"
        arrays.append(PackedArray(name=name, dtype=dtype, shape=values.shape, offset=offset, step=step))
        chunks.append(data)
        offset += len(data)
    return tuple(arrays), b"".join(chunks)


def _nats(values: Any) -> npt.NDArray[np.uint8]:
    """Nats in steps of 0.05, saturating at 12.75 (what is less probable than 3e-6 looks the same)."""
    clean = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=12.75, posinf=12.75, neginf=0.0)
    return np.clip(np.rint(clean / NATS_STEP), 0, 255).astype(np.uint8)


def _aria(m: LensMap) -> str:
    streams, n, _ = m.top_ids.shape
    last = m.positions.get("last", n - 1)
    best = m.vocabulary.get(int(m.top_ids[-1, last, 0]), f"#{int(m.top_ids[-1, last, 0])}")
    text = lens_map_aria(m.item, n, streams, (best, float(np.exp(m.top_logprobs[-1, last, 0]))))
    if m.answer_rank is not None and m.answer_logprob is not None:
        rank, probability = int(m.answer_rank[-1, last]), float(np.exp(m.answer_logprob[-1, last]))
        text += lens_answer_aria(m.answer, rank, probability)
    return text


def lens_file(key: str) -> str:
    """Name of the side file for a map that is not embedded; keys are cut down to safe characters."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in key)
    return str(Path(f"lens-{safe}.js"))
