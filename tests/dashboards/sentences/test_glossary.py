"""Has every term that the pages use an entry, once, in a whole sentence?"""

from __future__ import annotations

import re

from strata.dashboards.sentences.glossary import GLOSSARY
from strata.dashboards.sentences.headline import LABELS
from strata.dashboards.sentences.instruments import INTERVENTIONS, READ_OUTS
from strata.dashboards.sentences.intervention_measures import PATCHING
from strata.dashboards.sentences.places import ROLES
from strata.dashboards.sentences.read_out_measures import BASELINES, MEASURES
from strata.experiments.items.schema import KINDS
from strata.experiments.results.answer_measures import AGREEING
from strata.experiments.results.roles import ROLES as MODELS
from strata.probes.interventions.cells import CELLS


def test_every_instrument_measure_part_role_and_kind_is_explained() -> None:
    used = [
        *(words.label for words in (*READ_OUTS.values(), *INTERVENTIONS.values(), *MEASURES.values(), *AGREEING)),
        *(words.label for words in PATCHING.values()), *BASELINES.values(), *LABELS.values(), *ROLES.values(), *CELLS, *KINDS, *MODELS,
    ]  # fmt: skip
    forms = "|".join(re.escape(form) for term in GLOSSARY for form in term.recognised)
    explained = re.compile(rf"(?<![\w-])({forms})(?![\w-])")
    assert len(used) > 50 and [name for name in used if not explained.search(name.lower())] == []


def test_each_entry_stands_there_once_and_says_it_in_a_sentence() -> None:
    forms = [form for term in GLOSSARY for form in term.recognised]
    assert len(set(forms)) == len(forms) and all(form == form.lower() for form in forms)
    assert len({term.id for term in GLOSSARY}) == len(GLOSSARY) and all(" " not in term.id for term in GLOSSARY)
    for term in GLOSSARY:
        assert term.means.endswith(".") and 20 < len(term.means) < 260, term.word


def test_words_of_every_day_are_terms_in_some_parts_of_a_page_only() -> None:
    everywhere = {form for term in GLOSSARY if not term.only_in for form in term.recognised}
    everyday = {
        "move",
        "makes",
        "kind",
        "kinds",
        "rank",
        "used",
        "open",
        "change",
        "support",
        "format",
        "halves",
        "noise",
        "gained",
        "p",
    }
    assert everyday <= {form for term in GLOSSARY for form in term.recognised} and everyday.isdisjoint(everywhere)
