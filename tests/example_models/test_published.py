"""What stands beside published figures."""

from __future__ import annotations

import pytest

from example_models.figures import cards, corrupted
from example_models.models import MODELS
from example_models.published import PUBLISHED, WHY, WHY_CLAIMS, with_figures


def test_figures_come_from_the_scorecards() -> None:
    cell = corrupted("fog").cell(cards()["lenet5"])
    assert cell is not None
    assert with_figures("fog leaves\n{lenet5[fog]}") == f"fog leaves {100 * cell.value:.1f}\n"


def test_paragraphs_and_lists_keep_their_shape() -> None:
    text = f"{'word ' * 40}\n\n- {'one ' * 40}\n- two\n"
    lines = with_figures(text).splitlines()
    assert max(map(len, lines)) <= 120
    assert [line[:5] for line in lines] == ["word ", "word ", "", "- one", "  one", "- two"]


@pytest.mark.parametrize("text", [*WHY.values(), WHY_CLAIMS], ids=[*WHY, "claims"])
def test_all_figures_of_a_text_are_there(text: str) -> None:
    assert "{" not in with_figures(text)


def test_every_published_figure_has_one_of_ours() -> None:
    assert set(WHY) <= set(PUBLISHED)
    for entries in PUBLISHED.values():
        for entry in entries:
            assert entry.model in MODELS
            assert entry.beside(cards()[entry.model]) != "\N{EN DASH}"
