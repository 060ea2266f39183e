"""What a user sees of an error that their own model raised."""

from __future__ import annotations

import textwrap


def write_and_run(pytester, model):
    pytester.makepyfile(
        models=textwrap.dedent(model),
        test_it="""
import pytest
from models import Model

@pytest.fixture
def robustness_model():
    return Model()

def test_it(robustness):
    robustness.accuracy(data="digits", n=10)
""",
    )
    return pytester.runpytest("-p", "no:cacheprovider")


def test_a_mistake_in_the_model_is_shown_by_its_own_line(pytester):
    done = write_and_run(
        pytester,
        """
        import torch

        class Model(torch.nn.Module):
            def forward(self, images):
                return images.reshape(len(images), -1) @ torch.zeros(3, 10)  # here
        """,
    )
    text = done.stdout.str()
    assert "# here" in text
    assert "torch/nn/modules" not in text
    done.assert_outcomes(failed=1)


def test_a_mistake_without_a_line_of_the_user_is_told_by_its_message(pytester):
    done = write_and_run(
        pytester,
        """
        import torch

        def Model():
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 10))
        """,
    )
    text = done.stdout.str()
    assert "ClassifierError" in text
    assert "torch/nn/modules" not in text
    assert len(text.splitlines()) < 60
    done.assert_outcomes(failed=1)
