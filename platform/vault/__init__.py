"""Secrets at rest: sealed values in a table of their own, the keyed hashes, and the `Secret` type that never prints."""
