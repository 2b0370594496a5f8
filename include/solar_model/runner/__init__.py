"""Runners: whoever computes a tick, on whatever machine, from the same request to the same bytes.

The worker itself, a server that takes jobs over HTTP, or somebody who watches an exchange: each
takes an input file with its manifest, and gives results whose manifest says what they answer.
"""
