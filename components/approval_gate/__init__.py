"""Whether a judged model may be pushed: the verdict of the rules and, if asked for, a person's approval."""
