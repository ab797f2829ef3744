"""Every symbol of the glossary can be written without TeX."""

import pytest

from explorer.axes import GLOSSARY
from explorer.report.notation import unicode_text


@pytest.mark.parametrize("name", list(GLOSSARY))
def test_no_tex_is_left(name):
    for text in (GLOSSARY[name].symbol, GLOSSARY[name].label):
        assert not set(unicode_text(text)) & set("\\${}")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("rate", "compression rate r = n/d"),
        ("loss", "loss E ‖x−x̂‖²/d"),
        ("localization", "localization ⟨Σⱼ Bᵢⱼ⁴⟩ᵢ"),
        ("frame_defect", "‖BᵀB − rI‖_F²/d"),
        ("orthogonality", "‖BBᵀ − I‖_F²/n"),
        ("learning_rate", "learning rate η"),
    ],
)
def test_formulas_read_as_in_the_papers(name, label):
    assert unicode_text(GLOSSARY[name].label) == label


def test_text_without_a_formula_is_left_alone():
    assert unicode_text("a_b-c*") == "a_b-c*"
