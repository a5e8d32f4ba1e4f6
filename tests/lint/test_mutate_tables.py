"""Every row of the call's tables is proven by a unit test, and a row that is not would be found."""
import shutil
from pathlib import Path

import mutate_tables

ROOT = Path(__file__).resolve().parents[2]


def run(monkeypatch, capsys, root):
    monkeypatch.setattr("sys.argv", ["mutate_tables.py", str(root)])
    code = mutate_tables.main()
    return code, capsys.readouterr().out


def test_every_row_is_proven(monkeypatch, capsys):
    code, out = run(monkeypatch, capsys, ROOT)
    assert code == 0, out
    assert " 0 survived" in out


def test_an_unproven_row_is_found(monkeypatch, capsys, tmp_path):
    for name in ("src/base", "src/calls", "tests/unit"):
        shutil.copytree(ROOT / name, tmp_path / name)
    header = tmp_path / "src/calls/verdict.h"
    header.write_text(header.read_text().replace("    X(CALLER_LEFT,", '    X(UNPROVEN, true, "x", c->hangs == 77) \\\n    X(CALLER_LEFT,', 1))
    test = tmp_path / "tests/unit/test_verdict.c"
    test.write_text(test.read_text().replace("assert_true(ended[i]);", "(void)ended[i];"))
    code, out = run(monkeypatch, capsys, tmp_path)
    assert code == 1
    assert "UNPROVEN" in out and "SURVIVED: " in out
