"""What will a `compare` cost on GPUs of several kinds? From shapes and token counts alone: no weights, no GPU at hand.

Times come from speeds that are assumed for the most part (`gpu_kinds.Speeds`), so they are wide ranges. Models of several GPUs are spread
over them block by block (`--device-map auto`): these work one after the other, so more of them hold more and are no faster.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from strata.experiments.compare.config import CompareConfig
from strata.experiments.compare.cross_model_patching import cross_lines
from strata.experiments.compare.generated_layer_swaps import inner_layer_swaps
from strata.experiments.compare.gpu_kinds import KINDS, MEASURED_AND_ASSUMED, GpuKind, Speeds
from strata.experiments.generated_answers.problems import evaluation_lessons
from strata.experiments.generated_answers.prompting import ask
from strata.experiments.items.alignment import EncodedItem
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING
from strata.experiments.locate.causal.workload import intervention_tokens, pairs_by_family
from strata.experiments.locate.cost_plan import passes_of
from strata.experiments.results.roles import BASE, Role
from strata.probes.checkpoints.checkpoint import Checkpoint
from strata.probes.checkpoints.published_shapes import PublishedShape
from strata.probes.decoding.generate import rows_together
from strata.probes.interventions.activation_patching import BATCH_TOKENS
from strata.probes.model_diff.cross_model_patching import EVERY
from strata.probes.model_diff.layer_swaps import layer_swaps_of

MOST_GPUS = 8
_WIDTH = 2
"""Bytes of a number in bfloat16."""
_ROOM = 0.9
"""Of a GPU's memory: the rest is the driver's, and what the allocator can't use."""
_TASK_TOKENS = 30
"""Of an instruction before an item (`--contrast-items`)."""
_INSTRUCTIONS = 5
_OTHER_WAYS = 5
"""Length of an item asked in every way (`ways_of_asking`), after two examples among them, over that of its prompt."""
_BEHIND = 0.5
"""Blocks behind an edit, as a share of all, on average."""
_LAYER_SWAP_SHARE = 0.5
"""Of blocks that a layer swap computes by itself: those that agree so far with another one's are shared."""


@dataclass(frozen=True)
class PlannedModel:
    """One of the compared models, as far as a plan knows it."""

    spec: str
    n_layers: int
    d_model: int
    parameters: int
    body_parameters: int
    """Without embedding and unembedding: what every token passes."""
    kv_numbers: int
    """Numbers that a token leaves in the cache of keys and values."""
    context: int | None
    """Positions that the configuration allows; None: it sets no limit."""

    @classmethod
    def published(cls, spec: str, shape: PublishedShape) -> PlannedModel:
        return cls(
            spec,
            shape.n_layers,
            shape.d_model,
            shape.parameters,
            shape.body_parameters,
            shape.kv_numbers,
            shape.context,
        )

    @classmethod
    def opened(cls, checkpoint: Checkpoint) -> PlannedModel:
        """Of a checkpoint on any device, also without weights."""
        model, config = checkpoint.model, checkpoint.model.config.get_text_config()
        parameters = sum(p.numel() for p in model.parameters())
        ends = {id(part.weight): part.weight.numel() for part in (model.get_input_embeddings(), model.get_output_embeddings()) if part is not None}  # fmt: skip
        heads = config.num_attention_heads
        kv_heads = getattr(config, "num_key_value_heads", None) or heads
        head_size = getattr(config, "head_dim", None) or checkpoint.d_model // heads
        return cls(
            checkpoint.identity.spec, checkpoint.n_layers, checkpoint.d_model, parameters,
            parameters - sum(ends.values()), 2 * checkpoint.n_layers * kv_heads * head_size, checkpoint.max_context,
        )  # fmt: skip

    @property
    def weight_bytes(self) -> int:
        return self.parameters * _WIDTH


@dataclass(frozen=True)
class Work:
    """Of one model: tokens through the whole body, and the steps of decoding."""

    passed: float
    """In batches of whole prompts."""
    edited: tuple[float, float]
    """In restarted runs, between the least and the most."""
    families: int
    """That are intervened on, and probed."""
    steps: float
    """Of decoding; a step writes a token of up to 32 answers."""


