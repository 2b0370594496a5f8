"""Which results are accepted: those of the request, and of nobody else's."""

from __future__ import annotations

from solar_model.errors import ResultsError
from solar_model.manifest import Manifest


def require_answer(results: Manifest, asked: Manifest, secret: str | None = None) -> None:
    """Make sure that results are those of a request, and of this version of the model.

    Parameters
    ----------
    results, asked : Manifest
        Of the results file and of the input file. Whether a file is the one that its manifest
        describes is the question of `Manifest.verify`.
    secret : str, optional
        Key that the results must be sealed with, where others may write to their place.

    Raises
    ------
    ResultsError
        Lists everything that differs.
    SignatureError
        When somebody else has written them.
    """
    if secret is not None:
        results.require_seal(secret)
    expected = {
        "name": asked.results_name,
        "tick": asked.tick,
        "steps": asked.steps,
        "rows": asked.rows * asked.steps,
        "schema_version": asked.schema_version,
        "model_version": asked.model_version,
        "seed": asked.seed,
        "answers": asked.request_id,
    }
    differences = [
        f"{name} is {getattr(results, name)!r}, asked for was {wanted!r}"
        for name, wanted in expected.items()
        if getattr(results, name) != wanted
    ]
    if differences:
        raise ResultsError(f"these results answer another request: {'; '.join(differences)}")
