"""The gate: its distances against other implementations, its names, its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist, mahalanobis
from sklearn.neighbors import NearestNeighbors

from lucency.errors import BundleError
from lucency.film_look import MEASURES, TEXTURE
from lucency.gate import NEIGHBOURS, Cloud, Crowd, Gate, Space

LOOK = len(MEASURES)


def made_up_gate(*, embedding: bool = True) -> Gate:
    """Films lie about 0, pictures about 9 in every texture."""
    random = np.random.default_rng(0)
    texture = Space(np.zeros(len(TEXTURE), np.float32), np.eye(len(TEXTURE), dtype=np.float32))
    look = Space(np.zeros(LOOK, np.float32), np.eye(LOOK, dtype=np.float32))
    cloud = Cloud(np.array([1, 0, 0], np.float32), np.eye(3, 2, dtype=np.float32), np.ones(2, np.float32) / 100, 0.01)
    return Gate(
        texture,
        Crowd.of(random.normal(size=(40, len(TEXTURE)))),
        Crowd.of(9 + random.normal(size=(40, len(TEXTURE)))),
        look,
        Crowd.of(random.normal(size=(40, LOOK))),
        cloud if embedding else None,
        {"texture": 8.0, "look": 16.0, **({"embedding": 4.0} if embedding else {})},
    )


def judged(gate: Gate, measures: np.ndarray, embedding: np.ndarray | None, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr("lucency.gate.film_measures", lambda film: measures.astype(np.float32))
    return gate.judge(np.zeros((8, 8, 1), np.uint8), embedding)


def test_distance_to_a_crowd_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    known, new = random.normal(size=(60, 7)), random.normal(size=(5, 7)).astype(np.float32)
    theirs = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(known).kneighbors(new)[0].mean(axis=1)
    crowd = Crowd.of(known)
    np.testing.assert_allclose([crowd.distance(place) for place in new], theirs, rtol=1e-4)


def test_distance_from_a_cloud_is_that_of_scipy() -> None:
    random = np.random.default_rng(2)
    axes = np.linalg.qr(random.normal(size=(6, 6)))[0]
    variances = np.array([0.5, 0.2, 0.1, 0.02, 0.02, 0.02])
    centre = random.normal(size=6) / 3
    cloud = Cloud(
        centre.astype(np.float32), axes[:, :3].astype(np.float32), variances[:3].astype(np.float32), float(variances[3])
    )
    covariance = axes @ np.diag(variances) @ axes.T
    for embedding in random.normal(size=(5, 6)).astype(np.float32):
        unit = embedding / np.linalg.norm(embedding)
        theirs = mahalanobis(unit, centre, np.linalg.inv(covariance))
        assert cloud.distance(embedding) == pytest.approx(theirs, rel=1e-4)
        # Twice as strong, the same direction.
        assert cloud.distance(2 * embedding) == pytest.approx(theirs, rel=1e-4)


def test_a_film_among_films_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = judged(made_up_gate(), np.zeros(LOOK), np.array([2, 0.1, 0], np.float32), monkeypatch)
    assert answer.refusal is None
    assert set(answer.distances) == {"texture", "look", "embedding"}
    assert answer.distance == max(answer.distances.values()) <= 1


def test_a_strange_texture_is_no_radiograph(monkeypatch: pytest.MonkeyPatch) -> None:
    measures = np.zeros(LOOK)
    measures[TEXTURE] = -20
    answer = judged(made_up_gate(), measures, np.array([1, 0, 0], np.float32), monkeypatch)
    assert answer.refusal == "not_a_radiograph"
    assert answer.distances["texture"] > 1


def test_nearer_to_pictures_than_to_films_is_no_radiograph(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = made_up_gate()
    gate = Gate(**{**vars(gate), "limits": {**gate.limits, "texture": 100.0}})
    measures = np.zeros(LOOK)
    measures[TEXTURE] = 7
    answer = judged(gate, measures, None, monkeypatch)
    assert answer.distances["texture"] < 1 < answer.distances["look"]
    assert answer.refusal == "not_a_radiograph"


def test_a_film_with_another_embedding_or_look_is_unlike_the_training_films(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = judged(made_up_gate(), np.zeros(LOOK), np.array([0, 1, 1], np.float32), monkeypatch)
    assert answer.refusal == "unlike_training_films"
    assert answer.distances["embedding"] > 1 > max(answer.distances["texture"], answer.distances["look"])
    grey = np.full(LOOK, 12.0)
    grey[TEXTURE] = 0
    assert judged(made_up_gate(), grey, None, monkeypatch).refusal == "unlike_training_films"


def test_without_an_embedding_the_look_alone_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for gate, embedding in ((made_up_gate(), None), (made_up_gate(embedding=False), np.ones(3, np.float32))):
        answer = judged(gate, np.zeros(LOOK), embedding, monkeypatch)
        assert set(answer.distances) == {"texture", "look"}
        assert answer.refusal is None


def test_an_embedding_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = judged(made_up_gate(), np.zeros(LOOK), np.array([np.nan, 0, 0], np.float32), monkeypatch)
    assert answer.refusal == "unlike_training_films"
    assert np.isfinite(answer.distance)


def test_an_embedding_of_another_model_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BundleError, match="embeddings of 3 numbers, and the model gives 4"):
        judged(made_up_gate(), np.zeros(LOOK), np.ones(4, np.float32), monkeypatch)


def test_a_file_gives_back_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = made_up_gate()
    np.savez_compressed(tmp_path / "gate.npz", **gate.arrays())
    back = Gate.read(tmp_path / "gate.npz")
    measures, embedding = np.linspace(-2, 3, LOOK), np.array([1, 0.3, 0.2], np.float32)
    there, again = (judged(one, measures, embedding, monkeypatch) for one in (gate, back))
    assert again.refusal == there.refusal
    for name, value in there.distances.items():
        assert again.distances[name] == pytest.approx(value, rel=2e-3)
    # Half precision is kept exactly the second time.
    assert Gate._of(back.arrays()).measure(measures.astype(np.float32), embedding) == back.measure(
        measures.astype(np.float32), embedding
    )


@pytest.mark.parametrize("damage", ["text", "cut", "measures", "version", "missing"])
def test_a_file_that_cannot_be_used_is_an_error(tmp_path: Path, damage: str) -> None:
    path, arrays = tmp_path / "gate.npz", made_up_gate().arrays()
    if damage == "measures":
        arrays["measures"] = np.array(MEASURES[::-1])
    if damage == "version":
        arrays["version"] = np.array(99)
    if damage == "missing":
        del arrays["look_films"]
    np.savez_compressed(path, **arrays)
    if damage == "text":
        path.write_text("no gate", "utf-8")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(BundleError, match=r"gate\.npz"):
        Gate.read(path)


def test_places_in_a_space() -> None:
    random = np.random.default_rng(4)
    space = Space(np.array([1, 2], np.float32), np.array([[2, 0], [0, 0.5]], np.float32))
    np.testing.assert_allclose(space.place(np.array([3, 6], np.float32)), [4, 2])
    places = space.place(random.normal(size=(3, 2)).astype(np.float32))
    assert cdist(places, places).shape == (3, 3)
