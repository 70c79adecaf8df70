"""Which schema does each JSON file of a run say it has?"""

from __future__ import annotations

from typing import Literal

MANIFEST_SCHEMA = "strata.manifest/1"
SUMMARY_SCHEMA: Literal["strata.summary/2"] = "strata.summary/2"
"""summary.json of `locate`."""
COMPARISON_SCHEMA: Literal["strata.comparison/3"] = "strata.comparison/3"
PROBE_SCHEMA = "strata.probe/1"
"""summary.json of `probe`."""
TRAINING_SCHEMA: Literal["strata.distill/1"] = "strata.distill/1"
"""distill.json of `distill`, and strata.json beside an adapter."""
BEHAVE_SCHEMA: Literal["strata.behave/1"] = "strata.behave/1"
"""summary.json of `behave`."""
SPLIT_SCHEMA: Literal["strata.split/1"] = "strata.split/1"
"""What `items split --json` prints."""
SWEEP_SCHEMA: Literal["strata.sweep/1"] = "strata.sweep/1"
"""sweep.json of `sweep`."""
