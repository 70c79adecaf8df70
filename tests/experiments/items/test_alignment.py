"""Scored tokens, positions and alignment of pairs, under tokenizers of several kinds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_encoders import PieceEncoder, byte_pairs

from strata.experiments.items.alignment import EncodedItem, UnscorableError, encode_item, encode_items, token_length
from strata.experiments.items.builtin import FAMILIES, build_items
from strata.experiments.items.schema import Item
from strata.probes.checkpoints.checkpoint import Checkpoint, NoEmbeddingError
from strata.probes.errors import StrataError
from strata.probes.prompts.exclusion import Exclusion

ITEM = Item(
    id="one",
    kind="reasoning",
    family="addition",
    domain="arithmetic",
    prompt="two: 3 + 5 =",
    answer=" 8",
    foil_prompt="two: 4 + 5 =",
    foil=" 9",
    spans={"operand": (5, 6)},
    foil_spans={"operand": (5, 6)},
    choices=(" 8", " 9", " 2"),
)
WORDS = st.lists(st.text("abcdeé12", min_size=1, max_size=6), min_size=1, max_size=6).map(" ".join)


def texts(encoder: PieceEncoder, ids: tuple[int, ...]) -> list[str]:
    return [encoder.token_text(id) for id in ids]


def reason(item: Item, encoder: PieceEncoder | None = None) -> str:
    with pytest.raises(UnscorableError) as caught:
        encode_item(item, encoder or PieceEncoder())
    assert item.id in str(caught.value)
    assert caught.value.why.words in str(caught.value)
    return caught.value.why.code


def test_a_space_that_is_a_token_of_its_own_is_fed_and_the_digit_scored() -> None:
    encoder = PieceEncoder()
    encoded = encode_item(ITEM, encoder)
    assert texts(encoder, encoded.prompt.ids)[-2:] == [" =", " "]
    assert encoded.prompt.positions["last"] == len(encoded.prompt.ids) - 1
    assert (encoder.token_text(encoded.answer_id), encoder.token_text(encoded.foil_id or 0)) == ("8", "9")
    assert encoded.shared_prefix == 1
    assert encoded.aligned and encoded.unaligned_reason is None


def test_answers_that_share_their_start_are_scored_where_they_part() -> None:
    encoder = PieceEncoder()
    encoded = encode_item(replace(ITEM, answer=" 812", foil=" 845", choices=(" 812", " 845", " 86")), encoder)
    assert texts(encoder, encoded.answer_ids) == [" ", "8", "1", "2"]
    assert texts(encoder, encoded.prompt.ids)[-2:] == [" ", "8"]
    assert encoded.foil_prompt is not None
    assert texts(encoder, encoded.foil_prompt.ids)[-2:] == [" ", "8"]
    assert encoder.token_text(encoded.answer_id) == "1"
    assert encoded.choice_ids is not None
    assert texts(encoder, encoded.choice_ids) == ["1", "4", "6"]


def test_a_span_means_its_last_token_and_bos_moves_it_along() -> None:
    item = replace(ITEM, prompt="the Netherlands has", spans={"subject": (4, 15)}, foil_prompt="")
    for bos in (False, True):
        encoder = PieceEncoder(bos=bos, longest=5)
        encoded = encode_item(item, encoder)
        assert encoder.token_text(encoded.prompt.ids[encoded.prompt.positions["subject"]]) == "ds"
        assert encoded.prompt.ids.count(0) == int(bos)


def test_an_item_without_a_foil_is_scored_on_its_first_token_that_is_more_than_a_space() -> None:
    encoder = PieceEncoder()
    encoded = encode_item(replace(ITEM, foil="", foil_prompt="", choices=()), encoder)
    assert encoder.token_text(encoded.answer_id) == "8"
    assert (encoded.foil_id, encoded.foil_ids, encoded.foil_prompt, encoded.choice_ids) == (None, (), None, None)
    assert (encoded.aligned, encoded.unaligned_reason) == (False, "no-foil")


@pytest.mark.parametrize(
    ("answer", "foil", "expected"),
    [
        ("", " 9", "answer-empty"),
        (" 8", " 8", "foil-same"),
        (" 8", " 85", "foil-begins-alike"),
        (" 85", " 8", "foil-begins-alike"),
        (" 8", " cat", "foil-differs-in-space"),
        (" cat", " 8", "foil-differs-in-space"),
    ],
)
def test_an_item_that_cannot_be_scored_says_why(answer: str, foil: str, expected: str) -> None:
    assert reason(replace(ITEM, answer=answer, foil=foil)) == expected


def test_an_answer_that_is_only_a_space_or_unknown_cannot_be_scored() -> None:
    assert reason(replace(ITEM, answer=" ", foil="", foil_prompt="")) == "answer-blank"
    encoder = PieceEncoder()
    encoder._texts[encoder._id("8")] = "[UNK]"
    assert reason(ITEM, encoder) == "answer-unknown"


def test_items_that_cannot_be_scored_are_excluded_by_reason_and_the_others_stay_in_order() -> None:
    long = replace(ITEM, id="long", prompt="a " * 30 + "3 =", spans={}, foil_prompt="")
    bad = replace(ITEM, id="bad", foil=" 8")
    last = replace(ITEM, id="last")
    encoded, excluded = encode_items([ITEM, long, bad, last], PieceEncoder(), max_context=20)
    assert [encoded_item.key for encoded_item in encoded] == ["one", "last"]
    assert excluded == {
        "long": Exclusion("prompt-too-long"),
        "bad": Exclusion("foil-same"),
    }
    assert issubclass(UnscorableError, StrataError)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"foil_prompt": "two: 4 + 5 + 1 ="}, "lengths-differ"),
        ({"foil_spans": {"operand": (9, 10)}}, "spans-differ"),
        ({"foil_spans": {}}, "spans-differ"),
        ({"foil_prompt": ""}, "no-pair"),
        ({"spans": {"operand": (4, 4)}}, "span-without-token"),
    ],
)
def test_a_pair_that_does_not_line_up_stays_scored_and_says_why(change: dict[str, object], expected: str) -> None:
    encoded = encode_item(replace(ITEM, **change), PieceEncoder())
    assert (encoded.aligned, encoded.unaligned_reason) == (False, expected)
    assert encoded.foil_id is not None


def test_choices_that_collide_on_the_scored_token_are_kept_whole() -> None:
    encoder = PieceEncoder()
    encoded = encode_item(replace(ITEM, choices=(" 8", " 9", " 91")), encoder)
    assert encoded.choice_ids is None
    assert [texts(encoder, ids) for ids in encoded.choices_ids] == [[" ", "8"], [" ", "9"], [" ", "9", "1"]]


def test_a_prompt_that_merges_with_its_answer_gets_the_answer_alone_without_a_second_bos() -> None:
    class Greedy(PieceEncoder):
        """Joins `=` and a following digit into one token."""

        def encode_with_offsets(self, text: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
            ids, offsets = super().encode_with_offsets(text)
            if text.endswith("=8"):
                return (*ids[:-2], self._id("=8")), (*offsets[:-2], (len(text) - 2, len(text)))
            return ids, offsets

    encoder = Greedy(bos=True)
    encoded = encode_item(
        replace(ITEM, prompt="3+5=", answer="8", foil="9", spans={}, foil_prompt="", choices=()), encoder
    )
    assert texts(encoder, encoded.answer_ids) == ["8"]
    assert texts(encoder, encoded.prompt.ids) == ["<s>", "3", "+", "5", "="]


@given(WORDS, WORDS, WORDS)
def test_prompt_and_answer_tokens_spell_prompt_and_answer(prompt: str, answer: str, foil: str) -> None:
    encoder = byte_pairs()
    item = replace(ITEM, prompt=prompt, answer=f" {answer}", foil=f" {foil}", spans={}, foil_prompt="", choices=())
    try:
        encoded = encode_item(item, encoder)
    except UnscorableError:
        return
    start = encoded.prompt.ids[: len(encoded.prompt.ids) - encoded.shared_prefix]
    assert encoder.tokenizer.decode(list(start + encoded.answer_ids)) == f"{prompt} {answer}"
    assert encoder.tokenizer.decode(list(start + encoded.foil_ids)) == f"{prompt} {foil}"
    assert encoded.answer_ids[: encoded.shared_prefix] == encoded.foil_ids[: encoded.shared_prefix]
    assert encoded.answer_ids[encoded.shared_prefix] == encoded.answer_id != encoded.foil_id


@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=5))
def test_items_encoded_together_are_as_encoded_alone(parts: list[tuple[str, str, str]]) -> None:
    items = [
        replace(ITEM, id=str(n), prompt=f"{a} of the city is", answer=f" {b}", foil=f" {c}", spans={}, foil_prompt="")
        for n, (a, b, c) in enumerate(parts)
    ]
    encoded, excluded = encode_items(items, byte_pairs())
    alone: list[EncodedItem] = []
    for item in items:
        try:
            alone.append(encode_item(item, byte_pairs()))
        except UnscorableError as error:
            assert excluded[item.id] == error.why
    assert encoded == alone


@pytest.mark.thorough
@pytest.mark.model
def test_every_built_in_item_is_scored_by_the_embedded_model_and_nearly_all_pairs_line_up(
    smollm2: Checkpoint,
) -> None:
    items = build_items(FAMILIES, seed=0, per_family=12, token_length=lambda text: len(smollm2.encode(text)))
    encoded, excluded = encode_items(items, smollm2, smollm2.max_context)
    assert not excluded
    assert sum(encoded_item.aligned for encoded_item in encoded) > 0.9 * len(encoded)
    assert all(encoded_item.aligned for encoded_item in encoded if encoded_item.item.kind in ("reasoning", "control"))
    for encoded_item in encoded:
        whole = tuple(smollm2.tokenizer(encoded_item.item.prompt + encoded_item.item.answer)["input_ids"])
        assert encoded_item.prompt.ids == whole[: len(encoded_item.prompt.ids)]
        assert encoded_item.answer_id == whole[len(encoded_item.prompt.ids)]


def test_items_that_need_a_token_without_an_embedding_are_excluded_by_name() -> None:
    class Unread(PieceEncoder):
        """A model that was never given an embedding for one of its tokenizer's words."""

        def encode_with_offsets(self, text: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
            ids, offsets = super().encode_with_offsets(text)
            if " Lima" in [self.token_text(token) for token in ids]:
                raise NoEmbeddingError(" Lima", 9, 10, 9, len(ids))
            return ids, offsets

    items = [
        replace(ITEM, id="answer", answer=" Lima"),
        replace(ITEM, id="foil", foil=" Lima"),
        replace(ITEM, id="prompt", prompt="in Lima is"),
        replace(ITEM, id="pair", foil_prompt="in Lima is"),
        ITEM,
    ]
    encoder = Unread()
    encoded, excluded = encode_items(items, encoder)
    assert [encoded_item.key for encoded_item in encoded] == [ITEM.id]
    assert set(excluded) == {"answer", "foil", "prompt", "pair"} and len(set(excluded.values())) == 1
    assert (
        "' Lima', which the model has no embedding for (the tokenizer has 10 tokens, the model 9)"
        in excluded["foil"].words
    )
    assert token_length(encoder)("in Lima is") == len(PieceEncoder().encode("in Lima is"))
