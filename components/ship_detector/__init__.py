"""ShipDetector: joins classifier and segmenter into one SavedModel and tunes its thresholds."""
