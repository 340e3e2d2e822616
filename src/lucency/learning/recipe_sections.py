"""The tables of a recipe: every value with its default, its range and its meaning."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Section(BaseModel):
    """A table of a recipe: an unknown key is an error, and nothing can be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class InputSection(Section):
    """Geometry of the network input. The network sees three equal channels, made in the graph from one."""

    height: int = Field(224, ge=32, le=2048, description="pixels")
    width: int = Field(224, ge=32, le=2048, description="pixels")
    fit: Literal["letterbox", "squash"] = Field(
        "letterbox", description="keep the film's proportions and pad with black, or stretch it"
    )
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos", "area"] = Field(
        "bilinear", description="how a film is brought to that size"
    )


class ModelSection(Section):
    """The network."""

    architecture: str = Field(description="one of the architectures below")
    weights: str = Field("none", description='"none", "imagenet", or the path of a weights file for the architecture')
    feature_noise: float = Field(
        0.0, ge=0, description="standard deviation of Gaussian noise on the map that enters the head, while training"
    )
    hidden: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = Field(
        (), description="units of each Dense layer with ReLU between the pooled features and the logit"
    )
    hidden_normalization: bool = Field(False, description="BatchNormalization after each of them")
    hidden_noise: float = Field(
        0.0, ge=0, description="standard deviation of Gaussian noise after each of them, while training"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="share of what enters the logit left out in a training step")
    mirror: bool = Field(
        False, description="answer with the mean of a film and its mirror image, which takes twice the time"
    )
    scales: tuple[Annotated[float, Field(ge=0.25, le=2)], ...] = Field(
        (),
        max_length=4,
        description="answer with the mean of a film at these shares of its size, in place of it; wants `localisation`",
    )


class LocalisationSection(Section):
    """A heat map of its own, merged from maps of two resolutions, from which the logit is pooled.

    Where films have boxes, they teach the map cell by cell, beside the label that teaches the logit. A fractured film
    without a box teaches the logit alone; a normal film teaches all cells. Wants sides that are multiples of 32, and
    takes the place of `hidden`, `feature_noise`, `mixup` and `cached_views`.
    """

    channels: int = Field(0, ge=0, le=2048, description="of the merged map; 0: no map of its own")
    sharpness: float = Field(
        3.0, gt=0, le=100, description="r of log-sum-exp pooling: small is near the mean of the map, large its maximum"
    )
    box_weight: float = Field(4.0, ge=0, description="of the loss of the cells, beside that of the label")
    fracture_weight: float = Field(
        20.0, ge=1, description="how much more a cell inside of a box counts than one outside"
    )


class AugmentationSection(Section):
    """How far training films are changed; 0 switches a change off. Angles in degrees, lengths as share of the side."""

    flip_horizontal: float = Field(0.0, ge=0, le=1)
    flip_vertical: float = Field(0.0, ge=0, le=1)
    rotation: float = Field(0.0, ge=0, le=180)
    shear: float = Field(0.0, ge=0, le=45)
    zoom: float = Field(0.0, ge=0, lt=1)
    shift: float = Field(0.0, ge=0, lt=1)
    brightness: float = Field(0.0, ge=0, le=1)
    contrast: float = Field(0.0, ge=0, lt=1)
    gamma: float = Field(0.0, ge=0, le=2)
    noise: float = Field(0.0, ge=0, le=1)


