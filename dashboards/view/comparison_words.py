"""What may a comparison say, and what must stand beside it? Verdict, caveats, pair check, answers and locations for the page."""

from __future__ import annotations

from typing import Any

from strata.dashboards.sentences.localisation import located_words, order_sentence
from strata.dashboards.sentences.places import ends_words
from strata.dashboards.text import number, p_words, significant, without_paths
from strata.dashboards.view.comparison_run import ComparisonRun
from strata.dashboards.view.labels import KINDS
from strata.experiments.compare.decision import SPLIT
from strata.experiments.compare.measure_agreement import CLAIMED_ON, claimed_by_generated
from strata.experiments.results.answer_measures import AGREEING, DECIDING_RULE, MEASURES, deciding_label
from strata.experiments.results.kinds import Located, Order

Json = dict[str, Any]
ESTIMATES = ("base", "distilled", "control", "change", "control_change", "difference_in_differences")
BOUND = 0.05
"""Depth within which a location is called unchanged."""
LOCATED_KINDS = ("knowledge", "reasoning")
WOULD_CHANGE = (
    "More items or other families that move the intervals, a second control model or another seed of the same training, "
    "or a calibration on planted pairs that finds these instruments off."
)


def path_free(text: Any) -> str:
    """A sentence of the run without the paths of the machine it ran on."""
    return str(without_paths(str(text)))


def label_of(run: ComparisonRun, role: str) -> str:
    """The model as it was asked for."""
    return path_free(run.comparison["models"][role].get("spec") or role).removeprefix("…/")


def is_limited(run: ComparisonRun) -> bool:
    """Whether one of the models was asked only some of the items."""
    return any(manifest.get("limited") for manifest in run.models.values())


def build_verdict(run: ComparisonRun) -> Json:
    """Sentences, the word on the layer-split hypothesis with its reason, and every caveat."""
    verdict = run.comparison["verdict"]
    return {
        "word": str(verdict.get("hypothesis") or "undetermined"),
        "reason": path_free(verdict.get("reason") or ""),
        "sentences": [path_free(sentence) for sentence in verdict.get("sentences") or []],
        "quick": bool(run.comparison.get("quick")),
        "limited": is_limited(run),
        "caveats": _caveats(run),
        "would_change": WOULD_CHANGE,
    }


def _caveats(run: ComparisonRun) -> list[Json]:
    out: list[Json] = []

    def add(code: str, text: str) -> None:
        if all(caveat["text"] != text for caveat in out):
            out.append({"code": code, "text": text})

    if run.comparison.get("quick"):
        add(
            "quick",
            "This is a --quick run: fewer families, items and pairs, fewer draws and coarser layer swaps, so its intervals are wide.",
        )
    if is_limited(run):
        add("limited", "This is a --limit run: good for trying out, not for conclusions.")
    for owner, manifest in (("the comparison", run.manifest), *((f"the {r}", m) for r, m in run.models.items())):
        failed = [str(test["name"]) for test in manifest.get("self_tests") or [] if not test.get("passed")]
        if failed:
            add("self_test", f"Self-test of {owner} failed: {', '.join(failed)}. No number below can be trusted.")
    for check in build_pair_check(run):
        if not check["ok"]:
            add("pair", f"Whether {check['base']} is the base of {check['label']}: {check['verdict']}. What differs between them may be no effect of training.")  # fmt: skip
    if "control" not in run.roles:
        add(
            "control",
            "No control model was given: what reasoning training did can't be told from what any training does.",
        )
    for entry in run.comparison.get("not_comparable") or []:
        add(
            "incomparable",
            f"Not comparable ({entry['model']}): {entry['measure']}: {path_free(entry['reason']).rstrip('.')}.",
        )
    for warning in run.comparison.get("warnings") or []:
        add("warning", path_free(_by_role(run, str(warning))).rstrip(".") + ".")
    return out


def _by_role(run: ComparisonRun, warning: str) -> str:
    """A model's own warning under its role: directories of three models may end in the same name."""
    for role in run.roles:
        ahead = f"{run.comparison['models'][role].get('spec')}: "
        if warning.startswith(ahead):
            return f"{role.capitalize()}: {warning.removeprefix(ahead)}"
    return warning


