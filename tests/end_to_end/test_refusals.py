"""Bad input: one clear line on stderr, exit code 2, and nothing started."""

import pytest

from tests.end_to_end.conftest import SMALL, call, call_here

GOOD = SMALL.format(sparsity="[0.5]", steps=10, pack="auto")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "[0.5]",
            "[0.5, 1.2]",
            'axes.sparsity[1]: 1.2 is outside (0, 1], the domain of source "sparse". Did you mean 0.12?',
        ),
        ("two_layer", "two_layers", 'Did you mean "two_layer"?'),
        ("keep:", "kep:", 'Did you mean "keep"?'),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_bad_study_is_refused_before_anything_starts(tmp_path, command, old, new, expected):
    study = tmp_path / "bad.yaml"
    study.write_text(GOOD.replace(old, new))
    done = call_here(command, study, "--out", tmp_path / "store")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith(f"error: {study}:")
    assert expected in done.stderr
    assert not (tmp_path / "store").exists()


def test_a_refusal_is_the_exit_code_and_all_that_the_process_says(tmp_path):
    study = tmp_path / "bad.yaml"
    study.write_text(GOOD.replace("two_layer", "two_layers"))
    arguments = "run", study, "--out", tmp_path / "store"
    done, here = call(*arguments), call_here(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", here.stderr)
    assert done.stderr.startswith(f"error: {study}:")
    assert len(done.stderr.strip().splitlines()) == 1


def test_ray_client_is_refused_with_the_way_that_works(tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text(GOOD)
    done = call_here("run", study, "--out", tmp_path / "store", "--address", "ray://localhost:10001")
    assert done.returncode == 2
    assert "--address ray://localhost:10001" in done.stderr
    assert "--address auto" in done.stderr


def test_a_gpu_that_is_not_there_is_one_message(tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text(GOOD.replace("cells_per_pack: auto", "gpus_per_pack: 64"))
    done = call("run", study, "--out", tmp_path / "store")
    assert done.returncode == 2
    assert "resources.gpus_per_pack: 64" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_such_cluster_is_one_message(tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text(GOOD)
    done = call("run", study, "--out", tmp_path / "store", "--address", "127.0.0.1:1")
    assert done.returncode == 2
    assert "no Ray cluster answers at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "{none}"),
        ("query", "{store}", "SELECT losss FROM cells"),
        ("query", "{store}", "SELECT * FROM read_csv('/etc/passwd')"),
        ("query", "{store}", "SELECT 1", "--format", "jsn"),
        ("query", "{store}", "SELECT 1", "--out", "answer.csv"),
        ("boundary", "{store}", "--along", "sparsty"),
        ("boundary", "{store}", "--along", "sparsity", "--estimator", "swich"),
        ("boundary", "{store}", "--along", "sparsity", "--by", "rates"),
        ("figure", "{store}", "phase_diagrm"),
        ("figure", "{store}", "phase_diagram", "--out", "diagram.jpg"),
        ("figure", "{store}", "phase_diagram", "--where", "rate > 99"),
        ("figure", "{store}", "loss_curves", "--x", "sparcity"),
        ("replay", "{store}", "0123456789"),
    ],
)
def test_other_commands_refuse_in_one_message(small, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    done = call_here(*[a.format(store=small[1], none=tmp_path / "none") for a in arguments])
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
