"""What is read of chains is plain Hugging Face's, verdicts follow what was put in, and of links that nothing tells nothing is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import SPECIAL, tiny_model
from transformers import PreTrainedTokenizerFast

from strata.dashboards.figures.behaviour_chains import chain_figures
from strata.dashboards.sentences.chain_depth import chain_depth_sentences
from strata.dashboards.view.behave.chain_depth import chain_depth_view, chain_views
from strata.dashboards.view.behave.schema import BehaveView
from strata.dashboards.view.build import axes_of
from strata.experiments.behave.chain_depth import (
    AskedChain,
    ChainReadings,
    MeasuredChains,
    asked_chains,
    chain_store,
    measure_chain_depth,
    read_chains,
    readable_hops,
)
from strata.experiments.items.reasoning.binding import RELATION_CHAIN
from strata.probes.backends.model_reader import ModelReader
from strata.probes.backends.torch_hooks import TorchHooks
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.open_spec import checkpoint_from

STREAMS, EACH = 9, 24


def word_checkpoint() -> Checkpoint:
    """A small random model that knows every word of the chains as one token."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = [
        "The",
        "friend",
        "of",
        "is",
        "the",
        "So",
        "now",
        "once",
        "more",
        "as",
        "asked",
        "here",
        "and",
        "there",
        "too",
        "Q",
        "A",
        "Who",
        "s",
        "'",
        ".",
        ":",
        "?",
        ",",
    ]
    vocabulary = {word: index for index, word in enumerate((*SPECIAL, *words, *RELATION_CHAIN.pools["names"]))}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", unk_token="<unk>")
    return checkpoint_from(tiny_model("llama", max_position_embeddings=512), tokenizer)


def test_ends_and_links_are_read_as_plain_hugging_face_has_them(tmp_path: Path) -> None:
    checkpoint = word_checkpoint()
    chains = asked_chains(checkpoint, "", 2, seed=0)
    assert sorted({one.pair.depth for one in chains}) == [1, 2, 3, 4, 5] and len(chains) == 10
    reader, store = ModelReader(checkpoint, TorchHooks(checkpoint)), chain_store(tmp_path, "run")
    readings = read_chains(reader, chains, store)
    for row, one in enumerate(chains):
        for asked, prompt in one.prompts.items():
            logits = checkpoint.model(torch.tensor([checkpoint.encode(prompt.item.prompt)])).logits[0, -1]
            assert readings.right[asked][row] == (int(logits.argmax()) == prompt.answer_id)
            if asked == "walked":
                assert readings.other_end[row] == (int(logits.argmax()) == prompt.foil_id)
                for hop, (own, other) in enumerate(one.pair.hops):
                    ids = [checkpoint.encode(name)[-1] for name in (own, other)]
                    expected = float(logits[ids[0]] - logits[ids[1]])
                    assert readings.hops[row, -1, hop] == pytest.approx(expected, abs=1e-4)
        assert np.isnan(readings.hops[row, :, one.pair.depth :]).all()
    again = read_chains(reader, chains, chain_store(tmp_path, "run"))
    assert np.array_equal(again.hops, readings.hops, equal_nan=True)
    assert asked_chains(checkpoint, "", 0, seed=0) == []


@pytest.fixture(scope="module")
def chains() -> list[AskedChain]:
    return asked_chains(word_checkpoint(), "", EACH, seed=0)


