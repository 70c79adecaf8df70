"""In models of random weights nothing of a behaviour begins at any stream: 40 of them, every onset by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_world import small_items
from tiny_models import tiny_checkpoint

from strata.experiments.behave.chain_confidence import measure_chain_confidence, read_chain_options
from strata.experiments.behave.chained_steps import with_written_steps
from strata.experiments.behave.confidence import measure_confidence
from strata.experiments.behave.information_gain import measure_gain, read_steps
from strata.experiments.behave.judged_chains import JudgedChain
from strata.experiments.behave.knowledge_index import measure_index
from strata.experiments.behave.option_readings import option_sets, read_options
from strata.experiments.behave.prefills import pressed_items
from strata.experiments.behave.pressure import measure_pressure, pressure_store, read_margins
from strata.experiments.behave.step_results import read_results
from strata.experiments.behave.think_frame import ThinkFrame
from strata.experiments.behave.thinking_problems import ThinkingProblem
from strata.experiments.generated_answers.extraction import ThinkTags
from strata.experiments.items.alignment import encode_items
from strata.experiments.items.chain_steps import ends_of
from strata.experiments.items.item_validation import item_from_dict
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint

SEEDS, SILENT = 40, 38
FRAME = ThinkFrame(ThinkTags("x", "y"))
WORDS = "abcdefghijklmnopqr"
DRAWN = {"draws": 200, "seed": 0}


def problems(n: int = 12) -> list[ThinkingProblem]:
    return [
        ThinkingProblem(
            f"p{place}", "reasoning", "letters", f"c{place}", f"{WORDS[place]} of {WORDS[-1 - place % 9]} is", str(place % 4), ("0", "1", "2", "3"),
            tuple(f"{WORDS[(place + step) % 18]} = {(place + step) % 10}" for step in range(1 + place % 3)),
        )
        for place in range(n)
    ]  # fmt: skip


def of_steps(checkpoint: Checkpoint, folder: Path) -> Iterator[tuple[str, int | None]]:
    """What steps tell, how sure they make, and where their results are readable."""
    reader, chained = ModelReader(checkpoint, TorchHooks(checkpoint)), with_written_steps(problems(), "comma")
    shows = measure_gain(read_steps(reader, FRAME, chained, folder, "run"), "written", **DRAWN)
    assert shows.kinds["reasoning"].shows is not None
    yield "information gain", shows.kinds["reasoning"].shows.stream
    options = read_chain_options(reader, FRAME, chained, folder / "options", "run")
    sure = measure_chain_confidence(options, "written", null_draws=100, **DRAWN).kinds["reasoning"]
    yield "confidence behind steps", None if sure.rises is None else sure.rises.stream
    chains = [
        JudgedChain(one.problem, one.chains[-1], one.problem.steps, ends_of(one.chains[-1], one.problem.steps), ("true",) * one.n_steps, None, True)
        for one in chained
    ]  # fmt: skip
    results = read_results(reader, FRAME, chains, folder, "run")
    index = measure_index(chains, results, **DRAWN).kinds["reasoning"]
    assert index.shows is not None
    yield "knowledge index", index.shows.stream


def of_items(checkpoint: Checkpoint, folder: Path) -> Iterator[tuple[str, int | None]]:
    """What options and answers put before a question show."""
    reader = ModelReader(checkpoint, TorchHooks(checkpoint))
    items = [item_from_dict(record, "here") for record in small_items()]
    encoded, _ = encode_items(items, checkpoint, checkpoint.max_context)
    readings = read_options(reader, option_sets(encoded), folder, "run")
    for kind, found in measure_confidence(readings, null_draws=100, **DRAWN).kinds.items():
        yield f"confidence, {kind}", None if found.layers is None else found.layers.rises.stream
    pressed, _ = pressed_items(checkpoint, encoded, "", 40)
    margins = read_margins(reader, pressed, pressure_store(folder, "run"))
    for kind, pressure in measure_pressure(pressed, margins, **DRAWN).kinds.items():
        layers = pressure.layers
        yield f"pressure gain, {kind}", None if layers is None else layers.gains.stream
        yield f"pressure overtakes, {kind}", None if layers is None else layers.overtakes.stream


@pytest.mark.thorough
def test_no_onset_of_any_measure_is_told_in_more_than_two_of_forty(tmp_path: Path) -> None:
    silent, asked = Counter[str](), Counter[str]()
    for seed in range(SEEDS):
        checkpoint = tiny_checkpoint("llama", seed=seed, num_hidden_layers=6)
        for measure in (of_steps, of_items):
            for name, stream in measure(checkpoint, tmp_path / f"{seed} {measure.__name__}"):
                asked[name] += 1
                silent[name] += stream is None
    assert set(asked.values()) == {SEEDS} and len(asked) >= 6
    assert {name: n for name, n in silent.items() if n < SILENT} == {}
