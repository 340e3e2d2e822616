"""The tables of an audit: a row for each film, and a row for each film in a cluster of copies."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from lucency.datasets.audit.duplicates import known_copies
from lucency.datasets.audit.evidence import Evidence
from lucency.datasets.audit.film_facts import FilmFacts
from lucency.datasets.audit.joined_copies import JoinedCopy, joined_copies

FILM_FACTS = (
    "format",
    "height",
    "width",
    "bits",
    "channels",
    "frames",
    "orientation",
    "quality",
    "mean",
    "deviation",
    "low",
    "high",
    "code",
    "what",
)
"""What the table of films tells of decoding, as in `FilmFacts`; `bytes` stands for its `size`."""

CLUSTER_COLUMNS = (
    "cluster",
    "image_id",
    "label",
    "split",
    "like",
    "kind",
    "score",
    "turned",
    "mirrored",
    "inverted",
    "scale",
)


def films_table(evidence: Evidence) -> pd.DataFrame:
    """One row per film, in the order of the manifest.

    Columns: image_id, path, label, split, cluster (image_id of the first film of its cluster, "" where it stands
    alone), bytes and `FILM_FACTS`; missing where no film was decoded.
    """
    table = evidence.manifest.table
    ids = table["image_id"].to_numpy(dtype=object)
    cluster = known_copies(evidence).cluster
    alone = np.bincount(cluster, minlength=len(ids))[cluster] == 1 if len(ids) else np.zeros(0, dtype=bool)
    films = table[["image_id", "path", "label", "split"]].reset_index(drop=True)
    films["cluster"] = pd.Series(np.where(alone, "", ids[cluster]), dtype="str")
    facts: list[FilmFacts | None] = [None] * len(ids) if evidence.survey is None else list(evidence.survey.facts)
    films["bytes"] = [None if fact is None else fact.size for fact in facts]
    for name in FILM_FACTS:
        films[name] = [None if fact is None else getattr(fact, name) for fact in facts]
    return films


def clusters_table(evidence: Evidence) -> pd.DataFrame:
    """One row per film of a cluster of two or more, cluster by cluster, its first film first.

    Columns: `CLUSTER_COLUMNS`. like: the film of the cluster that the rest is about; kind, score, turned, mirrored,
    inverted, scale: how this film lies to that one (see `JoinedCopy`). All blank for the first.
    """
    table = evidence.manifest.table
    ids, labels, splits = list(table["image_id"]), list(table["label"]), list(table["split"])
    copies = known_copies(evidence)
    joined: dict[int, list[JoinedCopy]] = defaultdict(list)
    for copy in joined_copies(copies):
        joined[int(copies.cluster[copy.row])].append(copy)
    films = [film for head, others in joined.items() for film in ((head, None), *((copy.row, copy) for copy in others))]
    return pd.DataFrame(
        [
            (ids[int(copies.cluster[row])], ids[row], int(labels[row]), splits[row], *_how(copy, ids))
            for row, copy in films
        ],
        columns=list(CLUSTER_COLUMNS),
    )


def _how(copy: JoinedCopy | None, ids: list[str]) -> tuple[object, ...]:
    if copy is None:
        return ("", "", None, None, None, None, None)
    return (ids[copy.like], copy.kind, copy.score, copy.turned, copy.mirrored, copy.inverted, copy.scale)
