"""`locate` on models whose truth is known: planted blocks in either order, and models in which nothing is planted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from planted_models import Planted, write_planted
from small_comparison import without_probes

from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.pipeline import locate
from strata.probes.checkpoints.open_spec import open_checkpoint, randomly_initialised
from strata.probes.errors import SelfTestError

CONFIG = LocateConfig(
    causal_map="quick",
    pairs=16,
    draws=200,
    random_init=False,
    lens_maps=2,
    folds=3,
    damage_texts=2,
    positions=("last",),
)


@pytest.fixture(scope="module", autouse=True)
def interventions_alone() -> Iterator[None]:
    """They decide where something is; probes would take most of the time."""
    with without_probes():
        yield


@pytest.fixture(scope="module", params=["retrieval first", "reasoning first"])
def planted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    directory = tmp_path_factory.mktemp("planted")
    return (
        write_planted(directory)
        if request.param == "retrieval first"
        else write_planted(directory, retrieval=8, reasoning=3)
    )


def located(planted: Planted, out: Path, config: LocateConfig = CONFIG, checkpoint: Any = None) -> dict[str, Any]:
    return locate(checkpoint or open_checkpoint(str(planted.checkpoint)), config, out, items=planted.items).as_json()


@pytest.fixture(scope="module")
def planted_run(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("runs") / "planted"
    return out, located(planted, out)


def test_the_planted_blocks_and_their_order_are_found(
    planted: Planted, planted_run: tuple[Path, dict[str, Any]]
) -> None:
    _, summary = planted_run
    for kind, cell, block in (("knowledge", "enrich", planted.retrieval), ("reasoning", "work_out", planted.reasoning)):
        place = summary["kinds"][kind]["located"]
        assert place is not None, summary["kinds"][kind]["why_not_located"]
        assert (place["cell"], place["layer"], place["extent"]) == (cell, block, "blocks")
        assert place["interval"][0] <= block <= place["interval"][1]
        assert place["shared_with_control"] == "less" and not place["general"]
    first = "retrieval-first" if planted.retrieval < planted.reasoning else "reasoning-first"
    order = summary["order"]
    assert order["verdict"] == first and order["cells"] == ["enrich", "work_out"] and not order["general"]
    truth = (planted.reasoning - planted.retrieval) / planted.n_layers
    assert order["difference"] == pytest.approx(truth, abs=1 / planted.n_layers)
    assert {sentence["sentence"]: sentence["verdict"] for sentence in summary["hypothesis"]} == {
        "a": "confirmed", "b": "confirmed" if first == "retrieval-first" else "refuted",
    }  # fmt: skip


def test_every_locus_has_its_role(planted: Planted, planted_run: tuple[Path, dict[str, Any]]) -> None:
    families = planted_run[1]["families"]
    roles = {
        name: [(locus["cell"], locus["carrying"], locus["role"]) for locus in families[name]["loci"]]
        for name in ("fact", "sum")
    }
    assert roles["fact"] == [
        ("enrich", [planted.retrieval], "makes"), ("move", [planted.mover], "relays"),
    ]  # fmt: skip
    assert roles["sum"] == [
        ("move", [planted.operand_mover], "prepares"), ("work_out", [planted.reasoning], "makes"),
    ]  # fmt: skip
    assert families["fact"]["handover"] == {"first": planted.mover, "last": planted.mover}


def test_copying_is_located_nowhere(planted_run: tuple[Path, dict[str, Any]]) -> None:
    control = planted_run[1]["kinds"]["control"]
    assert control["located"] is None and control["why_not_located"]["code"] == "no-role-testable"


def test_the_decoy_that_nothing_reads_gets_no_effect(
    planted: Planted, planted_run: tuple[Path, dict[str, Any]]
) -> None:
    rows = pq.read_table(planted_run[0] / "curves.parquet").to_pylist()
    gained = {
        row["layer"]: row["mean"]
        for row in rows
        if (row["instrument"], row["measure"], row["component"], row["family"], row["position"])
        == ("patching", "gained", "mlp_out", "fact", "subject")
    }
    assert planted.decoy is not None
    assert abs(gained[planted.decoy]) < 0.1 and gained[planted.retrieval] > 0.9


def test_every_number_of_the_verdict_has_its_table_row(planted_run: tuple[Path, dict[str, Any]]) -> None:
    run, summary = planted_run
    locations = pq.read_table(run / "locations.parquet").to_pylist()
    places = pq.read_table(run / "places.parquet").to_pylist()
    windows = pq.read_table(run / "windows.parquet").to_pylist()
    for kind, family in (("knowledge", "fact"), ("reasoning", "sum")):
        row = next(r for r in locations if (r["kind"], r["family"], r["instrument"]) == (kind, None, "patching"))
        place = summary["kinds"][kind]["located"]
        assert (row["layer"], row["depth"], row["measure"]) == (
            place["layer"],
            place["depth"],
            f"makes.{place['cell']}",
        )
        said = summary["families"][family]
        drawn = [r for r in places if r["family"] == family and r["threshold"] == 0.1 and r["cell"] == place["cell"]]
        assert len(drawn) == round(said["place"]["support"] * summary["causal"]["draws"])
        for locus in said["loci"]:
            row = next(
                r for r in windows
                if (r["family"], r["cell"], r["first"], r["last"]) == (family, locus["cell"], locus["first"], locus["last"])
            )  # fmt: skip
            assert row["effect"] == pytest.approx(locus["effect"]) and row["n_pairs"] == said["pairs"]
    manifest = json.loads((run / "manifest.json").read_text())
    assert any("restarted run" in test["name"] for test in manifest["self_tests"])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_randomly_initialised_model_is_located_nowhere(seed: int, tmp_path: Path) -> None:
    planted = write_planted(tmp_path / "planted", n_layers=6, retrieval=2, reasoning=4)
    fresh = randomly_initialised(open_checkpoint(str(planted.checkpoint)), seed)
    summary = located(planted, tmp_path / "run", replace(CONFIG, seed=seed), fresh)
    assert all(of_kind["located"] is None and of_kind["why_not_located"] for of_kind in summary["kinds"].values())
    assert summary["order"]["verdict"] == "undetermined"


def test_a_random_model_with_loud_weights_is_located_nowhere_either(tmp_path: Path) -> None:
    """Logits of a random model are tiny as initialised; here they differ by many logits and still mean nothing."""
    planted = write_planted(tmp_path / "planted", n_layers=6, retrieval=2, reasoning=4)
    fresh = randomly_initialised(open_checkpoint(str(planted.checkpoint)), 5)
    with torch.no_grad():
        for name, parameter in fresh.model.named_parameters():
            if parameter.ndim > 1:
                parameter.mul_(6.0 if "embed" in name or "head" in name else 3.0)
    summary = located(planted, tmp_path / "run", CONFIG, fresh)
    assert all(of_kind["located"] is None for of_kind in summary["kinds"].values())
    assert summary["order"]["verdict"] == "undetermined"


def test_a_model_that_cannot_be_restarted_rightly_stops_the_experiment(tmp_path: Path) -> None:
    """Block 0 adds something kept from the embedding layer, as per-layer embeddings do: a restarted run misses it."""
    planted = write_planted(tmp_path / "planted", n_layers=6, retrieval=2, reasoning=4)
    checkpoint = open_checkpoint(str(planted.checkpoint))
    embedded: list[torch.Tensor] = []
    checkpoint.model.get_input_embeddings().register_forward_hook(lambda module, inputs, output: embedded.__setitem__(slice(None), [output]))  # fmt: skip

    def add(module: Any, inputs: Any, output: Any) -> Any:
        h = output[0]
        if embedded[0].shape != h.shape:
            return output
        return (h + 0.05 * embedded[0], *output[1:])

    checkpoint.blocks[0].self_attn.register_forward_hook(add)
    with pytest.raises(SelfTestError, match="restarted run"):
        located(planted, tmp_path / "run", CONFIG, checkpoint)
    assert not (tmp_path / "run" / "summary.json").exists()
