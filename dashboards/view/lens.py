"""How does a lens map travel into a page? Planar bytes: u16 indices into one vocabulary, u8 negative log-probabilities."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open

from strata.dashboards.sentences.page_parts import OTHER_TOKEN, lens_answer_aria, lens_map_aria
from strata.dashboards.view.schema_readings import LensEntry, PackedArray, VocabularyEntry
from strata.dashboards.view.tables import RunTables
from strata.experiments.results.lens_maps import METRICS, LensMaps, MapRecord
from strata.experiments.results.locate_tables import BehaviourRow
from strata.probes.errors import StrataError

NATS_STEP = 0.05
OTHER = 0xFFFF  # index of "a token that found no room in the vocabulary"


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


@dataclass(frozen=True)
class PackedMap:
    """A lens map as the page wants it."""

    entry: LensEntry  # its line of `lens_index`
    blob: bytes  # gzip of the planar arrays


def read_lens_maps(run: RunTables) -> list[LensMap]:
    """The maps that the run kept, in the order of lens_maps.json. Raises StrataError naming what is broken."""
    kept = run.lens_maps
    path = run.run_dir / "lens_maps.safetensors"
    if kept is None or not kept.maps:
        return []
    answers = {row.item: row for row in run.behaviour}
    out = []
    try:
        with safe_open(path, framework="numpy") as tensors:
            names = set(tensors.keys())
            for one in kept.maps:
                arrays = {
                    name: tensors.get_tensor(f"{one.key}.{name}") for name in METRICS if f"{one.key}.{name}" in names
                }
                out.append(_one(one, arrays, kept, answers.get(one.item)))
    except (OSError, SafetensorError, KeyError) as error:
        raise StrataError(f"{path} cannot be read ({error})", "Delete it and start the same command again") from error
    return out


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
    """Packs all maps of a report over one shared vocabulary; returns them with that vocabulary (`id`, `text`)."""
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
    return [_pack(m, index) for m in maps], vocabulary


def _pack(m: LensMap, index: Mapping[int, int]) -> PackedMap:
    streams, n_tokens, top = m.top_ids.shape
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
    blob = gzip.compress(b"".join(chunks), compresslevel=9, mtime=0)
    entry = LensEntry(
        key=m.key, item=m.item, instrument=m.instrument, tokens=tuple(m.tokens),
        token_ids=tuple(int(i) for i in m.token_ids), positions=m.positions, answer=m.answer, foil=m.foil, why=m.why,
        n_streams=int(streams), n_tokens=int(n_tokens), top=int(top), arrays=tuple(arrays), bytes=len(blob), embedded=True,
        aria=_aria(m),
    )  # fmt: skip
    return PackedMap(entry, blob)


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
