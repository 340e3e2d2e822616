"""What a few labelled films say of the scale of an imported model."""

from __future__ import annotations

import pytest

from lucency.workflows.import_check import CheckRow, _likelier


def row(convention: str, auroc: float, saturated: float) -> CheckRow:
    return CheckRow(convention, auroc, saturated, -5.0, 5.0)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # A ReLU network that wants 0..1, given 0..255: the order of its answers is the same, their size is not.
        ([row("unchanged", 0.820, 0.87), row("zero_to_one", 0.816, 0.0)], "zero_to_one"),
        # As before, with a third that is worse; what is recommended is not itself saturated.
        (
            [row("minus_one_to_one", 0.61, 1.0), row("unchanged", 0.820, 0.87), row("zero_to_one", 0.816, 0.0)],
            "zero_to_one",
        ),
        ([row("zero_to_one", 0.816, 0.0), row("unchanged", 0.820, 0.87)], None),
        ([row("caffe", 0.55, 0.0), row("torch", 0.80, 0.05)], "torch"),
        ([row("caffe", 0.78, 0.1), row("torch", 0.80, 0.0)], None),
        ([row("unchanged", 0.9, 0.95), row("zero_to_one", 0.55, 0.0)], None),
    ],
)
def test_the_likelier_convention_separates_and_does_not_saturate(rows: list[CheckRow], expected: str | None) -> None:
    likely = _likelier(rows)
    assert (likely.convention if likely else None) == expected
