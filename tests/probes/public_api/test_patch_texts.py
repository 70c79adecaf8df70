"""`strata.patch` gives what one plain forward pass a pair and edit gives, whatever the lengths, and says what it leaves out."""

from __future__ import annotations

import math
import re
from typing import Any

import pandas
import pytest
import torch
from plain_interventions import REFERENCED, PlainModel, plain
from torch import Tensor

import strata
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import DoesNotFitError, StrataError
from strata.probes.public_api.questions import PAIR_FIELDS

COMPONENTS = ("attn_out", "mlp_out", "block_out", "resid_pre")
NEAR = {"rtol": 1e-3, "atol": 2e-3}
WORDS = (
    ("a b c d e", "a b f d e"),
    ("g h i j k l m n o", "g p i q k l m n o"),
    ("b c d", "b e d"),
    ("0 1 2 + 3 4 =", "0 1 2 + 5 4 ="),
)
"""Prompts of four lengths, which differ at unequal distances from their ends."""
SUBJECTS = ("c", "h", "c", "3")


def ids_of(checkpoint: Checkpoint, text: str) -> tuple[int, ...]:
    return tuple(checkpoint.tokenizer(text)["input_ids"])


def plain_pairs(checkpoint: Checkpoint, model: PlainModel) -> list[dict[str, Any]]:
    """Of each prompt pair the two words whose logits its prompts move apart most: the clean run prefers the answer."""
    pairs = []
    for (prompt, foil_prompt), subject in zip(WORDS, SUBJECTS, strict=True):
        with torch.no_grad():
            moved = model.run(ids_of(checkpoint, prompt))[0][-1] - model.run(ids_of(checkpoint, foil_prompt))[0][-1]
        words = checkpoint.tokenizer.convert_ids_to_tokens(list(range(4, 50)))
        at = prompt.index(subject)
        pairs.append(
            {
                "prompt": prompt,
                "answer": f" {words[int(moved[4:50].argmax())]}",
                "foil_prompt": foil_prompt,
                "foil": f" {words[int(moved[4:50].argmin())]}",
                "spans": {"subject": (at, at + 1)},
                "foil_spans": {"subject": (at, at + 1)},
            }
        )
    return pairs


class Plain:
    """One pair of plain strings in a plain model."""

    def __init__(self, checkpoint: Checkpoint, model: PlainModel, pair: dict[str, Any]) -> None:
        self.model = model
        self.clean, self.corrupted = (ids_of(checkpoint, pair[name]) for name in ("prompt", "foil_prompt"))
        self.scored = [ids_of(checkpoint, pair[name].strip())[0] for name in ("answer", "foil")]
        self.first = next(n for n, (a, b) in enumerate(zip(self.clean, self.corrupted, strict=True)) if a != b)

    def difference(self, ids: tuple[int, ...], edits: Any = None) -> float:
        with torch.no_grad():
            end = self.model.run(ids, edits)[0][-1].double()
        return float(end[self.scored[0]] - end[self.scored[1]])

    def patched(self, component: str, blocks: range, tokens: list[int], *, noise: bool = False) -> float:
        """The logit difference of one whole forward pass with these activations of the other run."""
        into, donor = (self.clean, self.corrupted) if noise else (self.corrupted, self.clean)
        with torch.no_grad():
            given = self.model.run(donor)[1]
        return self.difference(into, {(component, at): {t: given[component, at][t] for t in tokens} for at in blocks})

    def effect(self, component: str, blocks: range, tokens: list[int], *, noise: bool = False) -> float:
        clean, corrupted = self.difference(self.clean), self.difference(self.corrupted)
        patched = self.patched(component, blocks, tokens, noise=noise)
        return (clean - patched if noise else patched - corrupted) / (clean - corrupted)