@dataclass(frozen=True)
class OnGpus:
    """The comparison on one kind of GPU."""

    kind: str
    gpus: int | None
    """As many as hold two models, with what is computed beside them; None: more than `MOST_GPUS`."""
    gpus_one_at_a_time: int | None
    """The same with --one-at-a-time, which leaves layer swaps out."""
    hours: tuple[float, float]
    """Whole comparison."""
    hours_by_part: dict[str, float]
    """In the middle of the range: weights, prompts, interventions (layer swaps and patches too), generation, probes."""


@dataclass(frozen=True)
class ComparisonPlan:
    models: dict[Role, str]
    parameters: dict[Role, int]
    weight_bytes: dict[Role, int]
    items: int
    prompt_tokens: int
    """Of one pass over the items."""
    counted_with: str
    """Whose tokenizer counted them."""
    problems: int
    """Whose answers are generated, in every way of asking."""
    generated_tokens: int
    """At most, of one answer."""
    memory_bytes: int
    """At once, two models held."""
    memory_one_at_a_time: int
    disk_bytes: int
    """Of the weights of all models; tables are small beside them."""
    no_room: dict[Role, int] = field(default_factory=dict)
    """Models whose context can't hold the longest prompt and an answer, with the most tokens that would be left: their
    generated answers would be excluded."""
    on: tuple[OnGpus, ...] = ()


def plan_compare(
    models: Mapping[Role, PlannedModel],
    counted: Checkpoint,
    encoded: Sequence[EncodedItem],
    config: CompareConfig,
    *,
    speeds: Speeds = MEASURED_AND_ASSUMED,
    kinds: Sequence[GpuKind] = KINDS,
) -> ComparisonPlan:
    """The plan for these models; `counted` is a checkpoint whose tokenizer counts tokens in their place (a meta device will do)."""
    tokens = sum(len(item.prompt.ids) for item in encoded)
    lessons = [
        lesson
        for split in config.generated_splits
        for lesson in evaluation_lessons(split, seed=config.locate.seed, per_family=config.generated)
    ]
    asked = [counted.encode(ask(lesson, way)) for lesson in lessons for way in config.generated_ways]
    longest = max(map(len, asked), default=0)
    work = {role: _work(model, role, encoded, tokens, asked, len(lessons), config) for role, model in models.items()}
    two, one = (_memory(models, longest, config, held) for held in (2, 1))
    room = {role: model.context - longest for role, model in models.items() if model.context is not None}
    return ComparisonPlan(
        models={role: model.spec for role, model in models.items()},
        parameters={role: model.parameters for role, model in models.items()},
        weight_bytes={role: model.weight_bytes for role, model in models.items()},
        items=len(encoded),
        prompt_tokens=tokens,
        counted_with=counted.identity.spec,
        problems=len(lessons),
        generated_tokens=config.generated_tokens,
        memory_bytes=two,
        memory_one_at_a_time=one,
        disk_bytes=sum(model.weight_bytes for model in models.values()),
        no_room={role: left for role, left in room.items() if lessons and left < config.generated_tokens},
        on=tuple(_on(kind, models, work, (two, one), speeds) for kind in kinds),
    )


