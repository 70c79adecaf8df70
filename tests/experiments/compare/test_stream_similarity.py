"""Similarity of two models' streams: on the prompts as asked, with what one dimension or one family makes told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import tiny_checkpoint
from torch import Tensor

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.instruction_contrasts import INSTRUCTIONS, contrasts_of, instructed
from strata.experiments.compare.probe_transfer import transfer_rows
from strata.experiments.compare.stream_similarity import rows_of_streams, similarity_rows
from strata.experiments.items.alignment import EncodedItem, encode_items
from strata.experiments.items.schema import Item
from strata.experiments.locate.activation_stores import streams_store
from strata.experiments.locate.capture_streams import Pass, measure
from strata.experiments.locate.config import LocateConfig
from strata.experiments.questions import questions_for
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import open_checkpoint
from strata.probes.model_diff.cka import debiased_cka

CONFIG = CompareConfig(locate=LocateConfig(draws=200, folds=3))
FED = "of"
"""The token that answer and foil share in half of the families, and that is fed behind the prompt for scoring."""
Row = dict[str, Any]


def gaussian(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rows_by(rows: list[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def planted(rows: int, streams: int = 3, width: int = 200) -> tuple[Tensor, list[str], list[str]]:
    """States, entities and four families of as many items."""
    return (
        gaussian(rows, streams, width),
        [str(row) for row in range(rows)],
        [f"family {row % 4}" for row in range(rows)],
    )


def test_what_one_dimension_carries_stands_beside_the_similarity_without_it() -> None:
    before, clusters, families = planted(40)
    after = before.clone()
    # Stream 1: the same but for a dimension. Stream 2: nothing the same but a dimension.
    before[:, 1, 5], after[:, 1, 5] = 80 * gaussian(40, seed=1), 80 * gaussian(40, seed=2)
    after[:, 2] = gaussian(40, 200, seed=3)
    before[:, 2, 9] = after[:, 2, 9] = 80 * gaussian(40, seed=4)
    rows = list(rows_of_streams(before, after, clusters, families, CONFIG))
    whole, trimmed = (
        rows_by(rows, measure="cka", dimensions=dimensions, excluded=None) for dimensions in ("all", "trimmed")
    )
    assert [row["dominant"] for row in whole] == [None, "5", "9"]
    assert [(row["stream"], row["dominant"]) for row in trimmed] == [(1, "5"), (2, "9")], (
        "at stream 0 it would be the same row"
    )
    assert [row["value"] for row in whole] == pytest.approx([1, 0, 1], abs=0.15)
    assert [row["value"] for row in trimmed] == pytest.approx([1, 0], abs=0.15)
    for stream, gone in ((1, 5), (2, 9)):
        left = [torch.from_numpy(np.delete(states[:, stream].numpy(), gone, axis=1)) for states in (before, after)]
        assert trimmed[stream - 1]["value"] == pytest.approx(debiased_cka(*left), rel=1e-6)
    shares = [np.var(before[:, at].double().numpy(), axis=0) for at in range(3)]
    assert [row["share_base"] for row in whole] == pytest.approx(
        [variances.max() / variances.sum() for variances in shares], rel=1e-6
    )


def test_the_value_without_each_family_is_that_of_the_other_items_alone() -> None:
    before, clusters, families = planted(40)
    after = before.clone()
    of_family = [row for row, name in enumerate(families) if name == "family 2"]
    after[of_family, 1] = 4 * gaussian(len(of_family), 200, seed=9)
    rows = list(rows_of_streams(before, after, clusters, families, CONFIG))
    for family in sorted(set(families)):
        others = [row for row, name in enumerate(families) if name != family]
        for stream in range(3):
            (cka,) = rows_by(rows, measure="cka", dimensions="all", excluded=family, stream=stream)
            assert cka["value"] == pytest.approx(debiased_cka(before[others, stream], after[others, stream]), rel=1e-6)
            assert (cka["n_items"], cka["n_clusters"], cka["low"]) == (30, 30, None)
            (cosine,) = rows_by(rows, measure="cosine", dimensions="all", excluded=family, stream=stream)
            first, second = (side[others, stream].double().numpy() for side in (before, after))
            expected = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
            assert cosine["value"] == pytest.approx(expected.mean(), abs=1e-6)
    (dip,) = rows_by(rows, measure="cka", dimensions="all", excluded=None, stream=1)
    (without,) = rows_by(rows, measure="cka", dimensions="all", excluded="family 2", stream=1)
    assert dip["value"] < 0.7 and without["value"] == pytest.approx(1.0)


def test_where_a_family_can_not_be_spared_nothing_is_said_without_it() -> None:
    before, clusters, _ = planted(10)
    rows = list(rows_of_streams(before, before, clusters, ["one"] * 10, CONFIG))
    assert {row.get("excluded") for row in rows} == {None}
    rows = list(rows_of_streams(before, before, clusters, ["large"] * 7 + ["small"] * 3, CONFIG))
    assert {row.get("excluded") for row in rows} == {None, "small"}, "three items are too few for CKA"


def asked() -> list[Item]:
    """Reasoning items: of two families answer and foil begin with the same token, of two they don't."""
    letters = "abcdefghijklmnopqrstuvw"
    items = []
    for n in range(32):
        start = f" {FED}" if n % 4 < 2 else ""
        items.append(
            Item(id=f"r{n}", kind="reasoning", family=f"family {n % 4}", domain="test", cluster=str(n),
                 prompt=f"{letters[n % 23]} + {letters[(7 * n + 3) % 23]} {n % 10} =", answer=f"{start} {('x', 'y')[n // 4 % 2]}", foil=f"{start} z")
        )  # fmt: skip
    return items


