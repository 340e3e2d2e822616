"""What is known of the films of a bundle: where they lie, how many, how they were divided, what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lucency.reporting.card_sources import CardSources, Fact
from lucency.reporting.figure_words import code, counted, listed, number, percent, plain

SPLITS = {"train": "training", "val": "validation", "test": "test"}
"""Words for the splits, in their order."""

_IDS = {"patient_id": "patient", "study_id": "study", "group": "group", "sha256": "file"}
_MANY = {"patient": "patients", "study": "studies", "group": "groups", "file": "files"}
_ORIGIN = {"title": "Data set", "source": "Fetched from", "page": "Page", "licence": "Licence", "cite": "To cite"}


def data_source(sources: CardSources) -> Fact | None:
    """The folder or table, how it was read, and by which hash it is known."""
    data = sources.data
    if sources.imported is not None or not data.get("source"):
        return None
    told = f"Films of {code(data['source'])}"
    if data.get("layout"):
        told += f", read as: {plain(data['layout'])}"
    if data.get("manifest_sha256"):
        told += f". SHA-256 over films, labels, splits and groups: {code(data['manifest_sha256'])}"
    return Fact(told + ".", "card.json (training_data)")


def origin(sources: CardSources) -> Fact | None:
    """Where the films were fetched from, and under which licence."""
    told = [f"{word}: {plain(sources.origin[key])}" for key, word in _ORIGIN.items() if sources.origin.get(key)]
    return Fact(". ".join(told) + ".", "the SOURCE note beside the films") if told else None


def counts(sources: CardSources) -> Fact | None:
    """Films and fractured films of each split."""
    rows = split_counts(sources)
    if not rows:
        return None
    told = [
        f"{SPLITS.get(split, split)}: {counted(row['films'], 'film')}, {row['fractured']:,} fractured"
        f" ({percent(row['fractured'] / row['films'])})"
        for split, row in rows.items()
        if row["films"]
    ]
    films, fractured = (sum(row[key] for row in rows.values()) for key in ("films", "fractured"))
    text = f"{counted(films, 'film')}, {fractured:,} fractured. {'; '.join(told).capitalize()}."
    if sources.data.get("test_is_val"):
        text += " The validation films serve as test films too."
    return Fact(text, "card.json (training_data.splits)")


def split_counts(sources: CardSources) -> dict[str, Mapping[str, int]]:
    """For each split that the card has "films" and "fractured", in the order of `SPLITS`."""
    found = sources.data.get("splits")
    if not isinstance(found, Mapping):
        return {}
    return {split: found[split] for split in SPLITS if isinstance(found.get(split), Mapping)}


def assignment(sources: CardSources) -> Fact | None:
    """How films came to their splits."""
    told, plan = counts(sources), sources.recipe.get("split")
    if told is None or not isinstance(plan, Mapping):
        return None
    how = sources.data.get("splits_are")
    carved = (
        f"whole groups at random with seed {sources.recipe.get('seed')}, both classes in the same shares,"
        f" {percent(plan['val'])} for validation and {percent(plan['test'])} for the test"
    )
    if how == "given":
        text = "The splits are those that the data set gives."
    elif how == "carved":
        text = f"Carved by Lucency: {carved}."
    else:
        text = f"A split that the data set gives is kept; what it does not give is carved by Lucency: {carved}."
    return Fact(f"{told.text} {text}", "card.json (training_data, recipe.split)")


def disjoint(sources: CardSources) -> Fact | None:
    """At which level the splits have nothing in common, as counted in the manifest."""
    films = sources.films
    if films is None:
        return None
    known, shared = films["known"], films["on_two_sides"]
    told, unknown = [], []
    for column, one in _IDS.items():
        if not known[column]:
            unknown.append(one)
            continue
        stand = f"{counted(shared[column], one, _MANY[one])} {'stands' if shared[column] == 1 else 'stand'}"
        whole = "" if known[column] == films["films"] else f" (known for {known[column]:,} of {films['films']:,} films)"
        told.append((f"no {one} stands" if not shared[column] else stand) + f" in two splits{whole}")
    text = listed(told)[:1].upper() + listed(told)[1:] + "."
    if unknown:
        text += f" Nothing is known of the films' {listed([_MANY[one] for one in unknown])}."
    leaks = [one["message"] for one in sources.all_findings if one.get("check") == "leakage" and one.get("message")]
    return Fact(" ".join([text, *(plain(message) for message in leaks)]), "manifest.csv, findings.json")


def composition(sources: CardSources) -> Fact | None:
    """Body parts and views of the films, split by split."""
    films = sources.films
    if films is None:
        return None
    told = []
    for split, row in films["splits"].items():
        parts = [_shares(row[column], word) for column, word in (("body_part", "body parts"), ("view", "views"))]
        told.append(
            f"{SPLITS.get(split, split).capitalize()}: {row['fractured']:,} of {counted(row['films'], 'film')}"
            f" fractured; {'; '.join(parts)}"
        )
    return Fact(". ".join(told) + ". Age and sex are not part of a manifest.", "manifest.csv")


def _shares(found: Mapping[str, int], word: str) -> str:
    named = {name: count for name, count in found.items() if name}
    if not named:
        return f"{word} unknown"
    told = [f"{plain(name)} {count:,}" for name, count in sorted(named.items(), key=lambda pair: (-pair[1], pair[0]))]
    return f"{word}: {', '.join(told)}" + (f", unknown {found['']:,}" if found.get("") else "")


def labels(sources: CardSources) -> Fact | None:
    """What a label means, and where it was read."""
    if sources.imported is not None or not sources.data.get("source"):
        return None
    classes = sources.card.get("classes")
    if not isinstance(classes, Mapping):
        return None
    text = f"One label a film: 1 = {plain(classes.get('1'))}, 0 = {plain(classes.get('0'))}"
    if sources.data.get("layout"):
        text += f", read from the data set ({plain(sources.data['layout'])})"
    if sources.films is not None:
        boxes = sources.films["with_boxes"]
        text += f". {'No film has' if not boxes else counted(boxes, 'film has', 'films have')} boxes of fractures given"
    doubts = [one["message"] for one in sources.all_findings if one.get("check") == "labels" and one.get("message")]
    return Fact(" ".join([text + ".", *(plain(message) for message in doubts)]), "card.json (classes, training_data)")


def left_out(sources: CardSources) -> Fact | None:
    """Films that were found but could not be used."""
    if sources.findings is None:
        return None
    errors = [one for one in sources.findings if one.get("check") == "files" and one.get("severity") == "error"]
    if not errors:
        return Fact("No film was left out: all that were found could be decoded.", "findings.json")
    return Fact("Left out: " + " ".join(plain(one.get("message", "")) for one in errors), "findings.json")


def missing(sources: CardSources) -> Fact | None:
    """What is missing, and what was done about it."""
    films, out = sources.films, left_out(sources)
    if films is None or out is None:
        return None
    total, known = films["films"], films["known"]
    words = {"patient_id": "patient", "group": "group", "body_part": "body part", "view": "view", "boxes": "boxes"}
    lacks = [f"{word} of {total - known[column]:,}" for column, word in words.items() if known[column] < total]
    text = (
        f"Unknown: {', '.join(lacks)} of {counted(total, 'film')}." if lacks else "Every column is known of every film."
    )
    return Fact(
        f"{out.text} {text} Nothing is imputed: a film needs a picture and a label, and nothing else enters the model.",
        "findings.json, manifest.csv",
    )


def quality(sources: CardSources) -> Fact | None:
    """What the audit of the films found."""
    if not sources.findings_known:
        return None
    found = sources.all_findings
    place = "findings.json" if sources.findings is not None else "audit.json" if sources.audit else sources.main_place
    if not found:
        return Fact("The checks of files, copies, leakage, labels and balance found nothing to tell.", place)
    told = [
        f"{plain(one.get('severity', 'note'))} ({plain(one.get('check', ''))}): {plain(one.get('message', ''))}"
        for one in found
    ]
    return Fact("\n".join(told), place)


def precision(sources: CardSources) -> Fact | None:
    """How well the test films can tell a sensitivity."""
    main = sources.main
    found = None if main is None else main["metrics"].get("sensitivity")
    if main is None or found is None or found.get("low") is None:
        return None
    return Fact(
        f"{counted(main['films'], main.get('unit', 'film'))}, {main['fractured']:,} fractured: the 95 % interval of the"
        f" sensitivity reaches from {number(found['low'])} to {number(found['high'])}. The program planned no size.",
        sources.main_place,
    )


DATA_FACTS: dict[str, Callable[[CardSources], Fact | None]] = {
    "data_source": data_source,
    "origin": origin,
    "counts": counts,
    "assignment": assignment,
    "disjoint": disjoint,
    "composition": composition,
    "labels": labels,
    "left_out": left_out,
    "missing": missing,
    "quality": quality,
    "precision": precision,
}
"""Name -> how the fact is drawn; None where it is not known."""
