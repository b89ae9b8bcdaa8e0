"""Trainers of the ship / no-ship classifier and of the ship segmenter, with their networks and losses."""