def differing_behind_the_fed_token() -> tuple[Checkpoint, Checkpoint]:
    """Two models that are the same but for how the fed token is embedded: as prompts go, they are one model."""
    base, other = (tiny_checkpoint("llama", seed=3) for _ in range(2))
    (token,) = base.encode(FED)
    with torch.no_grad():
        other.model.get_input_embeddings().weight[token] = 20 * gaussian(other.d_model, seed=8)
    return base, other


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[EncodedItem], Checkpoint]:
    base, other = differing_behind_the_fed_token()
    encoded, excluded = encode_items(asked(), base)
    assert not excluded and [question.shared_prefix for question in encoded[:4]] == [1, 1, 0, 0]
    stores = {}
    for role, model in (("base", base), ("distilled", other)):
        stores[role] = streams_store(tmp_path_factory.mktemp(role), "run", "model", ("last",), ())
        measure(ModelReader(model, TorchHooks(model)), encoded, stores[role], Pass(("last",), ()))
    return stores, encoded, base


def test_a_token_fed_for_scoring_makes_no_dip(stored: Any) -> None:
    stores, encoded, base = stored
    rows = list(similarity_rows(stores, encoded, ("last",), CONFIG))
    whole = rows_by(rows, dimensions="all", excluded=None)
    assert {row["measure"] for row in whole} == {"cka", "cosine"} and len(whole) == 2 * (base.n_layers + 1)
    # Stream 0 holds the last token alone, which is `=` in all prompts as asked.
    assert [row["stream"] for row in whole if row["value"] is None] == [0]
    assert all(row["value"] == pytest.approx(1, abs=1e-5) for row in whole if row["value"] is not None)
    assert {(row["n_items"], row["n_appended"]) for row in whole} == {(32, 16)}
    # The dip that there would be, half of the prompts being read behind the fed token.
    scored = [
        stores[role].read("streams", [question.key for question in encoded])[:, 1, 0] for role in ("base", "distilled")
    ]
    assert debiased_cka(*scored) < 0.9


def test_streams_as_asked_are_those_of_the_prompt_alone(stored: Any) -> None:
    stores, encoded, base = stored
    streams = stores["base"].read("streams", [question.key for question in encoded])[:, :-1]
    for row, question in enumerate(encoded):
        with torch.no_grad():
            states = base.model(
                torch.tensor([base.encode(question.item.prompt)]), output_hidden_states=True
            ).hidden_states
        torch.testing.assert_close(
            streams[row, :, 1],
            torch.stack([state[0, -1] for state in states[:-1]])[: len(streams[row])],
            rtol=1e-4,
            atol=1e-4,
        )


