"""What can keep the stack from starting or running."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot go on; the message says why and what to do about it."""


class AwayError(StackError):
    """A part of the stack does not answer; it may be starting again."""
