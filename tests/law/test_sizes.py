"""Short files, short functions, short methods: what does not fit is two things."""

import ast
import io
import tokenize

import pytest

FILE_LINES = 300
FUNCTION_LINES = 40
METHOD_LINES = 90  # of a file in algorithms/
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstring_lines(tree: ast.Module) -> set[int]:
    """Lines of docstrings and of bare strings that document a field."""
    return {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }


def code_lines(text: str) -> set[int]:
    """Numbers of the lines that hold code: no blanks, no comments, no docstrings."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {line for token in tokens if token.type not in NOT_CODE for line in range(token.start[0], token.end[0] + 1)}
    return lines - docstring_lines(ast.parse(text))


def long_files(path: str, text: str) -> list[str]:
    """A file of too many lines."""
    lines = len(text.splitlines())
    return [f"{path} has {lines} lines"] if lines >= FILE_LINES else []


def long_methods(path: str, text: str) -> list[str]:
    """An algorithm that is more than its equations."""
    if "awac/algorithms/" not in path:
        return []
    lines = len(code_lines(text))
    return [f"{path} has {lines} lines of code"] if lines >= METHOD_LINES else []


def long_functions(path: str, text: str) -> list[str]:
    """A function of too many lines of code."""
    code = code_lines(text)
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = sum(line in code for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))
            if lines >= FUNCTION_LINES:
                found.append(f"{path}:{node.lineno} {node.name} has {lines} lines of code")
    return found


@pytest.mark.parametrize("law", [long_files, long_methods, long_functions])
def test_law_holds(law, all_python):
    assert [breach for path, text in all_python.items() for breach in law(path, text)] == []


@pytest.mark.parametrize(
    ("law", "path", "text"),
    [
        (long_files, "src/awac/train.py", "\n" * 300),
        (long_methods, "src/awac/algorithms/awac.py", "x = 1\n" * 90),
        (long_functions, "src/awac/train.py", "def f():\n" + "    x = 1\n" * 39),
        (long_functions, "src/awac/train.py", "class A:\n    def f(self):\n" + "        x = 1\n" * 39),
    ],
)
def test_law_bites(law, path, text):
    assert law(path, text) != []


def test_comments_blanks_and_docstrings_are_free():
    text = 'def f():\n    """Doc.\n\n    More.\n    """\n' + "    # why\n\n" * 50 + "    x = '''a\nb'''\n"
    assert code_lines(text) == {1, 106, 107}
    assert long_functions("src/awac/train.py", text) == []
