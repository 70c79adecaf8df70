"""Tables as programs write them: every cell reaches its field as it was meant, and a row that doesn't fit is counted."""

from __future__ import annotations

import csv
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.experiments.items.importing import Imported, import_items, parse_mapping
from strata.probes.errors import StrataError

PLAIN = '[item]\nprompt = "{question}"\nanswer = "{answer}"\n'
CELLS = st.text("ab ,;\t|'\"\n[{é", max_size=8)


def made(path: Path, content: str | bytes, mapping: str = PLAIN) -> Imported:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_items(path, parse_mapping(mapping, "my.toml"))


def asked(imported: Imported) -> list[tuple[str, str]]:
    return [(item.prompt, item.answer.strip()) for item in imported]


def refusal(path: Path, content: str | bytes, mapping: str = PLAIN) -> str:
    with pytest.raises(StrataError) as caught:
        made(path, content, mapping)
    return str(caught.value)


FRANCE = [("France?", "Paris"), ("Italy, then?", "Rome")]


@pytest.mark.parametrize(
    "content",
    [
        'question,answer\nFrance?,Paris\n"Italy, then?",Rome\n',
        'question,answer\r\nFrance?,Paris\r\n"Italy, then?",Rome\r\n',
        'question,answer\rFrance?,Paris\r"Italy, then?",Rome',
        "question;answer\nFrance?;Paris\nItaly, then?;Rome\n",
        "question\tanswer\nFrance?\tParis\nItaly, then?\tRome\n",
        "question|answer|\nFrance?|Paris|\nItaly, then?|Rome|\n",
        'question, answer\nFrance?, Paris\n"Italy, then?", "Rome"\n',
        ',question,answer\n0,France?,Paris\n1,"Italy, then?",Rome\n',
        "question;answer;a,b,c,d,e\nFrance?;Paris;x\nItaly, then?;Rome;y\n",
        '\n\nquestion,answer\n\nFrance?,Paris\n"Italy, then?",Rome\n\n',
        '\ufeffquestion,answer\nFrance?,Paris\n"Italy, then?",Rome\n',
        'question,answer\nFrance?,Paris\n"Italy, then?",Rome\n'.encode("utf-16"),
        b"\xff\xfe" + 'question,answer\nFrance?,Paris\n"Italy, then?",Rome\n'.encode("utf-16-le"),
        b"\xfe\xff" + 'question,answer\nFrance?,Paris\n"Italy, then?",Rome\n'.encode("utf-16-be"),
        'question,answer\nFrance?,Paris\n"Italy, then?",Rome\n'.encode("utf-32"),
    ],
)
def test_one_table_however_it_is_written(tmp_path: Path, content: str | bytes) -> None:
    assert asked(made(tmp_path / "t.csv", content)) == FRANCE


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4), st.sampled_from(",;\t|"))
def test_what_a_csv_writer_wrote_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    rows = [("q", "a"), *rows]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([("question", "answer"), *rows])
    imported = import_items(path, parse_mapping(PLAIN))
    meant = [(question.strip(), answer.strip()) for question, answer in rows]
    assert asked(imported) == [(question, answer) for question, answer in meant if question and answer]


def test_rows_of_another_width_are_excluded_and_counted(tmp_path: Path) -> None:
    content = "question,answer\nWhich city, in France, is it?,Paris\nItaly?,Rome\nPeru?\nChile?,Santiago\n"
    imported = made(tmp_path / "t.csv", content)
    assert asked(imported) == [("Italy?", "Rome"), ("Chile?", "Santiago")]
    assert imported.excluded == {
        "the row has more cells than the header (a separator that isn't quoted?)": 1,
        "the row has fewer cells than the header (a line break that isn't quoted?)": 1,
    }
    assert {item.foil for item in imported} == {" Rome", " Santiago"}


def test_a_column_name_given_twice_is_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path / "t.csv", "question,answer, answer\nFrance?,Paris,Lyon\n")
    assert f"{tmp_path / 't.csv'} has two columns called 'answer' (columns 2 and 3). Rename one of them" in text


def test_a_table_without_a_line_of_names_gets_them_from_the_mapping(tmp_path: Path) -> None:
    content = "France?,4,4,Paris\nItaly?,5,6,Rome\n"
    assert "two columns called '4'" in refusal(tmp_path / "t.csv", content)
    named = PLAIN + '[rows]\nheader = ["question", "a", "b", "answer"]\n'
    assert asked(made(tmp_path / "t.csv", content, named)) == [("France?", "Paris"), ("Italy?", "Rome")]


