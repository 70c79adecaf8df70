"""How does a row of a table become items, and where do their foils come from?"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from experiments.items.family import TokenLength
from experiments.items.importing.choices import Options, UnusableRowError, options_of
from experiments.items.importing.mapping import Mapped, read_mapping, unknown
from experiments.items.importing.rows import Row, read_rows
from experiments.items.schema import KINDS, Item, Span
from probes.errors import StrataError

_FIELD = re.compile(r"\{([^{}\n]+)\}")


@dataclass(frozen=True)
class Imported:
    """What a table gave."""

    items: tuple[Item, ...]
    """The items, in the order of the rows."""
    rows: int
    """Rows read."""
    left_out: Mapping[str, int]
    """Why rows gave no item, with counts."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def import_items(
    source: str | Path,
    mapping: Mapped | str | Path,
    *,
    seed: int = 0,
    limit: int | None = None,
    token_length: TokenLength | None = None,
) -> Imported:
    """The items that `mapping` (or the file of that name) makes of the rows of `source`; at most `limit`, by `seed`.

    With `token_length`, foils of equal length are preferred, else of equally many words. A row that gives no item
    is left out and counted. Raises StrataError for a field that no row has, naming the mapping and the key, for an
    id that comes twice, and when nothing is left.
    """
    mapping = mapping if isinstance(mapping, Mapped) else read_mapping(mapping)
    drafts: list[Item] = []
    left_out: Counter[str] = Counter()
    count = 0
    first: Row | None = None
    for row in read_rows(source, mapping.rows):
        count += 1
        first = first or row
        reader = _Reader(row, mapping, strict=row is first)
        try:
            drafts += _items_of(reader, mapping)
        except UnusableRowError as reason:
            left_out[str(reason)] += 1
    _unique(drafts, mapping)
    measure = token_length or (lambda text: len(text.split()))
    items = _with_foils(drafts, mapping, measure, seed, left_out)
    if limit is not None and len(items) > limit:
        chosen = sorted(Random(seed).sample(range(len(items)), limit))
        items = [items[index] for index in chosen]
    if not items:
        why = "; ".join(f"{reason}: {n}" for reason, n in left_out.most_common(3))
        raise StrataError(
            f"{mapping.name} makes no items of the {count} rows of {source}" + (f" ({why})" if why else ""),
            "Change [keep], [choices] or [item]",
        )
    return Imported(tuple(items), count, dict(left_out))


class _Reader:
    """Looks up fields of one row: columns, `$.` for what surrounds the rows, `@` for what is known besides."""

    def __init__(self, row: Row, mapping: Mapped, *, strict: bool) -> None:
        self.row, self._mapping, self._strict = row, mapping, strict
        self.options: Options | None = None

    def value(self, path: str) -> Any:
        if path.startswith("@"):
            return self._known(path)
        found: Any = self.row.top if path.startswith("$.") else self.row.values
        bare = path.removeprefix("$.")
        # A column may hold dots itself.
        if isinstance(found, Mapping) and bare in found:
            return found[bare]
        for step in bare.split("."):
            if isinstance(found, Mapping) and step in found:
                found = found[step]
            elif isinstance(found, (list, tuple)) and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            else:
                return self._absent(path, found)
        return found

    def text(self, template: str) -> str:
        return _FIELD.sub(lambda match: self.filling(match.group(1)), template)

    def filling(self, path: str) -> str:
        value = self.value(path)
        if value is None:
            raise UnusableRowError(f"the row has nothing in {path!r}")
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value).strip()

    def _known(self, path: str) -> Any:
        known: dict[str, Any] = {"@file": self.row.file, "@row": self.row.number}
        if self.options is not None:
            known |= {"@stem": self.options.stem, "@options": self.options.listed}
        if path not in known:
            raise unknown(f"{self._mapping.name}: there is no field {path!r}", path, tuple(known))
        return known[path]

    def _absent(self, path: str, found: Any) -> Any:
        if self._strict:
            there = [str(key) for key in found] if isinstance(found, Mapping) else []
            raise unknown(
                f"{self._mapping.name}: {self.row.where} has no field {path!r}",
                path.rsplit(".", 1)[-1],
                tuple(there) or ("nothing",),
            )
        raise UnusableRowError(f"the row has no field {path!r}")


