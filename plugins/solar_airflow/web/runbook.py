"""``GET /solar/runbook``: the runbook of this very version, where the mails' links lead."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from solar_airflow.web.access import VIEWER
from solar_model.settings import PROJECT_ROOT

router = APIRouter()

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Runbook</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: auto; padding: 1rem }}
h2 {{ margin-top: 2.5rem; scroll-margin-top: 1rem }}
h2:target {{ outline: 2px solid; outline-offset: .4rem }}
code {{ background: color-mix(in srgb, currentColor 10%, transparent); padding: .1em .3em }}
</style>
{body}
</html>
"""


@router.get("/runbook", dependencies=[VIEWER], response_class=HTMLResponse)
def runbook() -> str:
    """``docs/runbook.md``; each entry has the kind of its alert as its anchor."""
    return _rendered()


@lru_cache(maxsize=1)
def _rendered() -> str:
    from markdown_it import MarkdownIt

    parser = MarkdownIt()
    tokens = parser.parse((PROJECT_ROOT / "docs" / "runbook.md").read_text())
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag == "h2":
            opening.attrSet("id", content.content.strip("`"))
    return _PAGE.format(body=parser.renderer.render(tokens, parser.options, {}))
