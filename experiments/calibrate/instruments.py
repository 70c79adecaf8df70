"""Where do other instruments say that answers are made? Residual patching, single contributions, probes and the logit lens.

Each is read as it is usually read. What it says is held against the truth whatever the cell: a block, or nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import JsonValue, TypeAdapter

from strata.experiments.calibrate.attribution_screen import Screened, screened
from strata.experiments.calibrate.construction import Construction
from strata.experiments.calibrate.planted_checkpoint import write_construction
from strata.experiments.calibrate.resumed_rows import RESULTS, append_row, read_rows, row_as
from strata.experiments.calibrate.shares import mean_error, share
from strata.experiments.calibrate.truth import truth_of
from strata.experiments.calibrate.variants import variants_of
from strata.experiments.items.jsonl import read_items
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Item
from strata.experiments.results.calibration import InstrumentRecord
from strata.probes.capture.capture_texts import capture
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.linear.linear_probe import LinearProbe
from strata.probes.progress import Progress, silent
from strata.probes.public_api.patch import patch
from strata.probes.public_api.read_lens import logit_lens

INSTRUMENTED = (
    "five blocks", "unread copies above sums", "unequal copies below sums", "relay after sums",
    "attention alone below sums", "shares of three blocks", "input encoded again above sums", "superposed above sums",
)  # fmt: skip
"""Constructions that the other instruments are asked about, the most telling first: small ones, one or two a variant."""
_ITEMS = 24
"""Items a family that they are asked."""
_HALF = 0.5
"""Of an effect, or of a share of items, from which an instrument is read as saying something."""
_PROBE_GAIN = 0.3
"""A probe says something where it is at least so much better than chance."""
_PENALTY = 1e-2


@dataclass(frozen=True)
class Finding:
    """What one instrument says of one family."""

    instrument: str
    model: str
    family: str
    variants: tuple[str, ...]
    block: int | None
    first: int
    last: int
    """The true blocks."""


@dataclass(frozen=True)
class AskedBeside:
    """What other instruments say, and what a screen keeps."""

    findings: tuple[Finding, ...] = ()
    screened: tuple[Screened, ...] = ()


def other_instruments(
    constructions: Iterable[Construction], directory: Path, *, progress: Progress = silent
) -> AskedBeside:
    """Of one family of every kind of each construction; a model that `directory` has is not asked again."""
    directory.mkdir(parents=True, exist_ok=True)
    known = read_rows(directory)
    of_models: list[AskedBeside] = []
    kept_as = TypeAdapter(AskedBeside)
    constructions = tuple(constructions)
    for number, construction in enumerate(constructions):
        progress("other instruments", number, len(constructions), "models")
        described = json.dumps(asdict(construction), sort_keys=True)
        key = f"instruments/{hashlib.sha256(described.encode()).hexdigest()[:16]}"
        if key not in known:
            said: JsonValue = kept_as.dump_python(_of_model(construction), mode="json")
            with (directory / RESULTS).open("a", encoding="utf-8") as results:
                known[key] = append_row(results, json.dumps({"key": key, "beside": said}))
        row = known[key]
        of_models.append(row_as(kept_as, row.get("beside") if isinstance(row, dict) else None, directory))
    return AskedBeside(
        tuple(finding for one in of_models for finding in one.findings),
        tuple(screen for one in of_models for screen in one.screened),
    )


def instrument_records(findings: Sequence[Finding]) -> Iterator[InstrumentRecord]:
    """By instrument and variant."""
    for instrument in dict.fromkeys(one.instrument for one in findings):
        of_instrument = [one for one in findings if one.instrument == instrument]
        for variant in sorted({variant for one in of_instrument for variant in one.variants}):
            of_variant = [one for one in of_instrument if variant in one.variants]
            models = [
                [one for one in of_variant if one.model == model]
                for model in dict.fromkeys(one.model for one in of_variant)
            ]
            yield InstrumentRecord(
                instrument=instrument,
                variant=variant,
                silent=sum(one.block is None for one in of_variant),
                within_one=share([(sum(_near(one) for one in of_model), len(of_model)) for of_model in models]),
                error_blocks=mean_error(
                    [
                        [abs(one.block - (one.first + one.last) / 2) for one in of_model if one.block is not None]
                        for of_model in models
                    ]
                ),
            )


def _near(one: Finding) -> bool:
    return one.block is not None and one.first - 1 <= one.block <= one.last + 1


def _of_model(construction: Construction) -> AskedBeside:
    truth, findings, kept = truth_of(construction), list[Finding](), list[Screened]()
    with TemporaryDirectory() as folder:
        files = write_construction(Path(folder), construction)
        checkpoint = open_checkpoint(str(files.checkpoint), dtype="float32", device="cpu")
        items = read_items(files.items)
        for kind in KNOWLEDGE_AND_REASONING:
            name = next(name for name, family in truth.families.items() if family.kind == kind)
            family, of_family = truth.families[name], [item for item in items if item.family == name][:_ITEMS]
            variants = variants_of(name, truth)
            findings += [
                Finding(instrument, construction.name, name, variants, block, family.hull[0], family.hull[1])
                for instrument, block in _said(checkpoint, of_family)
            ]
            kept.append(screened(checkpoint, construction.name, name, family, of_family))
    return AskedBeside(tuple(findings), tuple(kept))


def _said(checkpoint: Checkpoint, items: Sequence[Item]) -> Iterator[tuple[str, int | None]]:
    (span,) = items[0].spans
    patched = patch(checkpoint, items, components=("resid_pre", "mlp_out"), positions=("last", span))
    at_last, at_span = (patched.effect("resid_pre", position).tolist() for position in ("last", span))
    arrived = _first(at_last, _HALF)
    # An answer that is there at no stream into a block came with the last block.
    yield "residual patching at the last token", checkpoint.n_layers - 1 if arrived is None else arrived - 1
    still = [block for block, effect in enumerate(at_span) if effect >= _HALF]
    yield "residual patching at the entity", max(still) if still else None
    # Block 0 at a replaced word is the word itself.
    peaks = {position: patched.effect("mlp_out", position).tolist() for position in (span, "last")}
    peaks[span][0] = 0.0
    for position, name in ((span, "the entity"), ("last", "the last token")):
        best = max(range(checkpoint.n_layers), key=peaks[position].__getitem__)
        yield f"single MLP patching at {name}", best if peaks[position][best] >= _HALF else None
    captured = capture(checkpoint, items, positions=(span, "last"))
    labels, entities = [item.answer for item in items], [str(item.extra["entity"]) for item in items]
    for position, name in ((span, "the entity"), ("last", "the last token")):
        scores = LinearProbe(_PENALTY).cross_validate(captured.at(position), labels, entities)
        accuracy, chance = [one.value for one in scores.accuracy], 1 / len(set(labels))
        onset = _first(accuracy, (chance + max(accuracy)) / 2) if max(accuracy) >= chance + _PROBE_GAIN else None
        yield f"linear probe at {name}", None if onset is None else max(0, onset - 1)
    lens = logit_lens(checkpoint, items)
    leads = (lens.ranks[:, :, 0] == 0).float().mean(0).tolist()
    onset = _first(leads, _HALF)
    yield "logit lens at the last token", None if onset is None else max(0, onset - 1)


def _first(values: Sequence[float], threshold: float) -> int | None:
    return next((place for place, value in enumerate(values) if value >= threshold), None)
