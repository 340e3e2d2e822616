"""Whether two films show one radiograph, by their thumbnails: one is laid on the other, and their detail compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.alignment import Agreement, Matrix, Template
from lucency.datasets.audit.candidates import Candidate, views_of
from lucency.datasets.audit.close_comparison import compare_closely
from lucency.datasets.audit.copies import CopyLink
from lucency.datasets.audit.film_patterns import HALF, Patterns
from lucency.datasets.audit.fingerprint import FloatArray, fine, rings
from lucency.datasets.audit.ring_turns import first_guess, turn_between

SURE = 0.81
"""Agreement from which two films are copies; docs/explanation/copies.md tells how it was chosen."""
USUAL_LIKENESS = 0.6
LIKENESS_COUNTS, LIKENESS_HOPES = (0.4, 0.4), (0.6, 0.2)
"""Fingerprints that are more alike than usual speak for a copy too, by so much of the difference; and by so much,
before the films are compared at their full size, for a closer look. The second numbers hold where they are less alike,
as burned-in words make them."""
RARE_LIKENESS = 0.87
RARE_COUNTS = 3.0
"""So alike are hardly any but copies, noisy ones among them, whose finest detail is gone: that counts besides."""
LEAST = 0.3
"""Agreement that is asked for however alike fingerprints are: those of films that show next to nothing are."""
TRIED_AGAIN = 0.7
"""Likeness from which a pair that did not agree is laid on each other a second time, from where the views say."""
TRIED_FINELY = 0.8
"""Likeness from which it is then searched by its finest detail."""

UNLIKE_RINGS, UNLIKE_OUTLINES, UNLIKE_BROADLY, UNLIKE_FINELY, DOUBTFUL = 0.58, 0.77, 0.84, 0.76, 0.76
"""What must be reached, likeness counted in, for the next and costlier look to be taken: by the correlation of two
views' rings; where films fit best, by that of the outlines at a quarter of the size and at half of it, and of the
detail; and by the agreement of the detail."""
MOST, OF_DETAIL = 0.7, 0.85
"""Share of the common area in which films fit best, for outlines and for detail."""
HOPELESS = 0.56
"""What these correlations must reach on all of the common area, likeness counted in."""
UNLIKE_CLOSELY = (0.53, 0.46)
"""The same at the full size of thumbnails, for each scale of detail."""
SHARED = (0.22, 0.4)
"""Share of the detail that must be found on the other film: so much at least on either side, and on one of them."""
OVERLAP = 0.5
"""Share of the smaller film that must lie on the other; one that was turned in a long frame loses a good part."""

_QUARTER = 0.25
_STRAIGHT = 0.15
"""Share of its strength that a straight edge keeps."""
_ENDS = np.array([[0, 160, 0, 160], [0, 0, 160, 160], [1, 1, 1, 1]], np.float64)
_APART, _SAME = 6.0, 1.0
"""Pixels of a thumbnail within which two starts lead to the same end, and two ends are one."""
_FINE, _FINEST = 3.0, 1.5
"""Two limbs that were made to fit agree in their outlines; what they do not share is finer than this many pixels."""


@dataclass(frozen=True)
class PairCheck:
    """What comparing two films gave.

    Attributes:
        score: Agreement, -1..1, of the closest look at the thumbnails; where the films themselves agree better, theirs;
            0 where the pair was given up before.
        copies: Whether they show one radiograph.
        onto: float64 (2, 3), place on the searcher -> place on the found film.
        inverted: Whether black and white are exchanged.
        thorough: Whether the thumbnails' finest detail was compared to the end.
    """

    score: float
    copies: bool
    onto: Matrix
    inverted: bool
    thorough: bool = False

    def link(self, searcher: int, found: int, before: Matrix, after: Matrix) -> CopyLink:
        """The link of the two films.

        Args:
            searcher: Row of the searcher in the manifest.
            found: Row of the found film.
            before: float64 (2, 2), `FilmFrame.linear` of the searcher.
            after: float64 (2, 2), `FilmFrame.linear` of the found film.
        """
        across = np.linalg.inv(after) @ self.onto[:, :2] @ before
        linear: Matrix = np.asarray(across if searcher < found else np.linalg.inv(across), dtype=np.float64)
        mirrored = bool(np.linalg.det(linear) < 0)
        turn = linear @ np.diag([-1, 1]) if mirrored else linear
        # Rows run downwards, so the angle is counted against the clock by its negative.
        degrees = float(np.degrees(np.arctan2(turn[0, 1] - turn[1, 0], turn[0, 0] + turn[1, 1]))) % 360
        return CopyLink(
            min(searcher, found),
            max(searcher, found),
            "near",
            score=min(1.0, self.score),
            turned=degrees,
            mirrored=mirrored,
            inverted=self.inverted,
            scale=float(np.sqrt(abs(np.linalg.det(linear)))),
        )


class Searcher:
    """A film with which others are compared.

    Args:
        patterns: Of all films.
        film: Its number.
        contents: uint8 (h, w) of all films, as thumbnails show them.
    """

    def __init__(self, patterns: Patterns, film: int, contents: Sequence[npt.NDArray[np.uint8]]):
        self._patterns, self._film, self._contents = patterns, film, contents
        self._image = patterns.broad_of(film)
        self._views = views_of(patterns.views[film])
        self._full_size: dict[float, Template] = {}

    @cached_property
    def _searching(self) -> Template:
        return Template(_corners_kept(_halved(self._image)), _QUARTER)

    @cached_property
    def _coarse(self) -> Template:
        return Template(_halved(self._image), _QUARTER)

    @cached_property
    def _broad(self) -> Template:
        return Template(self._image, HALF)

    @cached_property
    def _fine(self) -> Template:
        return Template(self._patterns.fine_of(self._film), HALF)

    @cached_property
    def _finely(self) -> Template:
        return Template(_corners_kept(self._full(_FINEST).image), 1.0)

    def _full(self, around: float) -> Template:
        if around not in self._full_size:
            self._full_size[around] = Template(fine(self._contents[self._film], around), 1.0)
        return self._full_size[around]

    def check(self, candidate: Candidate) -> PairCheck:
        """Lays a candidate on this film.

        Args:
            candidate: Found by this film.
        """
        found, more = candidate.found, credit(candidate.likeness, LIKENESS_HOPES)
        view, other = self._views[candidate.search_view], self._patterns.views[found][candidate.own_view]
        broad = self._patterns.broad_of(found)
        mine = rings(self._image, view[None] * HALF)[0]
        correlation, turn = turn_between(rings(broad, other[None] * HALF)[0], mine)
        sign = np.float32(-1 if correlation < 0 else 1)
        guess = first_guess(other, view, turn)
        if abs(correlation) + more < UNLIKE_RINGS:
            return PairCheck(0.0, False, guess, bool(sign < 0))
        broad = sign * broad
        coarse = _halved(broad)
        onto = self._searching.search(_corners_kept(coarse), guess)
        begun: list[Matrix] = []
        checked = self._laid(candidate, sign, broad, coarse, onto, begun)
        if checked.copies or candidate.likeness < TRIED_AGAIN:
            return checked
        # A frame's own edges can lead the search astray; along a shaft only fine detail tells the place.
        closely = [checked]
        if not _near(onto, guess, _APART):
            closely.append(self._laid(candidate, sign, broad, coarse, guess, begun))
            checked = max(closely, key=lambda one: (one.copies, one.score))
        if not checked.copies and candidate.likeness >= TRIED_FINELY:
            detail = sign * fine(self._contents[found], _FINEST)
            start = self._finely.search(_corners_kept(detail), guess, scales=(1.0,))
            if not any(one.thorough and _near(start, one.onto, _SAME) for one in closely):
                again = self._closer(candidate, sign, start)
                checked = max(checked, again, key=lambda one: (one.copies, one.thorough, one.score))
        return checked

    def _closer(self, candidate: Candidate, sign: np.float32, onto: Matrix) -> PairCheck:
        """Compares again at the full size of the thumbnails."""
        hopes = credit(candidate.likeness, LIKENESS_HOPES)
        onto, agreement = compare_closely(
            self._contents[self._film],
            self._contents[candidate.found],
            onto,
            sign=sign,
            around=(_FINE, _FINEST),
            unlike=[least - hopes for least in UNLIKE_CLOSELY],
            template=self._full,
        )
        if agreement is None:
            return PairCheck(0.0, False, onto, bool(sign < 0))
        more = credit(candidate.likeness, LIKENESS_COUNTS)
        return PairCheck(agreement.score, _are_copies(agreement, more), onto, bool(sign < 0), thorough=True)

    def _laid(
        self,
        candidate: Candidate,
        sign: np.float32,
        broad: FloatArray,
        coarse: FloatArray,
        onto: Matrix,
        begun: list[Matrix],
    ) -> PairCheck:
        """Improves a map from the outlines to the detail, as long as there is hope.

        It is left where the outlines lie as they lay before; `begun` tells how, and is added to.
        """
        found, more = candidate.found, credit(candidate.likeness, LIKENESS_HOPES)
        inverted = bool(sign < 0)
        hopeless = HOPELESS - more

        def hopes(template: Template, image: FloatArray, at: Matrix, least: float, best: float) -> bool:
            return template.correlation(image, at, best=best) >= least - more

        onto, alike = self._coarse.refine(coarse, onto, steps=8, stop_under=hopeless, rigid=True)
        if alike < hopeless or any(_near(onto, one, _SAME) for one in begun):
            return PairCheck(0.0, False, onto, inverted)
        if not hopes(self._coarse, coarse, onto, UNLIKE_OUTLINES, MOST):
            return PairCheck(0.0, False, onto, inverted)
        begun.append(onto)
        onto, alike = self._broad.refine(broad, onto, steps=6, stop_under=hopeless)
        if alike < hopeless or not hopes(self._broad, broad, onto, UNLIKE_BROADLY, MOST):
            return PairCheck(0.0, False, onto, inverted)
        detail = sign * self._patterns.fine_of(found)
        onto, alike = self._fine.refine(detail, onto, steps=8, stop_under=hopeless)
        if alike < hopeless or not hopes(self._fine, detail, onto, UNLIKE_FINELY, OF_DETAIL):
            return PairCheck(0.0, False, onto, inverted)
        agreement = self._fine.agreement(detail, onto, window=11)
        if agreement.score + more < DOUBTFUL:
            return PairCheck(agreement.score, False, onto, inverted)
        return self._closer(candidate, sign, onto)


def credit(likeness: float, counts: tuple[float, float]) -> float:
    """What the likeness of two films' fingerprints adds to their agreement, where it counts so much."""
    more, (above, below) = likeness - USUAL_LIKENESS, counts
    return (above if more > 0 else below) * more + RARE_COUNTS * max(0.0, likeness - RARE_LIKENESS)