def build_pair_check(run: ComparisonRun) -> list[Json]:
    """Per model: is the base its base, by what, and if not, which one is."""
    checks = []
    for role, check in (run.comparison.get("pair_check") or {}).items():
        full = run.pair_check.get(role) or {}
        close = full.get("closeness") or {}
        checks.append(
            {
                "role": role,
                "base": label_of(run, "base"),
                "label": label_of(run, role) if role in run.comparison["models"] else role,
                "verdict": str(check["verdict"]),
                "ok": check["verdict"] in ("base", "same weights"),
                "judged_by": str(full.get("judged_by") or ""),
                "reasons": [path_free(reason) for reason in check.get("reasons") or []],
                "hint": path_free(check["hint"]) if check.get("hint") else "",
                "closeness": {name: significant(v) for name, v in close.items() if isinstance(v, int | float)},
            }
        )
    return checks


def estimate(raw: Json | None) -> Json | None:
    """An estimate of comparison.json, rounded; None where nothing was measured."""
    if raw is None or raw.get("value") is None:
        return None
    numbers = {name: significant(raw.get(name)) for name in ("value", "low", "high")}
    return {**numbers, "n_items": raw.get("n_items"), "n_clusters": raw.get("n_clusters"), "method": str(raw.get("method") or "")}  # fmt: skip


def _estimates(raw: Json | None) -> Json:
    return {name: estimate((raw or {}).get(name)) for name in ESTIMATES}


def _asked(entry: Json) -> Json:
    return {name: int(entry.get(name) or 0) for name in ("items", "asked", "excluded")}


def was_asked(run: ComparisonRun, kind: str) -> bool:
    """Whether the run holds any item of the kind."""
    return bool((run.comparison["kinds"].get(kind) or {}).get("items"))


def build_answers(run: ComparisonRun) -> Json:
    """By kind and by family every measure of the answers, and which of them show a change; generated answers by split."""
    kinds = [
        {"kind": kind, **_asked(of_kind), "measures": _measures(of_kind), **_agreement(of_kind)}
        for kind in KINDS
        if (of_kind := run.comparison["kinds"].get(kind) or {}).get("accuracy")
    ]
    families = [
        {
            "kind": str(row["kind"]), "family": str(row["family"]), **_asked(row), "decides": deciding_label(row.get("decided_by") or {}),
            "accuracy": _estimates(row.get("accuracy")), "logit_difference": _estimates(row.get("logit_difference")),
            **_agreement(row),
        }
        for row in run.families
    ]  # fmt: skip
    generated = run.comparison["generated"] or {}
    at_prompts = run.comparison["kinds"].get("reasoning") or {}
    splits = [
        {
            "split": str(split), "about": str(entry.get("about") or split), "estimates": _estimates(entry.get("accuracy")),
            "agreed": _alone(entry.get("accuracy"), at_prompts if split == SPLIT else None),
            "prompt": {role: str(way) for role, way in (entry.get("prompt") or {}).items()},
            "no_answer": {role: {path_free(why): int(n) for why, n in reasons.items()} for role, reasons in (entry.get("no_answer") or {}).items()},
        }
        for split, entry in generated.items()
        if isinstance(entry, dict)
    ]  # fmt: skip
    reason = generated.get("reason")
    warmth = float((run.manifest.get("config") or {}).get("temperature") or 0.0)
    return {
        "kinds": kinds,
        "families": families,
        "generated": splits,
        "generated_how": f"drawn at temperature {warmth:g}" if warmth else "greedily",
        "generated_text": ""
        if splits
        else path_free(reason or "no generated answers were asked for").rstrip(".") + ".",
    }


def _measures(of_kind: Json) -> list[Json]:
    """The accuracy that decides first; it is one of the others where it alone decided for all items."""
    decided = list(of_kind.get("decided_by") or {})
    deciding = {"name": "accuracy", "label": deciding_label(of_kind.get("decided_by") or {}), "unit": "share of items",
                "means": MEASURES[decided[0]].means if len(decided) == 1 else DECIDING_RULE, "share": True, "decides": True}  # fmt: skip
    others = [
        {"name": measure.name, "label": measure.label, "unit": measure.unit, "means": measure.means, "share": measure.is_share, "decides": False}
        for measure in AGREEING
        if of_kind.get(measure.name) and any(of_kind[measure.name].values()) and decided != [measure.name]
    ]  # fmt: skip
    return [{**measure, "estimates": _estimates(of_kind.get(str(measure["name"])))} for measure in (deciding, *others)]