def _work(
    model: PlannedModel,
    role: Role,
    encoded: Sequence[EncodedItem],
    tokens: int,
    asked: Sequence[Sequence[int]],
    n_problems: int,
    config: CompareConfig,
) -> Work:
    mean = tokens / max(1, len(encoded))
    passed = (
        float(sum(passes_of(encoded, config.locate, tokens).values())) + sum(map(len, asked)) + _OTHER_WAYS * tokens
    )
    kinds = len({item.item.kind for item in encoded if item.item.kind in KNOWLEDGE_AND_REASONING})
    passed += config.contrast_items * kinds * _INSTRUCTIONS * (mean + _TASK_TOKENS)
    low, high = map(float, intervention_tokens(encoded, config.locate, model.n_layers))
    longest = max(map(len, asked), default=0) + config.generated_tokens
    batches = math.ceil(len(asked) / rows_together(longest)) * config.samples
    steps = float(batches * config.generated_tokens)
    if role != BASE:
        ways = 2 if config.both_ways else 1
        pairs = config.swap_pairs * kinds
        n_swaps = len(layer_swaps_of(model.n_layers, config.swap_sweeps, stride=config.swap_stride)) if pairs else 0
        exchanged = pairs * ways * mean * n_swaps * _LAYER_SWAP_SHARE
        for line in cross_lines(config, null=True):
            columns = mean if line.position == EVERY else 1
            exchanged += pairs * ways * model.n_layers * columns * _BEHIND
        low, high = low + exchanged / 2, high + exchanged
        parts = inner_layer_swaps(model.n_layers, config.generated_swap_parts) if n_problems else ()
        steps += (
            len(parts)
            * math.ceil(n_problems / len(config.generated_splits) / rows_together(longest))
            * config.generated_tokens
        )
    return Work(passed, (low, high), len(pairs_by_family(encoded)), steps)


def _memory(models: Mapping[Role, PlannedModel], longest: int, config: CompareConfig, held: int) -> int:
    """The most that is on the GPUs at once."""
    weights = sorted((model.weight_bytes for model in models.values()), reverse=True)
    together = sum(weights[:held])
    largest = max(models.values(), key=lambda model: model.parameters)
    tokens = longest + config.generated_tokens
    cache = rows_together(tokens) * tokens * largest.kv_numbers * _WIDTH if config.generated else 0
    streams = 2 * BATCH_TOKENS["cuda"] * largest.n_layers * largest.d_model * _WIDTH
    fresh = weights[0] if config.locate.random_init else 0
    return together + max(cache, streams, fresh)


def _on(
    kind: GpuKind,
    models: Mapping[Role, PlannedModel],
    work: Mapping[Role, Work],
    memory: tuple[int, int],
    speeds: Speeds,
) -> OnGpus:
    parts: dict[str, float] = {}
    spread = 0.0
    for role, model in models.items():
        for part, seconds in _seconds(kind, model, work[role], speeds):
            parts[part] = parts.get(part, 0.0) + sum(seconds) / 2
            spread += (seconds[1] - seconds[0]) / 2
    middle = sum(parts.values())
    two, one = (_gpus(kind, needed) for needed in memory)
    return OnGpus(
        kind.name, two, one, ((middle - spread) / 2 / 3600, (middle + spread) * 2 / 3600),
        {part: seconds / 3600 for part, seconds in parts.items()},
    )  # fmt: skip


def _seconds(
    kind: GpuKind, model: PlannedModel, work: Work, speeds: Speeds
) -> Iterator[tuple[str, tuple[float, float]]]:
    """(part, least and most seconds)."""
    # Opened once or twice, and compared with the base's.
    yield "weights", (2 * model.weight_bytes / speeds.load_bytes, 4 * model.weight_bytes / speeds.load_bytes)
    flops = 2 * model.body_parameters
    yield "prompts", (work.passed * flops / (speeds.passes * kind.flops),) * 2
    low, high = (tokens * flops / (speeds.edits * kind.flops) for tokens in work.edited)
    at_least, at_most = (work.families * model.n_layers * seconds for seconds in speeds.family_block_seconds)
    if work.edited[1]:
        yield "interventions", (max(low, at_least), high + at_most)
    step = max(model.weight_bytes / (speeds.decoding * kind.bandwidth), model.n_layers * speeds.block_seconds)
    # An answer that ends early ends its batch early only with all others.
    yield "generation", (work.steps * step / 4, work.steps * step)
    probes = work.families * speeds.probe_seconds
    yield "probes", (probes / 2, probes * 2)


def _gpus(kind: GpuKind, needed: int) -> int | None:
    count = math.ceil(needed / (_ROOM * kind.memory_bytes))
    return count if count <= MOST_GPUS else None
