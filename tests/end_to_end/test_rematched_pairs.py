"""A run says how many of a file's pairs it matched anew, since only prompts of one length can be swapped."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_world import save_checkpoint, write_items

from strata.dashboards.sentences.run_caveats import caveat_sentence
from strata.experiments.locate.config import LocateConfig
from strata.experiments.locate.pipeline import locate
from strata.probes.checkpoints.open_spec import open_checkpoint

CONFIG = LocateConfig(causal_map="none", draws=100, random_init=False, lens_maps=0, positions=("last",))
NAMES = {"a": " 0", "b": " 1", "c d": " 0", "e f": " 1"}


@pytest.mark.parametrize(
    ("partner", "said"),
    [
        ({"a": "e f", "b": "c d", "c d": "b", "e f": "a"}, "4 items were given another counterfactual prompt"),
        ({"a": "b", "b": "c d", "c d": "e f", "e f": "c d"}, "1 item was given another counterfactual prompt"),
        ({"a": "b", "b": "a", "c d": "e f", "e f": "c d"}, None),
    ],
)
def test_pairs_that_were_matched_anew_are_a_caveat_of_the_run(
    partner: dict[str, str], said: str | None, tmp_path: Path
) -> None:
    records = [
        {
            "id": name, "kind": "knowledge", "family": "names", "prompt": f"the {name} is", "answer": answer, "cluster": name,
            "foil_prompt": f"the {partner[name]} is", "foil": NAMES[partner[name]],
        }
        for name, answer in NAMES.items()
    ]  # fmt: skip
    checkpoint = open_checkpoint(str(save_checkpoint(tmp_path / "tiny")))
    summary = locate(checkpoint, CONFIG, tmp_path / "run", items=write_items(tmp_path / "items.jsonl", records))
    matching = [
        warning
        for warning in map(caveat_sentence, summary.warnings)
        if "counterfactual prompt of the same number" in warning
    ]
    assert [warning.startswith(said or "") for warning in matching] == [True] * (said is not None)
