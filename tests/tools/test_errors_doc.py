"""The page of errors says what the program does."""

import importlib.machinery
import importlib.util
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    path = str(ROOT / "tools/make-errors-doc")
    spec = importlib.util.spec_from_loader("make_errors_doc", importlib.machinery.SourceFileLoader("make_errors_doc", path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(tool):
    assert (ROOT / "docs/guide/errors.md").read_text() == tool.page((ROOT / "src/base/codes.def").read_text())


def test_every_code_has_its_row(tool):
    text = (ROOT / "src/base/codes.def").read_text()
    numbers = re.findall(r"^LT_CODE\(\w+, (\d+)", text, re.M)
    page = tool.page(text)
    assert len(numbers) > 50
    assert [n for n in numbers if f"| E{n} |" not in page] == []


def test_a_line_that_cannot_be_read_is_refused(tool):
    with pytest.raises(ValueError, match="line 2"):
        tool.page('LT_CODE(A, 1000, FATAL, 2, "hint")\nLT_CODE(B, 1001, FATAL, "hint")\n')


def test_a_code_outside_the_chapters_is_refused(tool):
    with pytest.raises(ValueError, match="7"):
        tool.page('LT_CODE(A, 7000, FATAL, 2, "hint")\n')
