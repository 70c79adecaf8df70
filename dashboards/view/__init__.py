"""From a run directory to everything a page shows: `view.json`, every statistic already computed.

>>> import strata
>>> from strata.dashboards.view import build_view
>>> run = strata.locate("smollm2", "runs/first", items=["capital"], per_family=6, lens_maps=0, causal_map="none", quick=True)
>>> build_view(run.directory).verdict.word
'undetermined'
"""

from strata.dashboards.view.build import Report, build_report, build_view
from strata.dashboards.view.lens import LensMap, PackedMap, pack_maps
from strata.dashboards.view.schema import SCHEMA_NAME, View, validate_view

__all__ = [
    "SCHEMA_NAME",
    "LensMap",
    "PackedMap",
    "Report",
    "View",
    "build_report",
    "build_view",
    "pack_maps",
    "validate_view",
]