def test_probes_are_carried_over_from_behind_what_all_items_of_a_family_are_fed(stored: Any) -> None:
    stores, encoded, _ = stored
    rows = list(transfer_rows(stores, encoded, frozenset(question.key for question in encoded), ("last",), CONFIG))
    measured = [row for row in rows if "stream" in row]
    assert {row["family"]: row["n_appended"] for row in measured}.items() <= {
        "family 0": 8,
        "family 1": 8,
        "family 2": 0,
        "family 3": 0,
    }.items()
    # Nothing is fed in this family, so that the two models are one.
    same = [row for row in measured if row["family"] in ("family 2", "family 3")]
    assert same and all(
        row["value"] == other["value"]
        for row in same if row["measure"] == "direct"
        for other in rows_by(same, family=row["family"], direction=row["direction"], measure="own", stream=row["stream"])
    )  # fmt: skip


def test_questions_behind_instructions_end_where_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_checkpoint("llama")
    monkeypatch.setattr(
        "strata.experiments.compare.instruction_contrasts.INSTRUCTIONS", dict.fromkeys(INSTRUCTIONS, "a b c ")
    )
    instructed_questions = instructed(asked(), model)
    assert len(instructed_questions.items) == 32
    for prompts in instructed_questions.prompts.values():
        for item, prompt in zip(instructed_questions.items, prompts, strict=True):
            assert prompt.ids == model.encode(f"a b c \n\n{item.prompt}")
            assert prompt.positions["last"] == len(prompt.ids) - 1


def test_an_excess_of_one_dimension_or_one_family_is_gone_without_it() -> None:
    """Stream 0: all states alike but for a dimension that the slow instruction changes. Stream 1: one family's are changed."""
    n_items, width = 40, 200
    families = [f"family {row % 4}" for row in range(n_items)]
    states = gaussian(1, n_items, 2, width).expand(5, -1, -1, -1).clone()
    states[:, :, 0, 3] = 80 * gaussian(n_items, seed=1)
    of_family = [row for row, name in enumerate(families) if name == "family 1"]
    for slow, seed in ((2, 5), (3, 6)):
        states[slow, :, 0, 3] = 80 * gaussian(n_items, seed=seed)
        states[slow, of_family, 1] = 4 * gaussian(len(of_family), width, seed=seed)
    rows = list(contrasts_of(states, [str(row) for row in range(n_items)], families, draws=200, seed=0))
    excess = {
        (row["dimensions"], row.get("excluded"), row["stream"]): row for row in rows if row["contrast"] == "excess"
    }
    assert excess["all", None, 0]["low"] > 0 and excess["all", None, 0]["dominant"] == "3"
    assert excess["all", None, 0]["share"] > 0.9
    assert excess["trimmed", None, 0]["value"] == pytest.approx(0, abs=1e-9)
    assert excess["all", None, 1]["value"] > 0.1 and excess["all", None, 1]["dominant"] is None
    assert excess["all", "family 1", 1]["value"] == pytest.approx(0, abs=1e-9)
    assert all(excess["all", f"family {n}", 1]["value"] > 0.1 for n in (0, 2, 3))


@pytest.mark.thorough
@pytest.mark.model
def test_lower_streams_of_the_embedded_pair_are_alike_on_the_prompts_as_asked(
    smollm2: Checkpoint, tmp_path: Path
) -> None:
    """Streams 5 to 8 of reasoning items: .98 and more, though several families feed a space that answers begin with."""
    families = ("addition", "addition_carry", "majority", "binding", "relation_chain", "deduction")
    encoded = questions_for(smollm2, LocateConfig(families=families, per_family=4)).encoded
    assert {question.item.family for question in encoded if question.shared_prefix} == {
        "addition",
        "addition_carry",
        "binding",
    }
    stores = {}
    for role, model in (
        ("base", smollm2),
        ("distilled", open_checkpoint("smollm2+think", dtype="float32", device="cpu")),
    ):
        stores[role] = streams_store(tmp_path / role, "run", "model", ("last",), ())
        measure(ModelReader(model, TorchHooks(model)), encoded, stores[role], Pass(("last",), ()))
    rows = rows_by(list(similarity_rows(stores, encoded, ("last",), CONFIG)), measure="cka", excluded=None)
    assert all(row["value"] > 0.98 and row["dominant"] is None for row in rows if 5 <= row["stream"] <= 8)
