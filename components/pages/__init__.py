"""What the pages for people share: one file each, readable without a network, on a desk and on a phone."""
