"""Bundle + Radiograph -> Prediction, with NumPy and ONNX Runtime only."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from lucency.abstention import check_error_rate
from lucency.bundle import Bundle, read_bundle
from lucency.decision import Decision, Prediction
from lucency.errors import BundleError, FilmError, MissingExtraError
from lucency.gate import Gate
from lucency.imaging.geometry import Placement, to_input
from lucency.imaging.radiograph import Radiograph
from lucency.imaging.readers import read_radiograph

_PIXELS_AT_ONCE = 2**20
"""Pixels of input in one run of the graph. What its layers hold takes hundreds of times as much memory."""

Source = str | os.PathLike[str] | bytes | BinaryIO | Radiograph


class Predictor:
    """Answers for films with one bundle. Safe to share between threads.

    Args:
        bundle: A bundle, the folder of one, or the name of a model in the box; the default one of these where None.
        operating_point: Name of the operating point that decides; the bundle's default where None.
        error_rate: Share of the films of each class that may be answered wrongly, above 0 and below 1; what cannot be
            answered so is "uncertain". The bundle's own where None, which may be to decide always.
        gate: Whether the bundle's gate, where it has one, is asked first.
        threads: Threads of ONNX Runtime; its own choice where None.

    Raises:
        BundleError: The bundle cannot be used, or holds nothing to abstain by.
        ValueError: The error rate is out of range.
    """

    def __init__(
        self,
        bundle: Bundle | str | os.PathLike[str] | None = None,
        *,
        operating_point: str | None = None,
        error_rate: float | None = None,
        gate: bool = True,
        threads: int | None = None,
    ):
        import onnxruntime

        self.bundle = bundle if isinstance(bundle, Bundle) else read_bundle(bundle)
        self._decide_by(operating_point, error_rate)
        self.gate = Gate.read(self.bundle.gate_path) if gate and self.bundle.gate_path is not None else None
        # A hash over the whole card, thousands of calibration logits among it: once, not for every film.
        self._identity = self.bundle.identity
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Spinning threads would take the cores from those that decode films.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(self.bundle.model_path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime raises its own unrelated classes.
            reason = str(error).strip().splitlines()[0][:200]
            raise BundleError(f"model.onnx cannot be loaded ({reason})", where=self.bundle.folder) from None
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]

    def deciding(self, *, operating_point: str | None = None, error_rate: float | None = None) -> Predictor:
        """The same model, in the same memory, that decides by another rule.

        Args:
            operating_point: As of `Predictor`.
            error_rate: As of `Predictor`.

        Raises:
            BundleError: There is no such operating point, or nothing to abstain by.
            ValueError: The error rate is out of range.
        """
        other = copy.copy(self)
        other._decide_by(operating_point, error_rate)
        return other

    def _decide_by(self, operating_point: str | None, error_rate: float | None) -> None:
        self.operating_point = self.bundle.card.operating_point(operating_point)
        abstention = self.bundle.card.abstention
        if error_rate is not None:
            check_error_rate(error_rate)
            if abstention is None:
                raise BundleError(
                    "the bundle holds no calibration films to abstain by",
                    where=self.bundle.folder,
                    hint="Make one that does with: lucency recalibrate BUNDLE FILMS",
                )
        self.error_rate = error_rate or (abstention.error_rate if abstention is not None else None)

    def predict(self, source: Source) -> Prediction:
        """The answer for one film.

        Args:
            source: A path, the bytes of a file, an open binary file, or a Radiograph.

        Raises:
            FilmError: The film cannot be read.
        """
        return self.predict_with_film(source)[0]

    def predict_with_film(self, source: Source) -> tuple[Prediction, Radiograph, Placement]:
        """The answer for one film, with the film and its place in the input, for drawing an overlay."""
        film, array, placement = self._read(source)
        return self._answer(self.score(array[None]), array, film), film, placement

    def predict_many(
        self, sources: Iterable[Source], *, workers: int | None = None
    ) -> Iterator[tuple[Prediction, Radiograph, Placement] | FilmError]:
        """Answers for many films in their order; a film that cannot be read gives its error and stops nothing.

        Args:
            sources: As for `predict`.
            workers: Threads that decode films; one for each core where None.
        """
        workers = workers or os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            waiting: list[Any] = []
            for source in sources:
                waiting.append(pool.submit(self._read_or_error, source))
                if len(waiting) > 2 * workers:
                    yield self._finish(waiting.pop(0).result())
            for future in waiting:
                yield self._finish(future.result())

    def score(self, films: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        """The graph's raw outputs for films in input geometry.

        Args:
            films: uint8 (B, H, W, C), grey 0..255, as `to_input` makes them.

        Returns:
            "logit" float32 (B,), and where the model has them "heatmap" (B, h, w) and "embedding" (B, channels).
        """
        at_once = max(1, _PIXELS_AT_ONCE // (films.shape[1] * films.shape[2]))
        parts = [
            self._session.run(self._outputs, {self._input: films[start : start + at_once].astype(np.float32)})
            for start in range(0, max(1, len(films)), at_once)
        ]
        values = parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]
        return dict(zip(self._outputs, values, strict=True))

    def score_rows(
        self, images: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64], *, batch_size: int = 16
    ) -> npt.NDArray[np.float64]:
        """Logits, float64 (N,), of chosen rows of a prepared array uint8 (rows, H, W)."""
        logits = [
            self.score(images[rows[start : start + batch_size]][..., None])["logit"]
            for start in range(0, len(rows), batch_size)
        ]
        return np.concatenate(logits).astype(np.float64) if logits else np.zeros(0)

    def _read(self, source: Source) -> tuple[Radiograph, npt.NDArray[np.uint8], Placement]:
        film = source if isinstance(source, Radiograph) else read_radiograph(source)
        array, placement = to_input(film.pixels, self.bundle.card.input)
        return film, array, placement

    def _read_or_error(self, source: Source) -> Any:
        try:
            return self._read(source)
        except FilmError as error:
            return error
        except MissingExtraError as error:
            # One DICOM film among many must not cost the others their answer.
            place = source if isinstance(source, str | os.PathLike) else None
            return FilmError(error.what, code=error.code, where=place, hint=error.hint)

    def _finish(self, read: Any) -> tuple[Prediction, Radiograph, Placement] | FilmError:
        if isinstance(read, FilmError):
            return read
        film, array, placement = read
        return self._answer(self.score(array[None]), array, film), film, placement

    def _answer(
        self, outputs: dict[str, npt.NDArray[np.float32]], array: npt.NDArray[np.uint8], film: Radiograph
    ) -> Prediction:
        logit = float(outputs["logit"][0])
        if not np.isfinite(logit):
            raise BundleError("the model gave a logit that is not a number", where=self.bundle.folder)
        card = self.bundle.card
        embedding = outputs.get("embedding")
        judged = None if self.gate is None else self.gate.judge(array, None if embedding is None else embedding[0])
        possible = None
        if self.error_rate is not None and card.abstention is not None:
            possible = card.abstention.answer(logit, self.error_rate)
        probability: float | None = float(card.calibration.probability(logit))
        decision: Decision
        if judged is not None and judged.refusal is not None:
            decision, probability, possible = judged.refusal, None, None
        elif possible is not None:
            decision = possible[0] if len(possible) == 1 else "uncertain"
        else:
            decision = self.operating_point.decide(float(card.calibration.probability(logit)))
        heatmap = outputs.get("heatmap")
        return Prediction(
            logit=logit,
            probability=probability,
            decision=decision,
            operating_point=self.operating_point,
            bundle=self._identity,
            sha256=film.sha256,
            heatmap=None if heatmap is None or probability is None else heatmap[0],
            warnings=film.warnings,
            error_rate=self.error_rate,
            possible=possible,
            gate=judged,
        )