@pytest.mark.parametrize("architecture", REFERENCED)
def test_effects_equal_one_full_forward_for_each_edit_whatever_the_lengths(tiny_models: Any, architecture: str) -> None:
    checkpoint = tiny_models(architecture)
    model = plain(architecture, checkpoint)
    pairs = plain_pairs(checkpoint, model)
    result = strata.patch(
        checkpoint, pairs, components=COMPONENTS, positions=("last", "subject", -2, "all"), direction="both",
        least_difference=0.01,
    )  # fmt: skip
    assert result.pairs == ("0", "1", "2", "3") and not result.excluded
    for row, pair in enumerate(pairs):
        truth = Plain(checkpoint, model, pair)
        length = len(truth.clean)
        assert float(result.clean[row]) == pytest.approx(truth.difference(truth.clean), rel=1e-3, abs=1e-4)
        assert float(result.corrupted[row]) == pytest.approx(truth.difference(truth.corrupted), rel=1e-3, abs=1e-4)
        places = {
            "last": [length - 1],
            "subject": [truth.first],
            "-2": [length - 2],
            "all": list(range(truth.first, length)),
        }
        for component in COMPONENTS:
            for position, tokens in places.items():
                for measure in ("denoise", "noise"):
                    effects = result.effects(component, position, measure=measure)[row]
                    expected = [
                        truth.effect(component, range(at, at + 1), tokens, noise=measure == "noise")
                        for at in range(checkpoint.n_layers)
                    ]
                    torch.testing.assert_close(effects, torch.tensor(expected), **NEAR)


