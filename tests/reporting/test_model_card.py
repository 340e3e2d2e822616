"""The model card: front matter that the Hub's own library reads, and figures that are those of the sources."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from made_up_bundle import made_up_report, made_up_run, made_up_stress

from lucency.reporting.card_facts import draw_facts
from lucency.reporting.card_sections import SECTIONS, Draft
from lucency.reporting.card_sources import CardSources
from lucency.reporting.model_card import METRIC_TYPES, RESEARCH_ONLY, licence_of, render_card, slug
from lucency.workflows.card_inputs import gather


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> CardSources:
    folder = tmp_path_factory.mktemp("made") / "run"
    bundle = made_up_run(folder)
    (folder / "stress.json").write_text(json.dumps(made_up_stress(bundle.identity)))
    return gather(bundle, ())[0]


def rendered(sources: CardSources, **answers: str) -> str:
    return render_card(Draft(sources, draw_facts(sources), answers, "lucency train films"), ["CLAIM: counted."])


def body(content: str) -> str:
    return content.split("\n---\n", 1)[1]


def section(content: str, name: str) -> str:
    return body(content).split(f"## {name}\n", 1)[1].split("\n## ", 1)[0]


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for one in value.values():
            yield from numbers(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def test_the_front_matter_is_read_back_by_the_library_of_the_hub(whole: CardSources) -> None:
    content = rendered(whole, licence="CC-BY-4.0", datasets="me/films, me/more")
    data = ModelCard(content).data
    assert data.license == "cc-by-4.0"
    assert data.library_name == "lucency"
    assert data.pipeline_tag == "image-classification"
    assert data.datasets == ["me/films", "me/more"]
    assert {"x-ray", "research-only", "tiny-vgg"} <= set(data.tags)
    assert data.model_name == "tiny-vgg"
    assert {result.task_type for result in data.eval_results} == {"image-classification"}
    assert {(result.dataset_name, result.dataset_split) for result in data.eval_results} == {("films", "test")}
    plain = yaml.safe_load(content.split("---\n")[1])
    assert list(plain["model-index"][0]) == ["name", "results"]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.\-]*", tag) for tag in plain["tags"])


def test_the_figures_of_the_front_matter_are_those_of_the_report_to_four_digits(whole: CardSources) -> None:
    main = whole.main
    assert main is not None
    found = {result.metric_type: result.metric_value for result in ModelCard(rendered(whole)).data.eval_results}
    assert found == {kind: round(main["metrics"][name]["value"], 4) for name, kind in METRIC_TYPES.items()}


def test_what_is_not_defined_is_left_out_of_the_front_matter(whole: CardSources) -> None:
    report = copy.deepcopy(dict(whole.reports[0]))
    report["metrics"]["mcc"] |= {"value": None, "low": None, "high": None, "reason": "of one class"}
    content = rendered(replace(whole, reports=(report,), card={**whole.card, "metrics": {}}))
    assert "matthews_correlation" not in {result.metric_type for result in ModelCard(content).data.eval_results}
    assert "| Matthews correlation | not defined (of one class) |" in content


def test_every_number_of_the_text_is_one_of_the_sources(whole: CardSources) -> None:
    text = body(rendered(whole))
    known = list(numbers([dict(whole.card), *whole.reports, whole.stress, whole.films, whole.history]))
    decimals = set(re.findall(r"(?<![\d.\w])-?\d+\.\d{3}(?![\d.])", text))
    assert len(decimals) > 60
    assert decimals - {f"{value:.3f}" for value in known} == set()
    splits = list(whole.card["training_data"]["splits"].values())
    shares = [row["fractured"] / row["films"] for row in splits]
    films, fractured = (sum(row[key] for row in splits) for key in ("films", "fractured"))
    percents = set(re.findall(r"(\d+\.\d) %", text))
    assert percents - {f"{100 * value:.1f}" for value in [*known, *shares]} == set()
    whole_numbers = {
        int(one.replace(",", "")) for one in re.findall(r"(\d[\d,]*) (?:films?|fractured|groups|epochs)\b", text)
    }
    assert whole_numbers - {int(value) for value in known} - {films, fractured} == set()


def test_another_figure_in_the_source_is_another_figure_in_the_card(whole: CardSources) -> None:
    report = copy.deepcopy(dict(whole.reports[0]))
    report["metrics"]["specificity"] |= {"value": 0.123456, "low": 0.1, "high": 0.15432}
    card = {**whole.card, "metrics": {**whole.card["metrics"], "figures": report["metrics"]}}
    content = rendered(replace(whole, card=card, reports=(report,)))
    assert "| Specificity | 0.123 (0.100 to 0.154) |" in content
    assert 0.1235 in [result.metric_value for result in ModelCard(content).data.eval_results]


def test_every_section_is_there_in_its_order(whole: CardSources) -> None:
    content = rendered(whole)
    titles = re.findall(r"^## (.+)$", content, re.MULTILINE)
    assert titles == [*SECTIONS, "Checklists", "Questions for the author"]
    assert RESEARCH_ONLY in content
    assert "It must not be used" in section(content, "What it is not for")
    assert "- CLAIM: counted." in section(content, "Checklists")


def test_both_operating_points_stand_with_their_figures(whole: CardSources) -> None:
    main = whole.main
    assert main is not None
    found = section(rendered(whole), "Performance")
    for point in main["operating_points"]:
        row = next(line for line in found.splitlines() if line.startswith(f"| `{point['name']}`"))
        assert f"| {point['threshold']:.3f} |" in row
        assert f"{point['specificity']['value']:.3f} ({point['specificity']['low']:.3f}" in row


def test_limits_begin_with_what_makes_the_figures_flatter(whole: CardSources) -> None:
    report = {**whole.reports[0], "optimistic_reason": "These films chose the thresholds"}
    lines = section(rendered(replace(whole, reports=(report,))), "Limits").strip().splitlines()
    assert lines[0] == "- The figures are too good: These films chose the thresholds. (report.json)"
    assert lines[1].startswith("- Audit, leakage: 7 of 80 films of test are copies")
    text = "\n".join(lines)
    assert "patient is unknown for all 160 films" in text
    assert "No external validation is known to the program" in text
    assert "no gate" in text
    floor, error = report["ece_floor"], report["metrics"]["ece"]["value"]
    assert (f"{error:.3f} is above {floor:.3f}" in text) == (error > floor)


def test_the_worst_subgroup_is_named(whole: CardSources) -> None:
    report = copy.deepcopy(dict(whole.reports[0]))
    report["evidence"]["subgroups"]["sentences"] = ["Worst by AUROC: hip, 40 films"]
    content = rendered(replace(whole, reports=(report,)))
    assert "Worst by AUROC: hip, 40 films." in section(content, "Subgroups")
    assert "Subgroups: Worst by AUROC: hip, 40 films." in section(content, "Limits")
    rows = report["evidence"]["subgroups"]["traits"][0]["rows"]
    assert all(f"| {row['value']} | {row['films']} | {row['fractured']} |" in content for row in rows)


def test_what_heat_maps_do_not_show_is_a_limit_and_a_shift_is_no_stress_test(whole: CardSources) -> None:
    report = copy.deepcopy(dict(whole.reports[0]))
    report["evidence"] = {
        **report.get("evidence", {}),
        "heat_maps": {"verdict": "This map does not show where the fracture is."},
        "shift": {"sentences": ["No change of AUROC can be told."]},
    }
    limits = section(rendered(replace(whole, reports=(report,), stress=None)), "Limits")
    assert "Heat maps: This map does not show where the fracture is." in limits
    assert "noise, exposure or cropping was not shown" in limits


def test_the_facts_of_the_gate_are_words_and_short_numbers(whole: CardSources) -> None:
    gate = {"file": "gate.npz", "sha256": "0" * 64, "training_films": 20, "limits": {"look": 10.973307708105786}}
    content = rendered(replace(whole, card={**whole.card, "gate": gate}))
    assert "What it was fitted on: training films 20; limits look 10.9733." in content


def test_a_bundle_with_gate_and_abstention_says_so(whole: CardSources) -> None:
    card = {
        **whole.card,
        "abstention": {
            "method": "class-conditional split conformal",
            "fractured": [0.1, 0.2],
            "not_fractured": [0.3],
            "error_rate": 0.1,
        },
        "gate": {"file": "gate.npz", "sha256": "0", "films": 60},
        "calibration": {"method": "isotonic", "knots": [[0, 0], [1, 1]]},
    }
    content = rendered(replace(whole, card=card))
    assert "2 fractured and 1 other calibration films" in section(content, "Abstention")
    assert "error rate of 10.0 %" in section(content, "Abstention")
    assert "films 60" in section(content, "Gate")
    assert "Isotonic regression with 2 knots" in section(content, "Calibration")
    assert "no gate" not in content
    assert "does not abstain" not in content


def test_a_second_report_is_told_but_not_called_external(whole: CardSources) -> None:
    other = made_up_report(whole.identity, seed=3, evidence=False) | {"data": "elsewhere"}
    found = section(rendered(replace(whole, reports=(*whole.reports, other))), "Performance")
    auroc = other["metrics"]["auroc"]
    assert f"(elsewhere): AUROC {auroc['value']:.3f} ({auroc['low']:.3f} to {auroc['high']:.3f})" in found
    assert "does not know whether these films come from another site" in found
    assert "whether films that were measured come from another site, no file tells" in rendered(
        replace(whole, reports=(*whole.reports, other))
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "elsewhere", "optimistic_reason": "12 of these films trained it"}, "12 of these films trained it"),
        ({}, "films of the run's own data set"),
    ],
)
def test_what_flatters_is_no_test_on_other_films(changes: dict[str, Any], words: str, whole: CardSources) -> None:
    leak = {"check": "leakage", "severity": "warning", "message": "7 of these films were seen."}
    other = made_up_report(whole.identity, seed=3, evidence=False) | changes | {"findings": [leak]}
    sources = replace(whole, reports=(*whole.reports, other))
    fact = draw_facts(sources)["external"]
    assert fact is not None
    assert fact.text.startswith("No test on other films: ")
    assert fact.text.endswith("No report on other films was given.")
    assert words in fact.text
    told = section(rendered(sources), "Limits")
    assert "on films of another site is not known" in told
    assert "7 of these films were seen." in told
    if changes:
        assert words in told


def test_a_fold_says_that_it_is_one(whole: CardSources) -> None:
    draft = Draft(whole, draw_facts(whole), {}, "lucency cross-validate films --recipe r.toml")
    told = section(render_card(draft, []), "How to reproduce")
    assert "one fold of a cross-validation" in told
    assert "lucency train FILMS" not in told


def test_the_figures_of_the_card_serve_where_there_is_no_report(whole: CardSources) -> None:
    content = rendered(replace(whole, reports=()))
    auroc = whole.own_figures["auroc"]
    assert f"| AUROC | {auroc['value']:.3f} ({auroc['low']:.3f} to {auroc['high']:.3f}) |" in content
    assert ModelCard(content).data.eval_results


def test_an_empty_card_still_renders(tmp_path: Path) -> None:
    content = rendered(CardSources(card={}, identity="x@0"))
    assert ModelCard(content).data.license == "unknown"
    assert "Nothing was measured" in section(content, "Limits")
    assert section(content, "Training data").strip() == "Nothing is known of this."


def test_a_recalibrated_bundle_says_on_what(whole: CardSources) -> None:
    again = {"from": "tiny-vgg@111", "films": 150, "fractured": 40, "data": "our_site"}
    card = {**whole.card, "metrics": {}, "provenance": {**whole.card["provenance"], "recalibrated": again}}
    sources = CardSources(card=card, identity=whole.identity, reports=whole.reports)
    content = rendered(sources)
    assert "fitted anew on 150 films of `our_site`" in section(content, "Calibration")
    assert "Only 40 fractured films recalibrated it" in section(content, "Limits")
    facts = draw_facts(sources)
    assert facts["internal"] is None
    updating = facts["updating"]
    assert updating is not None
    assert "the network is that of `tiny-vgg@111`" in updating.text


def test_a_card_without_figures_takes_those_of_its_run(whole: CardSources) -> None:
    again = replace(whole, card={**whole.card, "metrics": {}})
    assert again.measured_in_run
    assert draw_facts(again)["internal"] == draw_facts(whole)["internal"] is not None
    assert draw_facts(replace(again, measured_in_run=False))["internal"] is None


def test_an_imported_model_says_what_is_not_known(whole: CardSources) -> None:
    imported = {
        "format": "Keras",
        "file": "model.h5",
        "calibrated": False,
        "not_known": ["which films it was trained on"],
    }
    card = {
        **whole.card,
        "recipe": {},
        "metrics": {},
        "training_data": {"source": "unknown"},
        "provenance": {"imported": imported},
    }
    content = rendered(CardSources(card=card, identity=whole.identity))
    assert "An existing model was imported; it was not measured." in content
    assert "- Not known: which films it was trained on." in content
    assert "fitted on validation films" not in section(content, "Calibration")


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    bundle = made_up_run(tmp_path / "run", source="x | y\n---\n<b>`z`</b>")
    content = rendered(gather(bundle, ())[0], funding="**Nobody**\n\nat all")
    assert content.count("\n---\n") == 1
    assert ModelCard(content).data.eval_results[0].dataset_name == "x | y\n---\n<b>`z`</b>"
    assert "Films of `x | y --- <b>'z'</b>`" in content
    tables = re.findall(r"(?:^\|.*\n)+", content, re.MULTILINE)
    assert len(tables) > 5
    for lines in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines.splitlines()}) == 1
    assert "**Nobody**\n\nat all" in section(content, "Licence and attribution")


def test_questions_that_are_answered_are_not_asked_again(whole: CardSources) -> None:
    before, after = (
        section(rendered(whole, **answers), "Questions for the author") for answers in ({}, {"ethics": "None."})
    )
    assert "(`ethics`)" in before
    assert "(`ethics`)" not in after
    assert before.count("\n- ") == after.count("\n- ") + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Apache-2.0", ("apache-2.0", None)),
        ("CC BY 4.0", ("cc-by-4.0", None)),
        ("", ("unknown", None)),
        ("not stated by whoever imported it: ask", ("unknown", None)),
        ("Our-Own-1.0", ("other", "our-own-1.0")),
        ("The licence of the films applies too.", ("other", "see-licence-and-attribution")),
    ],
)
def test_licences(text: str, expected: tuple[str, str | None]) -> None:
    assert licence_of(text) == expected


def test_slug() -> None:
    assert slug("My Films (2026)/é") == "my-films-2026"
    assert slug("///") == "unnamed"
