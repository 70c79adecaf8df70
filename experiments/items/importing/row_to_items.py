"""How does a row of a table become items?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from pydantic import JsonValue

from strata.experiments.items.family import TokenLength
from strata.experiments.items.importing.choices import Options, numbers_in, options_of, unmarked
from strata.experiments.items.importing.exclusions import LeftOut
from strata.experiments.items.importing.field_reader import Lookups, Reader
from strata.experiments.items.importing.foils import with_foils
from strata.experiments.items.importing.mapping import Mapped
from strata.experiments.items.importing.mapping_file import read_mapping
from strata.experiments.items.importing.paths import Field, Template, parse_template
from strata.experiments.items.importing.right_option import Key, key_of, reading_of, right_option, same_option
from strata.experiments.items.importing.row_steps import steps_of
from strata.experiments.items.importing.rows import Row, read_rows
from strata.experiments.items.importing.scores import Marking, are_one_hot, best, listed_key, marking_of
from strata.experiments.items.importing.unknown_name import unknown
from strata.experiments.items.importing.usable_values import UnusableRowError, plain_text, written
from strata.experiments.items.schema import KINDS, Item, Span
from strata.probes.errors import StrataError


@dataclass(frozen=True)
class Imported:
    """What a table gave."""

    items: tuple[Item, ...]
    """The items, in the order of the rows."""
    rows: int
    """Rows read."""
    excluded: Mapping[str, int]
    """Why rows gave no item, with counts."""
    without_foil: Mapping[str, int]
    """Why items have nothing to be scored against, with counts; they are kept."""
    made: int
    """Items before a limit."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class _Offer:
    """A row that is kept, with what it offers."""

    reader: Reader
    """Its fields."""
    options: Options | None
    """Its options, where the mapping has choices."""
    raw_key: Any
    """What its field for the right option holds; None where no field is asked."""
    key: Key | None = None
    """The same as a key, where it is one."""


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
    is excluded and counted. Raises StrataError for a field that no row has, naming the mapping and the key, for keys
    that can be read in two ways, for an id that comes twice, and when nothing is left.
    """
    mapping = mapping if isinstance(mapping, Mapped) else read_mapping(mapping)
    rows = read_rows(source, mapping.rows)
    lookups, excluded = Lookups(mapping.name), LeftOut()
    readers: list[Reader] = []
    for row in rows:
        with excluded.counting():
            readers.append(_kept(row, lookups, mapping))
    marking = _marking(readers, mapping)
    offers: list[_Offer] = []
    for reader in readers:
        with excluded.counting():
            offers.append(_offer(reader, mapping, marking))
    lookups.refuse_unknown()
    drafts: list[Item] = []
    for offer in _decided(offers, mapping, excluded):
        with excluded.counting():
            drafts += _items_of(offer, mapping)
    lookups.refuse_unknown()
    if not drafts:
        lookups.try_all(rows, mapping.fields)
        raise StrataError(
            f"{mapping.name} makes no items of the {len(rows)} rows of {source}{excluded.summary()}",
            "Change [keep], [choices] or [item]" if rows else "Choose another table",
        )
    _unique(drafts, mapping)
    drafts = drafts if mapping.item.cluster else _clustered(drafts)
    items, without_foil = with_foils(drafts, mapping.foil_of, token_length or _words, seed)
    if limit is not None and len(items) > limit:
        chosen = sorted(Random(seed).sample(range(len(items)), limit))
        items = [items[index] for index in chosen]
    return Imported(tuple(items), len(rows), excluded.counts, dict(without_foil), len(drafts))


def _words(text: str) -> int:
    return len(text.split())


def _kept(row: Row, lookups: Lookups, mapping: Mapped) -> Reader:
    """The fields of a row, if it is to be kept. Raises UnusableRowError."""
    if row.fault:
        raise UnusableRowError(row.fault)
    reader = Reader(row, lookups, mapping.rows.text)
    for path, allowed in mapping.keep.items():
        if _compared(reader.value(path), path) not in {_compared(value, path) for value in allowed}:
            raise UnusableRowError(f"{path!r} isn't one of the values to keep")
    return reader


def _marking(readers: Sequence[Reader], mapping: Mapped) -> Marking:
    """What the numbers in the options' field are, as all rows together show."""
    spec, answer = mapping.choices, mapping.item.answer
    pairs: list[tuple[Mapping[str, float], Any]] = []
    for reader in readers if spec.field else ():
        with suppress(UnusableRowError):
            numbers, key = numbers_in(spec, reader.value, reader.peek), None
            # An answer that names the options themselves is filled in once they are known.
            with suppress(UnusableRowError, StrataError):
                key = reader.value(spec.correct) if spec.correct else reader.text(answer) if answer else None
            if numbers is not None:
                pairs.append((numbers, key))
    asked = bool(spec.correct) and spec.correct == spec.field
    return marking_of(pairs, asked=asked, answered=bool(answer), keyed=bool(spec.correct))


