"""`strata.ablate` gives what one plain forward pass a text and edit gives, with donors among the other texts alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from plain_interventions import REFERENCED, PlainModel, plain
from torch import Tensor

import strata
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError

COMPONENTS = ("attn_out", "mlp_out", "block_out")
NEAR = {"rtol": 1e-3, "atol": 1e-3}
TEXTS = ("a b c d e", "g h i j k l m", "b c d")
ANSWERS, FOILS = (" f", " n", " e"), (" g", " o", " 7")


def ids_of(checkpoint: Checkpoint, text: str) -> tuple[int, ...]:
    return tuple(checkpoint.tokenizer(text)["input_ids"])


class Plain:
    """One text in a plain model, scored by the log-probability of its answer and the logit difference to its foil."""

    def __init__(self, checkpoint: Checkpoint, model: PlainModel, row: int) -> None:
        self.model, self.ids = model, ids_of(checkpoint, TEXTS[row])
        self.scored = [ids_of(checkpoint, words[row].strip())[0] for words in (ANSWERS, FOILS)]

    def scores(self, edits: Any = None) -> Tensor:
        with torch.no_grad():
            end = self.model.run(self.ids, edits)[0][-1].double()
        return torch.stack([end.log_softmax(-1)[self.scored[0]], end[self.scored[0]] - end[self.scored[1]]])

    def contributions(self) -> dict[tuple[str, int], Tensor]:
        with torch.no_grad():
            return self.model.run(self.ids)[1]

    def drops(self, component: str, given: Any, tokens: list[int], n_layers: int) -> Tensor:
        """(measure, layer): what is lost when `given(layer, token)` stands at `tokens`."""
        left = [self.scores({(component, at): {token: given(at, token) for token in tokens}}) for at in range(n_layers)]
        return self.scores()[:, None] - torch.stack(left, dim=1)


@pytest.fixture(params=REFERENCED)
def world(request: pytest.FixtureRequest, tiny_models: Any) -> tuple[Checkpoint, list[Plain]]:
    checkpoint = tiny_models(request.param)
    model = plain(request.param, checkpoint)
    return checkpoint, [Plain(checkpoint, model, row) for row in range(len(TEXTS))]


def drops_of(result: Any, component: str, position: str, row: int) -> Tensor:
    """(measure, layer) of one text."""
    (line,) = (line for line in result.log_prob_drop if (line.component, line.position) == (component, position))
    return torch.stack([drops[line][row] for drops in (result.log_prob_drop, result.logit_difference_drop)]).double()


def test_zero_ablation_takes_every_token_but_the_first_or_the_position(world: tuple[Checkpoint, list[Plain]]) -> None:
    checkpoint, truths = world
    result = strata.ablate(
        checkpoint, TEXTS, ANSWERS, foils=FOILS, components=COMPONENTS, positions=("all", "last", -2)
    )
    for row, truth in enumerate(truths):
        length = len(truth.ids)
        intact = torch.stack([result.log_prob[row], result.logit_difference[row]]).double()
        torch.testing.assert_close(intact, truth.scores(), **NEAR)
        for component in COMPONENTS:
            for position, tokens in (("all", list(range(1, length))), ("last", [length - 1]), ("-2", [length - 2])):
                expected = truth.drops(component, lambda at, token: torch.zeros(32), tokens, checkpoint.n_layers)
                torch.testing.assert_close(drops_of(result, component, position, row), expected, **NEAR)


def test_the_mean_is_that_of_the_other_texts_tokens_that_play_the_same_part(
    world: tuple[Checkpoint, list[Plain]],
) -> None:
    checkpoint, truths = world
    result = strata.ablate(checkpoint, TEXTS, ANSWERS, foils=FOILS, method="mean", components=COMPONENTS)
    runs = [truth.contributions() for truth in truths]
    for row, truth in enumerate(truths):
        others = [run for other, run in enumerate(runs) if other != row]
        for component in COMPONENTS:

            def given(at: int, token: int, component: str = component, others: Any = others, truth: Any = truth) -> Any:
                if token == len(truth.ids) - 1:
                    return torch.stack([run[component, at][-1] for run in others]).mean(0)
                return torch.cat([run[component, at][1:] for run in others]).mean(0)

            expected = truth.drops(component, given, list(range(1, len(truth.ids))), checkpoint.n_layers)
            torch.testing.assert_close(drops_of(result, component, "all", row), expected, **NEAR)


def test_of_two_texts_each_is_the_donor_that_the_other_is_resampled_from(world: tuple[Checkpoint, list[Plain]]) -> None:
    checkpoint, truths = world
    result = strata.ablate(
        checkpoint, TEXTS[:2], ANSWERS[:2], foils=FOILS[:2], method="resample", components="mlp_out", draws=2,
        positions=("all", "last"),
    )  # fmt: skip
    for row, (truth, donor) in enumerate((truths[:2], truths[1::-1])):
        run = donor.contributions()

        def given(at: int, token: int, run: Any = run, truth: Any = truth, donor: Any = donor) -> Tensor:
            # As far from the end; where the donor is shorter its second token.
            return run["mlp_out", at][max(1, token + len(donor.ids) - len(truth.ids))]

        for position, tokens in (("all", list(range(1, len(truth.ids)))), ("last", [len(truth.ids) - 1])):
            expected = truth.drops("mlp_out", given, tokens, checkpoint.n_layers)
            torch.testing.assert_close(drops_of(result, "mlp_out", position, row), expected, **NEAR)


def test_what_a_text_loses_does_not_depend_on_those_beside_it(tiny_models: Any) -> None:
    checkpoint = tiny_models("gpt2")
    together = strata.ablate(checkpoint, TEXTS, ANSWERS)
    for row in range(len(TEXTS)):
        alone = strata.ablate(checkpoint, TEXTS[row], ANSWERS[row])
        for line, drops in alone.log_prob_drop.items():
            torch.testing.assert_close(together.log_prob_drop[line][row], drops[0], **NEAR)
    assert together.foils == (None, None, None) and bool(together.logit_difference.isnan().all())


def test_items_take_means_from_their_own_family_and_one_by_itself_is_excluded(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    items = [
        {"prompt": text, "answer": answer, "foil": foil, "kind": "knowledge", "family": family, "id": text}
        for text, answer, foil, family in zip((*TEXTS, "0 1 2"), (*ANSWERS, " 3"), (*FOILS, " 4"), "ffgf", strict=True)
    ]
    result = strata.ablate(checkpoint, items, method=("zero", "mean"), windows=(1, 2))
    assert result.texts == (TEXTS[0], TEXTS[1], "0 1 2")
    assert result.excluded == {TEXTS[2]: "no other text of its group to take a mean from"}
    same = strata.ablate(checkpoint, [items[0], items[1], items[3]], method="mean")
    for line, drops in same.log_prob_drop.items():
        torch.testing.assert_close(result.log_prob_drop[line], drops, **NEAR)


@pytest.mark.parametrize("method", ["mean", "resample"])
def test_a_text_given_again_is_no_donor_of_itself(method: str, tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    options = {"method": method, "components": COMPONENTS, "positions": ("all", "last"), "draws": 2}
    once = strata.ablate(checkpoint, TEXTS[:2], ANSWERS[:2], **options)
    again = strata.ablate(
        checkpoint, [TEXTS[0], *TEXTS[:2], TEXTS[0]], [ANSWERS[0], *ANSWERS[:2], ANSWERS[0]], **options
    )
    assert bool(torch.stack([drops.abs().sum() for drops in once.log_prob_drop.values()]).all())
    for line, drops in once.log_prob_drop.items():
        torch.testing.assert_close(again.log_prob_drop[line], drops[[0, 0, 1, 0]], **NEAR)


def test_one_text_given_twice_has_no_donor(tiny_models: Any) -> None:
    with pytest.raises(StrataError, match=r"None of the 2 texts can be ablated \(2 × no other text of its group"):
        strata.ablate(tiny_models("llama"), [TEXTS[0]] * 2, ANSWERS[:2], method="mean")


@pytest.mark.parametrize("method", ["zero", "mean", "resample"])
def test_a_text_of_one_token_has_nothing_but_its_first(method: str, tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    texts, answers = ("a", *TEXTS), (" b", *ANSWERS)
    assert len(ids_of(checkpoint, "a")) == 1
    result = strata.ablate(checkpoint, texts, answers, method=method)
    assert result.excluded == {"0": "only one token, and all is every token but the first"}
    without = strata.ablate(checkpoint, TEXTS, ANSWERS, method=method, positions=("all",))
    if method != "resample":  # whose donors are drawn by the text's number
        for line, drops in without.log_prob_drop.items():
            torch.testing.assert_close(result.log_prob_drop[line], drops, **NEAR)
    assert strata.ablate(checkpoint, texts, answers, method=method, positions="last").texts == ("0", "1", "2", "3")
    with pytest.raises(StrataError, match=r"None of the 1 texts can be ablated .*only one token"):
        strata.ablate(checkpoint, "a", " b")


def test_tables_hold_the_mean_over_texts_and_the_texts(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    pairs = [("a b c d e", " f", "a b g d e", " g"), ("g h i j k l m", " n", "x", " o")]
    result = strata.ablate(checkpoint, pairs, components="mlp_out")
    table, rows = result.to_pandas(), result.to_pandas(by_text=True)
    assert len(table) == checkpoint.n_layers and len(rows) == 2 * checkpoint.n_layers
    for measure in ("log_prob_drop", "logit_difference_drop"):
        means = rows.groupby("layer")[measure].mean()
        assert table.set_index("layer")[measure].to_numpy() == pytest.approx(means.to_numpy(), abs=1e-5)
    assert set(table["texts"]) == {2} and set(table["method"]) == {"zero"}
    assert repr(result) == "AblationResult(2 texts, 0 excluded; zero ablation of mlp_out at all; 3 blocks)"
    assert result._repr_html_().count("<tr>") == 1 + checkpoint.n_layers


@pytest.mark.parametrize(
    ("texts", "answers", "options", "message"),
    [
        ([], None, {}, "No texts were given"),
        (["a b", ""], [" c", " d"], {}, "Text 1 is empty"),
        ("a b", None, {}, "Text 0 has no answer to score"),
        (["a b", "c d"], [" c"], {}, "There are 1 answers for 2 texts"),
        (["a b"], [""], {}, "The answer of text 0 is ''"),
        (["a b"], [" c"], {"foils": [" c"]}, "Answer and foil of text 0 are the same"),
        (["a b"], [" c"], {"method": "median"}, "There is no 'median' among the methods"),
        (["a b"], [" c"], {"components": "resid_pre"}, "There is no 'resid_pre' among the components"),
        (["a b"], [" c"], {"layers": 7}, "There is no layer 7"),
        (["a b", "c"], [" c", " d"], {"batch_tokens": -5}, "batch_tokens is -5. Give"),
        (["a b"], [" c"], {"positions": "subject"}, "No text has the position 'subject'"),
        (["a b"], [" c"], {"method": "mean"}, "None of the 1 texts can be ablated (1 × no other text of its group to take a mean"),
        (["a b"], [" c"], {"method": "resample"}, "Give at least two different texts of one group"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(
    tiny_models: Any, texts: Any, answers: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(StrataError) as caught:
        strata.ablate(tiny_models("llama"), texts, answers, **options)
    assert message in str(caught.value) and caught.value.remedy
