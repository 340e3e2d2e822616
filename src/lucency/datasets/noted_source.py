"""Whether the archive that a SOURCE file names is the one that is wanted now: a name alone does not tell."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from lucency.datasets.checksum import Checksum, digest_of
from lucency.datasets.origin import Origin
from lucency.errors import DatasetError


def same_archive(note: Mapping[str, str], origin: Origin) -> bool:
    """Whether an archive that lies here is the one of a note; True for what comes from elsewhere.

    Args:
        note: What `source_note.read_note` gave.
        origin: What is wanted; the archive is read in full.

    Raises:
        DatasetError: The archive cannot be read.
    """
    if origin.archive is None:
        return True
    try:
        return digest_of(origin.archive, "sha256") == note.get("sha256")
    except OSError as failed:
        raise DatasetError(f"the archive cannot be read ({failed.strerror})", where=origin.archive) from None


def check_given(note: Mapping[str, str], given: Iterable[Checksum], *, where: str | os.PathLike[str]) -> None:
    """Holds checksums against the digests that a note keeps of an archive, which itself may be gone.

    Args:
        note: What `source_note.read_note` gave.
        given: What the archive should be.
        where: The folder of the note.

    Raises:
        DatasetError: The archive was another, or its digest was not noted.
    """
    for checksum in given:
        found = note.get(checksum.algorithm)
        if found is None:
            raise DatasetError(
                f"the {checksum.algorithm} of the archive that these data came from was not noted",
                where=where,
                hint="Give another --to, and it is fetched and checked",
            )
        checksum.compare(
            found,
            where=os.fspath(where),
            hint="The data here come from another archive: give another --to, or the right checksum",
        )
