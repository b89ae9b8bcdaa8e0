"""Transform: decode each image, adjust its contrast, and draw its mask, as graph code shared with serving."""
