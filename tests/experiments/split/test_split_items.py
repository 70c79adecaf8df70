"""A split is told for what it is: by words beyond form, by length alone, by nothing; and its errors aren't carried to other sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from made_questions import by_length, by_nothing, by_word, made_rows, write_rows

from strata.experiments.results.item_split import ItemSplit
from strata.experiments.split.config import SplitConfig
from strata.experiments.split.encoders import stream_spec, with_encoder, with_stream
from strata.experiments.split.form_features import FORM, form_features, options_listed
from strata.experiments.split.questions import Question, questions_of
from strata.experiments.split.split import split_items
from strata.probes.errors import StrataError
from strata.probes.progress import silent

QUICK = {"repeats": 1, "split_draws": 300}


def split(path: Path, **settings: object) -> ItemSplit:
    return split_items(path, SplitConfig(**QUICK, **settings)).summary


def test_a_word_is_read_beyond_form_and_the_share_comes_back(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "q.jsonl", made_rows(by_word, 160, labels=90))
    found = split(path, outcome="correct")
    assert found.split_by == "reads-beyond-length" and found.labelled == 90 and found.split == 70
    assert (found.classifier.auc_within_length.value or 0) > 0.95 and (found.form.auc.value or 1) < 0.7
    assert found.why_not_corrected is None and found.prevalence is not None
    assert found.prevalence.low is not None and found.prevalence.high is not None
    assert found.prevalence.low <= 0.6 <= found.prevalence.high
    assert found.gap is not None and found.gap.corrected is not None and found.gap.corrected.excludes_zero


def test_length_alone_is_called_a_length_split(tmp_path: Path) -> None:
    found = split(write_rows(tmp_path / "q.jsonl", made_rows(by_length, 120)))
    assert found.split_by == "length-split" and found.of_labelled
    assert (found.form.auc.value or 0) > 0.85 and (found.form.auc.value or 0) > (
        found.form.auc_within_length.value or 1
    )
    assert found.prevalence is not None
    assert found.prevalence.value == pytest.approx(found.labelled_reasoning / found.labelled, abs=1e-12)


def test_labels_without_any_information_are_ranked_like_chance(tmp_path: Path) -> None:
    found = split(write_rows(tmp_path / "q.jsonl", made_rows(by_nothing, 90)))
    for auc in (found.classifier.auc, found.form.auc):
        assert auc.low is not None and auc.high is not None and auc.low <= 0.5 <= auc.high
    assert found.why_not_corrected is not None and found.why_not_corrected.code == "no-discrimination"


def test_errors_are_not_carried_to_another_source(tmp_path: Path) -> None:
    labels = write_rows(tmp_path / "labelled.jsonl", made_rows(by_word, 60))
    other = made_rows(by_word, 40, labels=0, seed=1)
    found = split(write_rows(tmp_path / "other.jsonl", other), labels=str(labels))
    assert found.why_not_corrected is not None and found.why_not_corrected.code == "other-source"
    assert found.why_not_corrected.sources == ("other",) and found.prevalence is None and found.share.value is not None
    same = [{**row, "source": "labelled"} for row in other]
    assert split(write_rows(tmp_path / "same.jsonl", same), labels=str(labels)).why_not_corrected is None


@pytest.mark.parametrize(
    ("rows", "settings", "expected"),
    [
        (made_rows(by_word, 20), {}, "has 20 labelled questions"),
        ([{**row, "label": "Reasoning"} for row in made_rows(by_word, 40)], {}, "only the label 'Reasoning'"),
        ([{**row, "label": f"reason {n % 3}"} for n, row in enumerate(made_rows(by_word, 40))], {}, "3 labels"),
        ([{**row, "label": n % 2} for n, row in enumerate(made_rows(by_word, 40))], {}, "means reasoning"),
        ([{**row, "label": ["a"]} for row in made_rows(by_word, 40)], {}, "row 1: 'label' holds a list"),
        ([{**row, "label": "Reasoning" if n else "x"} for n, row in enumerate(made_rows(by_word, 40))], {}, "1 clusters"),
        ([{**row, "question": "a b" if n % 9 else "c"} for n, row in enumerate(made_rows(by_word, 40))], {}, "clusters"),
        (made_rows(by_word, 40), {"target": "kind"}, "has the field 'kind' (--target)"),
        (made_rows(by_word, 40), {"positive": "reason"}, "which is no label"),
        (made_rows(by_word, 40), {"outcome": "question"}, "neither true or false nor a share"),
        ([{**row, "question": "?"} for row in made_rows(by_word, 40)], {"cluster": "id"}, "hold no words"),
    ],
)  # fmt: skip
def test_what_no_split_can_be_learnt_from_is_one_sentence(
    tmp_path: Path, rows: list[dict[str, object]], settings: dict[str, str], expected: str
) -> None:
    path = write_rows(tmp_path / "q.jsonl", rows)
    with pytest.raises(StrataError) as refused:
        split(path, **settings)
    assert expected in str(refused.value) and "\n" not in str(refused.value)


def test_zero_and_one_are_labels_where_one_is_said_to_mean_reasoning(tmp_path: Path) -> None:
    rows = [{**row, "label": int(row["label"] == "Reasoning")} for row in made_rows(by_word, 60)]
    asked = questions_of(write_rows(tmp_path / "q.jsonl", rows), SplitConfig(positive="1"))
    assert [one.reasoning for one in asked.labelled] == [row["label"] == 1 for row in rows]


def test_form_is_six_numbers_that_no_question_lacks() -> None:
    text = "A man, aged 45, is ill. Why?\nAnswer Choices: (A) One (B) Two (C) Three"
    assert options_listed(text) == 3 and options_listed("(B) (C)") == 0 and options_listed("A. one\nB. two") == 2
    table = form_features([Question("a", text, 3, "a", "s"), Question("b", "", 0, "b", "s")])
    assert table.shape == (2, len(FORM)) and np.isfinite(table).all()
    words = text.split()
    assert table[0].tolist() == pytest.approx(
        [np.log1p(len(words)), sum(map(len, words)) / len(words), np.log1p(2), 1 / len(words), 7 / len(words), 3]
    )


def test_an_encoder_is_a_stream_or_a_directory_of_safetensors(
    tmp_path: Path, tiny_models: Callable[..., object]
) -> None:
    assert stream_spec("org/name@main") is None and stream_spec("tfidf") is None
    spec = stream_spec("org/name@main@12")
    assert spec is not None and (spec.checkpoint, spec.stream) == ("org/name@main", 12)
    questions = [Question(str(n), text, 0, str(n), "s") for n, text in enumerate(("a b c", "d e", "a b c d e f"))]
    checkpoint = tiny_models("llama")
    encoded = with_stream(questions, checkpoint, 2, silent)
    ids = torch.tensor([checkpoint.encode("d e")])
    plain = checkpoint.model(ids, output_hidden_states=True).hidden_states[2][0, -1]
    assert encoded[1].encoded == pytest.approx(plain.detach().numpy(), abs=1e-5)
    with pytest.raises(StrataError, match="has no stream 9"):
        with_stream(questions, checkpoint, 9, silent)
    directory = saved_encoder(tmp_path / "encoder")
    means = with_encoder(questions, str(directory), silent)
    alone = with_encoder(questions[1:2], str(directory), silent)
    assert means[1].encoded == pytest.approx(alone[0].encoded, abs=1e-6)
    (directory / "model.safetensors").unlink()
    with pytest.raises(StrataError):
        with_encoder(questions, str(directory), silent)


def saved_encoder(directory: Path) -> Path:
    """A small random BERT with the tiny models' words."""
    import torch
    from tiny_models import tiny_tokenizer
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=80, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=32, pad_token_id=0,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    return directory
