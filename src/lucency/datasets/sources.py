"""KNOWN_DATASETS: data sets that can be fetched by name, with their addresses, checksums, licences and citations."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from lucency.errors import DatasetError


@dataclass(frozen=True)
class KnownDataset:
    """One row of `KNOWN_DATASETS`.

    Attributes:
        title: What it is, in one line.
        page: Where a person reads about it and its terms.
        licence: Its licence, or where that is told.
        citation: What its authors want cited.
        layout: Name of the row of `layouts.LAYOUTS` that reads it.
        file: Name of the archive, by which it is known where it lies here already.
        urls: Addresses of one and the same archive, tried in this order.
        md5: Checksums of that archive, where they are known.
        sha256: As `md5`.
        figshare: Number of the figshare article, which is asked for the newest address and its MD5.
        kaggle: OWNER/NAME on Kaggle.
        by_hand: What to do where no program may fetch it.
    """

    title: str
    page: str
    licence: str
    citation: str
    layout: str
    file: str = ""
    urls: tuple[str, ...] = ()
    md5: str | None = None
    sha256: str | None = None
    figshare: int | None = None
    kaggle: str | None = None
    by_hand: str | None = None


KNOWN_DATASETS: dict[str, KnownDataset] = {
    "fracatlas": KnownDataset(
        title="FracAtlas: about 4,080 films of hand, leg, hip and shoulder, 717 with fractures, with boxes and masks",
        page="https://doi.org/10.6084/m9.figshare.22363012",
        licence="CC BY 4.0",
        citation="Abedeen et al. 2023, FracAtlas, Scientific Data 10, 521, doi 10.1038/s41597-023-02432-4",
        layout="FracAtlas",
        file="FracAtlas.zip",
        # Version 7 of June 2026: file number, size (338,436,460 bytes) and both digests as several public projects
        # that checked their copies state them; not checked against figshare itself by us.
        urls=("https://ndownloader.figshare.com/files/65518038",),
        md5="fe9da2c7c285915ebee69dfdab8fd396",
        sha256="b67ec2d290a022b3dcf47f78e9a37f7edcc80592c0571f439355bf00bd9f0e23",
        figshare=22363012,
    ),
    "multi-region": KnownDataset(
        title="Multi-Region X-ray Data: about 10,500 films in train, val and test, many of them rotated copies",
        page="https://www.kaggle.com/datasets/bmadushanirodrigo/fracture-multi-region-x-ray-data",
        licence="as its Kaggle page states",
        citation="Madushani Rodrigo, Bone Fracture Multi-Region X-ray Data, Kaggle",
        layout="split folders",
        kaggle="bmadushanirodrigo/fracture-multi-region-x-ray-data",
    ),
    "mura": KnownDataset(
        title="MURA: 40,561 films of the upper limb, each study normal or abnormal",
        page="https://stanfordmlgroup.github.io/competitions/mura/",
        licence="Stanford University Dataset Research Use Agreement; not for commercial use",
        citation="Rajpurkar et al. 2017, MURA, arXiv 1712.06957",
        layout="MURA",
        file="MURA-v1.1.zip",
        by_hand="Stanford gives it to those who sign its agreement: ask at the page, and download MURA-v1.1.zip",
    ),
}
"""To add a data set, add a row."""


def known_dataset(name: str) -> KnownDataset:
    """The row of a name.

    Raises:
        DatasetError: There is none.
    """
    found = KNOWN_DATASETS.get(name.lower())
    if found is None:
        near = difflib.get_close_matches(name.lower(), KNOWN_DATASETS, n=1)
        raise DatasetError(
            f"no data set of this name is known ({', '.join(KNOWN_DATASETS)})",
            where=name,
            hint=f"Did you mean {near[0]}?"
            if near
            else "Give one of these names, kaggle:OWNER/NAME, a URL, or an archive that lies here",
        )
    return found
