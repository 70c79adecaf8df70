"""Do the regular expressions that come with an adapter or a tokenizer ever come to an end? Tried apart, before a library runs them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from strata.probes.checkpoints.sandbox import SandboxError, in_sandbox
from strata.probes.errors import StrataError
from strata.probes.files.foreign_files import file_bytes
from strata.probes.foreign_types import ForeignJson

_BY_TEXT = ("target_modules", "exclude_modules", "layers_pattern", "target_parameters")
"""Settings of PEFT that are regular expressions where they are texts."""
_BY_KEY = ("rank_pattern", "alpha_pattern")
"""Settings of PEFT whose keys are regular expressions."""
_MATCH = """
import re
answer = 0
for pattern in given["patterns"]:
    for name in given["names"]:
        answer += bool(re.fullmatch(pattern, name)) + bool(re.match(rf"(.*\\.)?({pattern})$", name))
"""
_ENCODE = """
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_str(given["tokenizer"])
answer = sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in given["texts"])
"""
_REGEX = re.compile(rb'"(R|\\u0052)(e|\\u0065)(g|\\u0067)(e|\\u0065)(x|\\u0078)"')
"""The key, however JSON writes it."""
_LONG_NUMBER = re.compile(rb":\s*\d{6,}")
_LONG_RUNS = tuple(sign * 300 + end for sign in ("a", " ", "1", "!", "\n", "ab ", "é") for end in ("", "!", "a"))
"""Texts on which an expression that goes back and forth takes for ever."""


def refuse_endless_adapter(adapter: str, settings: ForeignJson, names: Sequence[str]) -> None:
    """Raises StrataError when a regular expression of an adapter isn't one, or takes too long on the names of modules."""
    patterns = list(_patterns(settings))
    if not any(set(pattern) & set("*+?{|(") for _, pattern in patterns):
        return
    for field, pattern in patterns:
        try:
            in_sandbox(_MATCH, {"patterns": [pattern], "names": list(names)})
        except SandboxError as error:
            raise StrataError(
                f"The adapter {adapter} has a regular expression in {field} that can't be used ({error.reason})",
                "Name the modules in a list, or save the adapter with PEFT again",
            ) from error


def refuse_endless_tokenizer(file: Path, texts: Sequence[str]) -> None:
    """Raises StrataError when the expressions of a tokenizer.json take too long on `texts` or on long runs of one sign."""
    raw = file_bytes(file)
    _refuse_far_ids(file, raw)
    # Only what a person writes as an expression goes back and forth: the libraries' own ones end.
    if not _REGEX.search(raw):
        return
    try:
        whole = json.loads(raw)
    except (ValueError, RecursionError):
        return  # opening it tells what is wrong
    if not isinstance(whole, dict):
        return
    # Without vocabulary: what cuts and changes texts is tried, not the tokens that come of it.
    bare = {"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {}, "merges": []}}
    parts = {name: whole.get(name) for name in ("normalizer", "pre_tokenizer")}
    try:
        in_sandbox(_ENCODE, {"tokenizer": json.dumps(bare | parts), "texts": [*texts, *_LONG_RUNS]})
    except SandboxError as error:
        if error.ending == "failed" and "PanicException" not in error.reason:
            return
        raise StrataError(
            f"{file} has a regular expression that can't be used ({error.reason})", "Copy or download it again"
        ) from error


def _refuse_far_ids(file: Path, raw: bytes) -> None:
    """The library keeps a place for every id up to the largest, and ends the whole process where there is no memory for them."""
    if not _LONG_NUMBER.search(raw):
        return
    try:
        model = json.loads(raw)["model"]
        ids = [id for id in model["vocab"].values() if isinstance(id, int)]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return  # opening it tells what is wrong
    if ids and max(ids) > 16 * len(ids) + (1 << 16):
        raise StrataError(
            f"{file} gives one of {len(ids):,} tokens the id {str(max(ids))[:30]}", "Copy or download it again"
        )


def _patterns(settings: ForeignJson) -> Iterator[tuple[str, str]]:
    for field in _BY_TEXT:
        value = settings.get(field)
        if isinstance(value, str):
            yield field, value
    for field in _BY_KEY:
        value = settings.get(field)
        if isinstance(value, dict):
            yield from ((field, key) for key in value)