def _offer(reader: Reader, mapping: Mapped, marking: Marking) -> _Offer:
    """What a row offers. Raises UnusableRowError."""
    if not mapping.has_choices:
        return _Offer(reader, None, None)
    spec = mapping.choices
    options = options_of(spec, marking, reader.value, reader.cell, reader.peek)
    return _Offer(reader, options, reader.value(spec.correct) if spec.correct and options.right is None else None)


def _decided(offers: list[_Offer], mapping: Mapped, excluded: LeftOut) -> Iterator[_Offer]:
    """The same rows with the right option known, where a field names it: how it does shows in all of them together."""
    if not mapping.has_choices:
        yield from offers
        return
    marked = unmarked([offer.options for offer in offers if offer.options is not None])
    offers = [replace(offer, options=options) for offer, options in zip(offers, marked, strict=True)]
    asked = [(offer.raw_key, options) for offer, options in zip(offers, marked, strict=True) if options.right is None]
    one_hot = are_one_hot((raw_key, len(options.texts)) for raw_key, options in asked)
    read: list[_Offer] = []
    for offer in offers:
        with excluded.counting():
            read.append(_read(offer, mapping, one_hot=one_hot))
    keyed = [(offer.options, offer.key) for offer in read if offer.options is not None and offer.key is not None]
    reading = reading_of(keyed, mapping.choices, mapping.name) if keyed else None
    for offer in read:
        with excluded.counting():
            options = offer.options
            if options is not None and offer.key is not None and reading is not None:
                options = replace(options, right=right_option(options, offer.key, reading))
            offer.reader.options = options
            yield replace(offer, options=options)


def _read(offer: _Offer, mapping: Mapped, *, one_hot: bool) -> _Offer:
    """The row with its key, or with its right option where keys are scores. Raises UnusableRowError."""
    options, field = offer.options, mapping.choices.correct
    if options is None or options.right is not None or not field:
        return offer
    scores = listed_key(offer.raw_key) if one_hot else None
    if scores is None:
        as_text = offer.reader.stays_text(field)
        return replace(offer, key=key_of(offer.raw_key, field, options, as_text=as_text))
    if len(scores) != len(options.texts):
        raise UnusableRowError("the row has another number of scores than of options")
    return replace(offer, options=replace(options, right=options.at(best(scores))))


def _items_of(offer: _Offer, mapping: Mapped) -> list[Item]:
    """The items of one row, one a template, still without foils."""
    reader, spec = offer.reader, mapping.item
    answer, choices = _answer(offer, mapping)
    kind = reader.text(spec.kind)
    if kind not in KINDS:
        raise unknown(f"{mapping.name}: {reader.row.where}: kind can't be {kind!r}", kind, KINDS)
    family = _slug(reader.text(spec.family))
    place = f"{reader.row.file}-{reader.row.number:05d}"
    id = reader.text(spec.id) if spec.id else place if family == reader.row.file else f"{family}-{place}"
    extra: dict[str, JsonValue] = {key: reader.text(text) for key, text in mapping.extra.items()}
    if mapping.steps.field and (steps := _steps(reader, mapping)):
        extra["steps"] = [*steps]
    items: list[Item] = []
    for number, template in enumerate(_templates(reader, mapping)):
        prompt, spans = _prompt(reader, template, mapping)
        if not prompt:
            raise UnusableRowError("the prompt is empty")
        items.append(
            Item(
                id=id if number == 0 else f"{id}-{number}",
                kind=kind,
                family=family,
                domain=reader.text(spec.domain),
                prompt=prompt,
                answer=f" {answer}",
                foil_prompt="",
                foil="",
                cluster=reader.text(spec.cluster) if spec.cluster else id,
                template=f"{family}.{number}",
                hops=_hops(reader, mapping),
                choices=tuple(f" {choice}" for choice in choices),
                spans=spans,
                source=reader.text(spec.source),
                extra=extra,
            )
        )
    return items