def test_cells_of_any_length_are_read_and_the_limit_of_the_process_stays(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    long = "word " * 60_000 + "end?"
    assert asked(made(tmp_path / "t.csv", f'question,answer\n"{long}",Paris\nItaly?,Rome\n')) == [
        (long, "Paris"),
        ("Italy?", "Rome"),
    ]
    assert csv.field_size_limit() == before


def test_broken_quotes_are_named_by_the_line_where_their_row_begins(tmp_path: Path) -> None:
    content = 'question,answer\n"Two\nlines?",Yes\n"Never closed?,No\nItaly?,Rome\n'
    assert "in the row that begins on line 4, isn't CSV with ',' between its cells" in refusal(
        tmp_path / "t.csv", content
    )


def test_words_that_programs_write_for_nothing_are_text_and_empty_cells_are_nothing(tmp_path: Path) -> None:
    words = ["nan", "NaN", "None", "null", "N/A", "NA", "inf"]
    content = "question,answer\n" + "".join(f"Say {word}?,{word}\n" for word in words) + "Empty?,\nBlank?,  \n,Oslo\n"
    imported = made(tmp_path / "t.csv", content)
    assert [answer for _, answer in asked(imported)] == words
    assert imported.excluded == {"the row has nothing in 'answer'": 2, "the row has nothing in 'question'": 1}


def test_nan_is_nobodys_answer_foil_prompt_or_option(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"question": f"Of {n}?", "answer": answer, "other": "x"}
        for n, answer in enumerate(
            ["Paris", "Rome", math.nan, None, math.inf, ["Lima"], {"a": "Oslo"}, "Bern", True, 3.0]
        )
    ]
    rows += [{"question": math.nan, "answer": "Oslo", "other": "x"}, {"answer": "Cairo", "other": "y"}]
    content = "\n".join(json.dumps(row) for row in rows)
    imported = made(tmp_path / "t.jsonl", content)
    good = {"Paris", "Rome", "Bern", "True", "3"}
    assert {item.answer.strip() for item in imported} == good
    assert {item.foil.strip() for item in imported} <= good
    assert sum(imported.excluded.values()) + len(imported) == imported.rows == 12
    chosen = made(
        tmp_path / "t.jsonl",
        content,
        '[item]\nprompt = "{question}"\n[choices]\ncolumns = ["answer", "other"]\ncorrect = "other"\ncorrect_is = "text"',
    )
    assert {choice.strip() for item in chosen for choice in item.choices} == good | {"x"}


def test_cells_that_write_lists_are_entered_and_stay_text_only_where_the_mapping_says_so(tmp_path: Path) -> None:
    content = 'question,answer\nFrance?,"[""Paris"", ""PARIS""]"\nItaly?,"[\'Rome\']"\nPeru?,\nChile?,  \n'
    assert "'answer' holds a list (write {answer[0]} for its first entry, or text = [\"answer\"] in [rows]" in refusal(
        tmp_path / "t.csv", content
    )
    for path in ("answer[0]", "answer.0"):
        imported = made(tmp_path / "t.csv", content, PLAIN.replace("answer}", f"{path}}}"))
        assert asked(imported) == [("France?", "Paris"), ("Italy?", "Rome")]
        assert imported.excluded == {f"the row has no field {path!r}": 2}
    as_text = made(tmp_path / "t.csv", content, PLAIN + '[rows]\ntext = ["answer"]\n')
    assert [answer for _, answer in asked(as_text)] == ['["Paris", "PARIS"]', "['Rome']"]
    some = made(tmp_path / "t.csv", 'question,answer\n"Reverse [1, 2]",[2]\nItaly?,Rome\n')
    assert asked(some) == [("Italy?", "Rome")] and sum(some.excluded.values()) == 1


