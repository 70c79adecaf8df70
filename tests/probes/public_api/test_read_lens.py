"""`strata.logit_lens` and `strata.tuned_lens` read what the model's own norm and head say of its hidden states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import tiny_checkpoint
from torch import Tensor

import strata
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.errors import StrataError
from strata.probes.lens.fitted import FittedTunedLens

TEXTS = ("a b c d e", "g h i j k l m n", "b c")
ANSWERS, FOILS = (" f", " x y p", " e"), (" g", " x y q", " 7")
"""The second pair begins alike, so that its first two words are fed."""
NEAR = {"rtol": 1e-4, "atol": 1e-4}
FIT_ON = ["a b c d e f g h i j k l m n o p . " * 30, "Paris is in France . " * 30]
SMALL = {"fit_on": FIT_ON, "n_tokens": 512, "steps": 2}


def plain_logits(checkpoint: Checkpoint, ids: tuple[int, ...]) -> Tensor:
    """(stream, token, vocab) by plain Hugging Face: final norm and head on hidden states, the model's logits at the end."""
    model = checkpoint.model
    with torch.no_grad():
        output = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
        norm = model.transformer.ln_f if hasattr(model, "transformer") else model.model.norm
        # The last of Hugging Face's hidden states has been through the norm already.
        early = [model.get_output_embeddings()(norm(h))[0] for h in output.hidden_states[:-1]]
    return torch.stack([*early, output.logits[0]]).double()


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_every_stream_reads_as_the_final_norm_and_head_of_hugging_face_say(tiny_models: Any, architecture: str) -> None:
    checkpoint = tiny_models(architecture)
    result = strata.logit_lens(checkpoint, TEXTS, ANSWERS, FOILS, positions=("last", -2), top_k=3)
    assert result.answers == ("f", "p", "e") and result.foils == ("g", "q", "7")
    for row, (text, answer, foil) in enumerate(zip(TEXTS, ("f", "p", "e"), ("g", "q", "7"), strict=True)):
        fed = " x y" if row == 1 else ""
        ids = tuple(checkpoint.tokenizer(text + fed)["input_ids"])
        scored, other = (checkpoint.tokenizer(word)["input_ids"][0] for word in (answer, foil))
        logits = plain_logits(checkpoint, ids)
        for column, token in enumerate((len(ids) - 1, len(ids) - 2)):
            log_probs = logits[:, token].log_softmax(-1)
            torch.testing.assert_close(result.log_probs[row, :, column].double(), log_probs[:, scored], **NEAR)
            difference = logits[:, token, scored] - logits[:, token, other]
            torch.testing.assert_close(result.logit_differences[row, :, column].double(), difference, **NEAR)
            ranks = (logits[:, token] > logits[:, token, scored, None]).sum(-1)
            assert torch.equal(result.ranks[row, :, column], ranks)
            best = log_probs.topk(3)
            torch.testing.assert_close(result.top_log_probs[row, :, column].double(), best.values, **NEAR)
            assert torch.equal(result.top_ids[row, :, column], best.indices)
            entropy = -(log_probs.exp() * log_probs).sum(-1)
            torch.testing.assert_close(result.entropy[row, :, column].double(), entropy, **NEAR)
            divergence = (log_probs[-1].exp() * (log_probs[-1] - log_probs)).sum(-1)
            torch.testing.assert_close(result.kl_to_final[row, :, column].double(), divergence, **NEAR)


