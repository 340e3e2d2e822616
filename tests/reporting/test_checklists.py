"""The checklists: their tables, and that an item is answered by what is known and by nothing else."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up_bundle import made_up_run, made_up_stress

from lucency.reporting.author_questions import QUESTIONS
from lucency.reporting.card_facts import FACTS, draw_facts
from lucency.reporting.card_sources import CardSources
from lucency.reporting.checklists import (
    FACT_WORDS,
    Checklist,
    FilledItem,
    Item,
    checklist_json,
    checklist_page,
    fill,
    tally,
)
from lucency.reporting.claim_2024 import CLAIM_2024
from lucency.reporting.tripod_ai import TRIPOD_AI
from lucency.workflows.card_inputs import gather

BOTH = (CLAIM_2024, TRIPOD_AI)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> CardSources:
    """A run with everything that a card is drawn from."""
    folder = tmp_path_factory.mktemp("made") / "run"
    bundle = made_up_run(folder)
    (folder / "stress.json").write_text(json.dumps(made_up_stress(bundle.identity)))
    return gather(bundle, ())[0]


def filled(sources: CardSources, checklist: Checklist, **answers: str) -> dict[str, FilledItem]:
    return {one.item: one for one in fill(checklist, draw_facts(sources), answers)}


def items_of(checklist: Checklist) -> list[Item]:
    return [item for items in checklist.sections.values() for item in items]


# Published counts: Tejani et al. 2024 (44 items), Collins et al. 2024 (27 items, 52 with sub-items).
def test_claim_has_its_44_items_in_their_order() -> None:
    assert [item.number for item in items_of(CLAIM_2024)] == [str(n) for n in range(1, 45)]


def test_tripod_has_its_27_items_with_their_sub_items() -> None:
    letters = {
        3: "abc",
        5: "ab",
        6: "abc",
        8: "abc",
        9: "abc",
        12: "abcdefg",
        18: "abcdef",
        20: "abc",
        23: "ab",
        27: "abc",
    }
    expected = [f"{n}{letter}" for n in range(1, 28) for letter in letters.get(n, " ")]
    assert [item.number for item in items_of(TRIPOD_AI)] == [number.strip() for number in expected]
    assert len(expected) == 52


@pytest.mark.parametrize("checklist", BOTH, ids=lambda one: one.key)
def test_every_row_names_facts_and_questions_that_exist(checklist: Checklist) -> None:
    for item in items_of(checklist):
        assert set(item.needs) | set(item.adds) <= set(FACTS), item.number
        assert set(item.author) <= set(QUESTIONS), item.number
        assert bool(item.needs or item.author) != bool(item.not_applicable), item.number


def test_every_fact_and_every_question_is_used() -> None:
    rows = [item for checklist in BOTH for item in items_of(checklist)]
    shown_in_the_card = {"origin", "gate", "abstention"}
    assert set(FACTS) - {name for item in rows for name in (*item.needs, *item.adds)} == shown_in_the_card
    assert set(QUESTIONS) - {key for item in rows for key in item.author} == {"citation", "licence", "datasets"}
    assert set(FACT_WORDS) == set(FACTS)


@pytest.mark.parametrize("checklist", BOTH, ids=lambda one: one.key)
def test_a_whole_run_answers_all_that_can_be_known(checklist: Checklist, whole: CardSources) -> None:
    counts = tally(list(filled(whole, checklist).values()))
    assert counts["share"] == 1.0
    assert counts["answered"] + counts["questions"] + counts["not_applicable"] == counts["items"]


@pytest.mark.parametrize("checklist", BOTH, ids=lambda one: one.key)
def test_a_plain_run_answers_nine_tenths_of_it(checklist: Checklist, whole: CardSources) -> None:
    report = {key: value for key, value in whole.reports[0].items() if key != "evidence"}
    counts = tally(list(filled(replace(whole, reports=(report,), stress=None), checklist).values()))
    assert counts["share"] < 1
    assert counts["share"] >= 0.9


@pytest.mark.parametrize("checklist", BOTH, ids=lambda one: one.key)
def test_of_nothing_nothing_is_said(checklist: Checklist) -> None:
    found = filled(CardSources(card={}, identity="x@0"), checklist)
    known = [one.item for one in found.values() if one.known]
    # That nothing was measured is itself a limit.
    assert known == {"claim_2024": ["40"], "tripod_ai": ["26"]}[checklist.key]
    assert "Nothing was measured" in found[known[0]].text
    assert all(not one.text for one in found.values() if one.item not in known and one.status != "not applicable")


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "claim", "tripod"),
    [
        (lambda card: card.pop("intended_use"), "3 41", "3a 3b"),
        (lambda card: card["training_data"].pop("source"), "7 14", "5a 8a"),
        (lambda card: card["training_data"].pop("splits"), "2 19 35", "2 10 12a 16 20a 20c 21"),
        (lambda card: card.pop("input"), "9 10 22", "7 9a 9b 12b 27a"),
        (lambda card: card["provenance"].clear(), "23 26", "12c 18f"),
        (lambda card: card["recipe"].pop("training"), "25 26", "12c 13"),
        (lambda card: card["recipe"]["model"].pop("weights"), "24", "12c"),
        (lambda card: card["recipe"].pop("split"), "19", "12a"),
        (lambda card: card.pop("calibration"), "22", "13 15"),
        (lambda card: card.pop("model"), "22 27 31 43", "12c 22"),
    ],
)
def test_without_a_fact_of_the_card_its_items_are_questions(
    change: Change, claim: str, tripod: str, whole: CardSources
) -> None:
    card = copy.deepcopy(dict(whole.card))
    change(card)
    less = replace(whole, card=card)
    for checklist, expected in zip(BOTH, (claim, tripod), strict=True):
        found = filled(less, checklist)
        lost = [one.item for one in found.values() if one.knowable and not one.known]
        assert lost == expected.split()
        for number in lost:
            assert found[number].status == "question"
            assert any(question.startswith("The program found no ") for question in found[number].questions)


@pytest.mark.parametrize(
    ("without", "claim", "tripod"),
    [
        ({"films": None}, "12 20 36", "11 12a 20b 20c"),
        ({"findings": None}, "8 12 35", "6b 11 20a"),
        ({"stress": None}, "30", ""),
        ({"reports": ()}, "39", "12f 23a 24"),
    ],
)
def test_without_a_file_its_items_are_questions(
    without: dict[str, Any], claim: str, tripod: str, whole: CardSources
) -> None:
    less = replace(whole, **without)
    for checklist, expected in zip(BOTH, (claim, tripod), strict=True):
        lost = [one.item for one in filled(less, checklist).values() if one.knowable and not one.known]
        assert lost == expected.split()


def test_the_author_answers_what_the_program_cannot(whole: CardSources) -> None:
    before, after = (filled(whole, CLAIM_2024, **answers) for answers in ({}, {"funding": "Nobody | paid.\nReally."}))
    assert before["44"].status == "question"
    assert "(`funding`)" in before["44"].questions[0]
    assert (after["44"].status, after["44"].text, after["44"].source) == (
        "answered",
        "Nobody | paid.\nReally.",
        "the author",
    )
    assert filled(whole, TRIPOD_AI, funding="x")["18a"].status == "answered"


def test_a_part_is_shown_and_the_rest_asked(whole: CardSources) -> None:
    item = filled(whole, CLAIM_2024)["7"]
    assert item.known
    assert item.status == "question"
    assert "`films`" in item.text
    assert len(item.questions) == 1
    note = {"title": "Made-up films", "source": "https://example.org/films"}
    told = filled(replace(whole, origin=note), CLAIM_2024)["7"]
    assert told.status == "answered"
    assert "https://example.org/films" in told.text
    assert "SOURCE note" in told.source


@pytest.mark.parametrize("checklist", BOTH, ids=lambda one: one.key)
def test_no_name_breaks_the_table(checklist: Checklist, tmp_path: Path) -> None:
    bundle = made_up_run(tmp_path / "run", source="a|b <script>`x`\n# heading *y*")
    sources = gather(bundle, ())[0]
    items = fill(checklist, draw_facts(sources), {"data_origin": "| one |\n\n| two |", "funding": "a\\|b"})
    page = checklist_page(checklist, items, bundle.identity)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(items)
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert "<script>`" not in page


def test_the_json_says_what_the_page_says(whole: CardSources) -> None:
    items = fill(CLAIM_2024, draw_facts(whole), {})
    content = json.loads(json.dumps(checklist_json(CLAIM_2024, items), allow_nan=False))
    assert len(content["filled"]) == content["items"] == 44
    page = checklist_page(CLAIM_2024, items, whole.identity)
    assert f"Of {content['items']} items {content['answered']} are answered in full" in page
    for one in content["filled"]:
        assert one["status"] in ("answered", "question", "not applicable")
        assert (one["status"] == "question") == bool(one["questions"])
        assert bool(one["text"]) == bool(one["source"])