def test_a_table_keyed_by_id_is_read_with_its_keys(tmp_path: Path) -> None:
    table = {"q7": {"question": "France?", "answer": "Paris"}, "q9": {"question": "Italy?", "answer": "Rome"}}
    mapping = PLAIN + 'id = "{@key}"\n'
    for content, rows in ((table, ""), ({"data": table, "version": 1}, '[rows]\nat = "data"\n')):
        imported = made(tmp_path / "t.json", json.dumps(content), mapping + rows)
        assert [(item.id, item.prompt, item.answer) for item in imported] == [
            ("q7", "France?", " Paris"),
            ("q9", "Italy?", " Rome"),
        ]
    lines = "\n".join(json.dumps({key: row}) for key, row in table.items())
    assert [item.id for item in made(tmp_path / "t.jsonl", lines, mapping)] == ["q7", "q9"]
    deep = {"a": {"b": [{"rows": table}]}}
    assert len(made(tmp_path / "t.json", json.dumps(deep), mapping + '[rows]\nat = "a.b[0].rows"\n')) == 2
    nested = refusal(tmp_path / "t.json", json.dumps({"data": table}), mapping)
    assert "has no field 'answer'. There is: q7, q9" in nested


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.json", '[{"question": "a", "question": "b", "answer": "c"}]', "t.json: field 'question' is given twice. Keep one"),
        ("t.jsonl", '{"question": "a", "answer": "c", "answer": "b"}', "t.jsonl:1: field 'answer' is given twice"),
        ("t.json", '{"question": "a", "answer": "b"}\n{"question": "c", "answer": "d"}', 'Set format = "jsonl" in [rows]'),
        ("t.json", '{"question": {"0": "a", "1": "b"}, "answer": {"0": "c", "1": "d"}}', "holds columns, not rows"),
        ("t.json", '{"question": ["a", "b"], "answer": ["c", "d"]}', "holds columns, not rows"),
        ("t.json", '{"meta": 1, "rows": [{"question": "a", "answer": "b"}]}', "there is: meta, rows"),
        ("t.json", "[" * 100_000, "nested too deeply"),
        ("t.jsonl", '{"question": ' + "9" * 5000 + ', "answer": "b"}', "t.jsonl:1: it holds an unreadable number"),
        ("t.csv", "question,answer\nx,y\n".encode("utf-16-le"), 'Set encoding = "utf-16-le" in [rows]'),
        ("t.csv", "question,answer\nWhich city is it?,Pa\0ris\n", "t.csv:2 holds a NUL character. Take it out"),
        ("t.csv", "question,answer\n", "makes no items of the 0 rows"),
        ("t.csv", "", "makes no items of the 0 rows"),
        ("t.csv", "What is it?,a,b\nx,y,z\n", "has no field 'answer'. There is: What is it?, a, b"),
        ("t.jsonl", '{"question": "a", "answer": ["b"]}\n{"question": "a", "answer": null}', "makes no items of the 2 rows"),
    ],
)  # fmt: skip
def test_a_table_that_cant_be_read_is_one_sentence(
    tmp_path: Path, name: str, content: str | bytes, expected: str
) -> None:
    text = refusal(tmp_path / name, content)
    assert expected in text and "Traceback" not in text and "\n" not in text


@pytest.mark.parametrize("rows", ["", "[rows]\nunescape = true\n"])
def test_a_value_that_is_nested_too_deeply_is_one_sentence_or_does_no_harm(tmp_path: Path, rows: str) -> None:
    for depth in (50, 700, 5000):
        deep = "[" * depth + "]" * depth
        content = f'{{"question": "a", "answer": "b", "x": {deep}}}\n{{"question": "c", "answer": "d"}}'
        try:
            assert len(made(tmp_path / "t.jsonl", content, PLAIN + rows)) == 2
        except StrataError as error:
            assert "nested too deeply" in str(error) and depth > 50


def test_a_field_that_only_the_first_row_lacks_leaves_out_that_row(tmp_path: Path) -> None:
    rows = [{"question": "a"}, {"question": "b", "answer": "c"}, {"question": "d", "answer": "e"}]
    imported = made(tmp_path / "t.jsonl", "\n".join(map(json.dumps, rows)))
    assert len(imported) == 2 and imported.excluded == {"the row has no field 'answer'": 1}


