"""CLAIM 2024: the 44 items, in our own words, and which facts answer them."""

from __future__ import annotations

from lucency.reporting.checklists import Checklist, Item

CLAIM_2024 = Checklist(
    "claim_2024",
    "CLAIM 2024",
    "Tejani et al., Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 Update, Radiology:"
    " Artificial Intelligence 2024;6(4):e240300, doi 10.1148/ryai.240300.",
    {
        "Title and abstract": (
            Item("1", "say that it is a study of AI, and of which kind", ("technique",)),
            Item(
                "2",
                "sum up design, methods, results and conclusions",
                ("technique", "counts", "verdict"),
                author=("design", "conclusions"),
            ),
        ),
        "Introduction": (
            Item("3", "background, and what the method is meant for", ("intended_use",), author=("background",)),
            Item("4", "aims and hypotheses", author=("aims",)),
        ),
        "Study design": (
            Item("5", "prospective or retrospective", author=("design",)),
            Item("6", "what the study sets out to do", ("goal",)),
        ),
        "Data": (
            Item("7", "where the data come from, with addresses", ("data_source",), author=("data_origin",)),
            Item("8", "who and what was taken in or left out", ("left_out",), author=("eligibility",)),
            Item("9", "steps from a file to the model's input", ("preprocessing",), ("quality",)),
            Item("10", "parts or subsets of the data that are used", ("film_use",)),
            Item("11", "how what identifies patients was removed", author=("deidentification",)),
            Item("12", "what is missing, and how that was handled", ("missing",)),
            Item("13", "how the images were acquired", author=("acquisition",)),
        ),
        "Reference standard": (
            Item("14", "how the reference standard was obtained", ("labels",), author=("reference_standard",)),
            Item("15", "why this reference standard", author=("reference_rationale",)),
            Item("16", "who annotated, with which qualification", author=("annotators",)),
            Item("17", "how the test set was annotated", author=("test_annotation",)),
            Item("18", "how much annotators vary, and what was done about it", author=("rater_agreement",)),
        ),
        "Data partitions": (
            Item("19", "how data came to their partitions, and in which shares", ("assignment",)),
            Item("20", "at which level partitions have nothing in common", ("disjoint",)),
        ),
        "Testing data": (
            Item("21", "which sample size was intended, and why", ("precision",), author=("sample_size",)),
        ),
        "Model": (
            Item("22", "the model in full: inputs, outputs, structure", ("model", "preprocessing", "output")),
            Item("23", "libraries and packages with versions", ("software",)),
            Item("24", "how parameters were initialized", ("initialization",)),
        ),
        "Training": (
            Item("25", "training in a detail that can be repeated", ("training",), author=("tuning",)),
            Item("26", "how the final model was chosen", ("selection",)),
            Item("27", "ensembles, if any", ("ensembling",)),
        ),
        "Evaluation": (
            Item("28", "measures of performance", ("metrics",)),
            Item("29", "measures of uncertainty and significance", ("uncertainty",)),
            Item("30", "how robust the answers are", ("robustness",)),
            Item("31", "methods of explanation, and how they were checked", ("heat_map",), ("heat_map_quality",)),
            Item("32", "evaluation on internal data", ("internal",)),
            Item("33", "testing on external data, or why not", ("external",), author=("external_films",)),
            Item("34", "registration of a clinical trial", author=("registration",)),
        ),
        "Results: data": (
            Item("35", "numbers taken in and left out", ("counts", "left_out"), author=("eligibility",)),
            Item("36", "traits of the cases in each partition", ("composition",), author=("demographics",)),
        ),
        "Results: performance": (
            Item("37", "performance with its uncertainty", ("performance", "uncertainty"), ("subgroups",)),
            Item("38", "diagnostic accuracy with its precision", ("diagnostic",)),
            Item("39", "what went wrong in the wrong answers", ("failures",), author=("failures",)),
        ),
        "Discussion": (
            Item("40", "limits of the study", ("limits",)),
            Item("41", "what it means for practice", ("intended_use",), author=("implications",)),
        ),
        "Other information": (
            Item("42", "where the protocol and further details are", ("record",), author=("protocol",)),
            Item(
                "43", "where software, model and data can be had", ("bundle",), author=("availability", "data_sharing")
            ),
            Item("44", "funding, and the part of the funders", author=("funding",)),
        ),
    },
)
"""Tejani et al. 2024; numbers and subjects as published."""
