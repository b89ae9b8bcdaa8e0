"""InfraValidator: the candidate in a fresh server, asked as clients will ask it, before it is pushed."""
