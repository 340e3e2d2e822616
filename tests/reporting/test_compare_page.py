"""The page of a comparison: complete, offline, and honest first."""

from __future__ import annotations

import html
from typing import Any

import pytest

from lucency.reporting.compare_figures import comparison_figures
from lucency.reporting.compare_page import duration, milliseconds, p_value, plain, render_comparison, signed, size


def page_of(content: dict[str, Any]) -> str:
    return html.unescape(render_comparison(content, comparison_figures(content, {}))).replace("\u00a0", " ")


def test_the_page_holds_what_was_found(comparison: dict[str, Any]) -> None:
    page = page_of(comparison)
    for words in (
        comparison["sentences"][0],
        "120 test films",
        "41,234",
        "1.2 MB",
        "4.0 ms",
        "1.25",
        "augmentation.rotation",
        "B less A",
        "Read me first",
    ):
        assert words in page, words
    for run in comparison["runs"]:
        assert f"{run['metrics']['auroc']['value']:.3f}" in page
    found = comparison["differences"][0]["metrics"]["auroc"]
    assert f"{found['low']:+.3f} to {found['high']:+.3f}" in page
    assert page.index("Read me first") < page.index(comparison["sentences"][0]) < page.index("By the way")


def test_the_page_says_which_test_was_used(comparison: dict[str, Any]) -> None:
    assert "paired bootstrap of whole groups" in page_of(comparison)
    comparison["groups"] = comparison["films"]
    assert "DeLong's test serves AUROC" in page_of(comparison)


def test_the_page_opens_offline_and_names_are_escaped(comparison: dict[str, Any]) -> None:
    comparison["runs"][0]["name"] = "<script>alert(1)</script>"
    page = render_comparison(comparison, {})
    assert "<script>" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_page_without_what_is_not_known(one_class_comparison: dict[str, Any]) -> None:
    one_class_comparison.update(timing=None, recipe_differences=[], data_differences=[], notes=[])
    for run in one_class_comparison["runs"]:
        run.update(latency=None, training=None)
        run["size"]["parameters"] = None
    page = page_of(one_class_comparison)
    assert "the recipes have the same values" in page
    assert "Latency" not in page


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (signed(0.0124), "+0.012"),
        (signed(None), "-"),
        (p_value(0.0004), "< 0.001"),
        (p_value(0.0421), "0.042"),
        (size(950), "0.9 kB"),
        (size(12_345_678), "12.3 MB"),
        (duration(61.04), "61.0 s"),
        (duration(600), "10 min"),
        (duration(9000), "2.5 h"),
        (milliseconds(0.00412), "4.1 ms"),
        (plain(None), "-"),
        (plain(True), "yes"),
        (plain([1, "a"]), '[1, "a"]'),
    ],
)
def test_numbers_as_a_person_reads_them(shown: str, words: str) -> None:
    assert shown == words
