"""Metrics of an epoch, worked by hand, also where mixup has blended the labels."""

from __future__ import annotations

import numpy as np
import pytest

from lucency.learning.backend import choose_backend

choose_backend()

from lucency.learning.epoch_metrics import epoch_metrics  # noqa: E402

# Two fractured and two normal films, one of each called rightly; of the four pairs three are ranked rightly.
LOGITS = np.array([[2.0], [-1.0], [-0.5], [0.1]])
EXPECTED = {"accuracy": 0.5, "precision": 0.5, "recall": 0.5, "auroc": 0.75}


@pytest.mark.parametrize("labels", [[1.0, 0.0, 1.0, 0.0], [0.8, 0.3, 1.0, 0.45]], ids=["whole", "blended"])
def test_a_blended_film_counts_as_what_it_holds_more_of(labels: list[float]) -> None:
    for metric in epoch_metrics():
        metric.update_state(np.array(labels)[:, None], LOGITS)
        assert float(metric.result()) == pytest.approx(EXPECTED[metric.name], abs=1e-3)


def test_films_are_ranked_where_all_probabilities_are_small() -> None:
    auroc = next(metric for metric in epoch_metrics() if metric.name == "auroc")
    auroc.update_state(np.array([[1.0], [1.0], [0.0], [0.0]]), np.array([[-8.0], [-8.2], [-8.5], [-8.1]]))
    assert float(auroc.result()) == pytest.approx(0.75, abs=1e-3)