def test_every_token_can_be_read_of_texts_of_any_lengths(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    result = strata.logit_lens(checkpoint, TEXTS, positions="all")
    assert result.entropy.shape == (3, checkpoint.n_layers + 1, 8)
    assert result.present.sum(1).tolist() == [5, 8, 2]
    assert result.tokens[2][:3] == ("b", "c", None)
    for row, text in enumerate(TEXTS):
        log_probs = plain_logits(checkpoint, tuple(checkpoint.tokenizer(text)["input_ids"])).log_softmax(-1)
        length = log_probs.shape[1]
        torch.testing.assert_close(result.top_log_probs[row, :, :length, 0].double(), log_probs.max(-1).values, **NEAR)
        assert bool(result.entropy[row, :, length:].isnan().all()) and bool(
            (result.top_ids[row, :, length:] == -1).all()
        )
    assert result.answers == (None, None, None) and bool(result.log_probs.isnan().all())
    table = result.to_pandas()
    assert len(table) == (5 + 8 + 2) * (checkpoint.n_layers + 1)
    of_the_last = table[(table["text"] == "2") & (table["position"] == 1)]
    assert of_the_last["token"].tolist() == ["c"] * 4 and of_the_last["stream"].tolist() == [0, 1, 2, 3]
    assert of_the_last["top"].tolist() == result.top_tokens(2, 1)


def test_items_bring_their_own_answers_and_spans(tiny_models: Any) -> None:
    checkpoint = tiny_models("llama")
    items = [
        {"id": "one", "prompt": TEXTS[0], "answer": " f", "foil": " g", "spans": {"subject": (4, 5)}},
        {"id": "two", "prompt": TEXTS[1], "answer": "", "foil": ""},
        {"id": "three", "prompt": TEXTS[2], "answer": " ☃", "foil": ""},
    ]
    result = strata.logit_lens(checkpoint, items, positions=("last", "subject"))
    assert result.texts == ("one", "two") and result.excluded == {"three": "the answer has no token in the vocabulary"}
    assert result.answers == ("f", None) and result.present.tolist() == [[True, True], [True, False]]
    assert result.tokens == (("e", "c"), ("n", None))
    assert bool(result.ranks[1].eq(-1).all())


@pytest.mark.model
def test_the_last_stream_of_the_embedded_model_is_the_model_itself(smollm2: Checkpoint) -> None:
    texts = ["The capital of France is", "If you ask anybody, the opposite of hot is"]
    result = strata.logit_lens(smollm2, texts, [" Paris", " cold"])
    for row, (text, answer) in enumerate(zip(texts, (" Paris", " cold"), strict=True)):
        with torch.no_grad():
            end = smollm2.model(**smollm2.tokenizer(text, return_tensors="pt")).logits[0, -1].log_softmax(-1)
        (token,) = smollm2.tokenizer(answer)["input_ids"]
        assert float(result.log_probs[row, -1, 0]) == pytest.approx(float(end[token]), abs=1e-4)
        assert result.top_tokens(row)[-1] == [smollm2.tokenizer.decode([at]) for at in end.topk(5).indices]


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    monkeypatch.setenv("STRATA_CACHE", str(tmp_path / "cache"))
    return tiny_checkpoint("llama")


def test_the_tuned_lens_reads_its_translation_and_the_baseline_its_bias_alone(checkpoint: Checkpoint) -> None:
    result = strata.tuned_lens(checkpoint, TEXTS, ANSWERS, FOILS, **SMALL)
    assert result.fitted is not None and result.baseline is not None and result.baseline.lens == "bias"
    lens, model = result.fitted.fit.tuned, checkpoint.model
    ids = checkpoint.tokenizer(TEXTS[0])["input_ids"]
    with torch.no_grad():
        states = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
        (scored,) = checkpoint.tokenizer("f")["input_ids"]
        for stream in range(checkpoint.n_layers):
            translated = lens.matrices[stream] @ states[stream][0, -1] + lens.biases[stream]
            expected = model.lm_head(model.model.norm(translated[None])).log_softmax(-1)[0, scored]
            assert float(result.log_probs[0, stream, 0]) == pytest.approx(float(expected), abs=1e-3)
    untouched = strata.logit_lens(checkpoint, TEXTS, ANSWERS, FOILS)
    torch.testing.assert_close(result.log_probs[:, -1], untouched.log_probs[:, -1], **NEAR)
    torch.testing.assert_close(result.baseline.log_probs[:, -1], untouched.log_probs[:, -1], **NEAR)
    assert bool((result.baseline.log_probs[:, 1:-1] == result.baseline.log_probs[:, :1]).all())
    assert result.to_pandas()["lens"].value_counts().to_dict() == {"tuned": 3 * 4, "bias": 3 * 4}


def test_a_fitted_lens_is_saved_read_and_refused_for_another_unembedding(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    first = strata.tuned_lens(checkpoint, TEXTS, ANSWERS, **SMALL)
    assert first.fitted is not None
    file = tmp_path / "lens.safetensors"
    first.fitted.save(file)
    for lens in (str(file), first.fitted, FittedTunedLens.load(file)):
        again = strata.tuned_lens(checkpoint, TEXTS, ANSWERS, lens=lens)
        assert torch.equal(again.log_probs, first.log_probs)
    with pytest.raises(StrataError, match="another unembedding"):
        strata.tuned_lens(tiny_checkpoint("llama", seed=1), TEXTS, ANSWERS, lens=file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StrataError, match="is not a tuned lens, or is damaged"):
        strata.tuned_lens(checkpoint, TEXTS, ANSWERS, lens=file)
    with pytest.raises(StrataError, match="is not a tuned lens"):
        strata.tuned_lens(checkpoint, TEXTS, ANSWERS, lens=tmp_path / "none")


@pytest.mark.parametrize(
    ("texts", "answers", "options", "message"),
    [
        ("", None, {}, "Text 0 is empty"),
        (["a b", "c"], " d", {}, "There are 1 answers for 2 texts"),
        ("a b", " ☃", {}, "None of the 1 texts can be read (1 × the answer has no token in the vocabulary)"),
        ("a b", " c", {"foils": " c"}, "Answer and foil of text 0 are the same"),
        ("a b", " c", {"foils": " c d"}, "one of answer and foil is the beginning of the other"),
        ("a b", None, {"foils": " c"}, "Text 0 has a foil and no answer"),
        ("a b", " c", {"positions": "subject"}, "No text has a position 'subject'"),
        ("a b", " c", {"top_k": 0}, "top_k is 0"),
        ("a b", " c", {"batch_tokens": 0}, "batch_tokens is 0. Give"),
        (7, None, {}, "7 is no text"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(
    tiny_models: Any, texts: Any, answers: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(StrataError) as caught:
        strata.logit_lens(tiny_models("llama"), texts, answers, **options)
    assert message in str(caught.value) and caught.value.remedy


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fit_on": ["a b c"]}, "holds 3 tokens, too few to fit a lens on"),
        ({"fit_on": "a b c"}, "fit_on is a single text"),
        ({"fit_on": ["a"], "lens": "file"}, "Both lens and fit_on were given"),
    ],
)
def test_a_text_to_fit_on_has_to_be_one(checkpoint: Checkpoint, options: dict[str, Any], message: str) -> None:
    with pytest.raises(StrataError) as caught:
        strata.tuned_lens(checkpoint, "a b", " c", **options)
    assert message in str(caught.value) and caught.value.remedy


def test_the_notebook_display_escapes_tokens(tiny_models: Any) -> None:
    page = strata.logit_lens(tiny_models("llama"), ["a <unk> b"], positions="all")._repr_html_()
    assert "<unk>" not in page and "&lt;unk&gt;" in page and page.count("<tr>") == 1 + 4
