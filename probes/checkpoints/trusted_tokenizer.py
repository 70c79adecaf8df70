"""Does the tokenizer that transformers builds give the ids that the checkpoint's own tokenizer file gives?

transformers 5 builds many tokenizers anew from their class, and takes only the vocabulary and the merges from
tokenizer.json: a split expression, a normaliser or a prefix space that the class doesn't know is dropped without a word.
The model was trained on what the file says, so the file decides how text becomes ids; tokenizer_config.json names the
special tokens and brings the chat template.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.probes.checkpoints.checkpoint_caveats import CheckpointCaveat, OddIds
from strata.probes.checkpoints.foreign_patterns import refuse_endless_tokenizer
from strata.probes.checkpoints.quiet_libraries import Loaded, first_line, guarded, quietly, without_native_words
from strata.probes.checkpoints.refusals import read_object
from strata.probes.checkpoints.telling_texts import TELLING
from strata.probes.errors import StrataError

_FILE, _MODEL, _CONFIG = "tokenizer.json", "tokenizer.model", "tokenizer_config.json"
_ADDED = 32
"""Added tokens of a file that are tried inside a text."""


@dataclass(frozen=True)
class OpenedTokenizer:
    tokenizer: Any
    """A transformers tokenizer."""
    caveats: tuple[CheckpointCaveat, ...]
    """What a reader of its numbers has to know."""


def open_tokenizer(directory: Path, *, trust_remote_code: bool = False) -> OpenedTokenizer:
    """The tokenizer of a Hugging Face directory, which turns text into the ids of its tokenizer.json.

    Without a tokenizer.json a tokenizer.model is what it is held against, with neither nothing. Raises StrataError when
    there is none that can be loaded, and when none that can be loaded gives the file's ids.
    """
    return guarded(
        lambda: _opened(directory, trust_remote_code),
        f"The tokenizer of {directory} can't be loaded",
        "Copy or download its files again",
    )


def _opened(directory: Path, trust_remote_code: bool) -> OpenedTokenizer:
    from transformers import AutoTokenizer

    if (directory / _FILE).exists():
        refuse_endless_tokenizer(directory / _FILE, TELLING)
    try:
        loaded = _silently(
            lambda: AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=trust_remote_code)
        )
    except Exception as error:  # the tokenizers library raises bare exceptions, and own code whatever it likes
        if not trust_remote_code and _names_own_code(directory):
            raise StrataError(
                f"The tokenizer of {directory} is code that comes with the checkpoint",
                "Read it, then give --trust-remote-code",
            ) from error
        if not (directory / _FILE).exists():
            raise _cannot_load(directory, error) from error
        return _file_alone(directory, error)
    if (directory / _FILE).exists():
        return _held_against_file(directory, loaded)
    if (directory / _MODEL).exists():
        return _held_against_model(directory, loaded)
    return OpenedTokenizer(loaded, ())


def stated_tokenizer(directory: Path) -> Any:
    """`open_tokenizer` for comparing only: in place of code of its own stands what its tokenizer.json says."""
    if _names_own_code(directory) and (directory / _FILE).exists():
        return _from_file(directory, _stated(directory))
    return open_tokenizer(directory).tokenizer


def _file_alone(directory: Path, error: Exception) -> OpenedTokenizer:
    """Where transformers can't make the tokenizer that the configuration names, the file says all that is needed."""
    stated = _stated(directory)
    try:
        used = _from_file(directory, stated)
    except StrataError:
        raise
    except Exception as second:  # as in open_tokenizer
        raise _cannot_load(directory, second) from second
    caveat = CheckpointCaveat("tokenizer-not-made", file=_FILE, error=first_line(error))
    return OpenedTokenizer(used, (caveat, *_bos_caveat(directory, used)))


def _silently(load: Callable[[], Loaded]) -> Loaded:
    """`quietly`, and without what the tokenizers library writes by itself: it repeats unknown keys of a file as they are."""
    with without_native_words():
        return quietly(load)


def _names_own_code(directory: Path) -> bool:
    own = _config(directory).get("auto_map")
    return bool(own) and (not isinstance(own, dict) or "AutoTokenizer" in own)


