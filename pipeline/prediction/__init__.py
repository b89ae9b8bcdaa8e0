"""`ships predict`: image files of any size to tables of ships."""
