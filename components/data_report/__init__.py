"""One page about the data set as a whole, for people: what is in it, what was set aside, and the verdict."""
