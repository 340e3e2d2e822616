"""The page of an audit: complete, in order, safe, offline, and without an empty frame."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_up_audit import made_up_audit

from lucency.datasets.audit.copies import Copies, CopyLink
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.report import build_report
from lucency.datasets.manifest import Manifest
from lucency.datasets.manifest_file import MANIFEST_COLUMNS
from lucency.reporting import audit_page
from lucency.reporting.audit_page import FIRST_IDS, MOST_SETS, json_for_page, render_audit

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>--><!--\"'&\u2028"


def grey(image_ids: Sequence[str]) -> Mapping[str, np.ndarray]:
    return {image_id: np.full((160, 160), 90, dtype=np.uint8) for image_id in image_ids}


def text_of(page: str) -> str:
    """What a reader sees, in one line."""
    shown = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", shown)).replace("\u00a0", " "))


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="audit-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture(scope="module")
def audited() -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    return made_up_audit(400, 120)


@pytest.fixture(scope="module")
def page(audited: tuple[Any, Any, Any]) -> str:
    return render_audit(*audited, grey, made={"command": "lucency audit films"}, notes=["Not known: hardware."])


def test_reads_from_the_verdict_down(audited: tuple[Any, Any, Any], page: str) -> None:
    report, text = audited[0], text_of(page)
    places = [
        text.find(words)
        for words in (
            "Lucency audit: multi-region fractures",
            "Research use only. Not a medical device.",
            report["verdict"],
            "of test films have a copy in training",
            "12 films left out (truncated): all of one class.",
            "What to do: Keep all films of a set on one side of the split.",
            "Distinct radiographs",
            "Copy in training",
            "sets of copies hold",
            "12 films cannot be read.",
            "Doubted labels A model",
            "Can the label be told without looking at bone?",
            "AUROC 0.77 (95 % interval 0.74 to 0.80). 9,000 films of 571 groups.",
            "Not known: hardware.",
            "sensitivity is known to about ±16 points",
            "the adjusted Rand index is 0.93",
            "Drawn by chance (seed 0)",
            'Always answering "not fractured" is 70.0 % accurate.',
            "lucency audit films",
            "Made with Lucency.",
        )
    ]
    assert -1 not in places
    assert places == sorted(places)
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "Read this first",
        "Counts",
        "Leakage",
        "Copies",
        "Bad files",
        "Doubted labels",
        "Shortcuts",
        "The films in figures",
        "Balance",
        "Samples",
        "All findings",
        "How it was made",
    ]
    for place in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{place}"' in page


def test_the_tables_hold_the_numbers(audited: tuple[Any, Any, Any], page: str) -> None:
    report = audited[0]
    rows = [text_of(row) for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL)]
    train, test = report["splits"]["train"], report["leakage"]["test"]
    assert f" Training {train['films']} {train['distinct_radiographs']} " in rows
    assert f" fractured {train['fractured']} {train['distinct_fractured']} " in rows
    share = f"{100 * test['share_with_copy_in_train']:.1f} %"
    assert f" Test {test['films']} {share} {test['with_copy_in_train']} " in rows


def test_copies_stand_side_by_side_with_captions(audited: tuple[Any, Any, Any], page: str) -> None:
    report, _, clusters = audited
    assert page.count('<section class="set') == min(MOST_SETS, report["duplicates"]["clusters"])
    assert f"Showing {MOST_SETS} of {report['duplicates']['clusters']} sets" in text_of(page)
    contradictory = re.findall(r'<section class="set[^"]*contradictory".*?</section>', page, re.DOTALL)
    labels: dict[str, set[int]] = {}
    for row in clusters:
        labels.setdefault(row["cluster"], set()).add(row["label"])
    assert len(contradictory) == sum(len(found) == 2 for found in labels.values())
    assert all("two labels" in text_of(one) for one in contradictory)
    turned = next(row for row in clusters if row["kind"] == "near" and 1 < row["turned"] < 180)
    assert f"turned {turned['turned']:.0f} degrees left" in text_of(page)


def test_nothing_comes_from_outside_and_one_script_may_run(page: str) -> None:
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:image/|#)""", page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 1
    allowed = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in page


def test_names_beyond_the_first_wait_in_the_data(audited: tuple[Any, Any, Any], page: str) -> None:
    copies = [row["image_id"] for row in audited[2]]
    assert copies in data_of(page)["findings"].values()
    assert f"and {len(copies) - FIRST_IDS} more; all are in audit.json" in text_of(page)


def test_ten_thousand_films_stay_light() -> None:
    random = np.random.default_rng(0)
    # Noise is the worst that a JPEG can be asked to hold.
    noise = random.integers(0, 256, (160, 160), dtype=np.uint8)
    report, films, clusters = made_up_audit(10_000, 4_000, bad=2_000)
    page = render_audit(report, films, clusters, lambda ids: dict.fromkeys(ids, noise))
    assert len(page.encode()) < 8_000_000
    assert page.count("<img") < 700
    assert "2,000 films cannot be read; showing 1,000, all are in films.csv." in text_of(page)