def _items_of(reader: _Reader, mapping: Mapped) -> list[Item]:
    """The items of one row, one a wording, still without foils."""
    for path, allowed in mapping.keep.items():
        value = reader.value(path)
        if _plain(value) not in map(_plain, allowed):
            raise UnusableRowError(f"{path!r} isn't one of the values to keep")
    spec = mapping.item
    if mapping.has_choices:
        reader.options = options_of(mapping.choices, reader.value)
    answer, choices = _answer(reader, mapping)
    kind = reader.text(spec.kind)
    if kind not in KINDS:
        raise unknown(f"{mapping.name}: {reader.row.where}: kind can't be {kind!r}", kind, KINDS)
    family = _slug(reader.text(spec.family))
    items: list[Item] = []
    for wording, template in enumerate(_templates(reader, mapping)):
        prompt, spans = _prompt(reader, template, mapping)
        if not prompt:
            raise UnusableRowError("the prompt is empty")
        row = (
            f"{family}-{reader.row.file}-{reader.row.number:05d}"
            if family != reader.row.file
            else (f"{family}-{reader.row.number:05d}")
        )
        id = reader.text(spec.id) if spec.id else row
        items.append(
            Item(
                id=id if wording == 0 else f"{id}-{wording}",
                kind=kind,
                family=family,
                domain=reader.text(spec.domain),
                prompt=prompt,
                answer=f" {answer}",
                foil_prompt="",
                foil="",
                cluster=reader.text(spec.cluster) if spec.cluster else id,
                template=f"{family}.{wording}",
                hops=_hops(reader, mapping),
                choices=tuple(f" {choice}" for choice in choices),
                spans=spans,
                source=reader.text(spec.source),
                extra={key: reader.text(text) for key, text in mapping.extra.items()},
            )
        )
    return items


def _answer(reader: _Reader, mapping: Mapped) -> tuple[str, tuple[str, ...]]:
    options, spec = reader.options, mapping.choices
    shown: tuple[str, ...] = ()
    if options is not None:
        shown = options.letters if spec.show == "letter" else tuple(dict.fromkeys(options.texts))
    if options is not None and options.right is not None:
        answer = (options.letters if spec.show == "letter" else options.texts)[options.right]
    else:
        answer = reader.text(mapping.item.answer)
    if mapping.answer.after:
        _, found, answer = answer.rpartition(mapping.answer.after)
        if not found:
            raise UnusableRowError(f"the answer has no {mapping.answer.after!r}")
    answer = answer.strip()
    if mapping.answer.number:
        answer = _number(answer)
    if not answer:
        raise UnusableRowError("the answer is empty")
    return answer, shown if answer in shown else ()


def _number(text: str) -> str:
    bare = text.replace(",", "").replace("$", "").strip()
    if not re.fullmatch(r"-?\d+(\.\d+)?", bare):
        raise UnusableRowError("the answer isn't a number")
    return re.sub(r"\.0+$", "", bare)


def _hops(reader: _Reader, mapping: Mapped) -> int:
    hops = mapping.item.hops
    if isinstance(hops, int):
        return hops
    if "count" in hops:
        return str(reader.value(hops["in"])).count(hops["count"])
    steps = reader.value(hops["length_of"])
    if not isinstance(steps, (list, tuple, str)):
        raise UnusableRowError("what to count the steps in isn't a list")
    return len(steps)


def _templates(reader: _Reader, mapping: Mapped) -> Sequence[str]:
    """The wordings: the mapping's own, and those of the data with their blank turned into a field."""
    spec = mapping.wordings
    if not spec.at:
        return mapping.item.prompt
    listed = reader.value(spec.at)
    listed = [listed] if isinstance(listed, str) else listed
    if not isinstance(listed, (list, tuple)) or not all(isinstance(one, str) for one in listed):
        raise UnusableRowError(f"{spec.at!r} is no list of prompts")
    return (*mapping.item.prompt, *(one.replace(spec.blank, f"{{{spec.field}}}") for one in listed))


