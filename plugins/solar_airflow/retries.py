"""Which errors are worth another try."""

from __future__ import annotations

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule


def retry_only(*exceptions: str) -> ExceptionRetryPolicy:
    """Retry after these errors as the task says, and after no others.

    Parameters
    ----------
    *exceptions : str
        Dotted names of the classes; their subclasses are meant, too.
    """
    return ExceptionRetryPolicy(
        rules=[RetryRule(exception=name, action=RetryAction.DEFAULT) for name in exceptions],
        default=RetryAction.FAIL,
    )
