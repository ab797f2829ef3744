import pytest

from explorer.errors import StudyError
from explorer.study import Study, load_study

SMALLEST = {
    "source": "sparse",
    "architecture": "two_layer",
    "sparsity": "[0.3, 0.5]",
    "rate": "1.0",
    "dimension": "16",
}


def text(*, name="name: demo", tail="", without=(), **axes):
    """A study like the smallest one, with axes replaced, added or left out."""
    lines = {k: v for k, v in {**SMALLEST, **axes}.items() if k not in without}
    return "\n".join([name, "axes:", *(f"  {k}: {v}" for k, v in lines.items()), tail]) + "\n"


def refusal(written):
    with pytest.raises(StudyError) as caught:
        Study(written, "studies/mine.yaml")
    return str(caught.value)


# Each study file with what its one message names: line and key path, found, expected, nearest valid name.
BAD = {
    "unknown top-level key": (
        text(tail="trainig: {steps: 10}"),
        [":8: trainig:", "unknown key", "expected one of name, axes, training", 'Did you mean "training"?'],
    ),
    "setting at top level": (
        text(tail="sparsity: 0.5"),
        [":8: sparsity:", "unknown key", "expected one of", "write it under axes"],
    ),
    "misspelt section names the misspelling": (
        text(name="nmae: demo"),
        [":1: nmae:", "unknown key", 'Did you mean "name"?'],
    ),
    "unknown key called as a type": (text(tail="internal: 1"), [":8: internal:", "unknown key", "expected one of"]),
    "unknown flag called as a type": (text(tail="keep: {float: 1}"), [":8: keep.float:", "unknown key", "curves"]),
    "unknown axis": (
        text(sparsty="[0.1]"),
        [
            ":8: axes.sparsty:",
            "unknown setting",
            "expected one of activation, architecture",
            'Did you mean "sparsity"?',
        ],
    ),
    "value outside a source's domain": (
        text(sparsity="[0.1, 0.2, 0.3, 1.2]"),
        [":5: axes.sparsity[3]:", '1.2 is outside (0, 1], the domain of source "sparse"', "Did you mean 0.12?"],
    ),
    "value outside by a factor of a hundred": (
        text(sparsity="35.0"),
        [":5: axes.sparsity:", "35 is outside (0, 1]", "Did you mean 0.35?"],
    ),
    "value on an open end": (text(sparsity="0"), ["axes.sparsity:", "0 is outside (0, 1]"]),
    "range that touches an open end": (
        text(sparsity="{from: 0, to: 1, count: 3}"),
        ["axes.sparsity:", "0 is outside (0, 1]", 'source "sparse"'],
    ),
    "seed too large": (text(seed="2147483648"), ["axes.seed:", "2147483648 is outside [0, 2147483647]"]),
    "text for a number": (text(dimension="big"), [":7: axes.dimension:", 'found "big", expected a whole number']),
    "fraction for a whole number": (text(dimension="16.5"), ["axes.dimension:", "found 16.5, expected a whole number"]),
    "octal number": (text(dimension="020"), ["axes.dimension:", 'found "020", expected a whole number', "number 20"]),
    "minutes and seconds": (text(dimension="1:30"), ["axes.dimension:", 'found "1:30", expected a whole number']),
    "number too long": (
        text(dimension="1" + "0" * 5000),
        ["axes.dimension:", 'found "1000', "expected a whole number"],
    ),
    "bool for a number": (text(sparsity="[0.1, true]"), ["axes.sparsity[1]:", "found true, expected a number"]),
    "quoted number": (
        text(sparsity='["0.5"]'),
        ["axes.sparsity[0]:", 'found "0.5", expected a number', "Did you mean the number 0.5, without quotes?"],
    ),
    "number for a name": (text(base="3"), ["axes.base:", "found 3, expected a name"]),
    "text for a bool": (text(tied='"yes"'), ["axes.tied:", 'found "yes", expected true or false']),
    "nothing for a number": (text(sparsity=""), ["axes.sparsity:", "found nothing, expected a number"]),
    "not a number": (text(sparsity="[.nan]"), ["axes.sparsity[0]:", "found nan, expected a finite number"]),
    "infinite": (text(learning_rate=".inf"), ["axes.learning_rate:", "found inf, expected a finite number"]),
    "empty list": (text(sparsity="[]"), ["axes.sparsity:", "found an empty list, expected at least one value"]),
    "value given twice": (text(sparsity="[0.5, 0.1, 0.50]"), ["axes.sparsity[2]:", "0.5 is given twice", "expected"]),
    "seed given twice as another type": (text(seed="[1, 1.0]"), ["axes.seed[1]:", "1 is given twice"]),
    "key given twice": (
        text(tail="  rate: 0.5"),
        [":8: axes.rate:", "given twice", "expected each key once"],
    ),
    "list in a list": (text(sparsity="[[0.1]]"), ["axes.sparsity[0]:", "found a list, expected a number"]),
    "range in a list": (
        text(sparsity="[{from: 0.1, to: 1, count: 3}]"),
        ["axes.sparsity[0]:", "found a mapping, expected a number"],
    ),
    "range without count": (text(sparsity="{from: 0.1, to: 1}"), ["axes.sparsity.count: missing", "expected {from"]),
    "range without from": (text(sparsity="{to: 1, count: 3}"), ["axes.sparsity.from: missing", "expected {from"]),
    "range without to": (text(sparsity="{from: 0.1, count: 3}"), ["axes.sparsity.to: missing", "expected {from"]),
    "range backwards": (
        text(sparsity="{from: 0.9, to: 0.1, count: 3}"),
        ["axes.sparsity:", "found from 0.9 to 0.1, expected from < to"],
    ),
    "range of none": (
        text(sparsity="{from: 0.1, to: 1, count: 0}"),
        ["axes.sparsity.count:", "found 0, expected a whole number from 1"],
    ),
    "range of one": (
        text(sparsity="{from: 0.1, to: 1, count: 1}"),
        ["axes.sparsity.count:", "found 1, expected at least 2 values"],
    ),
    "range with a broken count": (
        text(sparsity="{from: 0.1, to: 1, count: 2.5}"),
        ["axes.sparsity.count:", "found 2.5, expected a whole number"],
    ),
    "range too long": (text(seed="{count: 10000000}"), ["axes.seed.count:", "found 10000000", "to 1000000"]),
    "logarithmic range from zero": (
        text(learning_rate="{from: 0, to: 1, count: 3, log: true}"),
        ["axes.learning_rate.from:", "found 0, expected a positive number"],
    ),
    "log that is no bool": (
        text(learning_rate="{from: 0.1, to: 1, count: 3, log: 10}"),
        ["axes.learning_rate.log:", "found 10, expected true or false"],
    ),
    "unknown key of a range": (
        text(sparsity="{from: 0.1, to: 1, cuont: 3}"),
        ["axes.sparsity.cuont:", "unknown key", "expected from, to, count, log", 'Did you mean "count"?'],
    ),
    "range of names": (text(base="{from: 1, to: 3, count: 3}"), ["axes.base:", "found a range, expected names"]),
    "no source": (
        text(without=["source"]),
        ["axes.source:", "missing", "expected one of dictionary, gaussian, images"],
    ),
    "no architecture": (
        text(without=["architecture"]),
        ["axes.architecture:", "missing", "expected one of contractive"],
    ),
    "no dimension": (text(without=["dimension"]), ["axes.dimension:", "missing", "expected a value in [1, 65536]"]),
    "no rate": (text(without=["rate"]), ["axes.rate:", "missing", "expected a value in (0, 64]"]),
    "no sparsity": (text(without=["sparsity"]), ["axes.sparsity:", "missing", "expected a value in (0, 1]"]),
    "no sparsity for the second source": (
        text(source="[gaussian, sparse]", without=["sparsity"]),
        ["axes.sparsity:", "missing", "expected a value in (0, 1]"],
    ),
    "no shape": (
        text(base="[rademacher, generalized_gaussian]"),
        ["axes.shape:", "missing", "expected a value in (0.25, 64]", "base: generalized_gaussian needs it"],
    ),
    "unknown source": (
        text(source="[sparse, gausian]"),
        [
            ":3: axes.source[1]:",
            'no source "gausian"',
            "expected one of dictionary, gaussian, images",
            'Did you mean "gaussian"?',
        ],
    ),
    "unknown architecture": (
        text(architecture="twolayer"),
        [":4: axes.architecture:", 'no architecture "twolayer"', "expected one of", 'Did you mean "two_layer"?'],
    ),
    "unknown base": (
        text(base="rademacer"),
        ["axes.base:", '"rademacer" is outside {rademacher, gaussian', 'Did you mean "rademacher"?'],
    ),
    "unknown activation": (
        text(activation="[tanh, sgn]"),
        ["axes.activation[1]:", '"sgn" is outside {sign, tanh', "two_layer", 'Did you mean "sign"?'],
    ),
    "unknown start": (
        text(init="[random, identiy]"),
        ["axes.init[1]:", 'no start "identiy"', "expected one of random, identity", 'Did you mean "identity"?'],
    ),
    "shape beside a base without one": (
        text(shape="3"),
        ["axes.shape:", "has no effect, because base is rademacher", "expected base: generalized_gaussian"],
    ),
    "surrogate width beside tanh": (
        text(activation="tanh", tail="training: {surrogate_width: 0.2}"),
        ["training.surrogate_width:", "has no effect, because activation is tanh", "expected activation: sign"],
    ),
    "setting of no chosen source": (
        text(source="gaussian"),
        ["axes.sparsity:", 'source "gaussian"', 'has a setting "sparsity"', "expected it left out"],
    ),
    "list under training": (
        text(tail="training: {steps: [1, 2]}"),
        ["training.steps:", "found several values, expected one", "write it under axes"],
    ),
    "axis under training": (
        text(tail="training: {sparsity: 0.3}"),
        ["training.sparsity:", "is not a training setting", "write it under axes"],
    ),
    "unknown training setting": (
        text(tail="training: {stesp: 3}"),
        ["training.stesp:", "unknown setting", "expected one of batch", 'Did you mean "steps"?'],
    ),
    "setting under axes and training": (
        text(steps="[10, 20]", tail="training: {steps: 10}"),
        ["training.steps:", "also given under axes", "expected it in one place"],
    ),
    "training value outside its domain": (
        text(tail="training: {optimizer: adamm}"),
        ["training.optimizer:", '"adamm" is outside {adam, sgd}', 'Did you mean "adam"?'],
    ),
    "name with a space": (text(name="name: my study"), [":1: name:", 'found "my study", expected letters, digits']),
    "name with a line break": (text(name='name: "demo\\n"'), [":1: name:", r'found "demo\n", expected letters']),
    "name that climbs": (text(name="name: ../other"), [":1: name:", 'found "../other", expected letters']),
    "name that is a number": (text(name="name: 3"), [":1: name:", "found 3, expected text"]),
    "no name": (text(name=""), ["name:", "missing", "expected a name"]),
    "no axes": ("name: demo\n", ["axes:", "missing", "expected a mapping"]),
    "axes that are a list": ("name: demo\naxes: [1]\n", [":2: axes:", "found a list, expected a mapping"]),
    "training that is nothing": (text(tail="training:"), [":8: training:", "found nothing, expected a mapping"]),
    "empty file": ("", ["found nothing, expected a mapping with the keys name, axes"]),
    "only a comment": ("# later\n", ["found nothing, expected a mapping"]),
    "list for a study": ("- a\n", ["found a list, expected a mapping"]),
    "text for a study": ("hello\n", ['found "hello", expected a mapping']),
    "broken YAML": ("name: demo\naxes: {a: [1, 2}\n", [":2:", "not valid YAML", "expected ',' or ']', but got '}'"]),
    "tab for spaces": ("name: demo\naxes:\n\tsource: sparse\n", [":3:", "not valid YAML", r"'\t'"]),
    "two documents": ("name: a\n---\nname: b\n", [":2:", "expected a single document", "found another"]),
    "control character": ("name: a\n# \x00\n", [":2:", "not valid YAML", "U+0000"]),
    "Python object": (
        "name: !!python/object/apply:os.system ['echo']\naxes: {}\n",
        [":1: name:", "found the tag !!python/object/apply:os.system", "expected a plain value"],
    ),
    "unknown tag": (text(base="!mine rademacher"), ["axes.base:", "found the tag !mine", "expected a plain value"]),
    "key that YAML reads as a bool": (text(on="1"), [":8: axes.?:", 'found "on" (bool) as a key, expected a name']),
    "key that is a list": ("name: x\naxes: {? [1] : 3}\n", [":2: axes.?:", "as a key, expected a name"]),
    "key with a line break": (text(tail='"a\\nb": 1'), [r":8: a\nb:", "unknown key"]),
    "keep of the wrong type": (text(tail="keep: true"), [":8: keep:", "found true, expected a mapping"]),
    "keep flag of the wrong type": (
        text(tail="keep: {curves: 1}"),
        ["keep.curves:", "found 1, expected true or false"],
    ),
    "unknown keep flag": (
        text(tail="keep: {curve: true}"),
        ["keep.curve:", "unknown key", "expected one of curves, minimizers", 'Did you mean "curves"?'],
    ),
    "unknown resource": (
        text(tail="resources: {cpu_per_pack: 2}"),
        ["resources.cpu_per_pack:", "unknown key", 'Did you mean "cpus_per_pack"?'],
    ),
    "resource of the wrong type": (
        text(tail="resources: {cpus_per_pack: lots}"),
        ["resources.cpus_per_pack:", 'found "lots", expected a number'],
    ),
    "resource that is a bool": (
        text(tail="resources: {cpus_per_pack: true}"),
        ["resources.cpus_per_pack:", "found true, expected a number"],
    ),
    "no processors": (
        text(tail="resources: {cpus_per_pack: 0}"),
        ["resources.cpus_per_pack:", "found 0, expected a number greater than 0"],
    ),
    "processors that are not a number": (
        text(tail="resources: {cpus_per_pack: .nan}"),
        ["cpus_per_pack:", "found nan"],
    ),
    "pack size of the wrong type": (
        text(tail="resources: {cells_per_pack: many}"),
        ["resources.cells_per_pack:", 'found "many", expected "auto" or a whole number from 1'],
    ),
    "pack of none": (
        text(tail="resources: {cells_per_pack: 0}"),
        ["resources.cells_per_pack:", 'found 0, expected "auto" or a whole number from 1'],
    ),
    "nested too deeply": ("name: x\naxes: " + "[" * 3000 + "]" * 3000, ["nested too deeply", "expected"]),
    "within itself": ("name: x\naxes: &a {source: *a}\n", [":2: axes.source:", "nested too deeply", "expected"]),
    "few lines that stand for a billion values": (
        "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else '0'] * 10)}]\n" for i in range(9)),
        ["found more than 200,000 values", "expected fewer"],
    ),
    "too many points": (
        text(sparsity="{from: 0.1, to: 1, count: 100000}", seed="{count: 1000}"),
        ["axes:", "100,000,000 points, expected at most 1,000,000"],
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_study_is_refused_in_one_line_that_says_what_to_mend(kind):
    written, named = BAD[kind]
    message = refusal(written)
    assert message.startswith("studies/mine.yaml:")
    assert len(message.splitlines()) == 1
    assert len(message) < 500
    for part in named:
        assert part in message, f"{part!r} is not in {message!r}"


def test_python_object_is_never_built(tmp_path):
    touched = tmp_path / "touched"
    refusal(f"name: !!python/object/apply:os.mkdir ['{touched}']\naxes: {{}}\n")
    assert not touched.exists()


def test_rates_are_told_apart_at_every_patch_of_images(tmp_path):
    place = tmp_path / "mine.yaml"
    place.write_text("name: a\naxes: {source: images, architecture: linear, patch: [0, 4], rate: [0.1, 0.12]}\n")
    with pytest.raises(StudyError, match=r"rates 0\.1 and 0\.12 both give n = 2 at dimension 16"):
        load_study(place)
