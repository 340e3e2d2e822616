from __future__ import annotations

import pytest

from lucency.datasets.roboflow import roboflow_original
from lucency.datasets.vocabulary import LabelNames


@pytest.mark.parametrize(
    "name",
    [
        # data.yaml of the set "Bone Fracture Detection: Computer Vision Project" on Kaggle.
        "elbow positive", "fingers positive", "forearm fracture", "humerus fracture", "shoulder fracture",
        "wrist positive",
        "fracture", "Fractured", "bone-fractures", "boneFracture", "Bone_Fracture", "BROKEN BONE", "oblique fracture",
        "undisplaced fracture",
    ],
)  # fmt: skip
def test_classes_that_mean_a_fracture(name):
    assert LabelNames().of_object(name) == 1


@pytest.mark.parametrize(
    "name",
    [
        # The other eight classes of GRAZPEDWRI-DX (Nagy et al. 2022), besides "fracture".
        "boneanomaly", "bonelesion", "foreignbody", "metal", "periostealreaction", "pronatorsign", "softtissue", "text",
        "normal", "no fracture", "No elbow fracture", "not fractured", "wrist negative",
    ],
)  # fmt: skip
def test_classes_that_do_not(name):
    assert LabelNames().of_object(name) == 0


@pytest.mark.parametrize(
    "name", ["humerus", "oblique", "0", "1", "angle", "line", "non-displaced fracture", "", "x-ray"]
)
def test_classes_that_must_be_asked_for(name):
    assert LabelNames().of_object(name) is None
    assert LabelNames({name: 1}).of_object(name.upper()) == 1


def test_own_words_count_first():
    assert LabelNames({"wrist-positive": 0}).of_object("Wrist positive") == 0


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("image1_1009_png.rf.5d1b25ef97d6ae7b0d4f6ddb5a45c6de.jpg", "image1_1009_png"),
        ("a.rf.b_jpg.rf.0123456789abcdef.jpg", "a.rf.b_jpg"),
        ("wrist.jpg", ""),
        ("a.rf.12.jpg", ""),
        ("rf.0123456789abcdef.jpg", ""),
    ],
)
def test_the_original_of_a_film_that_roboflow_exported(name, original):
    assert roboflow_original(name) == original
