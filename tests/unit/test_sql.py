"""No statement is put together from text: values are parameters, names are quoted by psycopg."""

from __future__ import annotations

import ast

import pytest

from solar_model.settings import PROJECT_ROOT

CALLS = {"execute", "executemany", "copy", "exec_driver_sql", "text"}
SOURCES = sorted(
    path
    for folder in ("include", "plugins", "dags")
    for path in (PROJECT_ROOT / folder).rglob("*.py")
    # a migration takes nothing from outside
    if "migrations" not in path.parts
)


def built(statement: ast.expr) -> bool:
    """Whether text was put together here, other than by `psycopg.sql`."""
    match statement:
        case ast.JoinedStr(values=parts):
            return any(
                isinstance(part, ast.FormattedValue) and not constant(part.value) for part in parts
            )
        case ast.BinOp(op=ast.Mod() | ast.Add()):
            return True
        case ast.Call(func=ast.Attribute(attr="format", value=owner)):
            return not ast.unparse(owner).removeprefix("psycopg.").startswith("sql.SQL(")
        case ast.Call(func=ast.Attribute(attr="encode", value=text)):
            return not constant(text) and (not isinstance(text, ast.JoinedStr) or built(text))
        case ast.Call(func=ast.Attribute(attr="join", value=owner)):
            return not ast.unparse(owner).startswith("sql.SQL(")
    return False


def constant(value: ast.expr) -> bool:
    """A constant of the module, by its name."""
    return isinstance(value, ast.Name) and value.id.isupper()


def found_in(source: str) -> list[str]:
    tree = ast.parse(source)
    named = {name for node in ast.walk(tree) for name in built_names(node)}
    return [
        ast.unparse(call.args[0])
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in CALLS
        and call.args
        and (built(call.args[0]) or (names(call.args[0]) & named))
    ]


def built_names(node: ast.AST) -> set[str]:
    """Names that text was put together for; constants of a module may be made of constants."""
    match node:
        case ast.Assign(targets=targets, value=value) if built(value):
            return {name for target in targets for name in names(target)}
        case ast.AnnAssign(target=target, value=ast.expr() as value) if built(value):
            return names(target)
        case ast.NamedExpr(target=target, value=value) if built(value):
            return names(target)
        case ast.AugAssign(target=target):
            return names(target)
    return set()


def names(node: ast.expr) -> set[str]:
    return {node.id} if isinstance(node, ast.Name) and not constant(node) else set()


def test_no_statement_is_built_from_text():
    assert len(SOURCES) > 100
    found = {
        (path.relative_to(PROJECT_ROOT).as_posix(), statement)
        for path in SOURCES
        for statement in found_in(path.read_text())
    }
    assert found == set()


@pytest.mark.parametrize(
    "call",
    [
        'c.execute(f"SELECT {name}")',
        'c.execute("SELECT " + name)',
        'c.execute("SELECT %s" % name)',
        'c.execute("SELECT {}".format(name))',
        "c.copy(statement.encode())",
        's = f"SELECT {name}"\nc.execute(s)',
        's = "SELECT "\ns += name\nc.execute(s)',
        'c.execute(s) if (s := "SELECT " + name) else None',
    ],
)
def test_it_would_be_noticed(call):
    assert len(found_in(call)) == 1


def test_what_is_quoted_is_fine():
    assert found_in('c.execute(sql.SQL("SELECT {}").format(sql.Identifier(name)), (1,))') == []