def _answer(offer: _Offer, mapping: Mapped) -> tuple[str, tuple[str, ...]]:
    options, letter = offer.options, mapping.choices.show == "letter"
    shown: tuple[str, ...] = ()
    if options is not None:
        shown = options.letters if letter else tuple(dict.fromkeys(options.texts))
    if options is not None and options.right is not None:
        right = options.texts[options.right]
        if letter and options.texts.count(right) > 1:
            raise UnusableRowError("another option has the text of the right one")
        answer = options.letters[options.right] if letter else right
        given = offer.reader.text(mapping.item.answer) if mapping.item.answer else right
        if not same_option(options, given):
            raise UnusableRowError(
                "the answer in [item] isn't the option that is right by [choices]", "keep one of the two in the mapping"
            )
    elif mapping.item.answer:
        answer = offer.reader.text(mapping.item.answer)
    else:
        own = f', or its own: correct = "{mapping.choices.field}", if its numbers are scores'
        raise UnusableRowError("no score says which option is right", f"name a field that does as `correct`{own}")
    if mapping.answer.after:
        _, separator, answer = answer.rpartition(mapping.answer.after)
        if not separator:
            raise UnusableRowError(f"the answer has no {mapping.answer.after!r}")
    answer = answer.strip()
    if mapping.answer.number:
        answer = _number(answer)
    if not answer:
        raise UnusableRowError("the answer is empty")
    return answer, shown if answer in shown else ()


def _number(text: str) -> str:
    bare = text.replace("$", "").strip()
    # A comma stands between groups of three; 3,5 is another country's 3.5 and not 35.
    if not re.fullmatch(r"-?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?", bare):
        raise UnusableRowError("the answer isn't a number")
    return re.sub(r"\.0+$", "", bare.replace(",", ""))


def _hops(reader: Reader, mapping: Mapped) -> int:
    hops = mapping.item.hops
    if isinstance(hops, int):
        return hops
    if "count" in hops:
        return reader.filling(hops["in"]).count(hops["count"])
    steps = reader.value(hops["length_of"])
    steps = written(steps) if isinstance(steps, str) else steps
    if not isinstance(steps, list | tuple):
        raise UnusableRowError("what to count the steps in isn't a list")
    return len(steps)


def _steps(reader: Reader, mapping: Mapped) -> list[str]:
    spec = mapping.steps
    return steps_of(reader.value(spec.field), spec, as_text=reader.stays_text(spec.field))


def _templates(reader: Reader, mapping: Mapped) -> list[Template]:
    """The templates: the mapping's own, and those of the data, whose blank a field fills."""
    spec = mapping.templates
    own = [parse_template(prompt) for prompt in mapping.item.prompt]
    if not spec.at:
        return own
    listed = reader.value(spec.at)
    listed = (written(listed) or [listed]) if isinstance(listed, str) else listed
    if not isinstance(listed, list | tuple):
        raise UnusableRowError(f"{spec.at!r} is no list of prompts")
    return own + [_with_blank(plain_text(prompt, spec.at), mapping) for prompt in listed]


def _with_blank(prompt: str, mapping: Mapped) -> Template:
    """A prompt of the data; braces in it are its own, but for the blank."""
    spec = mapping.templates
    first, *others = prompt.split(spec.blank)
    if not others:
        raise UnusableRowError(f"a prompt in {spec.at!r} has no {spec.blank!r}")
    return (first, *(part for text in others for part in (Field(spec.field), text)))


def _prompt(reader: Reader, template: Template, mapping: Mapped) -> tuple[str, dict[str, Span]]:
    """The filled prompt without white space at its end, and the spans that the mapping names."""
    names = {path: name for name, path in mapping.spans.items()}
    text, spans = "", {}
    for part in template:
        filled = reader.filling(part.path) if isinstance(part, Field) else part
        if isinstance(part, Field) and part.path in names:
            spans[names[part.path]] = (len(text), len(text) + len(filled))
        text += filled
    return text.rstrip(), spans


def _unique(drafts: list[Item], mapping: Mapped) -> None:
    seen: set[str] = set()
    for item in drafts:
        if item.id in seen:
            raise StrataError(f"{mapping.name}: the id {item.id!r} comes twice", "Change `id` in [item] or leave it")
        seen.add(item.id)


def _clustered(drafts: list[Item]) -> list[Item]:
    """Rows that ask the same share a cluster: one in training and one in test would give the answer away."""
    first: dict[str, str] = {}
    joined: dict[str, str] = {}
    for item in drafts:
        earlier = first.setdefault(item.prompt, item.cluster)
        if earlier != item.cluster:
            joined.setdefault(item.cluster, earlier)
    return [replace(item, cluster=_root(item.cluster, joined)) for item in drafts]


def _root(cluster: str, joined: Mapping[str, str]) -> str:
    while cluster in joined:
        cluster = joined[cluster]
    return cluster


def _compared(value: object, path: str) -> str:
    """A value as it is compared: data sets mix `ok` with `OK`, and true with "True"."""
    try:
        return plain_text(value, path).casefold()
    except UnusableRowError:
        return ""


def _slug(text: str) -> str:
    return re.sub(r"\s+", "_", text.strip())
