"""Each corruption against an independent implementation, and what all rows must keep."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, stats
from skimage import exposure as skimage_exposure
from skimage import transform as skimage_transform

from lucency.datasets.corruptions import CORRUPTIONS, SEVERITIES, Boxes, Film, corrupt, corruption_named
from lucency.datasets.corruptions.framing import crop, rotation
from lucency.datasets.corruptions.grey_levels import LATITUDE, exposure, gamma, inversion, jpeg, noise
from lucency.datasets.corruptions.sharpness import blur, rescaling
from lucency.datasets.synthetic import SyntheticFilm, draw_film
from lucency.errors import DatasetError

SHAPES = ((9, 300), (300, 9), (32, 32), (41, 57))


class Draws(np.random.Generator):
    """A source of chance whose `random` always gives one number, to choose a direction."""

    def __init__(self, number: float):
        super().__init__(np.random.PCG64(0))
        self.number = number

    def random(self, *_: object, **__: object) -> float:  # type: ignore[override]
        return self.number


UP, DOWN = Draws(0.0), Draws(0.9)


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def drawn() -> SyntheticFilm:
    return draw_film(20, fractured=True, size=240)


@pytest.fixture(scope="module")
def film(drawn: SyntheticFilm) -> Film:
    return drawn.pixels.astype(np.float32)


@pytest.mark.parametrize("name", CORRUPTIONS)
class TestEveryRow:
    def test_it_explains_itself(self, name: str) -> None:
        row = CORRUPTIONS[name]
        assert row.meaning.endswith(".")
        assert [other.title for other in CORRUPTIONS.values()].count(row.title) == 1
        assert len({row.label(severity) for severity in SEVERITIES}) == 5
        steps = np.diff(row.values)
        assert (steps > 0).all() or (steps < 0).all()

    @pytest.mark.parametrize("severity", SEVERITIES)
    def test_it_gives_a_film_and_leaves_the_old_one(self, name: str, severity: int, drawn: SyntheticFilm) -> None:
        before = drawn.pixels.astype(np.float32)
        given = before.copy()
        given.flags.writeable = False
        damaged = corrupt(given, name, severity, sha256="a", boxes=drawn.boxes)
        assert damaged.dtype == np.float32
        assert damaged.ndim == 2
        assert damaged.min() >= 0
        assert damaged.max() <= 255
        np.testing.assert_array_equal(given, before)

    def test_it_is_the_same_each_time_and_another_on_another_film(self, name: str, film: Film) -> None:
        one, again = (corrupt(film, name, 5, sha256="a") for _ in range(2))
        np.testing.assert_array_equal(one, again)
        others = [corrupt(film, name, 5, sha256=str(number)) for number in range(8)]
        differ = any(other.shape != one.shape or (other != one).any() for other in others)
        assert differ == (name not in ("blur", "inversion", "rescaling", "jpeg"))

    def test_it_damages_more_from_one_severity_to_the_next(self, name: str) -> None:
        films = [draw_film(seed, fractured=False, size=500) for seed in range(8)]
        damage = []
        for severity in SEVERITIES:
            total = 0.0
            for place, drawn in enumerate(films):
                before = drawn.pixels.astype(np.float32)
                after = corrupt(before, name, severity, sha256=f"film {place}", boxes=())
                if after.shape != before.shape:
                    # How much of the film is gone, or of the frame is not film.
                    total += abs(after.size - before.size) / before.size
                else:
                    total += float(np.abs(after - before).mean())
            damage.append(total)
        # A right angle turns the frame, but loses none of it.
        steps = np.diff(damage[:4] if name == "rotation" else damage)
        assert (steps >= 0).all()
        assert damage[3] > damage[0]

    @pytest.mark.parametrize("shape", SHAPES)
    def test_odd_films_are_no_trouble(self, name: str, shape: tuple[int, int]) -> None:
        odd = chance(1).uniform(0, 255, shape).astype(np.float32)
        everything = [(0.0, 0.0, float(shape[1]), float(shape[0]))]
        for boxes in (None, [], everything):
            for severity in SEVERITIES:
                damaged = corrupt(odd, name, severity, sha256="odd", boxes=boxes)
                assert np.isfinite(damaged).all()
                assert min(damaged.shape) >= 1

    def test_what_it_should_spare_it_spares(self, name: str) -> None:
        if not CORRUPTIONS[name].spares_boxes:
            return
        for seed in range(6):
            drawn = draw_film(seed, fractured=True, size=300)
            before = drawn.pixels.astype(np.float32)
            inside = [before[y : y + h, x : x + w] for x, y, w, h in drawn.boxes]
            for severity in SEVERITIES:
                after = corrupt(before, name, severity, sha256=str(seed), boxes=drawn.boxes)
                if name == "crop":
                    assert all(holds(after, part) for part in inside)
                else:
                    assert all(
                        (after[y : y + h, x : x + w] == part).all()
                        for (x, y, w, h), part in zip(drawn.boxes, inside, strict=True)
                    )


def holds(film: Film, part: Film) -> bool:
    """Whether a part, whole and unchanged, lies somewhere on a film."""
    rows, columns = (1 + size - least for size, least in zip(film.shape, part.shape, strict=True))
    if min(rows, columns) < 1:
        return False
    starts = np.argwhere(film[:rows, :columns] == part[0, 0])
    return any((film[y : y + part.shape[0], x : x + part.shape[1]] == part).all() for y, x in starts)


class TestDose:
    def test_counts_are_poisson_distributed(self) -> None:
        # 2000 pixels along the longer side: one photon count of the table a pixel, 10,000 at the full dose.
        grey = 150.0
        flat = np.full((40, 2000), grey, np.float32)
        seen = noise(flat, 0.3, chance(), None)
        expected = 10_000 * 0.003 * np.exp(-LATITUDE * grey / 255)
        counts = np.rint(10_000 * 0.003 * np.exp(-LATITUDE * seen.astype(np.float64) / 255))
        observed = np.bincount(counts.astype(np.int64).ravel(), minlength=40)[2:9]
        predicted = flat.size * stats.poisson.pmf(np.arange(2, 9), expected)
        assert observed == pytest.approx(predicted, rel=0.06)

    @pytest.mark.parametrize("grey", [30.0, 120.0, 220.0])
    def test_the_spread_of_grey_is_that_of_the_logarithm_of_a_count(self, grey: float) -> None:
        flat = np.full((200, 500), grey, np.float32)
        dose = 1.0
        photons = 10_000 * 16 * dose / 100 * np.exp(-LATITUDE * grey / 255)
        seen = noise(flat, dose, chance(), None).astype(np.float64)
        # Of the logarithm of a Poisson count, by its own samples.
        drawn = np.log(stats.poisson.rvs(photons, size=200_000, random_state=3))
        assert seen.std() == pytest.approx(255 / LATITUDE * drawn.std(), rel=0.02)
        assert seen.mean() == pytest.approx(grey, abs=0.5)

    def test_a_limb_saved_small_has_as_many_photons_as_one_saved_large(self) -> None:
        large, small = np.full((400, 800), 128, np.float32), np.full((100, 200), 128, np.float32)
        binned = noise(large, 0.3, chance(), None).reshape(100, 4, 200, 4).mean(axis=(1, 3))
        assert binned.std() == pytest.approx(noise(small, 0.3, chance(1), None).std(), rel=0.05)


class TestGreyLevels:
    def test_gamma_is_that_of_scikit_image(self, film: Film) -> None:
        for value in CORRUPTIONS["gamma"].values:
            for random, exponent in ((UP, value), (DOWN, 1 / value)):
                expected = 255 * skimage_exposure.adjust_gamma(film.astype(np.float64) / 255, exponent)
                np.testing.assert_allclose(gamma(film, value, random, None), expected, atol=2e-3)

    def test_exposure_scales_what_arrives_behind_the_limb(self, film: Film) -> None:
        before = np.exp(-LATITUDE * film.astype(np.float64) / 255)
        for random, factor in ((UP, 2.0), (DOWN, 0.5)):
            after = np.exp(-LATITUDE * exposure(film, 2.0, random, None).astype(np.float64) / 255)
            # The display shows nothing beyond its black and its white.
            np.testing.assert_allclose(after, np.clip(before * factor, np.exp(-LATITUDE), 1), rtol=1e-4)

    def test_inversion_twice_is_the_film(self, film: Film) -> None:
        np.testing.assert_array_equal(inversion(inversion(film, 1, UP, None), 1, UP, None), film)

    def test_a_severity_of_inversion_is_a_share_of_films(self, film: Film) -> None:
        small = film[::8, ::8]
        for severity, value in zip(SEVERITIES, CORRUPTIONS["inversion"].values, strict=True):
            struck = {n for n in range(400) if (corrupt(small, "inversion", severity, sha256=str(n)) != small).any()}
            assert abs(len(struck) / 400 - value / 100) < 0.06
        few = {n for n in range(400) if (corrupt(small, "inversion", 2, sha256=str(n)) != small).any()}
        many = {n for n in range(400) if (corrupt(small, "inversion", 4, sha256=str(n)) != small).any()}
        assert few < many

    def test_jpeg_is_that_of_pillow(self, film: Film) -> None:
        for quality in CORRUPTIONS["jpeg"].values:
            file = io.BytesIO()
            Image.fromarray(film.astype(np.uint8)).save(file, "JPEG", quality=int(quality))
            np.testing.assert_array_equal(jpeg(film, quality, UP, None), np.asarray(Image.open(file)))


class TestSharpness:
    def test_blur_is_that_of_scipy(self, film: Film) -> None:
        for value in CORRUPTIONS["blur"].values:
            sigma = value / 100 * max(film.shape)
            expected = ndimage.gaussian_filter(film.astype(np.float64), sigma, mode="nearest")
            np.testing.assert_allclose(blur(film, value, UP, None), expected, atol=1.5)

    def test_a_detour_over_few_pixels_loses_what_is_finer(self) -> None:
        x = np.arange(400)
        coarse, fine = (128 + 100 * np.sin(2 * np.pi * cycles * x / 400) for cycles in (4, 90))
        kept, lost = (
            rescaling(np.tile(wave, (300, 1)).astype(np.float32), 64, UP, None)[:, 40:-40] for wave in (coarse, fine)
        )
        assert kept.std() == pytest.approx(100 / np.sqrt(2), rel=0.05)
        assert lost.std() < 5

    def test_a_film_that_is_small_already_stays_as_it_is(self, film: Film) -> None:
        assert rescaling(film, max(film.shape), UP, None) is film


class TestFrame:
    def test_rotation_is_that_of_scikit_image(self, film: Film) -> None:
        for angle in (10.0, 45.0):
            expected = skimage_transform.rotate(film, angle, resize=True, order=1, preserve_range=True)
            turned = rotation(film, angle, UP, None)
            assert np.abs(np.subtract(turned.shape, expected.shape)).max() <= 2
            # The canvases differ by a pixel or two, so their middles are laid upon each other.
            side = 100
            parts = []
            for image in (turned, expected):
                y, x = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
                parts.append(ndimage.gaussian_filter(image[y : y + side, x : x + side].astype(np.float64), 2))
            assert np.corrcoef(parts[0].ravel(), parts[1].ravel())[0, 1] > 0.99

    def test_a_right_angle_loses_nothing(self, film: Film) -> None:
        np.testing.assert_array_equal(rotation(film, 90, UP, None), np.rot90(film))
        np.testing.assert_array_equal(rotation(film, 90, DOWN, None), np.rot90(film, -1))

    def test_a_crop_is_a_window_of_the_film(self, film: Film) -> None:
        for value in CORRUPTIONS["crop"].values:
            after = crop(film, value, chance(4), None)
            assert after.shape == tuple(round(size * (1 - value / 100)) for size in film.shape)
            assert holds(film, after)

    def test_the_cover_is_black_or_white_and_grows(self) -> None:
        grey = np.full((200, 160), 100, np.float32)
        covers = set()
        for number in range(12):
            shares = []
            for severity in SEVERITIES:
                after = corrupt(grey, "collimation", severity, sha256=str(number))
                covered = np.abs(after - 100) > 1
                shares.append(covered.mean())
                covers.add(round(float(after[covered].mean() > 100)))
                assert (after[(after != 0) & (after != 255)] == 100).mean() > 0.9
            assert (np.diff(shares) > 0).all()
        assert covers == {0, 1}


class TestThingsOnTheFilm:
    @pytest.mark.parametrize("name", ["markers", "metal"])
    def test_it_only_makes_films_brighter_and_where_something_lies_nearly_white(self, name: str) -> None:
        flat = np.full((400, 320), 90, np.float32)
        flat[100:300, 120:200] = 180
        after = corrupt(flat, name, 4, sha256="b")
        assert (after >= flat).all()
        assert after.max() > 225
        assert 0.002 < (after > flat + 60).mean() < 0.15

    def test_there_are_as_many_letters_as_said(self) -> None:
        black = np.zeros((600, 500), np.float32)
        for severity, value in zip(SEVERITIES, CORRUPTIONS["markers"].values, strict=True):
            letters = corrupt(black, "markers", severity, sha256="c") > 100
            assert ndimage.label(letters, structure=np.ones((3, 3)))[1] == value

    def test_metal_lies_on_what_is_bright(self) -> None:
        flat = np.full((400, 400), 40, np.float32)
        flat[:, 170:230] = 170
        hits, total = 0, 0
        for number in range(10):
            added = corrupt(flat, "metal", 2, sha256=str(number)) > flat + 30
            hits += int(added[:, 120:280].sum())
            total += int(added.sum())
        assert hits > 0.9 * total


@pytest.mark.parametrize(
    ("name", "severity", "words"),
    [("nois", 1, "Did you mean 'noise'"), ("zzz", 1, "There are noise"), ("blur", 6, "6 is not a severity")],
)
def test_what_is_unknown_is_refused(name: str, severity: int, words: str, film: Film) -> None:
    with pytest.raises(DatasetError) as refused:
        corrupt(film, name, severity, sha256="a")
    assert words in str(refused.value)


def test_a_known_name_is_found() -> None:
    assert corruption_named("gamma") is CORRUPTIONS["gamma"]


def test_boxes_may_be_unknown(film: Film) -> None:
    unknown: Boxes = None
    assert corrupt(film, "metal", 5, sha256="a", boxes=unknown).shape == film.shape