def _cannot_load(directory: Path, error: Exception) -> StrataError:
    if not any((directory / name).exists() for name in (_FILE, _MODEL, "vocab.json", "vocab.txt", "tekken.json")):
        return StrataError(f"{directory} has no tokenizer", f"Add its {_FILE} or {_MODEL}")
    return StrataError(
        f"{directory} has no tokenizer that can be loaded ({first_line(error)})",
        f"Copy or download its {_FILE} or {_MODEL} again",
    )


def _stated(directory: Path) -> Any:
    from tokenizers import Tokenizer

    file = directory / _FILE
    try:
        stated = Tokenizer.from_file(str(file))
    except Exception as error:  # the only kind that the library raises
        raise StrataError(f"{file} can't be read ({first_line(error)})", "Copy or download it again") from error
    stated.no_truncation()
    stated.no_padding()
    return stated


def _held_against_file(directory: Path, loaded: Any) -> OpenedTokenizer:
    stated = _stated(directory)
    odd = _first_odd(loaded, stated, TELLING)
    if not type(loaded).__module__.startswith("transformers."):
        # The person asked for this code, and it may mean what it does.
        return OpenedTokenizer(
            loaded, () if odd is None else (CheckpointCaveat("own-code-other-ids", file=_FILE, odd=odd),)
        )
    used: Any = loaded
    caveats: list[CheckpointCaveat] = []
    if odd is not None or not _same_pipeline(loaded, stated):
        used = _from_file(directory, stated)
    if odd is not None:
        caveats.append(CheckpointCaveat("tokenizer-from-file", file=_FILE, made=type(loaded).__name__, odd=odd))
    special = _first_odd(used, stated, _with_added_tokens(stated))
    if special is not None:
        caveats.append(CheckpointCaveat("special-tokens-configured", file=_FILE, odd=special))
    caveats += _bos_caveat(directory, used)
    return OpenedTokenizer(used, tuple(caveats))


def _from_file(directory: Path, stated: Any) -> Any:
    """The file's own pipeline with the special tokens and the chat template of the configuration."""
    from transformers import PreTrainedTokenizerFast

    used = _silently(lambda: PreTrainedTokenizerFast.from_pretrained(directory, local_files_only=True))
    if _first_odd(used, stated, TELLING) is None:
        return used
    # What the configuration adds to the file's pipeline changes plain text: only names and template are taken from it.
    roles = {role: str(token) for role, token in used.special_tokens_map.items() if not isinstance(token, list)}
    known = {role: token for role, token in roles.items() if stated.token_to_id(token) is not None}
    used = _silently(
        lambda: PreTrainedTokenizerFast(tokenizer_object=stated, chat_template=used.chat_template, **known)
    )
    left = _first_odd(used, stated, TELLING)
    if left is not None:
        raise StrataError(
            f"transformers gives other ids than {directory / _FILE} for {left.text!r}",
            f"Make {_CONFIG} and {_FILE} agree: open the tokenizer where its ids are right and save it again",
        )
    return used


