"""The page as Gradio lays it out: words, places and looks. What is in the places is put there by scripts."""

from __future__ import annotations

from typing import Any

import gradio as gr
from fastapi import FastAPI

from lucency.imaging.overlay import DISCLAIMER
from lucency.serving.page_samples import SAMPLES

_GROUND, _PANEL, _LINE, _INK, _FAINT = "#121214", "#1c1c20", "#46464e", "#f0f0f2", "#b9b9c2"
_DEED, _LIT = "#2563c9", "#7fb2ff"

_READING = """
**The probability** is calibrated: of many films that get 0.70, about 70 in 100 should show a fracture, if they are like
the films on which the model was measured. The sentence below it says what such scores meant there.

**The decision** comes from the probability and the rule that you choose. *Screening* overlooks few fractures and calls
more unbroken bones fractured; *Confirm* is the other way round. Sensitivity is the share of fractures that a rule
found, specificity the share of films without one that it called not fractured. *At most so many wrong* holds for each
class, on films like those on which the model was measured; where it cannot be kept, the film is **uncertain**. **Not a
radiograph** and **unlike the training films** mean that no answer is given, since it would mean nothing.

**The colours** show where the model sees evidence for a fracture, on one scale for all films. A film without evidence
has no colour. They are no outline of a fracture, and what has no colour may still be broken.

**The film** can be changed without changing the answer: drag over it for window (contrast) and level (brightness),
turn the wheel to zoom. With the keyboard, when the film has the focus: `+` and `-` zoom, arrows move it, `0` fits it,
`w` and `s` change the window, `d` and `a` the level, `h` hides the colours, `o` shows the original.

**Your films** go to the service that this page came from, and nowhere else. They are kept in its memory while they are
answered, and afterwards only in this tab, until you close it or press *Forget all films*.

**The films to try** are drawn by a program, and are no person's. A model that learned from real films may well say that
they are unlike them.
"""


def gradio_app() -> FastAPI:
    """Gradio's own application, with the page at its root."""
    outer = FastAPI(openapi_url=None)
    gr.mount_gradio_app(
        outer, _blocks(), path="/", footer_links=[], run_history=False, show_error=False, ssr_mode=False, pwa=False,
        mcp_server=False, enable_monitoring=False, theme=_theme(), max_file_size=1,
    )  # fmt: skip
    # The mount is the last route; only its subclass has `app`.
    inner: FastAPI = outer.routes[-1].app  # type: ignore[attr-defined]
    return inner


def _blocks() -> gr.Blocks:
    page = gr.Blocks(title="Lucency", analytics_enabled=False, fill_width=True)
    with page:
        gr.Markdown("# Lucency\nLooks for bone fractures on X-ray films.", elem_id="lucency-title")
        gr.Markdown(DISCLAIMER, elem_id="lucency-notice")
        gr.Column(elem_id="lucency-leave")
        gr.Column(elem_id="lucency-take")
        with gr.Row(elem_id="lucency-samples"):
            for number, sample in enumerate(SAMPLES):
                gr.Button(sample.title, size="sm", min_width=120, elem_id=f"lucency-sample-{number}")
        gr.Column(elem_id="lucency-rule")
        gr.Column(elem_id="lucency-film")
        gr.Column(elem_id="lucency-table")
        with gr.Accordion("How to read an answer", open=False, elem_id="lucency-reading"):
            gr.Markdown(_READING)
        gr.Column(elem_id="lucency-model")
    return page


def _theme() -> gr.themes.Base:
    # One look, dark as a reading room, whatever the system prefers; fonts of the system, so that none is fetched.
    both: dict[str, Any] = {
        "body_background_fill": _GROUND,
        "body_text_color": _INK,
        "body_text_color_subdued": _FAINT,
        "background_fill_primary": _GROUND,
        "background_fill_secondary": _PANEL,
        "block_background_fill": _PANEL,
        "block_border_color": _LINE,
        "block_label_text_color": _INK,
        "block_title_text_color": _INK,
        "border_color_primary": _LINE,
        "button_secondary_background_fill": "#2b2b31",
        "button_secondary_background_fill_hover": "#3a3a42",
        "button_secondary_border_color": "#8a8a92",
        "button_secondary_text_color": _INK,
        "button_primary_background_fill": _DEED,
        "button_primary_text_color": "#ffffff",
        "color_accent_soft": _PANEL,
        "link_text_color": _LIT,
    }
    fonts, mono = ["system-ui", "sans-serif"], ["ui-monospace", "monospace"]
    dark = {f"{name}_dark": value for name, value in both.items()}
    return gr.themes.Base(font=fonts, font_mono=mono).set(**both, **dark)
