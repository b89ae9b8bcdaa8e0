"""Settings of the ingestion. Imports no TensorFlow."""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ShipLimits(BaseModel):
    """Which sizes a labelled ship may have; anything else is doubted, see `labels`."""

    min_ship_px: int = Field(
        default=4,
        ge=1,
        description="A mask of fewer pixels is a speck. The smallest of 5,962 Airbus ships has 7.",
    )
    max_ship_px: int = Field(
        default=60_000,
        ge=1,
        description="A larger mask is hardly one ship. The largest of the 81,708 Airbus ships has 25,245 px.",
    )
    max_ship_share: float = Field(
        default=0.25, gt=0, le=1, description="Ships that cover more of the image are taken for land."
    )


class IngestionSettings(ShipLimits):
    """How the images are divided into the roles train, eval and test, and which labels are doubted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train_ratio: float = Field(default=0.7, gt=0, lt=1, description="Share of the scenes whose images train.")
    eval_ratio: float = Field(
        default=0.15,
        gt=0,
        lt=1,
        description="Share of the scenes for early stopping and thresholds; test is the rest.",
    )
    folds: int = Field(
        default=0,
        ge=0,
        description="Deal the scenes to so many folds that are alike in ships and in those columns of "
        "scenes.csv that have few values, for data sets of a few hundred images; 0: a stable draw by the "
        "ratios.",
    )
    fold: int = Field(
        default=0, ge=0, description="Fold that tests; the next is for early stopping and thresholds."
    )
    find_overlaps: bool = Field(
        default=True,
        description="Look for copies and for tiles that overlap. Copies are quarantined, and what shows the "
        "same ground stays in one role, whether or not a scene table says so. Reads the files once more.",
    )
    split_seed: str = Field(default="0", description="Another seed deals the scenes to the roles anew.")

    @model_validator(mode="after")
    def _leaves_images_to_test(self) -> "IngestionSettings":
        both = self.train_ratio + self.eval_ratio
        if both >= 1:
            raise ValueError(
                f"train_ratio + eval_ratio must be below 1 so that some scenes are left to test, got {both:g}"
            )
        if self.folds and (self.folds < 3 or self.fold >= self.folds):
            raise ValueError(
                "expected 3 or more folds (0: none) and fold from 0 to folds - 1, "
                f"got folds {self.folds} and fold {self.fold}"
            )
        return self
