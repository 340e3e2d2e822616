"""The page of `lucency serve` in a real browser: films in, answers and pictures out, by mouse, keyboard and phone."""

from __future__ import annotations

import csv
import hashlib
import json
import signal
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from given_films import DEEP, DICOM, FRACTURED, JPEG, saved
from page_in_browser import OpenPage, until
from PIL import Image
from service_process import Serve, png
from small_bundle import small_bundle

from lucency.bundle import Bundle
from lucency.datasets.non_radiographs import draw_non_radiograph
from lucency.decision import OperatingPoint
from lucency.predictor import Predictor

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

HOSTILE = "=1+1<img src=x onerror='document.title=1'>.jpg"
NOTICE = "Research use only. Not a medical device."


def test_films_of_three_formats_are_answered_as_the_bundle_answers(opened: OpenPage, gated: Bundle) -> None:
    opened.give(("hand.jpg", JPEG), ("deep.png", DEEP), ("film.dcm", DICOM))
    predictor = Predictor(gated)
    for name, content in (("hand.jpg", JPEG), ("deep.png", DEEP), ("film.dcm", DICOM)):
        expected = predictor.predict(content)
        assert expected.probability is not None
        opened.page.get_by_role("button", name=name).click()
        said = until(opened.page.locator(".said").inner_text, lambda text, name=name: text.startswith(name))
        assert f"{expected.probability:.2f}" in said
        assert {"fractured": "Fractured", "not_fractured": "Not fractured"}[expected.decision] in said
        assert expected.sha256 in said
        assert f"\t{expected.probability:.2f}\t" in opened.page.locator(".films tr.chosen").inner_text()
        assert "Of validation films scored like this" in said
        assert NOTICE in said
    assert "forearm" in opened.page.locator(".said").inner_text()
    whole = opened.page.content()
    assert not [word for word in ("Doe", "4711", "Springfield") if word in whole]


def test_another_rule_decides_at_once(opened: OpenPage, gated: Bundle) -> None:
    opened.give(("hand.jpg", JPEG), ("deep.png", DEEP))
    opened.page.locator(".films tbody button", has_text="deep.png").click()
    choice = opened.page.get_by_label("Decide by")
    names = {"fractured": "Fractured", "not_fractured": "Not fractured", "uncertain": "Uncertain"}
    asked = {"screening": {}, "confirm": {"operating_point": "confirm"}} | {
        f"error_rate_{rate:g}": {"error_rate": rate} for rate in (0.05, 0.1, 0.2)
    }
    assert choice.locator("option").evaluate_all("all => all.map(one => one.value)") == list(asked)
    for key, rule in asked.items():
        choice.select_option(key)
        expected = Predictor(gated, **rule).predict(DEEP).decision
        assert opened.page.locator(".decision").inner_text() == names[expected]
        assert opened.page.locator(".unseen[role=status]").inner_text().startswith(f"deep.png: {names[expected]}.")


def test_what_is_no_radiograph_is_refused_without_a_probability(opened: OpenPage) -> None:
    opened.give(("letter.png", saved(draw_non_radiograph("document", 3), "PNG")),
                ("photo.jpg", saved(draw_non_radiograph("still_life", 3), "JPEG")))  # fmt: skip
    rows = opened.page.locator(".films tbody tr").all_inner_texts()
    assert "Not a radiograph" in rows[0]
    assert "Unlike the training films" in rows[1]
    said = opened.page.locator(".said").inner_text()
    assert "no probability is given" in said
    assert "Probability of a fracture" not in said