def _prompt(reader: _Reader, template: str, mapping: Mapped) -> tuple[str, dict[str, Span]]:
    """The filled prompt without white space at its end, and the spans that the mapping names."""
    names = {path: name for name, path in mapping.spans.items()}
    text, spans, position = "", {}, 0
    for match in _FIELD.finditer(template):
        text += template[position : match.start()]
        filled = reader.filling(match.group(1))
        if match.group(1) in names and filled:
            spans[names[match.group(1)]] = (len(text), len(text) + len(filled))
        text += filled
        position = match.end()
    return (text + template[position:]).rstrip(), spans


def _with_foils(
    drafts: Sequence[Item],
    mapping: Mapped,
    measure: Callable[[str], int],
    seed: int,
    left_out: Counter[str],
) -> list[Item]:
    if mapping.foil_of == "none":
        return list(drafts)
    rng = Random(hashlib.sha256(f"foils {seed}".encode()).digest())
    if mapping.foil_of == "choices":
        return [_foil_of_choices(item, rng, measure, left_out) for item in drafts]
    groups: dict[tuple[str, str], list[Item]] = {}
    for item in drafts:
        groups.setdefault((item.family, item.template), []).append(item)
    paired: dict[str, Item] = {}
    for members in groups.values():
        for item, other in zip(members, _partners(members, measure, rng), strict=True):
            if other is None:
                left_out["no row with another answer"] += 1
            paired[item.id] = (
                item
                if other is None
                else replace(item, foil=other.answer, foil_prompt=other.prompt, foil_spans=other.spans)
            )
    return [paired[item.id] for item in drafts]


def _foil_of_choices(item: Item, rng: Random, measure: Callable[[str], int], left_out: Counter[str]) -> Item:
    """The item with the other option that is nearest in length as its foil; ties at random."""
    others = [choice for choice in item.choices if _tell_apart(choice, item.answer)]
    if not others:
        left_out["no other option to score against (kept without a foil)"] += 1
        return item
    rng.shuffle(others)
    length = measure(item.answer)
    return replace(item, foil=min(others, key=lambda choice: abs(measure(choice) - length)))


def _partners(members: Sequence[Item], measure: Callable[[str], int], rng: Random) -> list[Item | None]:
    """For every item another with a different answer, of equal prompt length where one is found."""
    order = rng.sample(range(len(members)), len(members))
    by_length: dict[int, list[int]] = {}
    lengths = [measure(item.prompt) for item in members]
    for index in order:
        by_length.setdefault(lengths[index], []).append(index)
    known = sorted(by_length)
    # A subject may have several right answers, each in a row of its own: none of them is a foil for the others.
    right: dict[str, set[str]] = {}
    for item in members:
        right.setdefault(item.prompt, set()).add(item.answer)
    partners: list[Item | None] = []
    for index, item in enumerate(members):
        nearest = sorted(known, key=lambda length: abs(length - lengths[index]))
        partners.append(
            next(
                (
                    members[other]
                    for length in nearest
                    for other in _rotated(by_length[length], index)
                    if _tell_apart(members[other].answer, item.answer)
                    and members[other].prompt != item.prompt
                    and members[other].answer not in right[item.prompt]
                ),
                None,
            )
        )
    return partners


def _rotated(indices: Sequence[int], start: int) -> Sequence[int]:
    """The same indices from another beginning, so that not everyone gets the first as a partner."""
    cut = start % len(indices)
    return (*indices[cut:], *indices[:cut])


def _tell_apart(one: str, other: str) -> bool:
    """Whether neither answer begins the other, so that some token tells them apart."""
    one, other = one.strip().casefold(), other.strip().casefold()
    return not one.startswith(other) and not other.startswith(one)


def _unique(drafts: Sequence[Item], mapping: Mapped) -> None:
    seen: set[str] = set()
    for item in drafts:
        if item.id in seen:
            raise StrataError(f"{mapping.name}: the id {item.id!r} comes twice", "Change `id` in [item] or leave it")
        seen.add(item.id)


def _plain(value: Any) -> str:
    """A value as it is compared: data sets mix `ok` with `OK`, and true with "True"."""
    return str(value).strip().casefold()


def _slug(text: str) -> str:
    return re.sub(r"\s+", "_", text.strip())
