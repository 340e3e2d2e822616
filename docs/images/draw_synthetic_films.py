"""Draws the contact sheet of the documentation: `python docs/images/draw_synthetic_films.py`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from lucency.datasets.synthetic import SyntheticFilm, draw_film

TARGET = Path(__file__).with_name("synthetic_films.jpg")
CELL, CAPTION, COLUMNS = 256, 22, 5
KINDS = ("transverse", "oblique", "spiral", "comminuted")


def main() -> None:
    """Writes the sheet: films with a fracture and its box, the same films whole, then whatever chance gives."""
    films: list[tuple[SyntheticFilm, bool]] = []
    for seed, kind in zip((11, 104, 23, 118, 110), (*KINDS, "oblique"), strict=True):
        films.append((draw_film(seed, fractured=True, kind=kind), True))
    films += [(draw_film(film.seed, fractured=False), False) for film, _ in films]
    films += [(draw_film(seed, fractured=seed % 2 == 0), False) for seed in range(200, 205)]
    films += [(draw_film(seed, fractured=seed % 2 == 0), False) for seed in range(205, 210)]
    rows = -(-len(films) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (CELL + 6), rows * (CELL + CAPTION)), (24, 24, 24))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for place, (film, boxed) in enumerate(films):
        left, top = place % COLUMNS * (CELL + 6), place // COLUMNS * (CELL + CAPTION)
        height, width = film.pixels.shape
        left_in, top_in = left + (CELL - width) // 2, top + (CELL - height) // 2
        sheet.paste(Image.fromarray(film.pixels).convert("RGB"), (left_in, top_in))
        if boxed:
            for x, y, w, h in film.boxes:
                pen.rectangle(
                    (left_in + x - 1, top_in + y - 1, left_in + x + w, top_in + y + h), outline=(255, 170, 40)
                )
        told = f"fractured: {film.kind}" if film.fractured else "not fractured"
        pen.text((left + 4, top + CELL + 4), f"{told}, {film.body_part} {film.view}", fill=(225, 225, 225), font=font)
    sheet.save(TARGET, quality=88, optimize=True)


if __name__ == "__main__":
    main()
