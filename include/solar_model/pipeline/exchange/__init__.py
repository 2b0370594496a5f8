"""The exchange: where the cycle's files lie for whoever simulates them.

A file is put together with its manifest, is verified by what the store then holds, and is held
against the manifest again when it is fetched. What that takes is written once, in
:class:`Exchange`; a store knows only how its kind of place keeps bytes under a name.
"""

from solar_model.pipeline.exchange.exchange import LATEST_INPUT, Exchange
from solar_model.pipeline.exchange.opening import (
    fetch,
    get_or_move,
    in_turn,
    open_exchange,
    put_to_first,
)
from solar_model.pipeline.exchange.patience import Patience
from solar_model.pipeline.exchange.store import Digest, NotInExchange, Store, Stored

__all__ = [
    "LATEST_INPUT",
    "Digest",
    "Exchange",
    "NotInExchange",
    "Patience",
    "Store",
    "Stored",
    "fetch",
    "get_or_move",
    "in_turn",
    "open_exchange",
    "put_to_first",
]
