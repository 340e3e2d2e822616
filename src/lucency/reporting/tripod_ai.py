"""TRIPOD+AI: the 27 items with their sub-items, in our own words, and which facts answer them."""

from __future__ import annotations

from lucency.reporting.checklists import Checklist, Item

TRIPOD_AI = Checklist(
    "tripod_ai",
    "TRIPOD+AI",
    "Collins et al., TRIPOD+AI statement: updated guidance for reporting clinical prediction models that use regression"
    " or machine learning methods, BMJ 2024;385:e078378, doi 10.1136/bmj-2023-078378.",
    {
        "Title": (
            Item(
                "1",
                "developing or evaluating a prediction model, for whom, of what",
                ("technique", "goal"),
                author=("population",),
            ),
        ),
        "Abstract": (
            Item(
                "2",
                "a summary by the list for abstracts",
                ("technique", "counts", "verdict"),
                author=("aims", "conclusions"),
            ),
        ),
        "Background": (
            Item("3a", "context of care, why a model, which exist", ("intended_use",), author=("background",)),
            Item("3b", "for whom, where in their care, who uses it", ("intended_use",), author=("population",)),
            Item("3c", "known inequalities in health", author=("inequalities",)),
        ),
        "Objectives": (
            Item("4", "aims, and whether a model is developed, evaluated or both", ("goal",), author=("aims",)),
        ),
        "Data": (
            Item(
                "5a",
                "sources of the data for development and evaluation, and how representative",
                ("data_source",),
                author=("data_origin",),
            ),
            Item("5b", "dates of the data", author=("dates",)),
        ),
        "Participants": (
            Item("6a", "setting, number and place of centres", author=("setting",)),
            Item("6b", "who was eligible", ("left_out",), author=("eligibility",)),
            Item("6c", "treatments, and how they were handled", author=("treatments",)),
        ),
        "Data preparation": (
            Item("7", "preprocessing and checks of quality, alike in all groups or not", ("preprocessing", "quality")),
        ),
        "Outcome": (
            Item(
                "8a",
                "the outcome, how and when it was assessed, and why this one",
                ("labels",),
                author=("reference_standard", "reference_rationale"),
            ),
            Item("8b", "who assessed it where that takes judgement", author=("annotators",)),
            Item("8c", "blinding of the assessment", author=("blinding",)),
        ),
        "Predictors": (
            Item("9a", "how predictors were chosen beforehand", ("film_use",)),
            Item(
                "9b",
                "all predictors, how and when they were measured",
                ("preprocessing", "film_use"),
                author=("acquisition",),
            ),
            Item(
                "9c",
                "who assessed predictors where that takes judgement",
                not_applicable="The only predictor is the film's grey levels, which a program reads.",
            ),
        ),
        "Sample size": (
            Item(
                "10",
                "how the size was arrived at, and whether it is enough",
                ("counts", "precision"),
                author=("sample_size",),
            ),
        ),
        "Missing data": (Item("11", "what is missing, and how that was handled", ("missing",)),),
        "Analytical methods": (
            Item("12a", "which data served for what, and how they were parted", ("assignment", "disjoint")),
            Item("12b", "how predictors were transformed", ("preprocessing",)),
            Item(
                "12c",
                "kind of model, all steps of building it, tuning, internal validation",
                ("model", "initialization", "training", "selection"),
                author=("tuning",),
            ),
            Item(
                "12d",
                "how differences between clusters such as hospitals were handled",
                ("uncertainty",),
                ("subgroups",),
                author=("sites",),
            ),
            Item("12e", "measures and plots of performance", ("metrics",)),
            Item("12f", "updating of the model after its evaluation", ("updating",)),
            Item("12g", "how predictions were calculated", ("prediction",)),
        ),
        "Class imbalance": (
            Item("13", "methods against imbalance, and recalibration after them", ("imbalance", "calibration")),
        ),
        "Fairness": (Item("14", "what was done for fairness, and why", adds=("subgroups",), author=("fairness",)),),
        "Model output": (Item("15", "what the model gives, and how thresholds were found", ("output",)),),
        "Training versus evaluation": (
            Item(
                "16",
                "differences between development and evaluation data",
                ("evaluation_data", "external"),
                author=("external_films",),
            ),
        ),
        "Ethical approval": (Item("17", "approval and consent", author=("ethics",)),),
        "Open science": (
            Item("18a", "funding, and the part of the funders", author=("funding",)),
            Item("18b", "conflicts of interest", author=("conflicts",)),
            Item("18c", "where the protocol is", author=("protocol",)),
            Item("18d", "registration", author=("registration",)),
            Item("18e", "whether the data can be had", author=("data_sharing",)),
            Item(
                "18f", "whether the code of the analysis can be had", ("software", "record"), author=("availability",)
            ),
        ),
        "Patient and public involvement": (
            Item("19", "part of patients and the public in the study", author=("patients_involved",)),
        ),
        "Results": (
            Item(
                "20a",
                "flow of participants, with and without the outcome",
                ("counts", "left_out"),
                author=("eligibility",),
            ),
            Item(
                "20b",
                "traits of the participants in each set of data",
                ("composition",),
                author=("demographics", "dates"),
            ),
            Item("20c", "evaluation data beside development data", ("composition", "evaluation_data")),
            Item("21", "participants and outcomes in each analysis", ("counts",)),
            Item("22", "the full model, so that others can use and test it", ("bundle", "model")),
            Item("23a", "performance with intervals, in subgroups too", ("performance", "diagnostic", "subgroups")),
            Item("23b", "differences between clusters, if examined", adds=("subgroups",), author=("sites",)),
            Item("24", "results of updating the model", ("updating",)),
        ),
        "Discussion": (
            Item("25", "what the results mean, also for fairness", ("verdict",), author=("conclusions",)),
            Item("26", "limits, and what they do to bias and to use elsewhere", ("limits",)),
        ),
        "Usability in current care": (
            Item("27a", "what to do with poor or missing input", ("bad_input",)),
            Item("27b", "what users must do and know", author=("users",)),
            Item("27c", "next steps of research", author=("next_steps",)),
        ),
    },
)
"""Collins et al. 2024: 27 items, 52 with their sub-items; numbers and subjects as published."""
