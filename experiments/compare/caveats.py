"""What must stand beside the numbers of a comparison?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strata.experiments.compare.models import Models
from strata.experiments.items.schema import KNOWLEDGE_AND_REASONING, Kind
from strata.experiments.results.comparison import ComparisonCaveat
from strata.experiments.results.comparison_reasons import ExcludedPart
from strata.experiments.results.lineage_check import LineageCheck
from strata.experiments.results.roles import BASE, DISTILLED, Role
from strata.experiments.results.rows import Row

_FAR = 0.5
"""Between two shares of items."""


def comparison_caveats(
    models: Models,
    checks: Mapping[Role, LineageCheck],
    excluded: Sequence[ExcludedPart] = (),
    given: Mapping[Kind, float] | None = None,
    *,
    in_chat_template: bool,
) -> tuple[ComparisonCaveat, ...]:
    """`excluded`: what isn't compared. `given`: as `given_starts` counts. `in_chat_template`: every prompt stands in the distilled model's
    chat template."""
    caveats = [ComparisonCaveat(code="base-doubted", model=role) for role, check in checks.items() if check.doubted]
    ahead = models.about(BASE).prefix
    caveats += [
        ComparisonCaveat(code="other-prefix", model=role)
        for role in models.others
        if models.about(role).prefix != ahead
    ]
    codes = {(part.model, part.part): part.why.code for part in excluded}
    caveats += [
        ComparisonCaveat(code="matched-by-text", model=role)
        for role in models.others
        if codes.get((role, "places")) == "other-tokens" and (role, "layers") not in codes
    ]
    templates = {role: models.about(role).chat_template_sha256 for role in models.roles}
    foreign = {role: sha256 for role, sha256 in templates.items() if sha256 != templates[DISTILLED]}
    if in_chat_template and foreign:
        named = {role: "none" if sha256 is None else "another" for role, sha256 in foreign.items()}
        caveats.append(ComparisonCaveat.model_validate({"code": "foreign-template", "templates": named}))
    if given and max(given.values()) - min(given.values()) >= _FAR:
        caveats.append(ComparisonCaveat(code="start-given", given=given))
    return tuple(caveats)


def given_starts(rows: Sequence[Row]) -> dict[Kind, float]:
    """Which share of the knowledge and of the reasoning items is scored behind a start that answer and foil share?

    `rows`: of a model's behaviour table. A kind that isn't asked has no share.
    """
    # An item that couldn't be asked is a row without numbers.
    asked = [row for row in rows if row["n_fed"] is not None]
    fed = {kind: [bool(row["n_fed"]) for row in asked if row["kind"] == kind] for kind in KNOWLEDGE_AND_REASONING}
    return {kind: sum(of_kind) / len(of_kind) for kind, of_kind in fed.items() if of_kind}
