"""What a reader of numbers has to know about how a checkpoint was opened: a code, and what its sentence needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, JsonValue, TypeAdapter

from strata.probes.checkpoints.tokenizer_difference import TokenizerDifference

CheckpointCaveatCode = Literal[
    "said",  # text: what an earlier version wrote
    "weights-in-several-forms",  # file, ignored: what is loaded, and what lies beside it and isn't
    "hooks-not-in-force",  # hooked, module: forward hooks of the person's own
    "weights-on-server",
    "own-code-other-ids",  # file, odd: the checkpoint's own tokenizer code against its file
    "tokenizer-from-file",  # file, made, odd: the file decides, transformers' class would give other ids
    "tokenizer-not-made",  # file, error: transformers can't make what tokenizer_config.json names, the file decides
    "special-tokens-configured",  # file, odd: tokenizer_config.json decides on special tokens, and differs from the file
    "bos-from-file",  # file, bos, asked: tokenizer_config.json asks for another BOS policy than the file has
    "tokenizer-from-model",  # file, odd: sentencepiece's ids, where transformers would give others
    "tokenizer-unlike-model",  # file, odd: transformers' ids, where sentencepiece gives others
    "adapter-of-other-base",  # adapter, named, base
    "adapter-of-other-weights",  # adapter, tensor, base: a copy of the base's weight that isn't the base's
    "adapter-template-unused",  # adapter
    "adapter-tokenizer-unreadable",  # adapter
    "adapter-tokenizer-unused",  # adapter, tokenizer (A: the base's, B: its own), new_tokens
    "other-mixers",  # mixers: what stands for attention
    "no-mlp",  # blocks
    "joint-streams",  # streams
    "read-beside-stream",  # beside
    "ends-differ-in-configuration",  # base, distilled, settings: of a dose; the base's are used
    "ends-differ-in-tokenizer",  # base, distilled, tokenizer: likewise
]


@dataclass(frozen=True)
class OddIds:
    """A text that becomes other ids than it is held against, from the first id on that differs."""

    text: str
    special: bool
    """With the special tokens that the tokenizer adds."""
    ids: tuple[int, ...] | None
    """At most three that it becomes; None: encoding fails."""
    wanted: tuple[int, ...]
    """At most three that it should become."""


@dataclass(frozen=True)
class CheckpointCaveat:
    """One of them; a field that its code doesn't name is None or empty."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    code: CheckpointCaveatCode
    """What it is."""
    text: str | None = None
    """A sentence as it was written."""
    file: str | None = None
    """Name of the file that decides."""
    ignored: tuple[str, ...] = ()
    """Names of files."""
    hooked: int | None = None
    """Modules with hooks."""
    module: str | None = None
    """The first of them."""
    odd: OddIds | None = None
    """Where the two first differ."""
    made: str | None = None
    """Class that transformers makes."""
    error: str | None = None
    """First line of what it said."""
    bos: str | None = None
    """Token that stands at the start."""
    asked: bool | None = None
    """`add_bos_token` of tokenizer_config.json."""
    adapter: str | None = None
    """As it was asked for."""
    base: str | None = None
    """What the adapter is added to, or the end at dose 0; as it was asked for."""
    distilled: str | None = None
    """The end at dose 1, as it was asked for."""
    named: str | None = None
    """Base that the adapter names."""
    tensor: str | None = None
    """Canonical name of a weight."""
    tokenizer: TokenizerDifference | None = None
    """Of two tokenizers, A's and B's."""
    new_tokens: tuple[str, ...] = ()
    """The first of those that only B has, by id: three at most."""
    mixers: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Kinds of a mixer (`none` for no mixer) and its blocks."""
    blocks: tuple[int, ...] = ()
    """Blocks that have none."""
    streams: int | None = None
    """Streams of a token."""
    beside: str | None = None
    """What blocks read beside the stream."""
    settings: tuple[tuple[str, str, str], ...] = ()
    """What differs, at the base and at the other end."""

    def __str__(self) -> str:
        values = [(field.name, getattr(self, field.name)) for field in fields(self) if field.name != "code"]
        told = ", ".join(f"{name}={value!r}" for name, value in values if value is not None and value != ())
        return f"{self.code}: {told}" if told else self.code

    def without_defaults(self) -> JsonValue:
        """The code and what its sentence needs, nothing else."""
        written: JsonValue = _ONE.dump_python(self, mode="json", exclude_defaults=True)
        return written


_ONE = TypeAdapter(CheckpointCaveat)
ReadCaveat = Annotated[
    CheckpointCaveat,
    BeforeValidator(lambda given: CheckpointCaveat("said", text=given) if isinstance(given, str) else given),
]
"""As a file holds it: a text is what an earlier version wrote."""


def each_once(caveats: Iterable[CheckpointCaveat]) -> tuple[CheckpointCaveat, ...]:
    """In their order, without those that were there before."""
    kept: list[CheckpointCaveat] = []
    for caveat in caveats:
        if caveat not in kept:
            kept.append(caveat)
    return tuple(kept)
