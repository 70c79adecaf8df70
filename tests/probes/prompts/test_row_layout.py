"""One row for many prompts, against what each prompt says by itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strata.probes.prompts.prompt import Prompt
from strata.probes.prompts.row_layout import Tree, apart, together

IDS = st.lists(st.integers(0, 2), min_size=1, max_size=7)
PROMPTS = st.lists(IDS, min_size=1, max_size=6).map(
    lambda rows: [Prompt(str(row), tuple(ids)) for row, ids in enumerate(rows)]
)


@given(PROMPTS)
def test_every_token_sees_its_own_prompt_and_stands_in_its_own_place(prompts: list[Prompt]) -> None:
    layout = together(prompts)
    assert layout.sees is not None and layout.position_ids is not None
    for prompt, row, last in zip(prompts, layout.rows.tolist(), layout.columns.tolist(), strict=True):
        column = last
        # Followed back from the last token, what is seen is the prompt, token by token.
        for length in range(len(prompt.ids), 0, -1):
            seen = layout.sees[0, 0, column].nonzero().flatten()
            assert row == 0 and int(layout.position_ids[0, column]) == length - 1
            assert tuple(layout.ids[0, seen].tolist()) == prompt.ids[:length]
            before = seen[seen != column]
            column = int(before[layout.position_ids[0, before].argmax()]) if len(before) else -1
    beginnings = {prompt.ids[:end] for prompt in prompts for end in range(1, len(prompt.ids) + 1)}
    assert layout.ids.shape == (1, len(beginnings))


@given(PROMPTS, PROMPTS)
def test_what_prompts_would_add_is_what_they_add(first: list[Prompt], more: list[Prompt]) -> None:
    tree = Tree()
    for prompt in first:
        tree.add(prompt)
    before, added = len(tree), tree.adds(more)
    for prompt in more:
        tree.add(prompt)
    assert len(tree) - before == added


@given(PROMPTS)
def test_rows_of_their_own_hold_each_prompt_from_its_first_column(prompts: list[Prompt]) -> None:
    layout = apart(prompts, pad_id=9)
    assert layout.sees is None and 9 not in layout.ids
    for row, prompt in enumerate(prompts):
        assert layout.rows[row] == row and layout.columns[row] == len(prompt.ids) - 1
        assert tuple(layout.ids[row, : len(prompt.ids)].tolist()) == prompt.ids


def test_an_empty_row_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one prompt"):
        together([])
    assert torch.equal(apart([Prompt("a", (1,))], 0).ids, torch.tensor([[1]]))
