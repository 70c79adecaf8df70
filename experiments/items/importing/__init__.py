"""How does a table of questions from elsewhere become items? By a small mapping file in TOML.

    [rows]                                  # how the table is read; all keys optional
    format = "jsonl"                        # csv, jsonl, json, parquet, datasets; else by the file's name
    at = "samples"                          # where the rows are inside a JSON file: a list, or an object by id
    files = "*.csv"                         # which files, when the source is a directory
    delimiter = ";"                         # of a CSV; else what cuts its first rows like its header
    header = ["question", "a", "b", "key"]  # names of a CSV's columns; else its first line
    encoding = "utf-8"                      # and fallback_encoding = "mac_roman" for files that aren't in it
    config = "main"                         # configuration and
    split = "test"                          # split of a Hugging Face data set
    unescape = true                         # texts hold \\u00e9 written out
    text = ["answer"]                       # fields that are taken as they stand where they write a list or an object

    [item]                                  # texts hold the row's fields in braces; {{ and }} are braces
    prompt = "{question}\\nAnswer:"          # or a list: several templates
    answer = "{answer}"
    kind = "reasoning"                      # knowledge, reasoning, composite, control
    family = "{subject_name}"
    domain = "medicine"
    cluster = "{question}"                  # what must not straddle folds; default the row and others that ask the same
    hops = 2                                # or {count = "<<", in = "answer"} or {length_of = "decomposition"}

    [templates]                              # when the prompts stand in the data
    at = "$.prompt_templates"               # "$." is the JSON file around the rows
    blank = "{}"
    field = "subject"

    [answer]
    after = "####"                          # keep what follows the last of these marks
    number = true                           # 1,200 and 51.0 become 1200 and 51

    [choices]                               # one of field, columns, inside, values
    field = "choices"                       # see below
    labels = "letters"                      # the labels of a list in `field`, where another column has them
    columns = ["a", "b", "c", "d"]
    inside = "question"                     # options stand in this text …
    after = "Answer Choices:"               # … behind the last of these marks …
    marker = "(A)"                          # … each behind such a marker
    values = ["yes", "no"]                  # the same for every row
    correct = "label"                       # label, letter, number or text of the right one
    correct_is = "index"                    # which of these (label, letter, index, text), where the table doesn't show it
    first = 1                               # the number of the first option, where the table doesn't show it
    show = "letter"                         # the answer is its letter instead of its text

    [foil]
    of = "choices"                          # or "rows" (another row of the family, as a pair) or "none"

    [steps]                                 # from the question to the answer, for `behave`: the item's `steps`
    field = "answer"                        # a list of them, or a text
    end = "line"                            # where a step of a text ends: comma, line, sentence
    before = "####"                         # of a text, only what stands before the first of these marks
    without = ["<<", ">>"]                  # what stands between these two is dropped

    [spans]
    subject = "subject"                     # span name = field of the prompt

    [keep]
    error_type = ["ok", "fine"]             # only rows with one of these values; case doesn't count

A field is a column, with keys behind dots and places in lists, from 0, in brackets: `{meta.city}`, `{answers[0].text}`
(`{answers.0.text}` is the same). A name that is written with dots or brackets itself comes first. Cells that write a
list or an object as JSON or Python does are entered like one. Besides there are `$.` paths into the JSON file around the
rows, `@file`, `@row`, `@key` (of a table keyed by id), and with [choices] `@stem` (the question without its options) and
`@options` (the options, one a line, with letters).

Only text, finite numbers and truth values fill a field. A row with anything else there (nothing, NaN, a list, an
object) gives no item and is counted with the reason. So does a cell that as a whole writes a list or an object, also as
numpy prints one (`['Paris' 'Rome']`), whatever the other cells hold, unless `text` names it; `[1] says so` is a text.

Options in one field are a list of texts, of `{"label": "B", "text": "…"}` or of `{"B": "…"}`, an object by label
(`{"A": "…", "B": "…"}`), `{"text": […], "label": […]}`, a text that writes one of these, or an object of scores
(`{"yes": 1, "no": 0}`), whose highest is right. Names in an object that hold null are none of the row's options. Marks
such as `A)` that the options of all rows begin with are their labels. A key means the option of that label. Without
labels it is read as that letter, number or text which fits most rows of the table; where two readings fit and disagree,
`correct_is` or `first` must say. Columns that are numbered on from 0 or 1 are counted by their numbers, in whatever
order `columns` lists them; other ends of their names are labels.

Whether numbers are scores or options is decided for the whole table. They are scores where `correct` names the field of
the options itself. Where the mapping has no `correct` and no [item] answer, they are scores only if all of them in all
rows are 0 or 1. Where it has one of these, the numbers are the options and never say which is right, but for zeros and
ones of more than two options in some row (nobody offers an option twice) and of names that agree with the key in every
row: there the options are the names. A list of zeros and ones as the key, as long as the options, scores them, unless
another row's key shows that the lists hold places. Where [item] answer and the right option differ, the row is excluded.

>>> import json
>>> from pathlib import Path
>>> from strata.experiments.items.importing import import_items, read_mapping
>>> rows = [{"subject": "Peru", "object": "Lima"}, {"subject": "Chad", "object": "N'Djamena"}]
>>> relation = {"name": "capital", "prompt_templates_zs": ["The capital of {} is"], "samples": rows,
...             "properties": {"domain_name": "country"}}
>>> size = Path("capital.json").write_text(json.dumps(relation))
>>> imported = import_items("capital.json", read_mapping("lre"))
>>> [(item.prompt, item.answer, item.foil) for item in imported.items]
[('The capital of Peru is', ' Lima', " N'Djamena"), ('The capital of Chad is', " N'Djamena", ' Lima')]
"""

from strata.experiments.items.importing.mapping import Mapped
from strata.experiments.items.importing.mapping_file import parse_mapping, read_mapping, shipped_mappings
from strata.experiments.items.importing.overwrite_check import refuse_overwriting
from strata.experiments.items.importing.row_to_items import Imported, import_items

__all__ = [
    "Imported",
    "Mapped",
    "import_items",
    "parse_mapping",
    "read_mapping",
    "refuse_overwriting",
    "shipped_mappings",
]
