"""ShipSampler: which images train; whole images, never rows of the label table."""
