"""`explorer boundary` on tables that are no stores."""

import io

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from explorer.cli import app


@pytest.fixture
def percolation():
    """Spanning probabilities of three sizes, whose switches go to 0.59."""
    generator = np.random.default_rng(0)
    rows = [
        {"occupation": p, "size": size, "sample": k,
         "spanning": 1 / (1 + np.exp(-(p - 0.59 - 0.8 / size - 0.004 * generator.standard_normal()) * 3 * size))}
        for size in (8, 16, 32) for k in range(6) for p in np.linspace(0.3, 0.95, 27)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def boundary(path, *more):
    done = CliRunner().invoke(app, ["boundary", str(path), "--along", "occupation", "--order", "spanning", *more])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_table_of_any_origin_is_fitted(percolation, tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    percolation.to_parquet(path) if suffix == "parquet" else percolation.to_csv(path, index=False)
    code, out, _ = boundary(path, "--seed", "sample", "--estimator", "finite_size", "--size", "size", "--format", "csv")
    assert code == 0
    (row,) = pd.read_csv(io.StringIO(out)).itertuples()
    assert row.critical == pytest.approx(0.59, abs=0.02)
    assert row.low < 0.59 < row.high
    assert row.n > 0


def test_rows_without_a_seed_are_replicates_of_their_point(percolation, tmp_path):
    percolation.drop(columns="sample").to_csv(tmp_path / "table.csv", index=False)
    code, out, _ = boundary(tmp_path / "table.csv", "--by", "size", "--format", "csv")
    found = pd.read_csv(io.StringIO(out))
    assert code == 0
    assert found["estimator"].tolist() == ["switch"] * 3
    assert found["seeds"].tolist() == [6] * 3
    assert found["critical"].to_numpy() == pytest.approx(0.59 + 0.8 / found["size"].to_numpy(), abs=0.02)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (None, "tabel.csv", 'no such file.*Did you mean "table.csv"'),
        (b"not a table", "broken.parquet", "cannot be read as a table"),
        (b"", "empty.csv", "cannot be read as a table"),
        (b"occupaton,spanning\n0.1,0.2\n", "other.csv", 'no column "occupation".*Did you mean "occupaton"'),
    ],
)
def test_file_that_is_no_such_table_is_one_error(tmp_path, content, name, message):
    (tmp_path / "table.csv").write_bytes(b"a\n1\n")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, _, said = boundary(tmp_path / name)
    assert code == 2
    pd.testing.assert_series_equal(pd.Series([said]).str.contains(message), pd.Series([True]))