def test_a_film_that_cannot_be_read_costs_one_line_and_no_other_film(opened: OpenPage) -> None:
    opened.give(("cut.jpg", JPEG[: len(JPEG) // 2]), ("empty.dcm", b""), ("words.txt", b"hello"), ("hand.jpg", JPEG))
    rows = {row.split("\t")[0]: row for row in opened.page.locator(".films tbody tr").all_inner_texts()}
    assert "No answer: The JPEG has no end marker." in rows["cut.jpg"]
    assert "empty" in rows["empty.dcm"]
    assert "No answer" in rows["words.txt"]
    assert "ractured" in rows["hand.jpg"]
    opened.page.get_by_role("button", name="words.txt").click()
    fault = opened.page.locator(".said .fault").inner_text()
    assert opened.page.locator("p.status").inner_text() == "1 film answered, 3 without an answer."
    spoken = opened.page.locator(".unseen[role=status]")
    assert spoken.inner_text() == f"words.txt: No answer. {fault}"
    opened.page.get_by_role("button", name="hand.jpg").click()
    assert spoken.inner_text().startswith("hand.jpg: ")
    assert "Probability" in spoken.inner_text()
    opened.page.get_by_role("button", name="words.txt").click()
    assert opened.page.locator(".said").inner_text().split() == ["words.txt", *fault.split()]
    # The browser itself logs that requests were answered with 422.
    assert all("422" in line for line in opened.said)
    opened.said.clear()


def test_films_can_be_pasted_and_dropped_and_hostile_names_are_only_text(opened: OpenPage) -> None:
    given = """([kind, name, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name));
      const event = kind === "paste"
        ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })
        : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
    }"""
    opened.page.evaluate(given, ["paste", "pasted.png", list(DEEP)])
    opened.page.evaluate(given, ["drop", HOSTILE, list(JPEG)])
    opened.wait(2)
    names = opened.page.locator(".films tbody th").all_inner_texts()
    assert names == ["pasted.png", HOSTILE]
    assert opened.page.title() == "Lucency"
    table = list(csv.DictReader(StringIO(opened.taken("Table (CSV)")[1].decode())))
    assert table[1]["file"] == f"'{HOSTILE}"


def test_downloads_hold_what_the_page_says(opened: OpenPage, gated: Bundle) -> None:
    opened.give(("jane-doe.dcm", DICOM))
    expected = Predictor(gated, operating_point="confirm").predict(DICOM)
    opened.page.get_by_label("Decide by").select_option("confirm")
    stem = f"lucency-{hashlib.sha256(DICOM).hexdigest()[:12]}"
    name, content = opened.taken("Data (JSON)")
    told = json.loads(content)
    assert name == f"{stem}.json"
    assert told["notice"] == NOTICE
    one = told["predictions"][0]
    assert (one["sha256"], one["decision"]) == (expected.sha256, expected.decision)
    assert one["operating_point"] == "confirm"
    assert one["probability"] == pytest.approx(expected.probability)
    name, content = opened.taken("Picture (PNG)")
    assert name == f"{stem}.png"
    picture = Image.open(BytesIO(content))
    assert picture.width == FRACTURED.shape[1]
    assert picture.height > FRACTURED.shape[0]
    name, report = opened.taken("Report (PDF)")
    assert name == f"{stem}.pdf"
    assert report.startswith(b"%PDF-1.4")
    assert b"/Count 1" in report
    row = next(csv.DictReader(StringIO(opened.taken("Table (CSV)")[1].decode())))
    assert row["file"] == "jane-doe.dcm"
    assert (row["decision"], row["rule"], row["sha256"]) == (expected.decision, "confirm", expected.sha256)
    assert row["notice"] == NOTICE
    for content in (report, told and json.dumps(told).encode()):
        assert b"Doe" not in content
        assert b"jane" not in content


SAVED = """async (asked) => {
  const { saveJson } = await import("/page/static/downloads.js");
  const prediction = { sha256: "0".repeat(64), decision: "fractured", error_rate: 0.15, possible: ["fractured"] };
  const answer = { prediction, decisions: { fractured: "fractured", rule: "uncertain" } };
  saveJson({ answer }, { notice: "" }, { key: "rule", asked });
}"""


@pytest.mark.parametrize(("rate", "possible"), [(0.15, ["fractured"]), (0.05, None)])
def test_what_is_possible_at_one_rate_is_not_told_with_another(
    opened: OpenPage, rate: float, possible: list[str] | None
) -> None:
    with opened.page.expect_download() as started:
        opened.page.evaluate(SAVED, {"error_rate": rate})
    (told,) = json.loads(started.value.path().read_bytes())["predictions"]
    assert told["operating_point"] is None
    assert (told["error_rate"], told.get("possible")) == (rate, possible)


def test_a_busy_service_is_asked_again_and_a_lost_one_is_told(opened: OpenPage) -> None:
    page, asked = opened.page, 0

    def answer(route: Route) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            route.fulfill(status=503, headers={"retry-after": "1"}, content_type="application/problem+json", body="{}")
        elif asked == 2:
            route.abort()
        else:
            route.continue_()

    page.route("**/page/films", answer)
    opened.give(("hand.jpg", JPEG))
    assert page.locator(".said .fault").inner_text() == "The service cannot be reached."
    page.get_by_role("button", name="Try again").click()
    page.locator(".decision").wait_for()
    assert asked == 3
    # The browser logs the two failed requests itself.
    assert len(opened.said) == 2
    opened.said.clear()


def test_many_films_keep_few_pictures(opened: OpenPage) -> None:
    page = opened.page
    opened.give(*((f"{number:02d}.jpg", JPEG + bytes([number])) for number in range(34)))
    before = len([address for address in opened.asked if address.endswith("/page/films")])
    assert before == 34
    until(opened.pixels, lambda now: now["red"] > 0)
    page.route("**/page/films", lambda route: route.abort())
    page.locator(".films tbody button", has_text="02.jpg").click()
    until(page.locator("p.status").inner_text, lambda said: "cannot be reached" in said)
    assert page.locator("#film-name").inner_text() == "02.jpg"
    # The picture of the film before must not stand beside this answer.
    assert opened.pixels()["red"] == 0
    page.unroute("**/page/films")
    opened.said.clear()
    before += 1
    # Who waits, and clicks again, sends the film once.
    for _ in range(3):
        page.locator(".films tbody button", has_text="01.jpg").click()
    until(lambda: len([one for one in opened.asked if one.endswith("/page/films")]), lambda count: count == before + 1)
    until(lambda: page.locator(".stage canvas").get_attribute("aria-label"), lambda label: "01.jpg" in label)
    assert len([one for one in opened.asked if one.endswith("/page/films")]) == before + 1


def test_samples_and_forgetting(opened: OpenPage) -> None:
    page = opened.page
    samples = page.locator("#lucency-samples button")
    for number in range(samples.count()):
        samples.nth(number).click()
        opened.wait(number + 1)
    assert page.locator(".films tbody tr").count() == samples.count() >= 3
    page.get_by_role("button", name="Forget all films").click()
    assert page.locator(".films").is_hidden()
    assert page.locator(".answer").is_hidden()
    assert page.evaluate("document.activeElement.id") == "films-input"
    assert opened.pixels()["red"] == 0
    assert page.locator(".said").inner_text() == ""
    assert page.locator(".unseen[role=status]").inner_text() == ""


def test_a_batch_takes_no_focus_and_a_download_that_fails_says_so_beside_it(opened: OpenPage) -> None:
    page = opened.page
    opened.give(("hand.jpg", JPEG))
    report = page.get_by_role("button", name="Report (PDF)")
    report.focus()
    opened.give(("words.txt", b"hello"), ("deep.png", DEEP))
    opened.wait(3)
    assert report.evaluate("one => one === document.activeElement")
    page.route("**/page/report*", lambda route: route.abort())
    report.press("Enter")
    page.locator(".said .fault", has_text="cannot be reached").wait_for()
    opened.said.clear()


def test_a_renewed_model_answers_all_films_anew(browser: Browser, serve: Serve, tmp_path: Path) -> None:
    old = small_bundle(tmp_path / "bright")
    running = serve(model=old.folder)
    opened = OpenPage(browser, running.url)
    opened.give(("a.png", JPEG))
    point = OperatingPoint("own", 0.5, 0.8, 0.8)
    new = small_bundle(old.folder, middle=90.0, operating_points=(point,), default_operating_point="own")
    running.process.send_signal(signal.SIGHUP)
    running.logged("model_renewed")
    opened.give(("b.png", DEEP))
    opened.wait(2)
    rows = list(csv.DictReader(StringIO(opened.taken("Table (CSV)")[1].decode())))
    assert {(row["bundle"], row["rule"]) for row in rows} == {(new.identity, "own")}
    for row, content in zip(rows, (JPEG, DEEP), strict=True):
        assert float(row["probability"]) == pytest.approx(Predictor(new).predict(content).probability, abs=1e-5)
    opened.close()


def test_a_film_called_fractured_without_any_colour_says_so(browser: Browser, serve: Serve) -> None:
    opened = OpenPage(browser, serve().url)
    opened.give(("pale.png", png(120)), ("lit.png", png(120, corner=140)))
    nowhere = opened.page.locator(".said .nowhere")
    assert opened.page.locator(".decision").inner_text() == "Fractured"
    assert (
        "points at no place on this film: the film as a whole scored above the threshold of 0.30"
        in nowhere.inner_text()
    )
    canvas = opened.page.locator(".stage canvas")
    assert until(lambda: canvas.get_attribute("aria-label"), lambda label: "pale" in label) == "Film pale.png"
    opened.page.get_by_label("Decide by").select_option("confirm")
    assert nowhere.count() == 0
    opened.page.get_by_label("Decide by").select_option("screening")
    opened.page.get_by_role("button", name="lit.png").click()
    assert opened.page.locator(".decision").inner_text() == "Fractured"
    assert nowhere.count() == 0
    until(lambda: canvas.get_attribute("aria-label"), lambda label: "lit.png, with colours" in label)
    opened.close()
