"""Settings of the detector: tiling, test-time augmentation, thresholds. Imports no TensorFlow."""

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DetectorSettings(BaseModel):
    """How the two networks are joined into one model that is served."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cascade: bool = Field(
        True,
        description="The classifier drops what it sees no ship in: whole images, and on others single ships.",
    )
    tile_px: int = Field(
        768, ge=256, multiple_of=32, description="Edge of the tiles that the segmenter sees."
    )
    overlap_px: int = Field(128, ge=0, multiple_of=32, description="Overlap of neighbouring tiles, blended.")
    test_time_augmentation: int = Field(
        1, description="Views averaged per tile: 1 (none), 4 (quarter turns) or 8 (turns and flips)."
    )
    tune: bool = Field(True, description="Choose thresholds and the minimal ship area on the eval split.")
    max_silenced_ships: float = Field(
        0.02,
        ge=0,
        lt=1,
        description="Share of the images with ships that the tuned classifier may silence: more of it finds "
        "fewer ships, and fewer that are none.",
    )
    mask_threshold: float = Field(
        0.5, gt=0, lt=1, description="Ship pixel from this probability on (untuned)."
    )
    classifier_threshold: float = Field(
        0.5, ge=0, le=1, description="Ship image from this probability on (untuned)."
    )
    ship_threshold: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Pixels that touch count as a ship if their mean probability reaches it (untuned).",
    )
    min_ship_pixels: int = Field(0, ge=0, description="A ship has at least so many pixels (untuned).")

    @model_validator(mode="after")
    def _fits(self) -> "DetectorSettings":
        if self.overlap_px >= self.tile_px // 2:
            raise ValueError(
                f"overlap_px must be under half of tile_px = {self.tile_px}, got {self.overlap_px}"
            )
        if self.test_time_augmentation not in (1, 4, 8):
            raise ValueError(f"test_time_augmentation must be 1, 4 or 8, got {self.test_time_augmentation}")
        return self