def _are_copies(agreement: Agreement, more: float) -> bool:
    shares = agreement.shared_of_first, agreement.shared_of_second
    return (
        agreement.score >= max(SURE - more, LEAST)
        and min(shares) >= SHARED[0]
        and max(shares) >= SHARED[1]
        and agreement.overlap >= OVERLAP
    )


def _corners_kept(image: FloatArray) -> FloatArray:
    """A pattern in which straight edges, along which a film could slide, are fainter than corners."""
    across = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3)
    xx, yy, xy = (
        cv2.GaussianBlur(one * two, (0, 0), 1.5) for one, two in ((across, across), (down, down), (across, down))
    )
    middle, spread = (xx + yy) / 2, np.sqrt(((xx - yy) / 2) ** 2 + xy * xy)
    round_share = np.maximum(middle - spread, 0) / (middle + spread + 0.2 * float(middle.mean()) + 1e-6)
    return np.asarray(image * (_STRAIGHT + np.sqrt(round_share)), dtype=np.float32)


def _near(one: Matrix, two: Matrix, apart: float) -> bool:
    """Whether two maps take all of a film to nearly the same place."""
    return bool(np.abs((one - two) @ _ENDS).max() < apart)


def _halved(image: FloatArray) -> FloatArray:
    height, width = image.shape
    return np.asarray(cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA), dtype=np.float32)
