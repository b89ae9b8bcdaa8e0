"""`ships serve`: the pushed models behind TF Serving's protocols, with a page to try them."""
