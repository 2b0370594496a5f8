"""Errors of the network in words: what passes, and what somebody must mend."""

from __future__ import annotations

from collections.abc import Iterator

from solar_model.errors import ConfigurationError, SolarModelError, TransferError

BUSY = frozenset({408, 423, 425, 429, 500, 502, 503, 504})
"""HTTP answers after which another try may help."""


def network_trouble(error: BaseException, url: str) -> SolarModelError:
    """The error to raise for one of the network, or of a client library that wraps one.

    Its own message is not repeated: libraries put addresses and tokens in theirs.
    """
    chain = list(_chain(error))
    if any("CERTIFICATE_VERIFY_FAILED" in str(one) for one in chain):
        reason = next(filter(None, (getattr(one, "verify_message", "") for one in chain)), "")
        return ConfigurationError(
            f"{url}: the server's certificate is not trusted{f' ({reason})' if reason else ''}. "
            "Is its name the one of the URL, is it still valid, is this machine's clock right? "
            "A certificate authority of your own is named by verify in the connection's extra."
        )
    words = [one.strerror for one in chain if isinstance(one, OSError) and one.strerror]
    reason = words[-1] if words else type(chain[-1]).__name__
    return TransferError(f"{url}: the connection failed ({reason})")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
        error = error.__cause__ or inner or error.__context__
