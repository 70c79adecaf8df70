"""From a run directory to everything a page shows: `view.json`, every statistic already computed.

>>> view = build_view(Path("runs/one"))          # doctest: +SKIP
>>> view["verdict"]["sentence"]                  # doctest: +SKIP
"""

from strata.dashboards.view.build import Report, build_report, build_view
from strata.dashboards.view.lens import LensMap, PackedMap, pack_maps
from strata.dashboards.view.schema import SCHEMA_NAME, validate_view

__all__ = [
    "SCHEMA_NAME",
    "LensMap",
    "PackedMap",
    "Report",
    "build_report",
    "build_view",
    "pack_maps",
    "validate_view",
]
