"""Fitting a gate: covariance, limits by the tail, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import expon

from lucency.errors import DatasetError
from lucency.evaluation.fit_gate import REFUSED_SHARE, MeasuredFilms, distances, fit_gate, tail_limit
from lucency.film_look import MEASURES, TEXTURE
from lucency.gate import Gate

RANDOM = np.random.default_rng(0)
MIX = RANDOM.normal(size=(6, len(MEASURES)))


def films(count: int, seed: int, *, channels: int | None = 12, away: float = 0.0) -> MeasuredFilms:
    random = np.random.default_rng(seed)
    measures = random.normal(size=(count, 6)) @ MIX + 0.3 * random.normal(size=(count, len(MEASURES))) + away
    embeddings = None
    if channels:
        embeddings = (np.arange(channels) + 1 + random.normal(size=(count, channels)) + away).astype(np.float32)
    return MeasuredFilms(measures.astype(np.float32), embeddings)


@pytest.fixture(scope="module")
def fitted() -> tuple[Gate, dict[str, object]]:
    return fit_gate(films(400, 1), films(150, 2), varied=films(40, 3).measures, pictures=films(30, 4, away=8).measures)


def test_new_films_pass_and_others_do_not(fitted: tuple[Gate, dict[str, object]]) -> None:
    gate, facts = fitted
    for seed, away, at_least, at_most in ((5, 0.0, 0.0, 0.02), (6, 6.0, 0.99, 1.0)):
        found = distances(gate, films(500, seed, away=away))
        share = np.any([found[name] > limit for name, limit in gate.limits.items()], axis=0).mean()
        assert at_least <= share <= at_most
    assert facts["training_films"] == 400
    assert facts["validation_films"] == 150
    assert facts["validation_groups"] is None
    assert facts["limits"] == gate.limits
    assert set(gate.limits) == {"texture", "look", "embedding"}


def test_look_is_the_distance_in_whitened_space(fitted: tuple[Gate, dict[str, object]]) -> None:
    gate, _ = fitted
    known, new = films(400, 1).measures.astype(np.float64), films(5, 9).measures.astype(np.float64)
    # With so little shrinkage, nearly the Mahalanobis distance of the standardised numbers to five neighbours.
    spread = known.std(axis=0)
    covariance = np.cov((known / spread).T) + 0.01 * np.eye(len(MEASURES))
    apart = cdist(new / spread, known / spread, "mahalanobis", VI=np.linalg.inv(covariance))
    theirs = np.sort(apart, axis=1)[:, :5].mean(axis=1)
    ours = distances(gate, MeasuredFilms(new.astype(np.float32), np.ones((5, 12), np.float32)))["look"]
    np.testing.assert_allclose(ours, theirs, rtol=5e-3)


def test_embedding_is_the_mahalanobis_distance_with_a_shrunk_covariance(fitted: tuple[Gate, dict[str, object]]) -> None:
    gate, _ = fitted
    known, new = (np.asarray(films(count, seed).embeddings, np.float64) for count, seed in ((400, 1), (4, 8)))
    known, new = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (known, new))
    covariance = np.cov(known.T)
    covariance = covariance + 3 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    theirs = cdist(new, known.mean(axis=0)[None], "mahalanobis", VI=np.linalg.inv(covariance))[:, 0]
    ours = distances(gate, MeasuredFilms(films(4, 8).measures, new.astype(np.float32)))["embedding"]
    np.testing.assert_allclose(ours, theirs, rtol=5e-3)


def test_directions_beyond_those_kept_share_one_variance() -> None:
    random = np.random.default_rng(3)
    many = [
        MeasuredFilms(films(count, seed).measures, (random.normal(size=(count, 300)) + 3).astype(np.float32))
        for count, seed in ((400, 1), (100, 2))
    ]
    gate, _ = fit_gate(many[0], many[1], varied=many[0].measures[:9], pictures=many[0].measures[:9])
    assert gate.embeddings is not None
    assert gate.embeddings.axes.shape == (300, 96)
    assert gate.embeddings.rest <= gate.embeddings.variances.min()


def test_more_films_than_are_held_and_fewer_films_than_channels() -> None:
    random = np.random.default_rng(5)
    wide = MeasuredFilms(films(60, 1).measures, random.random((60, 200)).astype(np.float32))
    gate, _ = fit_gate(wide, wide, varied=wide.measures[:9], pictures=wide.measures[:9])
    assert np.isfinite(list(gate.limits.values())).all()
    large = films(1700, 1, channels=None)
    gate, _ = fit_gate(large, films(50, 2, channels=None), varied=large.measures[:9], pictures=large.measures[:9])
    assert gate.look_films.places.shape[0] == 1500
    assert set(gate.limits) == {"texture", "look"}


def test_the_limit_finds_the_quantile_of_an_exponential_tail() -> None:
    values = 2 + expon.ppf((np.arange(5000) + 0.5) / 5000, scale=0.7)
    # A thousand films in the tail raise the mean excess by a part in sqrt(1000).
    raised = 2 + expon.ppf(0.8, scale=0.7) + 0.7 * (1 + 1 / np.sqrt(1000)) * np.log(0.2 / 0.001)
    assert tail_limit(values, 0.001, None) == pytest.approx(raised, rel=0.01)


def test_few_films_or_few_groups_give_a_wider_limit() -> None:
    random = np.random.default_rng(7)
    values = random.exponential(size=400)
    alone, together = tail_limit(values, 0.001, None), tail_limit(values, 0.001, ["one"] * 400)
    assert tail_limit(values, 0.001, [""] * 400) == alone < together
    few = np.mean([tail_limit(random.exponential(size=30), 0.001, None) for _ in range(200)])
    many = np.mean([tail_limit(random.exponential(size=3000), 0.001, None) for _ in range(50)])
    assert few > many * 1.1


def test_the_share_aimed_at_is_roughly_kept() -> None:
    refused = []
    for seed in range(8):
        gate, _ = fit_gate(
            films(300, 10 + seed), films(200, 30 + seed), varied=films(9, 3).measures, pictures=films(9, 4).measures
        )
        found = distances(gate, films(600, 50 + seed))
        refused.append(np.any([found[name] > limit for name, limit in gate.limits.items()], axis=0).mean())
    assert np.mean(refused) <= REFUSED_SHARE


def test_alike_films_give_a_limit_above_nothing() -> None:
    assert tail_limit(np.zeros(50), 0.001, None) > 0


@pytest.mark.parametrize(
    ("training", "validation", "said"), [(49, 20, "49 training and 20"), (50, 19, "50 training and 19 validation")]
)
def test_too_few_films(training: int, validation: int, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        fit_gate(films(training, 1), films(validation, 2), varied=films(9, 3).measures, pictures=films(9, 4).measures)


def test_texture_is_blind_to_grey_levels(fitted: tuple[Gate, dict[str, object]]) -> None:
    gate, _ = fitted
    plain = films(3, 11)
    brighter = plain.measures.copy()
    grey = np.setdiff1d(np.arange(len(MEASURES)), TEXTURE)
    brighter[:, grey] += 5
    there, here = distances(gate, plain), distances(gate, MeasuredFilms(brighter, plain.embeddings))
    np.testing.assert_array_equal(there["texture"], here["texture"])
    assert (here["look"] > there["look"]).all()
