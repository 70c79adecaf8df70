"""Tables from elsewhere become items; every line here is invented, in the formats of published data sets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.experiments.items.importing import Imported, import_items, parse_mapping, read_mapping, shipped_mappings
from strata.experiments.items.jsonl import read_items, write_items
from strata.probes.errors import StrataError

RELATION = {
    "name": "river in country",
    "prompt_templates_zs": ["The river {} flows through", "{} is a river of"],
    "properties": {"domain_name": "river"},
    "samples": [
        {"subject": "Ondava", "object": "Slavonia"},
        {"subject": "Bras\\u00f3", "object": "Tirania"},
        {"subject": "Lume", "object": "Tirania"},
        {"subject": "Karn", "object": "Ostmark"},
        {"subject": "Karn", "object": "Slavonia"},
    ],
}
SUMS = [
    {"question": "Ina has 3 pens and buys 4. How many?", "answer": "She has 3+4 = <<3+4=7>>7 pens.\n#### 7"},
    {"question": "Bo has 900 nuts and 300 more. Then 1?", "answer": "<<900+300=1200>> <<1200+1=1201>>\n#### 1,201"},
    {"question": "No answer is given?", "answer": "None."},
]
QUIZ = [
    {
        "question": "Which is a metal?\nAnswer Choices: (A) iron (B) salt (see A) (C) wood (D) glass",
        "label": ["A"],
        "subject_name": "Material Science",
    },
    {
        "question": "Which floats?\nAnswer Choices: (A) lead (B) gold (C) cork (D) zinc",
        "label": ["C"],
        "subject_name": "Physics",
    },
    {"question": "Which sinks?\nAnswer Choices: (A) cork (B) lead", "label": ["A", "B"], "subject_name": "Physics"},
]
QUIZ_MAPPING = """
[item]
prompt = "Question: {@stem}\\nAnswer:"
kind = "knowledge"
family = "{subject_name}"
domain = "science"
[choices]
inside = "question"
after = "Answer Choices:"
correct = "label"
"""


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def made(tmp_path: Path, rows: list[dict[str, object]], mapping: str, **options: int) -> Imported:
    return import_items(lines(tmp_path / "table.jsonl", rows), parse_mapping(mapping, "my.toml"), **options)


def complaint(tmp_path: Path, mapping: str, rows: list[dict[str, object]] | None = None) -> str:
    with pytest.raises(StrataError) as caught:
        made(tmp_path, QUIZ if rows is None else rows, mapping)
    return str(caught.value)


def test_relations_come_in_the_templates_of_the_data_with_pairs_spans_and_real_letters(tmp_path: Path) -> None:
    path = tmp_path / "river.json"
    path.write_text(json.dumps(RELATION), encoding="utf-8")
    imported = import_items(path, "lre")
    assert (imported.rows, len(imported), dict(imported.excluded)) == (5, 10, {})
    first = imported.items[2]
    assert (first.prompt, first.answer, first.family) == (
        "The river Brasó flows through",
        " Tirania",
        "river_in_country",
    )
    assert first.prompt[slice(*first.spans["subject"])] == "Brasó"
    assert first.cluster == "river in country:Brasó" and first.domain == "river" and first.kind == "knowledge"
    for item in imported:
        right = {other.answer for other in imported if other.prompt == item.prompt}
        assert item.foil not in right and item.foil_prompt != item.prompt
        partner = next(other for other in imported if other.prompt == item.foil_prompt and other.answer == item.foil)
        assert partner.template == item.template and partner.spans == item.foil_spans
    assert len({item.template for item in imported}) == 2
    write_items(tmp_path / "items.jsonl", imported)
    assert read_items(tmp_path / "items.jsonl") == list(imported.items)


def test_worked_maths_gives_the_number_behind_the_mark_and_as_many_hops_as_steps(tmp_path: Path) -> None:
    imported = import_items(lines(tmp_path / "test.jsonl", SUMS), "gsm8k")
    assert [(item.answer, item.hops, item.foil) for item in imported] == [(" 7", 1, " 1201"), (" 1201", 2, " 7")]
    assert imported.items[0].prompt == "Question: Ina has 3 pens and buys 4. How many?\nAnswer:"
    assert dict(imported.excluded) == {"the answer has no '####'": 1}


SHIPPED: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "prontoqa": (
        {
            "id": "P_1", "context": "Each vib is a zor. Zors are red. Al is a vib.", "options": ["A) True", "B) False"],
            "question": "Is the following statement true or false? Al is red.", "answer": "A",
            "explanation": ["Al is a vib.", "Each vib is a zor.", "Al is a zor."],
        },
        {"answer": " True", "foil": " False", "hops": 3, "steps": ["Al is a vib.", "Each vib is a zor.", "Al is a zor."]},
    ),
    "strategyqa": (
        {
            "qid": "q1", "question": "Can a vib outrun a zor?", "answer": False, "facts": ["Vibs crawl", "Zors, of all, run"],
            "decomposition": ["How fast is a vib?", "How fast is a zor?", "Is #1 more than #2?"],
        },
        {"answer": " no", "choices": (" yes", " no"), "hops": 3, "steps": ["Vibs crawl", "Zors, of all, run"]},
    ),
    "mathqa_decoupling": (
        {"question": "Question: two and three are ?\nOption: \nA: 30\nB: 5\nC: none of these", "answer": "B", "subject": "m"},
        {"prompt": "Question: two and three are ?\nA. 30\nB. 5\nC. none of these\nAnswer:", "answer": " B", "hops": 1},
    ),
    "medqa": (
        {"id": "t1", "question": "What next?\nAnswer Choices: (A) Wait (B) Cut", "label": ["A"]},
        {"prompt": "Question: What next?\nA. Wait\nB. Cut\nAnswer:", "answer": " A", "foil": " B"},
    ),
    "medmcqa": (
        {"id": "m1", "question": "Made in skin:\nAnswer Choices: (A) K (B) D", "label": ["B"], "subject_name": "Skin"},
        {"family": "medmcqa_Skin", "kind": "knowledge", "answer": " B"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHIPPED)
def test_published_reasoning_sets_come_with_their_options_hops_and_steps(name: str, tmp_path: Path) -> None:
    row, expected = SHIPPED[name]
    mapping = read_mapping(name)
    path = tmp_path / f"table.{mapping.rows.format}"
    path.write_text(json.dumps([row] if mapping.rows.format == "json" else row), encoding="utf-8")
    (item,) = import_items(path, name)
    for key, value in expected.items():
        assert (item.extra[key] if key == "steps" else getattr(item, key)) == value


def test_steps_of_a_text_end_where_the_mapping_says_and_without_its_notes(tmp_path: Path) -> None:
    marked = import_items(lines(tmp_path / "test.jsonl", SUMS), "gsm8k").items
    # Of the second one nothing is left but notes.
    assert [item.extra for item in marked] == [{"steps": ["She has 3+4 = 7 pens."]}, {}]
    mapping = '[item]\nprompt = "{q}"\nanswer = "{a}"\n[foil]\nof = "none"\n[steps]\nfield = "s"\n'
    rows: list[dict[str, object]] = [{"q": "How?", "a": "7", "s": "One [a], two. Then, 1,000.\nLast."}]

    def cut(rest: str) -> object:
        return made(tmp_path, rows, mapping + rest).items[0].extra["steps"]

    assert cut("") == ["One [a], two. Then, 1,000.", "Last."]
    assert cut('end = "sentence"\nbefore = "Last"\nwithout = ["[", "]"]') == ["One , two.", "Then, 1,000."]
    assert cut('end = "comma"') == ["One [a]", "two. Then", "1,000.\nLast."]
    assert "neither a list nor a text" in complaint(tmp_path, mapping, [{"q": "How?", "a": "7", "s": 3}])
    assert "end can't be 'word'" in complaint(tmp_path, mapping + 'end = "word"', rows)
    assert "must be two marks" in complaint(tmp_path, mapping + 'without = ["<<"]', rows)
    assert "names no field" in complaint(tmp_path, mapping.replace('field = "s"', 'before = "#"'), rows)


def test_options_inside_a_question_are_taken_out_of_it(tmp_path: Path) -> None:
    imported = made(tmp_path, QUIZ, QUIZ_MAPPING)
    first, second = imported
    assert first.prompt == "Question: Which is a metal?\nAnswer:"
    assert first.choices == (" iron", " salt (see A)", " wood", " glass")
    assert (first.answer, second.answer) == (" iron", " cork")
    assert first.foil in first.choices and first.foil != first.answer and not first.has_pair
    assert (first.family, second.family) == ("Material_Science", "Physics")
    assert dict(imported.excluded) == {"the row has not exactly one right option": 1}


def test_letters_as_answers_and_listed_options_in_the_prompt(tmp_path: Path) -> None:
    mapping = QUIZ_MAPPING.replace("{@stem}\\n", "{@stem}\\n{@options}\\n") + 'show = "letter"\n'
    first, second = made(tmp_path, QUIZ, mapping)
    assert first.prompt.endswith("A. iron\nB. salt (see A)\nC. wood\nD. glass\nAnswer:")
    assert (first.answer, second.answer, first.choices) == (" A", " C", (" A", " B", " C", " D"))


def test_a_folder_of_csv_files_with_mixed_separators_and_encodings(tmp_path: Path) -> None:
    header = ["question", "choices", "answer", "error_type"]
    rows = [
        ["Où est la clé, ici?", "['là', 'ici', \"l'eau\", 'non; oui']", "1", "ok"],
        ["Who?", "['a', 'b', 'c', 'd']", "0", "ok"],
        ["Wrong?", "['a', 'b', 'c', 'd']", "2", "bad"],
    ]
    for name, separator, encoding in (("a", ",", "utf-8"), ("b", ";", "mac_roman")):
        quoted = [separator.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [header, *rows]]
        (tmp_path / f"{name}.csv").write_text("\n".join(quoted), encoding=encoding)
    mapping = """
    [rows]
    files = "*.csv"
    fallback_encoding = "mac_roman"
    [item]
    prompt = "{question}"
    kind = "composite"
    [choices]
    field = "choices"
    correct = "answer"
    [keep]
    error_type = ["OK"]
    """
    imported = import_items(tmp_path, parse_mapping(mapping))
    assert [item.prompt for item in imported] == ["Où est la clé, ici?", "Who?"] * 2
    assert [item.family for item in imported] == ["a", "a", "b", "b"]
    assert all(item.choices == (" là", " ici", " l'eau", " non; oui") for item in imported.items[::2])
    assert [item.answer for item in imported] == [" ici", " a"] * 2
    assert dict(imported.excluded) == {"'error_type' isn't one of the values to keep": 2}


@pytest.mark.parametrize(
    ("correct", "setting", "expected"),
    [
        (1, "first = 0\n", " beta"),
        (2, "", " beta"),
        (2, "first = 1\n", " beta"),
        (2.0, "", " beta"),
        ("2.0", 'correct_is = "index"\n', " beta"),
        ("y", "", " beta"),
        ("b)", "", " beta"),
        ("[B].", "", " beta"),
        ("(B)", "", " beta"),
        ("b", "", " beta"),
        ("beta", "", " beta"),
        ("B", 'correct_is = "letter"\n', " beta"),
        (["B"], "", " beta"),
    ],
)
def test_the_right_option_is_known_by_number_letter_or_text(
    tmp_path: Path, correct: object, setting: str, expected: str
) -> None:
    mapping = f'[item]\nprompt = "{{q}}"\n[choices]\ncolumns = ["x", "y"]\ncorrect = "right"\n{setting}'
    (item,) = made(tmp_path, [{"q": "Which?", "x": "alpha", "y": "beta", "right": correct}], mapping)
    assert item.answer == expected and item.foil == " alpha"


@pytest.mark.parametrize("right", [True, False])
def test_truth_values_pick_among_fixed_options(tmp_path: Path, right: bool) -> None:
    mapping = (
        '[item]\nprompt = "{q}"\nhops = {length_of = "steps"}\n[choices]\nvalues = ["True", "False"]\ncorrect = "a"'
    )
    (item,) = made(tmp_path, [{"q": "So?", "a": right, "steps": ["one", "two", "three"]}], mapping)
    assert item.answer == f" {right}" and item.foil == f" {not right}" and item.hops == 3


def test_nested_fields_whole_floats_and_extra_keys(tmp_path: Path) -> None:
    mapping = """
    [item]
    prompt = ["{body.text} It is", "{parts.1}: {a.b}"]
    answer = "{value}"
    id = "{ID}"
    [answer]
    number = true
    [foil]
    of = "none"
    [extra]
    canary = "{mark}"
    """
    row = {"body": {"text": "Sum."}, "parts": ["x", "y"], "a.b": "dotted", "value": 51.0, "ID": "q1", "mark": "keep"}
    first, second = made(tmp_path, [row], mapping)
    assert (first.prompt, second.prompt) == ("Sum. It is", "y: dotted")
    assert (first.answer, first.foil, first.extra) == (" 51", "", {"canary": "keep"})
    assert (first.id, second.id, second.cluster) == ("q1", "q1-1", "q1")


def test_parquet_and_saved_data_sets_give_the_same_items_as_lines(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    expected = made(tmp_path, QUIZ, QUIZ_MAPPING)
    table = datasets.Dataset.from_list(QUIZ)
    table.to_parquet(str(tmp_path / "table.parquet"))
    assert import_items(tmp_path / "table.parquet", parse_mapping(QUIZ_MAPPING)) == expected
    datasets.DatasetDict({"test": table}).save_to_disk(str(tmp_path / "table"))
    assert import_items(tmp_path / "table", parse_mapping(QUIZ_MAPPING)) == expected
    with pytest.raises(StrataError, match="no split 'train'"):
        import_items(tmp_path / "table", parse_mapping(QUIZ_MAPPING + '[rows]\nsplit = "train"'))


def test_foils_come_from_rows_of_equal_prompt_length_where_there_are_any(tmp_path: Path) -> None:
    rows = [{"s": chr(97 + n) * (1 + n % 5), "o": f"{chr(97 + n)}nswer"} for n in range(20)]
    lonely = {"s": "z" * 9, "o": "zero"}
    mapping = parse_mapping('[item]\nprompt = "Of {s} is"\nanswer = "{o}"')
    *paired, last = import_items(lines(tmp_path / "t.jsonl", [*rows, lonely]), mapping, token_length=len)
    assert all(len(item.prompt) == len(item.foil_prompt) and item.foil != item.answer for item in paired)
    assert len(last.foil_prompt) == len("Of aaaaa is")


def test_a_limit_draws_rows_by_seed_and_the_same_seed_gives_the_same(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"s": f"s{n}", "o": f"{chr(97 + n)}nswer"} for n in range(20)]
    mapping = '[item]\nprompt = "Of {s} is"\nanswer = "{o}"'
    some = made(tmp_path, rows, mapping, limit=5, seed=1)
    assert len(some) == 5 and some == made(tmp_path, rows, mapping, limit=5, seed=1)
    assert some != made(tmp_path, rows, mapping, limit=5, seed=2)


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ('[itm]\nprompt = "x"', "my.toml: there is no table [itm]. Perhaps 'item' is meant"),
        ('[item]\npromt = "x"', "my.toml: [item] has no key 'promt'. Perhaps 'prompt' is meant"),
        ('[item]\nprompt = 3\nanswer = "a"', "my.toml: [item] prompt must be a list of texts"),
        ('[item]\nprompt = ["a", 3]\nanswer = "a"', "my.toml: [item] prompt must be a list of texts"),
        ("item = 3", "my.toml: item must be a table. Write [item] on a line of its own"),
        ('name = "x"', "my.toml: there is no table [name]"),
        ("[item]\nanswer = 3", "my.toml: [item] answer must be a text, not 3"),
        ("[answer]\nnumber = 1", "my.toml: [answer] number must be true or false, not 1"),
        ('[choices]\nfirst = "0"', "my.toml: [choices] first must be a whole number, not '0'"),
        ("[choices]\nfirst = true", "my.toml: [choices] first must be a whole number, not True"),
        ('[choices]\nshow = "leter"', "my.toml: [choices] show can't be 'leter'. Perhaps 'letter' is meant"),
        ("[foil]\nof = 3", "my.toml: [foil] of must be a text, not 3"),
        ('[rows]\nformat = "jsonlines"', "my.toml: [rows] format can't be 'jsonlines'"),
        ("[spans]\nsubject = 3", "my.toml: [spans] subject must be a text, not 3. Put it in quotes"),
        ("[item]\nhops = true", "my.toml: [item] hops can't be True"),
        ('[item]\nhops = {count = "<<"}', "my.toml: [item] hops can't be {'count': '<<'}. Write a number"),
        ("[item]\nhops = {length_of = 3}", "my.toml: [item] hops can't be {'length_of': 3}"),
        ('[item]\nprompt = "{question}"', "my.toml: nothing gives the answer"),
        ('[item]\nanswer = "{label}"', "my.toml: [item] has no prompt"),
        ('[item]\nprompt = "x"\nanswer = "y"\nkind = "reasonin"', "Perhaps 'reasoning' is meant"),
        ('[item]\nprompt = "x"\nanswer = "y"\nhops = -1', "my.toml: [item] hops can't be -1"),
        ('[item]\nprompt = "{qestion}"\nanswer = "{label}"', "has no field 'qestion'. Perhaps 'question' is meant"),
        ('[item]\nprompt = "{@stm}"\nanswer = "y"', "there is no field '@stm'"),
        ('[item]\nprompt = "x"\n[choices]\ncorrect = "label"', "[choices] doesn't say where they are"),
        (
            '[item]\nprompt = "x"\n[choices]\nfield = "a"\nvalues = ["b"]\ncorrect = "c"',
            "[choices] names several places",
        ),
        ('[foil]\nof = "row"\n[item]\nprompt = "x"\nanswer = "y"', "Perhaps 'rows' is meant"),
        ("[item\n", "my.toml isn't a mapping: it is no valid TOML"),
        (QUIZ_MAPPING + '[keep]\nsubject_name = "Alchemy"', "makes no items of the 3 rows"),
        (QUIZ_MAPPING.replace('kind = "k', 'id = "same"\nkind = "k'), "the id 'same' comes twice"),
    ],
)
def test_a_bad_mapping_is_refused_with_file_key_and_remedy(tmp_path: Path, mapping: str, expected: str) -> None:
    assert expected in complaint(tmp_path, mapping)


@pytest.mark.parametrize(
    ("name", "content", "rows", "expected"),
    [
        ("t.jsonl", b'{"a": 1}\nnonsense', "", "t.jsonl:2 isn't JSON"),
        ("t.jsonl", b"[1]", "", "t.jsonl:1 isn't a JSON object"),
        ("t.json", b'{"examples": []}', 'at = "samples"', "holds nothing at 'samples'. Change `at` in [rows]; there is: examples"),
        ("t.json", b'{"a": 1}', "", "holds no list of objects"),
        ("t.txt", b"x", "", "Set `format` in [rows]"),
        ("t.csv", b"a\n\x8f\x81\n", "", "isn't text in utf-8"),
        ("t.csv", b"a\nb\n", 'encoding = "utf-9"', "no text encoding 'utf-9'"),
        ("t.parquet", b"not parquet", "", "isn't a Parquet table"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused_with_its_place(
    tmp_path: Path, name: str, content: bytes, rows: str, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StrataError) as caught:
        mapping = parse_mapping(f'[rows]\n{rows}\n[item]\nprompt = "{{a}}"\nanswer = "{{a}}"')
        import_items(tmp_path / name, mapping)
    assert expected in str(caught.value)


def test_a_missing_file_and_an_unknown_mapping_are_named(tmp_path: Path) -> None:
    with pytest.raises(StrataError, match=r"There is no file .*none.jsonl"):
        import_items(tmp_path / "none.jsonl", "gsm8k")
    with pytest.raises(StrataError, match="shipped one: gsm8k, lre, mathqa_decoupling"):
        import_items(tmp_path / "none.jsonl", "gsm9k")


def test_every_shipped_mapping_reads() -> None:
    assert shipped_mappings() == (
        "gsm8k", "lre", "mathqa_decoupling", "medmcqa", "medqa", "prontoqa", "strategyqa",
    )  # fmt: skip
    assert all(read_mapping(name).name == name for name in shipped_mappings())


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\"), max_size=20))
def test_written_out_escapes_are_read_as_their_characters(text: str) -> None:
    from strata.experiments.items.importing.rows import _unescaped

    escaped = "".join(f"\\u{unit:04x}" for unit in _units(text))
    assert _unescaped({"x": [f"a{escaped}b", "c\nd"]}) == {"x": [f"a{text}b", "c\nd"]}


def _units(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[index : index + 2]) for index in range(0, len(raw), 2)]