def measured(
    chains: list[AskedChain], right: list[float], filler: list[float], *, from_stream: int = STREAMS, seed: int = 0
) -> MeasuredChains:
    """Shares by depth are put in; a link's end stands out by two nats from `from_stream` + its number on, and never where that is beyond all."""
    rng = np.random.default_rng(seed)
    depth = np.array([one.pair.depth for one in chains])
    place = np.array([int((depth[:row] == level).sum()) for row, level in enumerate(depth)])
    named = {
        name: (place + (0 if name == "walked" else EACH // 3)) % EACH < np.round(EACH * np.array(shares))[depth - 1]
        for name, shares in (("walked", right), ("filler", filler))
    }
    hops = rng.normal(size=(len(depth), STREAMS, 5)) * 0.5
    for hop in range(5):
        hops[:, from_stream + hop :, hop] += 2.0
        hops[depth <= hop, :, hop] = np.nan
    readings = ChainReadings(named, np.zeros(len(depth), dtype=bool), hops)
    return measure_chain_depth(chains, readings, draws=400, null_draws=100, seed=seed)


def test_links_that_cost_are_told_with_where_each_is_readable(chains: list[AskedChain]) -> None:
    found = measured(chains, [0.95, 0.7, 0.5, 0.4, 0.3], [0.95] * 5, from_stream=2)
    summary = found.summary
    assert summary.verdict == "links-cost" and summary.fit is not None and summary.fit.beyond_filler.side > 0
    for hop in summary.hops:
        assert hop.stream is not None and abs(hop.stream - (2 + hop.hop - 1)) <= 1
    assert len(summary.hops) == 15 and len(found.layers) == 15 * STREAMS and len(found.items) == 2 * len(chains)
    shares = {(row.links, row.condition): [] for row in found.items}
    for row in found.items:
        shares[row.links, row.condition].append(row.correct)
    assert [np.mean(shares[one.depth, "walked"]) for one in summary.depths] == [
        one.right.value for one in summary.depths
    ]


def test_a_fall_that_filler_makes_too_is_no_cost_of_links(chains: list[AskedChain]) -> None:
    falling = [0.95, 0.7, 0.5, 0.35, 0.25]
    assert measured(chains, falling, falling).summary.verdict == "length-costs"
    assert measured(chains, [0.7] * 5, [0.7] * 5).summary.verdict == "flat"
    assert measured(chains, [0.1, 0.1, 0.05, 0.0, 0.0], [0.1] * 5).summary.verdict in (
        "not-answered",
        "flat",
        "length-costs",
    )


def test_where_nothing_is_named_nothing_is_said_by_stream(chains: list[AskedChain]) -> None:
    found = measured(chains, [0.0] * 5, [0.0] * 5, from_stream=2)
    assert found.summary.verdict == "not-answered" and found.summary.fit is None
    assert found.summary.hops == () and found.layers == []
    assert "nothing can be said" in chain_depth_sentences(found.summary, STREAMS - 1)[0]


def test_links_that_nothing_tells_are_readable_at_no_stream() -> None:
    depth, nothing = np.repeat([1, 2], EACH), 0
    for seed in range(40):
        walk = np.random.default_rng(seed).normal(size=(2 * EACH, STREAMS, 2)).cumsum(axis=1)
        readings = ChainReadings({}, np.zeros(2 * EACH, dtype=bool), walk)
        found, _ = readable_hops([1, 2], depth, readings, 400, seed)
        assert len(found) == 3
        nothing += all(hop.stream is None for hop in found)
    assert nothing >= 38


def test_the_figure_holds_shares_and_links(chains: list[AskedChain]) -> None:
    found = measured(chains, [0.95, 0.7, 0.5, 0.0, 0.0], [0.95] * 5, from_stream=2)
    view = BehaveView.model_construct(
        axes=axes_of(STREAMS - 1),
        chain_depth=chain_depth_view(found.summary, STREAMS - 1),
        chain=chain_views(found.summary, found.layers),
    )
    figures = chain_figures(view)
    assert list(figures) == [f"over {n} link{'s' if n > 1 else ''}" for n in range(1, 6)]
    for (name, widths), one in zip(figures.items(), found.summary.depths, strict=True):
        for drawn in widths.values():
            links = [trace for trace in drawn.data if str(trace.get("name", "")).startswith("link ")]
            assert len(links) == (one.depth if one.answered else 0), name
            walked = next(trace for trace in drawn.data if trace.get("name") == "asked over all links")
            assert walked["y"] == pytest.approx([row.right.value for row in found.summary.depths], abs=1e-4)
            assert len(drawn.figure(as_depth=True).data) == len(drawn.data) and drawn.table.rows()