class TrainingSection(Section):
    """How it is trained.

    `head_epochs` come first, with the backbone frozen; then `epochs` with its last `unfreeze` layers trained ("all",
    "none" or a number). BatchNormalization layers of a pretrained backbone stay frozen throughout. `patience` epochs
    without a better `monitor` end the training; 0 means never. While the whole backbone is frozen, its features are
    computed once per film where nothing changes the films, and otherwise once for each of `cached_views`.
    """

    epochs: int = Field(5, ge=0, le=10_000, description="epochs after those of the head")
    head_epochs: int = Field(0, ge=0, le=10_000, description="epochs that train the head alone")
    batch_size: int = Field(32, ge=1, le=4096, description="films in a step")
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(1e-3, gt=0, description="of `epochs`")
    head_learning_rate: float = Field(1e-3, gt=0, description="of `head_epochs`")
    weight_decay: float = Field(0.0, ge=0, description="decoupled with adamw")
    gradient_norm: float = Field(0.0, ge=0, description="longest gradient of all weights together; 0 for any")
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="momentum of the exponential moving average of the weights, which is what is validated and kept; "
        "shortened where a phase has few steps; 0 for none",
    )
    schedule: Literal["constant", "cosine", "exponential", "plateau"] = Field(
        "constant",
        description="course of the learning rate in a phase; exponential: times `decay` after each epoch; plateau: "
        "times `decay` after `decay_patience` epochs without a smaller val_loss",
    )
    warmup_epochs: float = Field(0.0, ge=0, description="epochs in which a cosine schedule rises from 0")
    decay: float = Field(0.5, gt=0, le=1, description="factor of the exponential and of the plateau schedule")
    decay_patience: int = Field(2, ge=1, description="epochs that a plateau lasts")
    unfreeze: Annotated[int, Field(ge=0)] | Literal["all", "none"] = Field(
        "all", description="how many of the backbone's last layers train in `epochs`"
    )
    balance: Literal["none", "class_weight", "oversample", "undersample", "twice"] = Field(
        "none",
        description="make both classes count the same: by weights in the loss, by showing films of the smaller class "
        "again, or by showing as few of the larger one, drawn anew each epoch; twice: show those of the smaller class "
        "two times, which makes them count more",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="how far the labels are drawn towards one half")
    mixup: float = Field(
        0.0, ge=0, le=10, description="alpha of mixup (Zhang et al. 2018, arXiv 1710.09412); 0 for none"
    )
    cached_views: int = Field(
        0,
        ge=0,
        le=1000,
        description="augmented views of each film whose frozen features are kept; 0: none where films are changed",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="of the convolutions on a CPU, while training; bfloat16 is faster where the processor knows it "
        "(AVX512_BF16, AMX)",
    )
    patience: int = Field(0, ge=0, description="epochs without a better `monitor` that end the training; 0 for never")
    monitor: Literal["val_auroc", "val_loss", "val_accuracy", "last"] = Field(
        "val_auroc", description="what makes an epoch the best, on validation films; last: the last one is"
    )
    stop_at: float | None = Field(None, description="value of `monitor` that ends the training once it is reached")


class SplitSection(Section):
    """Shares of the films that are carved from training where no folder or column gives a split."""

    val: float = Field(0.15, gt=0, lt=1, description="share for validation")
    test: float = Field(0.15, gt=0, lt=1, description="share for the test")
    test_from_val: bool = Field(
        False, description="where no test films are given, test on the validation films; the report says so"
    )


class EvaluationSection(Section):
    """Operating points and abstention, fixed on validation films, and the bootstrap."""

    operating_point: Literal["youden", "screening", "confirm"] = Field(
        "youden",
        description="which decides: the one with the largest sensitivity + specificity, the one that reaches "
        "`sensitivity`, or the one that reaches `specificity`",
    )
    sensitivity: float = Field(0.9, gt=0, lt=1, description="that `screening` reaches")
    specificity: float = Field(0.95, gt=0, lt=1, description="that `confirm` reaches")
    error_rate: float | None = Field(
        None,
        gt=0,
        lt=1,
        description='share of the films of each class that may be answered wrongly; the rest is "uncertain". None: '
        "every film is decided unless `predict --error-rate` asks otherwise",
    )
    resamples: int = Field(1000, ge=100, le=100_000, description="of the bootstrap")

    @field_validator("operating_point", mode="before")
    @classmethod
    def _older_name(cls, value: object) -> object:
        # Recipes of runs made before `screening` had its name are still read.
        return "screening" if value == "sensitivity" else value
