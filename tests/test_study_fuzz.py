"""Whatever a study file holds, it is a study or one StudyError; nothing in it is ever executed."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.errors import StudyError
from explorer.study import Study, load_study

SEARCHED = """\
name: searched
axes:
  source: sparse
  sparsity: [0.2, 0.5]
  rate: {from: 0.25, to: 1.0, count: 4}
  architecture: [two_layer, linear]
  dimension: 16
  seed: {count: 2}
training: {steps: 100, batch: 64}
search:
  over: {learning_rate: {low: 1e-4, high: 0.1, log: true}, optimizer: [adam, sgd]}
  budget: 20
keep: {curves: true}
resources: {cells_per_pack: 8, cpus_per_pack: 1}
"""
REFINED = """\
name: refined
axes:
  source: gaussian
  spectrum: power_law
  exponent: {from: 0, to: 2, count: 5}
  rate: [0.5, 1.0]
  architecture: mlp
  hidden: [8, "8-4"]
  dimension: 16
  init: random
  seed: {from: 3, count: 2}
refine: {along: exponent, budget: 10, tolerance: 0.01}
"""
GOOD = [SEARCHED, REFINED]
# {mark} is a folder that any of these would make, were it executed.
HOSTILE = [
    "!!python/object/apply:os.mkdir ['{mark}']", "!!python/object/new:os.mkdir ['{mark}']", "!!python/name:os.mkdir",
    "!!python/object/apply:builtins.exec [\"import os; os.mkdir('{mark}')\"]", "!!python/module:os", "!!binary aGk=",
    "!!set {{a}}", "!!timestamp 2001-01-01", "!!int '7'", "!custom 1", "*unknown", "&a [*a]", "<<: *a", "<<: [1]", "{{}}", "[]",
    "[[]]", "{{a: {{b: {{c: 1}}}}}}", "~", "null", "true", ".nan", ".inf", "-.inf", "-0.0", "1e400", "1e-400", "0x10", "010",
    "1_000", "99999999999999999999", "-1", "0", "''", "'\\x1b[31m'", '"\\0"', '"\\ud800"', "é", "\u202e", "\ufeff", "2001-01-01",
    "{{from: 1, to: 0, count: 3}}", "{{from: 0, to: 1, count: 0}}", "{{from: a, to: b, count: c}}", "{{count: 1e3}}",
    "{{from: 0, to: 1, count: 5, log: true}}", "{{low: 1, high: 2}}", "- 1", "? a", ": b", "|", ">", "%YAML 1.1", "---", "...",
    "__import__('os').mkdir('{mark}')", "${{HOME}}", "../../etc", "x" * 5000, "[" * 300, "{{a: " * 50, "sparse", "two_layer",
]  # fmt: skip


@st.composite
def studies(draw):
    """A good study after a few changes: a piece of text replaced, cut out, repeated or moved, or its values exchanged."""
    text = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(1, 4))):
        lines = text.split("\n")
        at = draw(st.integers(0, len(lines) - 1))
        hostile = draw(st.sampled_from(HOSTILE))
        key, colon, _ = lines[at].partition(": ")
        match draw(st.integers(0, 7)):
            case 0:
                lines[at] = f"{key}{colon}{hostile}"
            case 1:
                lines[at : at + 1] = []
            case 2:
                lines[at:at] = [draw(st.sampled_from(lines))]
            case 3:
                lines[at] = "  " * draw(st.integers(0, 3)) + lines[at].strip()
            case 4:
                words = lines[at].split(" ")
                words[draw(st.integers(0, len(words) - 1))] = hostile
                lines[at] = " ".join(words)
            case 5:
                position = draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:position] + draw(st.text(max_size=3)) + lines[at][position:]
            case 6:
                lines[at] = f"{hostile}: {hostile}"
            case 7:
                other = draw(st.sampled_from(lines)).partition(": ")[2]
                lines[at] = f"{key}{colon}{other}"
        text = "\n".join(lines)
    return text


def outcome(text):
    """The study that a text is, or the one line that says why it is none."""
    try:
        study = Study(text, "mine.yaml")
        if study.points <= 500:
            assert len({cell.key for cell in study.cells}) == len(study.cells) <= study.points
    except StudyError as error:
        message = str(error)
        assert message.startswith("mine.yaml")
        assert message.isprintable()
        assert len(message) < 1500
        return message
    return study


@settings(max_examples=80, derandomize=True, database=None)
@given(studies())
def test_changed_study_is_a_study_or_one_error(changed):
    mark = Path("executed-by-a-study")
    outcome(changed.replace("{mark}", str(mark)).replace("{{", "{").replace("}}", "}"))
    assert not mark.exists()


@settings(max_examples=40, derandomize=True, database=None)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: raw.decode("latin-1"))))
def test_any_text_is_a_study_or_one_error(text):
    assert isinstance(outcome(text), str)


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"\x80name: a", b"\x00" * 10, b"", b"name: \xc3\x28\n"])
def test_file_of_any_bytes_is_one_error(tmp_path, raw):
    (tmp_path / "mine.yaml").write_bytes(raw)
    with pytest.raises(StudyError, match=r"mine\.yaml"):
        load_study(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("old", "new"),
    [("source: sparse", 'source: "\\0\\e[31m"'), ("name: searched", 'name: "\\ud800"'), ("name:", '"\\udfff":'),
     ("optimizer: [adam, sgd]", '"\\e[2J": [1, 2]')],
)  # fmt: skip
def test_control_characters_are_shown_escaped_and_half_characters_refused(old, new):
    message = outcome(SEARCHED.replace(old, new))
    assert isinstance(message, str)
    assert any(shown in message for shown in ("\\x00\\x1b[31m", "U+D800", "U+DFFF", "\\x1b[2J"))


@pytest.mark.parametrize("good", GOOD)
def test_the_studies_that_are_changed_are_good(good):
    assert isinstance(outcome(good), Study)
