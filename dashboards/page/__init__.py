"""From `view.json` to one HTML file that opens by double click, without network, in light and dark."""

from strata.dashboards.page.comparison_page import write_comparison
from strata.dashboards.page.lens_page import render_lens_page
from strata.dashboards.page.pages_of_run import write_pages
from strata.dashboards.page.probe_page import write_probe_report
from strata.dashboards.page.report_page import render_report
from strata.dashboards.page.write_report import write_report

__all__ = ["render_lens_page", "render_report", "write_comparison", "write_pages", "write_probe_report", "write_report"]