def test_windows_of_some_layers_are_edited_together(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    model = plain("llama", checkpoint)
    pairs = plain_pairs(checkpoint, model)
    result = strata.patch(checkpoint, pairs, components="mlp_out", layers=[1, 2], windows=(1, 2), least_difference=0)
    for window, starts in ((1, (1, 2)), (2, (1,))):
        effects = result.effects("mlp_out", window=window)
        assert effects.shape == (4, len(starts))
        for row, pair in enumerate(pairs):
            truth = Plain(checkpoint, model, pair)
            expected = [truth.effect("mlp_out", range(at, at + window), [len(truth.clean) - 1]) for at in starts]
            torch.testing.assert_close(effects[row], torch.tensor(expected), **NEAR)


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_effects_equal_those_of_transformer_lens_patched_row_by_row_with_its_hooks(
    tiny_models: Any, architecture: str
) -> None:
    from strata.probes.backends.transformer_lens import TransformerLensBackend

    checkpoint = tiny_models(architecture)
    bridge = TransformerLensBackend(checkpoint).bridge
    pairs = plain_pairs(checkpoint, plain(architecture, checkpoint))
    result = strata.patch(checkpoint, pairs, components=("attn_out", "mlp_out", "resid_pre"), least_difference=0)
    for row, pair in enumerate(pairs):
        clean, corrupted = (torch.tensor([ids_of(checkpoint, pair[name])]) for name in ("prompt", "foil_prompt"))
        answer, foil = (ids_of(checkpoint, pair[name].strip())[0] for name in ("answer", "foil"))
        with torch.no_grad():
            logits, cache = bridge.run_with_cache(clean)
            ends = [logits[0, -1], bridge(corrupted)[0, -1]]
            for component in ("attn_out", "mlp_out", "resid_pre"):
                for layer in range(checkpoint.n_layers):
                    name = f"blocks.{layer}.hook_{component}"

                    def put(h: Tensor, hook: Any, given: Tensor = cache[name][:, -1]) -> Tensor:
                        h = h.clone()
                        h[:, -1] = given
                        return h

                    end = bridge.run_with_hooks(corrupted, fwd_hooks=[(name, put)])[0, -1]
                    moved = [float(last_logits[answer] - last_logits[foil]) for last_logits in (end, *ends)]
                    expected = (moved[0] - moved[2]) / (moved[1] - moved[2])
                    assert float(result.effects(component)[row, layer]) == pytest.approx(expected, rel=1e-3, abs=2e-3)


@pytest.mark.thorough
@pytest.mark.model
def test_on_the_embedded_model_effects_equal_plain_forward_hooks_of_hugging_face(smollm2: Checkpoint) -> None:
    pairs = [
        ("The capital of Germany is", " Berlin", "The capital of France is", " Paris"),
        ("If you ask anybody, they will say that the opposite of hot is", " cold",
         "If you ask anybody, they will say that the opposite of big is", " small"),
    ]  # fmt: skip
    result = strata.patch(smollm2, pairs, components=("mlp_out", "resid_pre"), layers=[0, 22, 29])
    model = PlainModel("llama", smollm2.model)
    for row, pair in enumerate(pairs):
        truth = object.__new__(Plain)
        truth.model = model
        truth.clean, truth.corrupted = (ids_of(smollm2, pair[at]) for at in (0, 2))
        truth.scored = [ids_of(smollm2, pair[at])[0] for at in (1, 3)]
        for component in ("mlp_out", "resid_pre"):
            expected = [truth.effect(component, range(at, at + 1), [len(truth.clean) - 1]) for at in (0, 22, 29)]
            torch.testing.assert_close(result.effects(component)[row], torch.tensor(expected), rtol=0, atol=1e-3)
    assert result.answers == (" Berlin", " cold") and result.foils == (" Paris", " small")


def test_the_effect_over_pairs_is_the_mean_shift_over_the_mean_difference(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    pairs = plain_pairs(checkpoint, plain("llama", checkpoint))
    pairs[2] = {name: part for name, part in pairs[2].items() if name not in ("spans", "foil_spans")}
    result = strata.patch(checkpoint, pairs, components="mlp_out", positions=("last", "subject"), least_difference=0)
    rows = result.to_pandas(by_pair=True)
    assert len(rows) == (4 + 3) * checkpoint.n_layers
    assert rows["effect"].to_numpy() == pytest.approx(
        ((rows["patched"] - rows["corrupted"]) / (rows["clean"] - rows["corrupted"])).to_numpy(), abs=1e-5
    )
    for (position, layer), of_layer in rows.groupby(["position", "layer"]):
        pooled = result.to_pandas().set_index(["position", "layer"]).loc[(position, layer)]
        shift, whole = (of_layer["patched"] - of_layer["corrupted"]).mean(), (of_layer["clean"] - of_layer["corrupted"]).mean()  # fmt: skip
        assert pooled["effect"] == pytest.approx(shift / whole, abs=1e-5)
        assert pooled["pairs"] == (4 if position == "last" else 3)
        assert float(result.effect("mlp_out", position)[layer]) == pytest.approx(pooled["effect"])


def test_a_pair_has_the_same_effects_alone_and_among_longer_ones(tiny_models: Any) -> None:
    checkpoint = tiny_models("gpt2")  # its learned positions show any padding that isn't masked
    pairs = plain_pairs(checkpoint, plain("gpt2", checkpoint))
    together = strata.patch(checkpoint, pairs, least_difference=0).effects("attn_out")
    alone = [strata.patch(checkpoint, [pair], least_difference=0).effects("attn_out")[0] for pair in pairs]
    torch.testing.assert_close(together, torch.stack(alone), **NEAR)


def test_tuples_dicts_items_and_a_hugging_face_model_say_the_same(tiny_models: Any) -> None:
    from strata.experiments.items.schema import Item

    checkpoint = tiny_models("llama")
    dicts = plain_pairs(checkpoint, plain("llama", checkpoint))
    tuples = [tuple(pair[name] for name in ("prompt", "answer", "foil_prompt", "foil")) for pair in dicts]
    items = [Item(id=str(n), kind="knowledge", family="f", domain="d", **pair) for n, pair in enumerate(dicts)]
    expected = strata.patch(checkpoint, dicts, least_difference=0).effects("mlp_out")
    for model, pairs in (
        (checkpoint, tuples),
        (checkpoint, items),
        ((checkpoint.model, checkpoint.tokenizer), tuples),
    ):
        effects = strata.patch(model, pairs, least_difference=0).effects("mlp_out")
        torch.testing.assert_close(effects, expected, rtol=1e-5, atol=1e-5)


def test_controls_are_measured_beside_and_restore_something_else(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    pairs = plain_pairs(checkpoint, plain("llama", checkpoint))
    controls = ("random_donor", "norm_matched_noise", "wrong_position")
    result = strata.patch(
        checkpoint, pairs, positions=("last", "subject", "all"), controls=controls, least_difference=0
    )
    denoised = result.effects("mlp_out", "last")
    for control in controls:
        effects = result.effects("mlp_out", "last", measure=control)
        assert bool(effects.isfinite().all()) and not torch.allclose(effects, denoised)
    with pytest.raises(StrataError, match="random_donor of mlp_out at all"):
        result.effects("mlp_out", "all", measure="random_donor")


def test_a_pair_that_cannot_be_used_is_counted_with_its_reason(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    good = plain_pairs(checkpoint, plain("llama", checkpoint))
    swapped = {**good[0], "answer": good[0]["foil"], "foil": good[0]["answer"]}
    others = [
        ("a b c", " d", "a b e c", " f"),  # another number of tokens
        ("a b c", " d", "a e c", " d x"),  # the answer begins the foil
        ("a b c", " ☃", "a e c", " f"),  # a word that the tokenizer doesn't know
    ]
    result = strata.patch(checkpoint, [*good, swapped, *others], least_difference=0.01)
    assert result.pairs == ("0", "1", "2", "3")
    truth = Plain(checkpoint, plain("llama", checkpoint), swapped)
    weak = re.fullmatch(
        r"the clean run's logit difference \((.+)\) is not 0\.01 \(least_difference\) above the corrupted run's \((.+)\)",
        result.excluded["4"],
    )
    assert weak is not None
    assert [float(number) for number in weak.groups()] == pytest.approx(
        [truth.difference(truth.clean), truth.difference(truth.corrupted)], rel=1e-3, abs=1e-4
    )
    tokens = [len(checkpoint.encode(text)) for text in ("a b c", "a b e c")]
    assert result.excluded["5"] == "the pair's prompts differ in length ({} and {} tokens)".format(*tokens)
    assert result.excluded_reasons["the pair's prompts differ in length"] == 1
    assert result.excluded["6"] == "one of answer and foil is the beginning of the other"
    assert result.excluded["7"] == "the answer has no token in the vocabulary"
    assert sum(result.excluded_reasons.values()) == len(result.excluded) == 4
    alone = strata.patch(checkpoint, good, least_difference=0.01)
    torch.testing.assert_close(result.effects("mlp_out"), alone.effects("mlp_out"), **NEAR)


def test_answers_with_a_common_beginning_are_scored_where_they_part(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    model = plain("llama", checkpoint)
    pair = plain_pairs(checkpoint, model)[0]
    longer = {**pair, "answer": f" x y{pair['answer']}", "foil": f" x y{pair['foil']}"}
    result = strata.patch(checkpoint, [longer], components="mlp_out", least_difference=-math.inf)
    fed = {**pair, "prompt": f"{pair['prompt']} x y", "foil_prompt": f"{pair['foil_prompt']} x y"}
    truth = Plain(checkpoint, model, fed)
    assert float(result.clean[0]) == pytest.approx(truth.difference(truth.clean), abs=1e-4)
    assert (result.answers[0], result.foils[0]) == (pair["answer"].strip(), pair["foil"].strip())


PAIR = ("a b c", " d", "a e c", " f")


@pytest.mark.parametrize(
    ("pairs", "options", "message"),
    [
        ([], {}, "No pairs were given"),
        (PAIR, {}, "pairs is a single pair"),
        ("a b c", {}, "pairs isn't a list"),
        ([PAIR[:3]], {}, "Pair 0 has 3 parts"),
        ([PAIR, ("", *PAIR[1:])], {}, "The prompt of pair 1 is empty"),
        ([(*PAIR[:3], "")], {}, "The foil of pair 0 is empty"),
        ([("a b c", " d", "a b c", " f")], {}, "Both prompts of pair 0 are the same"),
        ([("a b c", " d", "a e c", " d")], {}, "Answer and foil of pair 0 are the same"),
        ([{"prompt": "a b c", "answer": " d"}], {}, "Pair 0 has no field 'foil_prompt'"),
        ([{"prompt": "a", "answer": 7, "foil_prompt": "b", "foil": " c"}], {}, "The answer of pair 0 is a int"),
        ([{**dict(zip(("prompt", "answer", "foil_prompt", "foil"), PAIR, strict=True)), "id": "x"}] * 2, {}, "id 'x'"),
        ([PAIR], {"components": "attention"}, "There is no 'attention' among the components"),
        ([PAIR], {"components": ()}, "No components were given"),
        ([PAIR], {"layers": 3}, "There is no layer 3. This model has the 3 blocks 0 to 2"),
        ([PAIR], {"layers": [-1]}, "There is no layer -1"),
        ([PAIR], {"layers": [1.5]}, "layers holds 1.5"),
        ([PAIR], {"layers": "1"}, "layers holds '1'"),
        ([PAIR], {"batch_tokens": 0}, "batch_tokens is 0. Give"),
        ([dict(zip(PAIR_FIELDS, PAIR, strict=True), foil_spans={"s": (0, 99)})], {}, "Span 's' of the foil_prompt of text 0 is (0, 99)"),
        (pandas.DataFrame([dict(zip(PAIR_FIELDS, PAIR, strict=True))]), {}, "A DataFrame is no list of texts"),
        ([PAIR], {"positions": "subject"}, "No pair has the position 'subject'. Choose among: last, all, or a number"),
        ([PAIR], {"positions": 9}, "No pair has the position '9': the pairs have 3 tokens"),
        ([PAIR, ("a b c c", " d", "a e c c", " f")], {"positions": -9}, "No pair has the position '-9': the pairs have 3 to 4 tokens"),
        ([("a b c", " d", "a e e c", " f")], {}, "None of the 1 pairs can be used (1 × the pair's prompts differ in length (3 and 4 tokens))"),
        ([PAIR], {"direction": "sideways"}, "There is no direction 'sideways'"),
        ([PAIR], {"windows": 0}, "windows is 0"),
        ([PAIR], {"windows": 4}, "No window of 4 blocks fits"),
        ([PAIR], {"components": "resid_pre", "windows": 2}, "A stream is patched at one block"),
        ([PAIR], {"controls": "placebo"}, "There is no 'placebo' among the controls"),
        ([PAIR], {"positions": "all", "controls": "random_donor"}, "Controls need a contribution at a named position"),
        ([("a b c", " d", "a e e c", " f")] * 2, {}, "None of the 2 pairs can be used (2 × the pair's prompts differ in length)"),
        ([PAIR], {"least_difference": 1e6}, "None of the 1 pairs can be used (1 × the clean run's logit difference"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(tiny_models: Any, pairs: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(StrataError) as caught:
        strata.patch(tiny_models("llama"), pairs, **options)
    assert message in str(caught.value) and caught.value.remedy


def test_the_notebook_display_escapes_foreign_text_and_says_what_was_excluded(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    pairs = plain_pairs(checkpoint, plain("llama", checkpoint))
    pairs[0] = {**pairs[0], "spans": {"<b>": (4, 5)}, "foil_spans": {"<b>": (4, 5)}}
    result = strata.patch(checkpoint, [*pairs, ("a", " b", "c d", " e")], positions=("last", "<b>"), least_difference=0)
    page = result._repr_html_()
    assert "<b>" not in page and "&lt;b&gt;" in page
    assert "Excluded: 1 × the pair&#x27;s prompts differ in length (1 and 2 tokens)." in page
    assert page.count("<tr>") == 1 + checkpoint.n_layers
    assert repr(result) == "PatchingResult(4 pairs, 1 excluded; denoise; attn_out, mlp_out at last, <b>; 3 blocks)"


def test_memory_that_runs_out_is_a_sentence_with_the_option(tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import strata.probes.interventions.activation_patching as engine

    checkpoint = tiny_models("llama")
    strata.patch(checkpoint, [PAIR], least_difference=-math.inf)

    def full(*_arguments: Any, **_options: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine, "sweep", full)
    with pytest.raises(DoesNotFitError, match="batch_tokens at 64"):
        strata.patch(checkpoint, [PAIR], least_difference=-math.inf, batch_tokens=64)
