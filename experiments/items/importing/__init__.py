"""How does a table of questions from elsewhere become items? By a small mapping file in TOML.

    [rows]                                  # how the table is read; all keys optional
    format = "jsonl"                        # csv, jsonl, json, parquet, datasets; else by the file's name
    at = "samples"                          # where the rows are inside a JSON file
    files = "*.csv"                         # which files, when the source is a directory
    delimiter = ";"                         # of a CSV; else what its header holds most of
    encoding = "utf-8"                      # and fallback_encoding = "mac_roman" for files that aren't in it
    config = "main"                         # configuration and
    split = "test"                          # split of a Hugging Face data set
    unescape = true                         # texts hold \\u00e9 written out

    [item]                                  # texts hold the row's fields in braces
    prompt = "{question}\\nAnswer:"          # or a list: several wordings
    answer = "{answer}"
    kind = "reasoning"                      # knowledge, reasoning, composite, control
    family = "{subject_name}"
    domain = "medicine"
    cluster = "{question}"                  # what must not straddle folds; default the row
    hops = 2                                # or {count = "<<", in = "answer"} or {length_of = "decomposition"}

    [wordings]                              # when the prompts stand in the data
    at = "$.prompt_templates"               # "$." is the JSON file around the rows
    blank = "{}"
    field = "subject"

    [answer]
    after = "####"                          # keep what follows the last of these marks
    number = true                           # 1,200 and 51.0 become 1200 and 51

    [choices]                               # one of field, columns, inside, values
    field = "choices"                       # a list, or a text that writes one
    columns = ["a", "b", "c", "d"]
    inside = "question"                     # options stand in this text …
    after = "Answer Choices:"               # … behind the last of these marks …
    marker = "(A)"                          # … each behind such a marker
    values = ["yes", "no"]                  # the same for every row
    correct = "label"                       # index (from `first`), letter or text of the right one
    show = "letter"                         # the answer is its letter instead of its text

    [foil]
    of = "choices"                          # or "rows" (another row of the family, as a pair) or "none"

    [spans]
    subject = "subject"                     # span name = field of the prompt

    [keep]
    error_type = ["ok", "fine"]             # only rows with one of these values; case doesn't count

Fields are columns, dotted paths into them (`options.0`), `$.` paths, and `@file`, `@row`, and with [choices] `@stem`
(the question without its options) and `@options` (the options, one a line, with letters).

>>> from experiments.items.importing import import_items, read_mapping
>>> imported = import_items("country_capital_city.json", read_mapping("lre"))    # doctest: +SKIP
"""

from experiments.items.importing.mapping import Mapped, parse_mapping, read_mapping, shipped_mappings
from experiments.items.importing.overwriting import refuse_overwriting
from experiments.items.importing.turning import Imported, import_items

__all__ = [
    "Imported",
    "Mapped",
    "import_items",
    "parse_mapping",
    "read_mapping",
    "refuse_overwriting",
    "shipped_mappings",
]
