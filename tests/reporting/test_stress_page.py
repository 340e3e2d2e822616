"""The page of a stress test: complete, offline, and the verdict first."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np
import pytest
from made_up_stress import made_up_stress

from lucency.reporting.stress_figures import stress_figures
from lucency.reporting.stress_page import render_stress, shade

GREY = np.full((40, 30), 120, np.uint8)


def rendered(content: dict[str, Any]) -> str:
    pictures = {"": [GREY]} | {row["name"]: [GREY] * len(row["severities"]) for row in content["corruptions"]}
    return render_stress(content, stress_figures(content), pictures)


def words_of(page: str) -> str:
    return html.unescape(page).replace("\u00a0", " ")


def test_the_page_says_it_all() -> None:
    content = made_up_stress()
    page = words_of(rendered(content))
    for row in content["corruptions"]:
        assert row["sentence"] in page
        assert row["meaning"] in page
    for words in (
        "180 test films of films, out of 400, of 93 groups, 90 of them fractured",
        "at the operating point youden (0.400)",
        "breaks: sensitivity",
        "unchanged",
        "unclear",
        "-0.320 to -0.280",
        "Something to know.",
        "It ends too soon.",
        "four-block@0123456789ab",
    ):
        assert words in page, words
    assert page.index(content["verdict"]) < page.index("Something to know.") < page.index("AUROC under stress")
    # The film as it is and five versions of it, for each corruption.
    assert len(re.findall(r'<img alt="[^"]*" src="data:image/jpeg', rendered(content))) == 18


def test_it_opens_offline_and_names_are_only_text() -> None:
    content = made_up_stress()
    content["data"] = content["left_out"][0]["image_id"] = content["notes"][0] = "<script>alert(1)</script>"
    page = rendered(content)
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_test_of_one_severity_without_notes() -> None:
    content = made_up_stress(("Blur",))
    content.update(notes=[], left_out=[], data=None, films_in_split=180, optimistic_reason="They trained it")
    content["corruptions"][0]["severities"] = content["corruptions"][0]["severities"][4:]
    page = words_of(rendered(content))
    assert "Severity 5" in page
    assert "Severity 1" not in page
    assert "Films left out" not in page
    assert "verdict optimistic" in page
    assert "180 test films, of 93 groups" in page


@pytest.mark.parametrize(("change", "strength"), [(0.1, 0), (0.0, 0), (-0.2, 23), (-0.4, 46), (-0.9, 46)])
def test_the_further_it_falls_the_stronger_the_colour(change: float, strength: int) -> None:
    assert shade(change) == strength
