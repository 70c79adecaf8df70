"""What do the words of the pages mean? Each term in one sentence, with the forms under which it stands in a text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """An entry."""

    id: str
    word: str
    means: str
    forms: tuple[str, ...] = ()
    """Other forms under which it is recognised; small letters, `word` itself apart."""
    only_in: tuple[str, ...] = ()
    """Parts of a page in which its word is a term; empty: everywhere. Elsewhere it is an everyday word."""

    @property
    def recognised(self) -> tuple[str, ...]:
        """In small letters."""
        return (self.word.lower(), *self.forms)


_PLACES = ("verdict", "stages", "places", "bykind", "cells", "in-full", "items")
_MAPS = ("stages", "places", "curves", "map", "causal", "layers", "cells")
_READ_OUTS = ("curves", "emergence", "items", "lens")
_BY_KIND = ("verdict", "in-full", "bykind", "stages", "behaviour", "answers", "layers", "curves")

GLOSSARY: tuple[Term, ...] = (
    Term("stream", "residual stream", "What enters block s, one vector a token; stream 0 is the embedding, the last one leaves the last block, before the final norm.", ("stream", "streams")),
    Term("block", "block", "One layer of the transformer: attention and MLP, each adding its contribution to the residual stream.", ("blocks",)),
    Term("depth", "depth", "Where a layer lies between embedding (0) and output (1), so that models with different numbers of blocks can be held against each other.", ("depths",)),
    Term("mlp", "MLP", "The feed-forward half of a block; works on every token by itself.", ("mlps",)),
    Term("head", "attention head", "One of the parallel parts of an attention layer, with a pattern of its own of where it looks.", ("attention heads", "heads")),
    Term("stage-map", "stage map", "Parts of the model in the order of processing (rows) by blocks (columns); colour is how much of the row's effect on the answer is gained at a block.", ("stage maps",)),
    Term("enrich", "enrich", "The MLPs at the replaced words: where facts about a subject are added to its own tokens.", only_in=_PLACES),
    Term("gather", "gather", "Attention at the replaced words: what other tokens bring to them.", only_in=_PLACES),
    Term("move", "move", "Attention at the last token: what is brought from earlier tokens to where the answer is said.", only_in=_PLACES),
    Term("work-out", "work_out", "The MLPs at the last token: what is worked out where the answer is said.", ("work out",)),
    Term("handover", "handover", "The blocks over which the answer stops depending on the replaced words' own tokens and depends on the last token."),
    Term("makes", "made by", "The first part of the model, on the way from input to answer, that brings the answer itself and not its input.", ("made here",)),
    Term("role-makes", "makes", "A role: is the first part that brings the answer itself and not its input.", only_in=("places",)),
    Term("prepares", "prepares", "Acts before the answer is made and is needed, but brings the input encoded anew rather than the answer."),
    Term("relays", "relays", "Passes on or rewrites an answer that was made before."),
    Term("in-part", "in part", "Brings the answer in part only.", only_in=_PLACES),
    Term("open", "open", "Acts, but what it brings can't be tested.", only_in=("places",)),
    Term("effect", "effect", "How far an edit moves the answer: 0 nothing, 1 all the way from one prompt's answer to the other's; mean of denoising and noising.", ("effects",)),
    Term("gained", "gained", "The part of a row's effect that one block adds, the mean of counting from the first block up and from the last one down.", only_in=_MAPS),
    Term("excess", "excess", "What is left of an effect beyond that of its control.", ("beyond the control",)),
    Term("patching", "activation patching", "One run's activations are put into another run's at chosen blocks and tokens; what follows is caused by them (arXiv 2404.15255).", ("patching",)),
    Term("denoise", "denoise", "Activations of the clean prompt are put into the run of the counterfactual one: what suffices to restore the answer.", ("denoising",)),
    Term("noise", "noise", "Activations of the counterfactual prompt are put into the clean run: what is needed to keep the answer.", ("noising",), only_in=_MAPS),
    Term("pair", "minimal pair", "Two prompts alike token by token but for one span, with different answers.", ("minimal pairs", "counterfactual prompt", "pairs", "pair")),
    Term("span", "span", "The words in which the two prompts of a pair differ.", ("spans",)),
    Term("third-answer", "third answer", "A donor prompt with yet another answer: if the edit brings the donor's answer, the activations carry answers and not just a disturbance."),
    Term("carries", "carries the answer", "What is put in pushes towards the answer of the prompt it comes from, alike for prompts of like answers."),
    Term("token-identity", "token identity", "At block 0 a replaced token only says which word it was; that is counted nowhere."),
    Term("ablation", "ablation", "A contribution is taken away, or replaced by its mean over other prompts, to see what the answer loses.", ("ablations", "ablated")),
    Term("necessity", "necessity", "The share of the answer's margin lost when other items' activations stand there."),
    Term("damage", "damage", "How far the same ablation moves the model on neutral text; where it is large, a loss says little about the answer.", ("general damage",)),
    Term("knockout", "attention knockout", "The last token may not look at the span within a window of blocks (arXiv 2304.14767).", ("knockout",)),
    Term("attribution", "attribution", "A first-order guess at activation patching from one backward pass; always shown beside the exact effect (arXiv 2310.10348).", ("attribution patching", "direct logit attribution")),
    Term("probe", "linear probe", "A linear classifier that names the answer from the stream of items that it hasn't seen; what it can read, the model need not use.", ("probe", "probes", "linear probes", "decodable", "decodable from")),
    Term("mass-mean", "mass-mean probe", "A probe along the difference of class means, without fitting (arXiv 2310.06824)."),
    Term("held-out-accuracy", "held-out accuracy", "Share of items named rightly by a probe that was fitted without them."),
    Term("chance", "chance", "What always guessing the most frequent answer, or guessing among the choices, reaches."),
    Term("shuffled", "shuffled labels", "The same probe fitted on labels that were permuted: what it reaches where there is nothing to find.", ("shuffled",)),
    Term("embedding-only", "embedding only", "A probe of stream 0, which knows the last token and nothing else.", ("embedding alone",)),
    Term("random-weights", "random weights", "A probe of the same architecture with fresh weights: what structure alone makes decodable.", ("random initialisation",)),
    Term("selectivity", "selectivity", "Accuracy of a probe above that of its control task (arXiv 1909.03368)."),
    Term("control-task", "control task", "Random labels for the same entities: what a probe reaches by memorising."),
    Term("log-loss", "log-loss", "Mean negative log-probability that a probe gives the right label, in nats.", ("held-out log-loss",)),
    Term("compression", "compression", "Code length of the labels without the probe over that with it, learnt online; 1: nothing is saved (arXiv 2003.12298)."),
    Term("logit-lens", "logit lens", "The model's own final norm and unembedding, applied to an early stream as if it were the last.", ("lens", "lenses", "readable", "readable from", "lens map", "lens maps")),
    Term("tuned-lens", "tuned lens", "A logit lens behind a translation that was trained for every stream (arXiv 2303.08112).", ("bias-only lens",)),
    Term("jacobian-lens", "Jacobian lens", "A lens through the average linear effect of a stream on the last one."),
    Term("onset", "onset", "The first of three streams in a row whose interval lies above the best baseline.", ("onsets",)),
    Term("settled", "settled from", "The first stream from which the answer is the likeliest token up to the last.", ("settled", "settles", "settle")),
    Term("top-1", "top-1", "The likeliest token of the whole vocabulary.", ("answer is top-1",)),
    Term("unrelated-answer", "unrelated answer", "The answer of another item of the family, which a lens may find likely whatever is asked.", ("above an unrelated answer",)),
    Term("foil", "foil", "A wrong answer of the same type, against which the right one is scored.", ("foils",)),
    Term("logit-difference", "logit difference", "Logit of the answer less that of its foil; above 0 the answer is likelier.", ("logit differences", "logit diff.")),
    Term("log-probability", "log-probability", "Natural logarithm of a probability, in nats; 0 is certain.", ("answer log-probability", "log-probability of the answer")),
    Term("rank", "rank", "How many tokens of the vocabulary are likelier; 0 is the likeliest.", ("rank of the answer",), only_in=_READ_OUTS),
    Term("entropy", "entropy", "How spread the next token's distribution is, in nats; 0: one token has it all."),
    Term("kl", "KL", "Kullback–Leibler divergence from this stream's reading to the model's own output, in nats; 0: the same."),
    Term("nats", "nats", "Unit of information with the natural logarithm; 1 nat is 1.44 bits.", ("nat",)),
    Term("by-choice", "by choice", "An item is answered right if the answer is the likeliest of its choices.", ("accuracy by choice",)),
    Term("by-likelihood", "by likelihood", "An item is answered right if the answer is likelier than its foil.", ("accuracy by likelihood",)),
    Term("answered", "answered", "Of a family: its accuracy lies above chance with its whole interval; of an item: right by the measure that decides."),
    Term("used", "used", "Items answered right in an answered family: the ones that onsets and interventions are about.", only_in=("behaviour",)),
    Term("family", "family", "Items of one template of question, such as capitals of countries.", ("families",)),
    Term("kind", "kind", "What an item asks for: knowledge (recall a fact), reasoning (work out from the prompt), composite (both), control (neither).", ("kinds",), only_in=_BY_KIND),
    Term("knowledge", "knowledge", "Items whose answer has to be recalled: it doesn't stand in the prompt."),
    Term("reasoning", "reasoning", "Items whose answer follows from what stands in the prompt."),
    Term("composite", "composite", "Items that need a fact and then a step."),
    Term("control", "control", "The same question with its fact or result given in the prompt, or a model trained on the same form without the content; what it shares says nothing about retrieval or reasoning.", ("controls", "control model")),
    Term("cluster", "cluster", "Items that share an entity; resampled together, since they aren't independent.", ("clusters", "entity", "entities")),
    Term("interval", "95 % interval", "Percentile interval over bootstrap draws of clusters; none under eight clusters.", ("interval", "intervals")),
    Term("p", "p", "Probability of so large a value where nothing is there; corrected for the number of places looked at where it says max-T.", only_in=_PLACES),
    Term("max-t", "max-T", "Held against the largest value anywhere in every permutation, so that the many places looked at are paid for."),
    Term("support", "support", "Share of bootstrap draws in which the same part of the model is found.", only_in=_PLACES),
    Term("caveat", "caveat", "What stands against reading a number as it looks.", ("caveats",)),
    Term("calibration", "calibration", "How often the rule is right, wrong and silent on models whose truth is known.", ("calibrated",)),
    Term("undetermined", "undetermined", "Neither shown nor excluded by these items."),
    Term("generated", "generated answers", "What the model writes down, judged by the answer at its end; the prompts alone score single tokens."),
    Term("format", "format", "How an item is asked: as raw text, in a chat, behind an empty think block or after examples; what changes beyond it changes in every one of them.", ("beyond the format",), only_in=("verdict", "in-full", "answers")),
    Term("halves", "half of the blocks", "Blocks below or above the middle of the model; which of the two brings the change when they are swapped.", ("upper half", "lower half", "halves"), only_in=("verdict", "in-full", "locations", "layer_swaps")),
    Term("base", "base", "The model before the training that is looked at."),
    Term("distilled", "distilled", "The model after it: trained on a reasoner's text.", ("trained model",)),
    Term("change", "change", "Distilled less base, on the same items.", only_in=("verdict", "in-full", "answers", "stages", "layers", "items")),
    Term("did", "difference in differences", "The change of the distilled model less that of the control model: what isn't due to training as such."),
    Term("layer-split", "layer-split hypothesis", "That facts are retrieved in lower blocks and reasoning happens in higher ones."),
    Term("layer-swap", "layer swap", "Blocks of one model put in place of the other's, to see which bring the change.", ("layer swaps", "swapping layers")),
    Term("cross-patching", "cross-model patching", "One model's contribution, on the same tokens, put into the other."),
    Term("recovery", "recovery", "How much of the difference between two models a swap brings: 0 as the receiver, 1 as the donor."),
    Term("cka", "debiased CKA", "Likeness of two sets of representations up to rotation and scale, without the bias of few items; 1 is the same (arXiv 1905.00414, 2010.15327).", ("cka",)),
    Term("dominant", "dominant dimensions", "Single dimensions that hold a tenth or more of the variance, or of the squared length; likeness may be theirs alone.", ("dominant dimension",)),
    Term("stable-rank", "stable rank", "Squared Frobenius norm over squared spectral norm of a change: over how many directions it spreads."),
    Term("empty-think", "empty think block", "A think block that is opened and closed with nothing in it, so that the model answers without reasoning first."),
    Term("steering", "steering", "One direction is added to a stream, to see how much of another model's behaviour that brings (arXiv 2310.06824)."),
    Term("dose", "dose", "How far a model's weights lie between two checkpoints': 0 is the one, 1 the other.", ("doses",)),
    Term("information-gain", "information gain", "By how much steps before an answer make the right one likelier, in nats (arXiv 2506.02126)."),
    Term("knowledge-index", "knowledge index", "Share of the steps that a model wrote that are true of the problem it was asked (arXiv 2506.02126).", ("ki",)),
    Term("overconfidence", "overconfidence", "Mean probability of the likeliest option less the share of likeliest options that are right."),
    Term("head-set", "heads together", "Heads added greedily on one half of the pairs and scored on the other."),
)  # fmt: skip
"""In the order of a reader's way through a page."""
