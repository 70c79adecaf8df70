"""Installs the wings at the top of the repository as `strata.probes`, `strata.experiments` and `strata.dashboards`.

All else stands in pyproject.toml; a list of packages under another name than their folder's can't.
"""

from setuptools import find_packages, setup

WINGS = ("probes", "experiments", "dashboards")

setup(
    package_dir={"strata": "strata", **{f"strata.{wing}": wing for wing in WINGS}},
    packages=[
        "strata",
        *(
            f"strata.{name}"
            for name in find_packages(include=[pattern for wing in WINGS for pattern in (wing, f"{wing}.*")])
        ),
    ],
)
