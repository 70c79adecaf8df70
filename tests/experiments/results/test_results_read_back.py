"""Is what was written read back, of earlier versions too, and what isn't declared refused?"""

from __future__ import annotations

import pytest
from made_comparisons import DOWN, UP, comparison_of, contrasted, kind_of
from pydantic import TypeAdapter, ValidationError

from strata.experiments.results.caveats import Caveat
from strata.experiments.results.comparison import Comparison
from strata.experiments.results.locate_summary import Instrument, Intermediates, Summary, WhyNoIntermediates, WhyNoOnset


def test_a_comparison_is_read_back_as_it_was_written_and_nothing_else_is_read() -> None:
    comparison = comparison_of(kind_of(UP, UP, accuracy=UP), kind_of(DOWN, accuracy=DOWN), contrasted(UP))
    text = comparison.model_dump_json()
    assert Comparison.model_validate_json(text) == comparison
    assert '"schema":"strata.comparison/3"' in text
    plain = comparison.model_dump(mode="json")
    with pytest.raises(ValidationError, match="sentences"):
        Comparison.model_validate({**plain, "verdict": {**plain["verdict"], "sentences": []}})


def test_reasons_that_an_earlier_summary_says_in_words_are_read_as_said() -> None:
    said = {"onset": None, "reason": "no target has two answers"}
    assert Instrument.model_validate(said).reason == WhyNoOnset(code="not-probed", text=said["reason"])
    (why,) = [Intermediates.model_validate({"reason": "no usable pair"}).reason]
    assert why == WhyNoIntermediates(code="said", text="no usable pair")
    warnings = TypeAdapter(Summary.model_fields["warnings"].annotation).validate_python(["As it stood"])
    assert warnings == (Caveat(code="said", text="As it stood"),)
