"""Settings of the two trainers. Imports no TensorFlow."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

ENCODER_STRIDE_PX = 32
# Edge of the cells in which the classifier looks for ships.
CELL_PX = 16
# Words for `encoder_weights`; anything else is the path of a file.
IMAGENET, RANDOM = "imagenet", "none"


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScheduleSettings(_Settings):
    """How long and how fast to train, common to both trainers."""

    batch_size: int = Field(8, ge=1, description="Images (or crops) per step.")
    steps: int = Field(1000, ge=1, description="Training steps in all.")
    frozen_steps: int = Field(
        250, ge=0, description="First steps with a frozen pretrained encoder; then it is fine-tuned too."
    )
    steps_per_epoch: int = Field(100, ge=1, description="Steps between two looks at the eval split.")
    patience: int = Field(5, ge=1, description="Epochs without a better eval score before training stops.")
    max_minutes: float = Field(
        60.0, gt=0, description="Training stops at the end of the epoch that exceeds it."
    )
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Adam's peak rate.")
    fine_tune_learning_rate: float = Field(
        3e-4, gt=0, le=1, description="Adam's peak rate once the pretrained encoder is no longer frozen."
    )
    rate_schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="cosine: the rate falls along a cosine over all steps to 1 %; constant."
    )
    warm_up_steps: int = Field(
        30, ge=0, description="Steps over which the rate rises to its peak, at the start and after the thaw."
    )
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "auto",
        description="Of the computation; what is saved is float32. auto: mixed_float16 on GPUs with tensor "
        "cores, else float32.",
    )
    weight_averaging: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Momentum, such as 0.99, of a moving average of the weights that is judged and kept in "
        "their place; 0: none.",
    )
    augment_flips: bool = Field(True, description="Random mirror images of training images.")
    augment_rotations: bool = Field(True, description="Random quarter turns of training images.")
    augment_colour: bool = Field(
        True, description="Random brightness, contrast and colour balance of training images."
    )
    cache_mb: int = Field(
        1500,
        ge=0,
        description="Decoded training images are kept in memory if they fit into so many megabytes.",
    )
    encoder: Literal[
        "efficientnet_lite0",
        "efficientnet_lite1",
        "efficientnet_lite2",
        "efficientnetv2_b0",
        "mobilenetv3_large",
        "resnet50v2",
    ] = Field(
        "efficientnet_lite0",
        description="Encoder of the architecture pretrained. The weights of the EfficientNet-Lites come from "
        "registry packages, those of the others are downloaded by Keras.",
    )
    encoder_weights: str = Field(
        IMAGENET,
        description="imagenet; none (random, which asks for frozen_steps 0); or the path of a file: .pth for "
        "the EfficientNet-Lites, Keras' .h5 without top for the others.",
    )
    seed: int = Field(
        0,
        ge=0,
        description="Seed of weights, crops and order. On one machine's CPU the same one trains the same "
        "network, unless max_minutes cuts the course short.",
    )


class CropSettings(ScheduleSettings):
    """What the crops show that a network trains on."""

    crop_px: int = Field(
        256, ge=64, le=768, multiple_of=ENCODER_STRIDE_PX, description="Edge of the native-resolution crops."
    )
    ship_crop_fraction: float = Field(
        0.7, ge=0, le=1, description="Share of crops that are placed over a ship; the rest lie anywhere."
    )
    empty_image_fraction: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of crops from images without ships (0: ship-only, as in the report).",
    )
    augment_scale: bool = Field(
        True, description="Every other crop shows 1/1.3 to 1.3 times as wide a ground."
    )


class ClassifierSettings(CropSettings):
    """Ship / no-ship classifier."""

    architecture: Literal["plain", "pretrained"] = Field(
        "pretrained",
        description="Encoder: the report's plain blocks, or one trained on ImageNet (`encoder`).",
    )
    eval_images: int = Field(
        96,
        ge=2,
        description="Eval images looked at after each epoch, at native resolution, half of them with ships.",
    )
    ship_crop_fraction: float = Field(
        0.5, ge=0, le=1, description="Share of crops that are placed over a ship; the rest lie anywhere."
    )
    empty_image_fraction: float = Field(
        0.4, ge=0, lt=1, description="Share of crops from images without ships."
    )


class SegmenterSettings(CropSettings):
    """Ship-only segmenter (U-Net)."""

    architecture: Literal["plain", "pretrained"] = Field(
        "pretrained",
        description="The report's plain U-Net, or a U-Net on an encoder trained on ImageNet (`encoder`).",
    )
    loss: Literal["bce", "dice_bce", "focal", "focal_dice", "tversky", "lovasz"] = Field(
        "dice_bce", description="Training loss; bce and focal alone start near-empty at threshold 0.5."
    )
    eval_images: int = Field(
        48, ge=1, description="Eval images with ships looked at after each epoch, at native resolution."
    )
    batch_norm: bool = Field(
        False, description="Batch normalisation in the plain U-Net (the report has none)."
    )
    gaussian_noise: float = Field(
        0.1, ge=0, le=1, description="Noise on the plain U-Net's input (0-1 scale)."
    )
    input_pooling: int = Field(
        1, ge=1, le=8, description="The plain U-Net average-pools its input by this factor (report: 3)."
    )

    @model_validator(mode="after")
    def _pooled_crop_fits(self) -> "SegmenterSettings":
        if self.architecture == "plain" and self.crop_px % (16 * self.input_pooling):
            raise ValueError(
                f"crop_px must be a multiple of 16 x input_pooling = {16 * self.input_pooling}, "
                f"got {self.crop_px}"
            )
        return self
