"""One page of PDF with text that stays text: sharp at every size, to be searched and copied.

Helvetica is one of the fonts that every reader of PDF brings (ISO 32000-1, 9.6.2.2), so none is embedded.
"""

from __future__ import annotations

import zlib
from datetime import datetime
from io import BytesIO

from PIL import Image

WIDTH, HEIGHT = 595.0, 842.0
"""A4 in points."""

Colour = tuple[float, float, float]

# Widths of the characters 32..126 in thousandths of the size, from Adobe's metrics of the font.
_REGULAR = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
)  # fmt: skip


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Points that a line takes; a character outside of ASCII counts as a digit."""
    widths = _BOLD if bold else _REGULAR
    return size / 1000 * sum(widths[ord(letter) - 32] if 32 <= ord(letter) <= 126 else 556 for letter in text)


def wrapped(text: str, width: float, size: float, *, bold: bool = False) -> list[str]:
    """Lines of a text that fit a width; a word that does not is cut."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if text_width(longer, size, bold=bold) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        while text_width(word, size, bold=bold) > width and len(word) > 1:
            fit = len(word)
            while fit > 1 and text_width(word[:fit], size, bold=bold) > width:
                fit -= 1
            lines.append(word[:fit])
            word = word[fit:]
        line = word
    return [*lines, line] if line else lines


class PdfPage:
    """A page to draw on; places are points from the upper left corner."""

    def __init__(self) -> None:
        self._drawn: list[bytes] = []
        self._pictures: list[bytes] = []

    def text(
        self, x: float, y: float, text: str, size: float, *, bold: bool = False, colour: Colour = (0, 0, 0)
    ) -> None:
        """Writes one line; `y` is its base line."""
        shown = text.encode("cp1252", "replace").replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")
        how = f"BT {_rgb(colour)} rg /{'F2' if bold else 'F1'} {size:g} Tf 1 0 0 1 {x:.2f} {HEIGHT - y:.2f} Tm ("
        self._drawn.append(how.encode() + shown + b") Tj ET")

    def box(self, x: float, y: float, width: float, height: float, *, fill: Colour) -> None:
        """Fills a rectangle; (x, y) is its upper left corner."""
        place = f"{x:.2f} {HEIGHT - y - height:.2f} {width:.2f} {height:.2f} re f"
        self._drawn.append(f"{_rgb(fill)} rg {place}".encode())

    def picture(self, x: float, y: float, width: float, height: float, picture: Image.Image) -> None:
        """Draws an RGB picture into a rectangle."""
        stream = BytesIO()
        picture.convert("RGB").save(stream, "JPEG", quality=93, subsampling=0)
        data = stream.getvalue()
        head = (
            f"<< /Type /XObject /Subtype /Image /Width {picture.width} /Height {picture.height} /ColorSpace /DeviceRGB "
            f"/BitsPerComponent 8 /Filter /DCTDecode /Length {len(data)} >>\nstream\n"
        )
        self._pictures.append(head.encode() + data + b"\nendstream")
        place = f"q {width:.2f} 0 0 {height:.2f} {x:.2f} {HEIGHT - y - height:.2f} cm /I{len(self._pictures)} Do Q"
        self._drawn.append(place.encode())

    def written(self, title: str, made: datetime) -> bytes:
        """The file.

        Args:
            title: That a reader shows.
            made: When it was made, in UTC.
        """
        content = zlib.compress(b"\n".join(self._drawn))
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
        names = " ".join(f"/I{n + 1} {8 + n} 0 R" for n in range(len(self._pictures)))
        objects = [
            b"<< /Type /Catalog /Pages 2 0 R /Lang (en) /ViewerPreferences << /DisplayDocTitle true >> >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH:g} {HEIGHT:g}] /Contents 4 0 R /Resources "
            f"<< /Font << /F1 5 0 R /F2 6 0 R >> /XObject << {names} >> >> >>".encode(),
            f"<< /Filter /FlateDecode /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream",
            font.format("Helvetica").encode(),
            font.format("Helvetica-Bold").encode(),
            f"<< /Title ({title}) /Producer (lucency) /CreationDate (D:{made:%Y%m%d%H%M%S}Z) >>".encode(),
            *self._pictures,
        ]
        file = BytesIO()
        # Four bytes above 127 tell programs that the file is binary (ISO 32000-1, 7.5.2).
        file.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        places = []
        for number, content in enumerate(objects, start=1):
            places.append(file.tell())
            file.write(f"{number} 0 obj\n".encode() + content + b"\nendobj\n")
        start = file.tell()
        rows = "".join(f"{place:010d} 00000 n \n" for place in places)
        size = len(objects) + 1
        file.write(f"xref\n0 {size}\n0000000000 65535 f \n{rows}".encode())
        file.write(f"trailer\n<< /Size {size} /Root 1 0 R /Info 7 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
        return file.getvalue()


def _rgb(colour: Colour) -> str:
    return " ".join(f"{value:.3g}" for value in colour)
