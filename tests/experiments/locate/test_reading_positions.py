"""Items held against each other are read where none of them has been told more of its answer than another."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_models import tiny_checkpoint

from strata.experiments.items.alignment import encode_items
from strata.experiments.items.schema import Item
from strata.experiments.locate.activation_stores import streams_store
from strata.experiments.locate.capture_streams import Pass, measure
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.probing import Fitting, probe_targets
from strata.experiments.locate.reading_positions import appended, asked_at, places_of
from strata.experiments.questions import Questions
from strata.experiments.run.directory import RunDirectory
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks

LETTERS = "abcdefghijklmnopqrstuvw"


def item(number: int, family: str, answer: str, foil: str) -> Item:
    prompt = f"{LETTERS[number % 23]} + {LETTERS[(7 * number + 3) % 23]} ="
    return Item(f"{family}:{number}", "reasoning", family, "test", prompt, answer, foil=foil, cluster=str(number))


def test_a_family_is_read_behind_the_start_that_all_its_answers_have_and_no_further() -> None:
    asked = [
        item(0, "all fed the same", " of x", " of y"), item(1, "all fed the same", " of y", " of z"),
        item(2, "fed further", " of a x", " of a y"), item(3, "fed further", " of b x", " of b y"),
        item(4, "some fed", " of x", " of y"), item(5, "some fed", " x", " y"),
        item(6, "fed unlike", " a x", " a y"), item(7, "fed unlike", " b x", " b y"),
        item(8, "by itself", " a b c x", " a b c y"),
    ]  # fmt: skip
    encoded, excluded = encode_items(asked, tiny_checkpoint("llama"))
    assert not excluded and [encoded_item.shared_prefix for encoded_item in encoded] == [1, 1, 2, 2, 1, 0, 1, 1, 3]
    places = places_of(encoded)
    assert [place["common start"] - place["as asked"] for place in places] == [1, 1, 1, 1, 0, 0, 0, 0, 3]
    assert all(
        place["as asked"] == asked_at(encoded_item) == 3 for place, encoded_item in zip(places, encoded, strict=True)
    )
    assert appended(encoded) == 8


@pytest.mark.parametrize("fed", [True, False])
def test_an_answer_probe_is_not_told_the_answers_first_token(tmp_path: Path, fed: bool) -> None:
    """The fed token names the answer: behind it, even the embedding would."""
    model = tiny_checkpoint("llama")
    words = ("a", "b", "c")
    asked = [
        item(n, "one", f" {words[n % 3]} x" if fed else f" {words[n % 3]}", f" {words[n % 3]} y" if fed else " z")
        for n in range(48)
    ]
    encoded, excluded = encode_items(asked, model)
    assert not excluded and {encoded_item.shared_prefix for encoded_item in encoded} == {int(fed)}
    config = LocateConfig(positions=("last",), folds=3, draws=100, random_init=False)
    run = RunDirectory(tmp_path / "run", verb="locate", command=(), identity={"seed": 0})
    store = streams_store(run.path, run.run_id, "model", config.positions, ())
    measure(ModelReader(model, TorchHooks(model)), encoded, store, Pass(config.positions, ()))
    questions = Questions(tuple(asked), tuple(encoded), {}, "sha", False)
    probed = probe_targets(run, questions, store, None, config.positions, Fitting(3, 0, torch.device("cpu")))
    (cluster,) = [
        scores for scores in probed.scored if (scores.target.scheme, scores.target.probe) == ("cluster", "linear")
    ]  # fmt: skip
    assert len(cluster.items) == 48 and cluster.correct[:, 0].mean() < 0.5, "nothing but `=` is in stream 0"
    run.close("done")
