"""One page about a judged model, for the person who lets it be pushed or not."""
