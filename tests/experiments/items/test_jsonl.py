"""Items survive their file unchanged, and a broken line is refused by file, line, field, reason and remedy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.experiments.items.field_rules import LONGEST_ID, LONGEST_NAME, RESERVED_SPANS
from strata.experiments.items.item_validation import FIELDS, item_from_dict
from strata.experiments.items.jsonl import item_to_dict, items_sha256, read_items, scan_items, write_items
from strata.experiments.items.schema import KINDS, Item
from strata.probes.errors import StrataError

GOOD: dict[str, Any] = {
    "id": "a",
    "kind": "knowledge",
    "family": "capital",
    "domain": "geography",
    "prompt": "The capital of France is",
    "answer": " Paris",
    "foil_prompt": "The capital of Poland is",
    "foil": " Warsaw",
    "choices": [" Warsaw", " Paris"],
    "cluster": "capital:France",
    "template": "plain",
    "hops": 1,
    "spans": {"subject": [15, 21]},
    "foil_spans": {"subject": [15, 21]},
    "source": "by hand",
}

text = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\u2028\u2029\0\x85\r\n\ufeff😀"), max_size=12
)
filled = text.filter(lambda value: bool(value.strip()))
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda value: value.isprintable() and value == value.strip()
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def items(draw: st.DrawFn) -> Item:
    prompt, answer = draw(filled), draw(filled)
    foil = draw(text.filter(lambda value: value.strip() != answer.strip()))
    foil_prompt = draw(st.just("") | filled.filter(lambda value: value != prompt)) if foil.strip() else ""
    names = st.text(max_size=6).filter(lambda name: bool(name.strip()) and name not in RESERVED_SPANS)

    def spans(of: str) -> dict[str, tuple[int, int]]:
        if not of:
            return {}
        pairs = st.tuples(st.integers(0, len(of) - 1), st.integers(1, len(of))).filter(lambda pair: pair[0] < pair[1])
        chosen: dict[str, tuple[int, int]] = draw(st.dictionaries(names, pairs, max_size=2))
        return chosen

    others = draw(st.lists(filled.filter(lambda value: value != answer), unique=True, max_size=3))
    return Item(
        id=draw(ids),
        kind=draw(st.sampled_from(KINDS)),
        family=draw(filled),
        domain=draw(filled),
        prompt=prompt,
        answer=answer,
        foil_prompt=foil_prompt,
        foil=foil,
        cluster=draw(filled),
        template=draw(filled),
        hops=draw(st.integers(0, 9)),
        choices=tuple(draw(st.permutations([answer, *others]))) if others else (),
        spans=spans(prompt),
        foil_spans=spans(foil_prompt),
        source=draw(text),
        extra=draw(st.dictionaries(text.filter(lambda key: key not in FIELDS), json_values, max_size=3)),
    )


def line(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


def without(*keys: str) -> str:
    return json.dumps({key: value for key, value in GOOD.items() if key not in keys})


def refusal(path: Path, content: str | bytes) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StrataError) as refused:
        read_items(path)
    assert refused.value.remedy, "every refusal says what to do"
    return str(refused.value)


@settings(deadline=None, max_examples=60)
@given(st.lists(items(), min_size=1, max_size=4, unique_by=lambda item: item.id))
def test_any_valid_items_are_read_back_as_they_were_written(tmp_path_factory: Any, written: list[Item]) -> None:
    path = tmp_path_factory.mktemp("items") / "items.jsonl"
    write_items(path, written)
    assert read_items(path) == written
    assert items_sha256(read_items(path)) == items_sha256(written)
    assert [json.loads(raw) for raw in path.read_bytes().split(b"\n")[:-1]] == [item_to_dict(item) for item in written]


def test_unknown_keys_are_kept_at_the_top_level(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(line(note={"page": 3}, rating=0.5))
    (item,) = read_items(path)
    assert item.extra == {"note": {"page": 3}, "rating": 0.5}
    assert item_to_dict(item) == {**GOOD, "note": {"page": 3}, "rating": 0.5}


def test_what_may_be_excluded_gets_the_documented_defaults(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(
        '{"id": "q1", "kind": "reasoning", "family": "sums", "prompt": "1 + 1 =", "answer": " 2", "foil": null}'
    )
    (item,) = read_items(path)
    assert item == Item("q1", "reasoning", "sums", "general", "1 + 1 =", " 2", cluster="q1")
    assert (item.template, item.hops, item.foil, item.foil_prompt, item.has_pair) == ("0", 1, "", "", False)


def test_an_item_may_have_a_foil_without_a_pair(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(without("foil_prompt", "foil_spans"))
    (item,) = read_items(path)
    assert item.foil == " Warsaw"
    assert not item.has_pair


def test_byte_order_mark_windows_line_ends_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + f"{line()}\r\n\r\n  \n{line(id='b')}\r\n".encode())
    assert [item.id for item in read_items(path)] == ["a", "b"]


def test_a_line_separator_inside_a_text_does_not_end_the_line(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({**GOOD, "prompt": "a\u2028b\u2029c\x85d\0e", "spans": {}}, ensure_ascii=False))
    assert read_items(path)[0].prompt == "a\u2028b\u2029c\x85d\0e"


@pytest.mark.parametrize(
    ("second_line", "field", "reason"),
    [
        *[(without(key), key, "is missing") for key in ("id", "kind", "family", "prompt", "answer")],
        *[
            (line(id="b", **{key: ""}), key, "is empty")
            for key in ("family", "prompt", "answer", "cluster", "template")
        ],
        (line(id="b", answer="  "), "answer", "is empty"),
        (line(id="b", answer=None), "answer", "is a null, not text. Fill it in"),
        (line(id="b", answer=["Paris"]), "answer", "is a list, not text. Give one text."),
        (line(id="b", answer={"value": "Paris"}), "answer", "is an object, not text. Give one text."),
        (line(id="b", prompt=7), "prompt", "is a number, not text"),
        (line(id="b", source=["x"]), "source", "is a list, not text"),
        (line(id=7), "id", "is a number, not text"),
        (line(id=" b"), "id", "can't be shown"),
        (line(id="b\tc"), "id", "can't be shown"),
        (line(id="b" * (LONGEST_ID + 1)), "id", "can't be shown"),
        (line(id="b", kind="fact"), "kind", "'fact' is unknown"),
        (line(id="b", kind=7), "kind", "is a number, not text. Put it in quotes."),
        (line(id="b", family="f" * (LONGEST_NAME + 1)), "family", "has 201 characters. Use at most 200."),
        (line(id="b", hops=10**30), "hops", "is a number beyond all bounds. Write a number from 0 to 10000."),
        (line(id="b", foil=" Paris"), "foil", "is the answer itself"),
        (line(id="b", foil="Paris"), "foil", "is the answer itself"),
        (without("id", "foil")[:-1] + ', "id": "b"}', "foil", "is empty although"),
        (line(id="b", foil_prompt=GOOD["prompt"]), "foil_prompt", "is the prompt itself"),
        (line(id="b", hops=-1), "hops", "is -1"),
        (line(id="b", hops=1.0), "hops", "not a whole number"),
        (line(id="b", hops=True), "hops", "is a boolean, not a whole number"),
        (line(id="b", hops="2"), "hops", "is a text, not a whole number"),
        (line(id="b", choices=" Paris"), "choices", "isn't a list"),
        (line(id="b", choices=[" Warsaw", "Paris"]), "choices", "doesn't hold the answer"),
        (line(id="b", choices=[" Paris", " Paris"]), "choices", "twice"),
        (line(id="b", choices=[" Paris", ""]), "choices", "empty"),
        (line(id="b", spans=[]), "spans", "is a list, not an object"),
        (line(id="b", spans={"subject": [3]}), "spans", "isn't [start, end]"),
        (line(id="b", spans={"subject": [3, 4.0]}), "spans", "isn't [start, end]"),
        (line(id="b", spans={"subject": [4, 4]}), "spans", "isn't a range"),
        (line(id="b", spans={"subject": [-1, 4]}), "spans", "isn't a range"),
        (line(id="b", spans={"subject": [15, 25]}), "spans", "24 characters"),
        (line(id="b", spans={"last": [1, 2]}), "spans", "can't name a span 'last'"),
        (line(id="b", foil_spans={"subject": [15, 99]}), "foil_spans", "isn't a range"),
        (line(id="b")[:-1] + ', "answer": " Rome"}', "answer", "is given twice"),
        (line(), "id", "already the id of line 1"),
    ],
)
def test_a_broken_line_is_refused_by_file_line_field_and_reason(
    tmp_path: Path, second_line: str, field: str, reason: str
) -> None:
    path = tmp_path / "items.jsonl"
    message = refusal(path, f"{line()}\n{second_line}\n")
    assert message.startswith(f"{path}:2: field {field!r}")
    assert reason in message


@pytest.mark.parametrize(
    ("second_line", "reason"),
    [
        (b'{"id": "b", ', "it is no valid JSON"),
        (b"not json", "it is no valid JSON (Expecting value) at column 1"),
        (b"[1, 2]", "a list, not an object. Write each item as {…} on one line."),
        (b'"text"', "a text, not an object"),
        (b"null", "a null, not an object"),
        (line(id="b").encode()[:-1] + b', "score": NaN}', "score is no finite number"),
        (line(id="b").encode()[:-1] + b', "score": -Infinity}', "score is no finite number"),
        (line(id="b").encode()[:-1] + b', "score": 1e999}', "score is no finite number"),
        (line(id="b").encode()[:-1] + b', "score": ' + b"9" * 5000 + b"}", "unreadable number"),
        (line(id="b").encode()[:-1] + b', "deep": ' + b"[" * 100_000 + b"}", "nested too deeply"),
        (line(id="b", prompt="caf\ud800").encode(), "half a surrogate pair"),
        (line(id="b").encode().replace(b"France", b"Fran\xe7e"), "is not UTF-8"),
        (line(id="b").encode("utf-16"), "is not UTF-8"),
    ],
)
def test_a_line_that_is_no_json_object_is_refused_by_file_and_line(
    tmp_path: Path, second_line: bytes, reason: str
) -> None:
    path = tmp_path / "items.jsonl"
    message = refusal(path, line().encode() + b"\n" + second_line)
    assert message.startswith(f"{path}:2: ")
    assert reason in message


def test_line_numbers_count_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    assert f"{path}:4: field 'hops'" in refusal(path, f"{line()}\n\n\n{line(id='b', hops=-1)}\n")


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_a_file_without_items_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "items.jsonl"
    assert f"{path} holds no items" in refusal(path, content)


def test_a_path_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StrataError, match=r"absent\.jsonl: No such file"):
        read_items(tmp_path / "absent.jsonl")
    with pytest.raises(StrataError, match="is a directory"):
        read_items(tmp_path)


def test_reading_does_not_wait_for_the_end_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(f"{line()}\nbroken")
    assert next(scan_items(path)).id == "a"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"id": "a"}, "Two items have the id 'a'"),
        ({"id": "b", "answer": " "}, "field 'answer' is empty"),
        ({"id": "b", "spans": {"subject": (0, 99)}}, "isn't a range"),
        ({"id": "b", "extra": {"score": float("nan")}}, "can't be written as JSON"),
        ({"id": "b", "extra": {"tensor": object()}}, "can't be written as JSON"),
        ({"id": "b", "extra": {"prompt": "another"}}, "schema's key 'prompt'"),
    ],
)
def test_nothing_is_written_that_could_not_be_read_and_the_old_file_stays(
    tmp_path: Path, bad: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "items.jsonl"
    good = item_from_dict(GOOD)
    write_items(path, [good])
    before = path.read_bytes()
    with pytest.raises(StrataError, match=reason):
        write_items(path, [good, Item(**{**vars(good), **bad})])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["items.jsonl"], "no half-made file is left behind"


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    good = item_from_dict(GOOD)
    write_items(path, [good])

    def interrupted() -> Any:
        yield Item(**{**vars(good), "id": "b"})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_items(path, interrupted())
    assert read_items(path) == [good]
    assert [entry.name for entry in tmp_path.iterdir()] == ["items.jsonl"]


def test_writing_no_items_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StrataError, match="no items to write"):
        write_items(tmp_path / "items.jsonl", [])


def test_items_are_not_written_over_a_directory(tmp_path: Path) -> None:
    with pytest.raises(StrataError, match=r"it is a directory"):
        write_items(tmp_path, [])


def test_a_pipe_stays_one_and_a_link_is_written_through(tmp_path: Path) -> None:
    (pipe, link) = (tmp_path / "pipe", tmp_path / "link")
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(StrataError, match="a device or a pipe, not a file"):
            write_items(path, [item_from_dict(GOOD)])
    assert pipe.is_fifo() and link.is_symlink() and len(list(tmp_path.iterdir())) == 2
    link.unlink()
    link.symlink_to("items.jsonl")
    write_items(link, [item_from_dict(GOOD)])
    assert link.is_symlink() and read_items(tmp_path / "items.jsonl") == [item_from_dict(GOOD)]


def test_the_hash_tells_content_and_order_apart_but_not_layout(tmp_path: Path) -> None:
    first, second = item_from_dict(GOOD), item_from_dict({**GOOD, "id": "b"})
    shuffled = item_from_dict(dict(reversed(list(GOOD.items()))))
    assert items_sha256([first, second]) == items_sha256([shuffled, second])
    assert len({items_sha256(order) for order in ([first, second], [second, first], [first])}) == 3