def test_whatever_a_film_is_called_is_escaped() -> None:
    report, films, clusters = made_up_audit(150, 40)
    names = {row["image_id"]: row["image_id"] + EVIL for row in films}
    for row in films:
        row.update(image_id=names[row["image_id"]], path=EVIL, cluster=row["cluster"] and EVIL)
        row["what"] = EVIL if row["code"] else ""
    for row in clusters:
        row.update(image_id=names[row["image_id"]])
    for finding in report["findings"]:
        ids = [names[image_id] for image_id in finding["image_ids"]]
        finding.update(message=EVIL, check=EVIL, severity="warning", action=EVIL, image_ids=ids)
    for suspect in report["label_errors"]["suspects"]:
        suspect.update(image_id=names[suspect["image_id"]])
    for cell in report["balance"]["cells"]:
        cell.update(body_part=EVIL, view=EVIL)
    report["balance"]["patients"]["used_instead"] = EVIL
    for probe in report["shortcuts"]:
        probe.update(title=EVIL, detail=EVIL, action=EVIL)
    report.update(source=EVIL, verdict=EVIL, lucency=EVIL)
    page = render_audit(report, films, clusters, grey, made={EVIL: EVIL}, notes=[EVIL])
    assert page.count("<script") == 2
    assert page.count("</script") == 2
    assert "<img src=x" not in page
    assert "\u2028" not in json.dumps(page.split('id="audit-data">')[1].split("</script>")[0], ensure_ascii=False)
    stored = data_of(page)["findings"]
    assert stored
    assert all(name.endswith(EVIL) for found in stored.values() for name in found)


def test_json_within_a_page_reads_the_same() -> None:
    written = json_for_page({"a": [EVIL, 1]})
    assert not set("<>&\u2028") & set(written)
    assert json.loads(written) == {"a": [EVIL, 1]}


def rendered(rows: list[dict[str, Any]], copies: Copies | None = None, **changes: Any) -> str:
    """The page of the report that the audit itself builds, so that the two cannot drift apart."""
    blank = dict.fromkeys(MANIFEST_COLUMNS, "")
    films = [blank | {"image_id": f"i{n}", "path": f"i{n}.png", "label": n % 2} | row for n, row in enumerate(rows)]
    table = pd.DataFrame(films, columns=list(MANIFEST_COLUMNS))
    table["label"] = table["label"].astype(int)
    evidence = Evidence(Manifest(table, source="test"), copies=copies)
    built = build_report(
        evidence,
        splits_are="given",
        look_up={},
        shortcuts=(),
        label_errors=None,
        findings=(),
        version="1",
    )
    content = json.loads(json.dumps(built.to_json())) | changes
    return render_audit(content, built.films.to_dict("records"), built.clusters.to_dict("records"), grey)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "There are no films."),
        ([{"label": 0}], "Nothing to measure"),
        ([{"label": 1}, {"label": 1, "split": "train"}], "Body parts and views are not known."),
        ([{}, {"split": "test"}], "No two files are equal"),
        ([{"split": "train"}, {"split": "val"}], "No shortcut was tried."),
    ],
)
def test_what_is_not_there_is_said_in_one_line(rows: list[dict[str, Any]], words: str) -> None:
    page = rendered(rows)
    text = text_of(page)
    assert words in text
    assert "No errors and no warnings." in text
    assert "Nothing was found." in text
    assert "None" not in text
    assert "nan" not in text.lower().replace("ordinance", "")
    assert not re.search(r'class="(?:figures|sets|samples|strip|cards|folds)[^"]*">\s*</', page)


def test_the_audits_own_tables_are_understood() -> None:
    copies = Copies(np.array([0, 0, 2]), (CopyLink(0, 1, "near", 0.97, turned=37.0, mirrored=True),))
    page = rendered([{"split": "train"}, {"split": "test"}, {"split": "train"}], copies)
    text = text_of(page)
    assert "2 films two labels in train and test" in text
    assert "turned 37 degrees left, mirrored" in text
    assert "of test films have a copy in training 100.0 %" in text


def test_a_random_split_is_called_so() -> None:
    rows: list[dict[str, Any]] = [{"split": split} for split in ("train", "train", "test", "test")]
    assert "as notebooks do" not in text_of(rendered(rows))
    text = text_of(rendered(rows, splits_are="random"))
    assert "The data set has no split. This is a random one, film by film" in text
    assert "is in training, in the random split." in text


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours by WCAG 2.1."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_words_can_be_told_from_paper_light_dark_and_printed() -> None:
    folder = Path(audit_page.__file__).parent / "templates"
    style = (folder / "page.css").read_text() + (folder / "audit.css").read_text()
    themes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    light, dark, printed = themes
    for theme in (light, dark, printed):
        for paper in ("paper", "panel"):
            for ink in ("ink", "muted", "error", "warning", "note"):
                assert contrast(theme[ink], theme[paper]) >= 4.5, (ink, paper, theme[ink])
            # Marks and bars, beside which a word says the same.
            for mark in ("fractured", "normal"):
                assert contrast(theme[mark], theme[paper]) >= 3, (mark, paper)


def test_captions_leave_folders_to_the_title() -> None:
    rows: list[dict[str, Any]] = [{"image_id": f"train/normal/{n}.png", "split": "train"} for n in range(2)]
    page = rendered(rows, Copies(np.array([0, 0]), (CopyLink(0, 1, "bytes"),)))
    assert '<b title="train/normal/1.png">1.png</b>' in page