def _with_added_tokens(stated: Any) -> list[str]:
    added = [str(token.content) for _, token in sorted(stated.get_added_tokens_decoder().items())]
    return [f"a {token} b{token}c" for token in [*added[: _ADDED // 2], *added[_ADDED // 2 :][-_ADDED // 2 :]]]


def _first_odd(tokenizer: Any, stated: Any, texts: Sequence[str]) -> OddIds | None:
    """The first text that becomes other ids, with both; None when there is none."""
    for text in texts:
        wanted = list(stated.encode(text, add_special_tokens=False).ids)
        ids = _ids(tokenizer, text)
        if ids != wanted:
            return _odd(text, ids, wanted)
    ids, wanted = _ids(tokenizer, "a", special=True), list(stated.encode("a").ids)
    return None if ids == wanted else _odd("a", ids, wanted, special=True)


def _ids(tokenizer: Any, text: str, *, special: bool = False) -> list[int] | None:
    """None where it fails: a pipeline built for another vocabulary can meet a sign that it has no token for."""
    try:
        return list(tokenizer(text, add_special_tokens=special)["input_ids"])
    except Exception:  # the tokenizers library raises nothing more special
        return None


def _odd(text: str, actual: Sequence[int] | None, wanted: Sequence[int], *, special: bool = False) -> OddIds:
    if actual is None:
        return OddIds(text, special, None, tuple(wanted[:3]))
    shorter = min(len(actual), len(wanted))
    same = next((n for n in range(shorter) if actual[n] != wanted[n]), shorter)
    return OddIds(text, special, tuple(actual[same : same + 3]), tuple(wanted[same : same + 3]))


def _same_pipeline(loaded: Any, stated: Any) -> bool:
    """Whether both hold the same parts with the same settings, so that they agree on texts that nobody tried."""
    inner = getattr(loaded, "backend_tokenizer", None)
    if inner is None or type(inner) is not type(stated):
        return False
    parts = ("normalizer", "pre_tokenizer", "decoder")
    same = all(_state(getattr(inner, part)) == _state(getattr(stated, part)) for part in parts)
    words = [pipeline.get_vocab(with_added_tokens=False) for pipeline in (inner, stated)]
    return same and words[0] == words[1] and _settings(inner.model) == _settings(stated.model)


def _state(part: Any) -> bytes:
    return b"" if part is None else bytes(part.__getstate__())


def _settings(model: Any) -> tuple[Any, ...]:
    names = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback")
    return (type(model).__name__, *(getattr(model, name, None) for name in (*names, "ignore_merges")))


def _bos_caveat(directory: Path, used: Any) -> list[CheckpointCaveat]:
    """One where the configuration asks for another BOS policy than the file, which decides."""
    asked, bos = _config(directory).get("add_bos_token"), used.bos_token
    if not isinstance(asked, bool) or bos is None or asked == (used("a")["input_ids"][:1] == [used.bos_token_id]):
        return []
    return [CheckpointCaveat("bos-from-file", file=_FILE, bos=str(bos), asked=asked)]


def _config(directory: Path) -> dict[str, object]:
    try:
        return dict(read_object(directory / _CONFIG))
    except StrataError:
        return {}


def _held_against_model(directory: Path, loaded: Any) -> OpenedTokenizer:
    """transformers reads the pieces and may forget the space that sentencepiece puts before every text."""
    encode = _sentencepiece(directory / _MODEL)
    if encode is None:
        return OpenedTokenizer(loaded, ())
    wanted = {text: encode(text) for text in TELLING}

    def odd() -> OddIds | None:
        compared = ((text, _ids(loaded, text), ids) for text, ids in wanted.items())
        return next((_odd(text, ours, ids) for text, ours, ids in compared if ours != ids), None)

    before = odd()
    if before is None:
        return OpenedTokenizer(loaded, ())
    if loaded.is_fast:
        pipeline = loaded.backend_tokenizer
        original = pipeline.normalizer, pipeline.pre_tokenizer
        for dummy_prefix in (True, False):
            _read_as_sentencepiece(pipeline, dummy_prefix=dummy_prefix)
            if odd() is None:
                return OpenedTokenizer(loaded, (CheckpointCaveat("tokenizer-from-model", file=_MODEL, odd=before),))
        # Some families give sentencepiece's pieces ids of their own.
        pipeline.normalizer, pipeline.pre_tokenizer = original
    return OpenedTokenizer(loaded, (CheckpointCaveat("tokenizer-unlike-model", file=_MODEL, odd=before),))


def _read_as_sentencepiece(pipeline: Any, *, dummy_prefix: bool) -> None:
    from tokenizers import normalizers

    spaces = normalizers.Replace(" ", "\u2581")
    pipeline.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), spaces]) if dummy_prefix else spaces
    pipeline.pre_tokenizer = None


def _sentencepiece(file: Path) -> Callable[[str], list[int]] | None:
    """How sentencepiece itself encodes; None for a file of another kind (tiktoken uses the same name)."""
    from sentencepiece import SentencePieceProcessor

    try:
        processor = SentencePieceProcessor(model_file=str(file))
    except (RuntimeError, OSError):
        return None
    return lambda text: list(processor.encode(text))
