"""Whether two films show one radiograph, by their thumbnails: one is laid on the other, and their detail compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from lucency.datasets.audit.alignment import Agreement, Template
from lucency.datasets.audit.candidates import Candidate
from lucency.datasets.audit.close_comparison import compare_closely
from lucency.datasets.audit.film_patterns import HALF, Patterns
from lucency.datasets.audit.fingerprint import FloatArray, fine, rings, search_views
from lucency.datasets.audit.laid_pair import LIKENESS_COUNTS, Laid, PairCheck, credit
from lucency.datasets.audit.matched_points import Points
from lucency.datasets.audit.ring_turns import first_guess, turn_between

SURE = 0.81
"""Agreement from which two films are copies; docs/explanation/copies.md tells how it was chosen."""
LEAST = 0.3
"""Agreement that is asked for however alike fingerprints are: those of films that show next to nothing are."""

ALIKE = 0.8
"""Likeness of fingerprints from which films are laid on each other by their outlines, where keypoints made them no
copies: what is blurred or noisy may have lost them. Films too few to judge it by always are."""
UNLIKE_RINGS = 0.58
"""Correlation of rings, likeness counted in, under which outlines are not compared."""
UNLIKE_OUTLINES, UNLIKE_BROADLY, UNLIKE_FINELY, DOUBTFUL = 0.77, 0.84, 0.76, 0.76
"""What must be reached, likeness counted in, for the next and costlier look to be taken: where films fit best, by the
correlation of the outlines at a quarter of the size and at half of it, and by that of the detail; and by the agreement
of the detail."""
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
_FINE, _FINEST = 3.0, 1.5
"""Two limbs that were made to fit agree in their outlines; what they do not share is finer than this many pixels."""


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
        self._views = search_views(patterns.views[film])
        self._full_size: dict[float, Template] = {}

    @cached_property
    def _points(self) -> Points:
        return Points(*self._patterns.keypoints_of(self._film))

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

    def _full(self, around: float) -> Template:
        if around not in self._full_size:
            self._full_size[around] = Template(fine(self._contents[self._film], around), 1.0)
        return self._full_size[around]

    def check(self, candidate: Candidate) -> PairCheck:
        """Lays a candidate on this film, from where keypoints say; and from where outlines fit best, if that fails.

        Args:
            candidate: Found by this film.
        """
        answer = self._by_points(candidate)
        if answer.copies or (self._patterns.judged and candidate.likeness < ALIKE):
            return answer
        by_outlines = self._by_outlines(candidate)
        return by_outlines if by_outlines.copies or by_outlines.score > answer.score else answer

    def _by_points(self, candidate: Candidate) -> PairCheck:
        matched = self._points.matched(*self._patterns.keypoints_of(candidate.found))
        if matched is None:
            return PairCheck(0.0, False, np.eye(2, 3), False)
        linear, shift = matched.onto[:, :2], matched.onto[:, 2]
        # Maps have (0, 0) at the outer corner of the first pixel, keypoints at its centre.
        onto = np.column_stack([linear, (shift + 0.5 - linear @ [0.5, 0.5]) / HALF])
        return self._by_detail(Laid(candidate, matched.inverted, onto))

    def _by_outlines(self, candidate: Candidate) -> PairCheck:
        view = self._views[candidate.search_view]
        other = self._patterns.views[candidate.found][candidate.own_view]
        broad = self._patterns.broad_of(candidate.found)
        mine = rings(self._image, view[None] * HALF)[0]
        correlation, turn = turn_between(rings(broad, other[None] * HALF)[0], mine)
        guess = Laid(candidate, correlation < 0, first_guess(other, view, turn))
        if abs(correlation) + guess.hopes < UNLIKE_RINGS:
            return guess.given_up
        coarse = guess.sign * _halved(broad)
        start = replace(guess, onto=self._searching.search(_corners_kept(coarse), guess.onto))
        laid = self._improved(start, self._coarse, coarse, steps=8, least=UNLIKE_OUTLINES, best=MOST, rigid=True)
        return laid if isinstance(laid, PairCheck) else self._by_detail(laid)

    def _by_detail(self, start: Laid) -> PairCheck:
        """Improves a map by the detail, and says how far the films agree: closely, where there is hope."""
        broad, fine_detail = (
            start.sign * pattern(start.candidate.found) for pattern in (self._patterns.broad_of, self._patterns.fine_of)
        )
        laid = self._improved(start, self._broad, broad, steps=6, least=UNLIKE_BROADLY, best=MOST)
        if isinstance(laid, Laid):
            laid = self._improved(laid, self._fine, fine_detail, steps=8, least=UNLIKE_FINELY, best=OF_DETAIL)
        if isinstance(laid, PairCheck):
            return laid
        agreement = self._fine.agreement(fine_detail, laid.onto, window=11)
        if agreement.score + laid.hopes < DOUBTFUL:
            return replace(laid.given_up, score=agreement.score)
        return self._closer(laid)

    def _improved(
        self,
        laid: Laid,
        template: Template,
        image: FloatArray,
        *,
        steps: int,
        least: float,
        best: float,
        rigid: bool = False,
    ) -> Laid | PairCheck:
        hopeless = HOPELESS - laid.hopes
        onto, whole = template.refine(image, laid.onto, steps=steps, stop_under=hopeless, rigid=rigid)
        better = replace(laid, onto=onto)
        if whole < hopeless or template.correlation(image, onto, best=best) < least - laid.hopes:
            return better.given_up
        return better

    def _closer(self, laid: Laid) -> PairCheck:
        """Compares at the full size of the thumbnails."""
        onto, agreement = compare_closely(
            self._contents[self._film],
            self._contents[laid.candidate.found],
            laid.onto,
            sign=laid.sign,
            around=(_FINE, _FINEST),
            unlike=[least - laid.hopes for least in UNLIKE_CLOSELY],
            template=self._full,
        )
        better = replace(laid, onto=onto)
        if agreement is None:
            return better.given_up
        more = credit(laid.candidate.likeness, LIKENESS_COUNTS)
        return replace(better.given_up, score=agreement.score, copies=_are_copies(agreement, more), thorough=True)


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


def _halved(image: FloatArray) -> FloatArray:
    height, width = image.shape
    return np.asarray(cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA), dtype=np.float32)
