"""Whether a data set as a whole may be trained on: what was quarantined, how far it drifted, and the gate."""