def _agreement(of_kind: Json) -> Json:
    """By contrast whether a claim stands, whether all measures show one side, whether two show opposites; and that as a sentence.

    A comparison of an earlier version, which knows no `shown_by`, judged by point estimates: of it nothing is marked.
    """
    agreement = (of_kind.get("agreement") or {}) if "shown_by" in of_kind else {}
    claims = bool(of_kind.get("claimed"))
    agreed = {
        name: {
            "claimed": claims and name in CLAIMED_ON,
            "shared": bool(entry["sign"]),
            "opposite": bool(entry["opposite"]),
        }
        for name, entry in agreement.items()
    }
    return {"agreed": agreed, **{name: str(of_kind.get(name) or "") for name in ("disagreement", "shown_by")}}


def _alone(accuracy: Json | None, at_prompts: Json | None) -> Json:
    """Generated answers are judged by themselves; of the problems like those trained on with a veto of the prompts.

    On other problems nothing is claimed.
    """
    claims = accuracy is not None and at_prompts is not None and bool(claimed_by_generated(accuracy, at_prompts))
    return {name: {"claimed": claims, "shared": claims, "opposite": False} for name in CLAIMED_ON}


def build_locations(run: ComparisonRun) -> Json:
    """Where each kind is located in each model, how far that moved, and in which order the kinds stand."""
    rows = []
    for kind in (kind for kind in LOCATED_KINDS if was_asked(run, kind)):
        of_kind = run.comparison["kinds"].get(kind) or {}
        located = of_kind.get("located") or {}
        for role in run.others:
            moved = (of_kind.get("location_change") or {}).get(role) or {}
            low, high = moved.get("interval") or (None, None)
            narrow = moved.get("interval90") or (None, None)
            rows.append(
                {
                    "kind": kind, "role": role, "base": place_words(located.get("base"), was_sought(run, "base")), "after": place_words(located.get(role), was_sought(run, role)),
                    "located": bool(located.get("base") and located.get(role)),
                    "value": significant(moved.get("difference", moved.get("value"))), "low": significant(low), "high": significant(high),
                    "low90": significant(narrow[0]), "high90": significant(narrow[1]),
                    "p": p_words(significant(moved.get("p"))), "pairs": moved.get("pairs"), "clusters": moved.get("clusters"),
                    "verdict": str(moved.get("verdict") or "undetermined"), "reason": path_free(moved.get("reason") or ""),
                    "method": str(moved.get("method") or ""),
                }
            )  # fmt: skip
    return {
        "bound": BOUND,
        "rows": rows,
        "orders": _orders(run) if len(rows) == len(LOCATED_KINDS) * len(run.others) else [],
    }


def _orders(run: ComparisonRun) -> list[Json]:
    """In which order the kinds stand in each model; none of a comparison by the rule that is withdrawn."""
    order = run.comparison.get("order") or {}
    return [
        {"role": role, "text": order_sentence(Order.model_validate(order[role])).text}
        for role in run.roles
        if "cells" in (order.get(role) or {}) and was_sought(run, role)
    ]


def was_sought(run: ComparisonRun, role: str) -> bool:
    """Whether any intervention was asked for of the model."""
    return (run.models[role].get("config") or {}).get("causal_map") != "none"


def place_words(located: Json | None, sought: bool = True) -> str:
    """`attention at the last token (move), blocks 21–23 [20, 24], depth 0.75`, `undetermined` or `not looked for`."""
    if not located:
        return "undetermined" if sought else "not looked for"
    if "extent" not in located:
        return "not shown: made by the first rule, which is withdrawn"
    place = Located.model_validate(located)
    only = "" if place.general else ", for these families"
    return f"{located_words(place)} {ends_words(place.interval)}, depth {number(place.depth)}{only}"


def build_halves(run: ComparisonRun) -> list[Json]:
    """Recovery by the upper half of the blocks minus recovery by the lower half, where the models differ at all."""
    halves = []
    for kind in LOCATED_KINDS:
        for role, of_role in ((run.comparison["kinds"].get(kind) or {}).get("upper_minus_lower") or {}).items():
            for measure, entry in (of_role or {}).items():
                halves.append(
                    {
                        "kind": kind, "role": role, "measure": measure, "cut": entry.get("cut"),
                        "whole": estimate(entry.get("whole")), "apart": estimate(entry.get("upper_minus_lower")),
                        "reason": path_free(entry.get("reason") or ""),
                    }
                )  # fmt: skip
    return halves
