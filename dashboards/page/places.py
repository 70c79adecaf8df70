"""Where the answers of every family are made, in tables that need no JavaScript: places, cells, attention heads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlencode

from strata.dashboards.page.markup import esc, foreign
from strata.dashboards.page.sections import kind_mark
from strata.dashboards.sentences.places import ROLE_MEANS, ROLES
from strata.dashboards.text import count

Json = dict[str, Any]


def family_by_family(view: Json) -> str:
    """The stage map's tables: a row a family, and the same numbers as the map, both without JavaScript."""
    part = view["localisation"]
    if part["state"] == "withdrawn":
        return ""
    return f"""
<section id="places" aria-labelledby="places-title">
  <h2 id="places-title">Family by family</h2>
  <p class="caption">Made by: the first part of the model, on the way from input to answer, that brings the answer itself and not its input;
    brackets: 95 % interval of its first and last block. {_role_words()}</p>
  <div class="wide" tabindex="0" role="region" aria-label="Places by family"><table class="plain madeby">
    <caption class="sr">Places, one row a family</caption>
    <thead><tr><th scope="col">Family</th><th scope="col" class="num">Pairs</th><th scope="col">Made by</th><th scope="col">95 % interval</th>
      <th scope="col">What acts, in the order of processing</th><th scope="col">Its control is made by</th></tr></thead>{_place_bodies(part["rows"], {choice["id"] for choice in part["choices"]})}</table></div>
  {_cells_table(part["cells"])}
  {_family_cells_table(part["family_cells"])}
  {_heads_table(part["heads"], part["head_sets"])}
</section>"""


def _role_words() -> str:
    return " ".join(f"<b>{esc(ROLES[role].capitalize())}</b>: {esc(means)}." for role, means in ROLE_MEANS.items())


def _place_bodies(rows: list[Json], maps: Collection[str]) -> str:
    kinds: dict[str, list[Json]] = {}
    for row in rows:
        kinds.setdefault(row["kind"], []).append(row)
    return "".join(
        f'<tbody><tr class="kindrow"><th colspan="6" scope="rowgroup">{kind_mark(kind)}</th></tr>{"".join(_place_row(row, maps) for row in of_kind)}</tbody>'
        for kind, of_kind in kinds.items()
    )


def _place_row(row: Json, maps: Collection[str]) -> str:
    stage = f"family:{row['family']}"
    name = foreign(row["family"])
    if stage in maps:
        name = f'<a href="#{urlencode({"stage": stage})}" data-stage="{esc(stage)}" title="Its stage map">{name}</a>'
    made = (
        f"<b>{esc(row['place'])}</b>" if row["place"] else f'<span class="muted">not placed: {esc(row["why"])}</span>'
    )
    note = f"<small>{esc(row['note'])}</small>" if row["note"] else ""
    roles = "".join(f"<small>{esc(words)}</small>" for words in row["roles"]) or '<span class="muted">–</span>'
    control = esc(row["control"]) or '<span class="muted">–</span>'
    return (
        f'<tr><th scope="row">{name}</th><td class="num">{row["pairs"]}<small>of {count(row["entities"], "entity", "entities")}</small></td>'
        f"<td>{made}{note}</td><td>{esc(row['interval']) or '–'}</td><td>{roles}</td><td>{control}</td></tr>"
    )


def _cells_table(cells: list[Json]) -> str:
    heads = (
        "Kind",
        "Part of the model",
        "Whole effect",
        "Its control's",
        "Beyond the control",
        "Counts in families",
        "Most gained at blocks",
    )
    names = ("effect", "control", "excess", "counts", "gained")
    rows = [
        (kind_mark(c["kind"]), f"{esc(c['label'])} <i>({esc(c['cell'])})</i>", *(esc(c[name]) for name in names)) for c in cells
    ]  # fmt: skip
    note = "Means over families. Beyond the control: two samples of families, or of clusters where there are fewer than three families."
    return _folded("The map of kinds as a table", note, heads, rows)


def _family_cells_table(cells: list[Json]) -> str:
    heads = ("Family", "Part of the model", "Whole effect", "Denoise", "Noise", "Beyond a third answer", "Necessity", "Its parts",
             "Counts", "Attribution")  # fmt: skip
    names = ("label", "effect", "denoise", "noise", "install", "necessity", "reading", "counts", "attribution")
    note = (
        "Denoise: share of the answer restored in the other prompt's run; noise: share lost in its own; effect: their mean. Beyond a third answer: "
        "effect minus that of a donor with a third answer. Necessity: share of the margin of the answer lost when other items' pieces stand "
        "there. Attribution: rank correlation over blocks of the direct logit attribution with the effect."
    )
    return _folded("Every part of the model in every family", note, heads, [(foreign(c["family"]), *(esc(c[n]) for n in names)) for c in cells])  # fmt: skip


def _heads_table(heads: list[Json], sets: list[Json]) -> str:
    names = ("label", "head", "effect", "p", "install", "codes", "attention")
    single = _folded(
        "Attention heads one by one",
        "Effect of one head's output before the output projection; p: max-T over layers and heads; attention: what the last token pays to the span.",
        ("Family", "Part of the model", "Block.head", "Effect", "p", "Beyond a third answer", "Carries the answer", "Attention to the span"),
        [(foreign(head["family"]), *(esc(head[name]) for name in names)) for head in heads],
    )  # fmt: skip
    chosen = _folded(
        "Attention heads together",
        "Heads added greedily on one half of the pairs and scored on the other. Knockout: share of the margin of the answer lost when the last "
        "token may not look at the span in the blocks of its place.",
        ("Family", "Part of the model", "Block.head, in the order added", "Effect on the other half", "On the half of the choice", "Knockout"),
        [(foreign(row["family"]), *(esc(row[name]) for name in ("label", "heads", "effect", "effect_of_choice", "knockout"))) for row in sets],
    )  # fmt: skip
    return single + chosen


def _folded(title: str, note: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table under its title; nothing where it has no row. Cells are HTML."""
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{esc(name)}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return f"""<details><summary>{esc(title)}</summary><p class="caption">{esc(note)}</p>
    <div class="wide" tabindex="0" role="region" aria-label="{esc(title)}"><table class="plain cells"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"""
