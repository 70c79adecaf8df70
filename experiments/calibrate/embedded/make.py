"""Trains the plants of the embedded model: `python -m strata.experiments.calibrate.embedded.make --out DIR --device cuda`.

Every finished plant is a directory of its own that a second start leaves alone. `--only`, `--steps`, `--families` and `--entities` make a trial
small.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from strata.experiments.calibrate.embedded.invented import Invented
from strata.experiments.calibrate.embedded.plant_files import PLANT_FILE, PlantRecord, write_plant
from strata.experiments.calibrate.embedded.question_batch import batch_of
from strata.experiments.calibrate.embedded.reverting import reverted
from strata.experiments.calibrate.embedded.sweep import EmbeddedPlan, plans_named
from strata.experiments.calibrate.embedded.training import STEPS, Vectors, prepared, solve_windows, train_vectors
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.probes.checkpoints.embedded import NAMES
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.progress import Progress, silent


def make_plants(  # eight parameters: the settings of a command, each with its default
    out: Path,
    plans: Sequence[EmbeddedPlan],
    *,
    world: Invented,
    device: str = "auto",
    steps: int = STEPS,
    seconds: float = float("inf"),
    progress: Progress = silent,
    told: Callable[[str], None] = lambda _: None,
) -> list[PlantRecord]:
    """Trains those of `plans` that `out` doesn't hold yet, as many as can be begun within `seconds`; their records."""
    started = time.monotonic()
    waiting = [plan for plan in plans if not (out / plan.name / PLANT_FILE.name).exists()]
    if not waiting:
        return []
    checkpoint = open_checkpoint(NAMES[0], dtype="float32", device=device)
    # Sums of products in TF32 where there is such a thing: training needs no more.
    torch.set_float32_matmul_precision("high")
    asked = list(world.asked())
    batch, streams = prepared(checkpoint.model, batch_of(asked, checkpoint.tokenizer))
    # Every third question has both frames, and is enough to see what a window does.
    tried, of_tried = prepared(checkpoint.model, batch_of(asked[::3], checkpoint.tokenizer))
    made = []
    # They depend on their own window alone, so plants share them.
    trained: dict[tuple[str, range], Vectors] = {}
    for number, plan in enumerate(waiting):
        if time.monotonic() - started > seconds:
            break
        progress("plants", number, len(waiting), "plants")
        for kind in KNOWLEDGE_AND_REASONING:
            if (kind, plan.blocks(kind)) not in trained:
                trained[kind, plan.blocks(kind)] = train_vectors(
                    checkpoint.model, plan, kind, batch, streams, steps=steps, progress=progress
                )
        vectors: dict[str, Vectors] = {kind: trained[kind, plan.blocks(kind)] for kind in KNOWLEDGE_AND_REASONING}
        changes, training = solve_windows(checkpoint.model, plan, vectors, batch, streams)
        stored = {block: change.stored() for block, change in changes.items()}
        record = PlantRecord(
            plan=plan,
            world=world,
            training=training,
            reverted=reverted(checkpoint.model, plan, stored, tried, of_tried),
        )
        write_plant(out, record, stored)
        made.append(record)
        told(summary_line(record))
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="strata.experiments.calibrate.embedded.make", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--only", default="", metavar="NAME,…", help="plants whose name contains one of these")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=STEPS, help="most steps a plant")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no plant is begun after so many")
    parser.add_argument("--families", type=int, default=3, help="relations, and as many operations")
    parser.add_argument("--entities", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0, help="of the invented world")
    given = parser.parse_args(arguments)
    began = time.monotonic()

    def tell(stage: str, done: int, total: int | None, unit: str) -> None:
        if unit == "steps" and done % 10 == 0:
            print(
                f"[{time.monotonic() - began:.0f} s] {stage}: {done} of at most {total} steps",
                file=sys.stderr,
                flush=True,
            )

    make_plants(
        given.out,
        plans_named([name for name in given.only.split(",") if name]),
        world=Invented(given.seed, given.families, given.entities),
        device=given.device,
        steps=given.steps,
        seconds=given.seconds,
        progress=tell,
        told=lambda line: print(line, flush=True),
    )
    return 0


def summary_line(record: PlantRecord) -> str:
    """Right answers by kind: intact, with either window taken away, and with it taken away at one position only."""
    parts = [f"{record.plan.name}: {', '.join(str(one.steps) for one in record.training.values())} steps"]
    for kind, what in (("knowledge", "facts"), ("reasoning", "operations")):
        intact = record.mean("nothing", "everywhere", kind)
        shown = {where: record.mean(what, where, kind) for where in ("everywhere", "span", "last", "elsewhere")}
        parts.append(
            f"{kind} {intact.right:.2f}/{intact.margin:.1f}; without its window "
            + ", ".join(f"{w} {m.right:.2f}/{m.margin:.1f}" for w, m in shown.items())
        )
        other = "operations" if what == "facts" else "facts"
        parts.append(f"without the other's {record.mean(other, 'everywhere', kind).right:.2f}")
    return "; ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
