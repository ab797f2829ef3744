"""The benchmark of proposers runs, and its rows say what they should."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "time_to_boundary.py"


def test_quick_run_writes_every_rival_and_its_error(tmp_path):
    command = [sys.executable, str(SCRIPT), "--quick", "--without-adaptive", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    rows = json.loads((tmp_path / "time_to_boundary.json").read_text())["rows"]
    straight = [row for row in rows if row["diagram"] == "straight"]
    assert {row["rival"] for row in straight} == {"uniform grid", "boundary", "straddle", "Sobol"}
    last = {row["rival"]: row["error"] for row in straight}  # of most trials
    assert 0 < last["boundary"] < last["uniform grid"] < 0.1
    assert all(row["error"] == 0 for row in rows if row["diagram"] == "flat")
    assert "goal: at most 20 %" in (tmp_path / "time_to_boundary.md").read_text()