def test_parquet_gives_what_its_columns_mean(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table(
        {
            "question": ["a", "b", "c", "d"],
            "float32": pyarrow.array([0.1, 2.0, None, math.nan], pyarrow.float32()),
            "nested": pyarrow.array([[{"x": 0.3}], [{"x": 0.5}], [], None], pyarrow.list_(pyarrow.struct({"x": pyarrow.float32()}))),
            "decimal": pyarrow.array([Decimal("1.50"), Decimal("2.00"), None, None]),
            "word": pyarrow.array(["p", "q", "p", None]).dictionary_encode(),
            "options": [{"A": "one", "B": "two", "C": "three"}, {"A": "one", "B": "two", "C": None}, {"A": "one", "B": None, "C": "x"}, None],
            "map": pyarrow.array([[("k", 1)], [("k", 2)], [], None], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
            "key": ["C", "A", "A", "A"],
        }
    )  # fmt: skip
    path = tmp_path / "t.parquet"
    parquet.write_table(table, path)

    def filled(field: str) -> list[str]:
        return [
            item.answer.strip() for item in import_items(path, parse_mapping(PLAIN.replace("answer}", field + "}")))
        ]

    assert filled("float32") == ["0.1", "2"] and filled("nested[0].x") == ["0.3", "0.5"]
    assert filled("decimal") == ["1.50", "2"] and filled("word") == ["p", "q", "p"] and filled("map.k") == ["1", "2"]
    imported = import_items(
        path, parse_mapping('[item]\nprompt = "{question}"\n[choices]\nfield = "options"\ncorrect = "key"')
    )
    # A struct has all keys in every row: one that is null is an option which this row hasn't.
    assert [item.choices for item in imported] == [(" one", " two", " three"), (" one", " two"), (" one", " x")]
    assert [item.answer for item in imported] == [" three", " one", " one"]
    assert imported.excluded == {"the options aren't a list": 1}


def test_a_parquet_column_given_twice_is_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 3, names=["question", "answer", "answer"])
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(StrataError, match="has two columns called 'answer'"):
        import_items(tmp_path / "t.parquet", parse_mapping(PLAIN))


def test_a_data_set_gives_what_a_parquet_file_of_it_gives(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [{"question": "a", "answer": 0.1, "o": {"A": "x", "B": None}}, {"question": "b", "answer": None, "o": None}]
    answers = {"question": datasets.Value("string"), "answer": datasets.Value("float32")}
    features = datasets.Features({**answers, "o": {"A": datasets.Value("string"), "B": datasets.Value("string")}})
    table = datasets.Dataset.from_list(rows, features=features)
    table.to_parquet(str(tmp_path / "t.parquet"))
    table.save_to_disk(str(tmp_path / "t"))
    imports = [import_items(tmp_path / name, parse_mapping(PLAIN)) for name in ("t", "t.parquet")]
    assert [item.answer for item in imports[0]] == [" 0.1"] and imports[0] == imports[1]


def test_rows_that_ask_the_same_share_a_cluster(tmp_path: Path) -> None:
    content = "question,answer\nFrance?,Paris\nItaly?,Rome\nFrance?,Paris\n"
    first, second, third = made(tmp_path / "t.csv", content)
    assert first.cluster == third.cluster != second.cluster and first.id != third.id


def test_prompts_of_the_data_may_hold_braces(tmp_path: Path) -> None:
    table = {
        "prompts": ["Set {a, b}: {} is"],
        "samples": [{"subject": "Peru", "object": "x"}, {"subject": "Mali", "object": "y"}],
    }
    mapping = '[rows]\nat = "samples"\n[item]\nanswer = "{object}"\n[templates]\nat = "$.prompts"\n[spans]\nsubject = "subject"'
    first, _ = made(tmp_path / "t.json", json.dumps(table), mapping)
    assert first.prompt == "Set {a, b}: Peru is" and first.prompt[slice(*first.spans["subject"])] == "Peru"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,200", "1200"), ("$1,234,567.50", "1234567.50"), ("51.0", "51"), ("-3", "-3"), ("3,5", None), ("12,34", None)],
)
def test_a_comma_in_a_number_stands_between_groups_of_three(tmp_path: Path, text: str, number: str | None) -> None:
    content = json.dumps({"question": "a", "answer": text}) + '\n{"question": "b", "answer": "7"}'
    pairs = asked(made(tmp_path / "t.jsonl", content, PLAIN + "[answer]\nnumber = true"))
    assert pairs == ([("a", number)] if number else []) + [("b", "7")]


@pytest.mark.parametrize(
    ("steps", "hops"), [(["one", "two"], 2), ('["one", "two", "three"]', 3), ("one by one", None), (None, None)]
)
def test_steps_are_counted_in_lists_and_never_in_letters(tmp_path: Path, steps: Any, hops: int | None) -> None:
    rows = [{"question": "a", "answer": "x", "s": steps}, {"question": "b", "answer": "y", "s": ["one"]}]
    mapping = PLAIN + 'hops = {length_of = "s"}\n'
    counted = [item.hops for item in made(tmp_path / "t.jsonl", "\n".join(map(json.dumps, rows)), mapping)]
    assert counted == ([hops] if hops else []) + [1]
