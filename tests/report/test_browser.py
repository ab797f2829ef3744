"""The page in a real browser: what it draws, what it opens, what it refuses."""

import io
import os
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from explorer.analysis.encoders import sort_encoder
from explorer.cli import app
from explorer.report import View, write_report
from explorer.report.details import details
from tests.figures.stores import cells, make, outcome
from tests.report.stores import members, publish, rows

REFERENCE = Path(__file__).parent / "reference.png"
DRAWN = "html[data-drawn][data-opened]"
HOSTILE = (
    "</script><script>window.pwned = 1</script>",
    "\"><img src=x onerror='window.pwned = 1'>",
    "__proto__",
    "a\u2028b",
    "{{data}}",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return publish(tmp_path_factory.mktemp("store"), members())


@pytest.fixture(scope="module")
def address(store, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(store, path)
    return f"file://{path}"


@pytest.fixture
def page(visit, address):
    opened = visit(address)
    opened.wait_for_selector(DRAWN)
    return opened


def drawn(page, change):
    """Do something that draws the diagram again, and wait until it is there."""
    before = page.get_attribute("html", "data-drawn")
    change()
    page.wait_for_function("before => document.documentElement.dataset.drawn !== before", arg=before)


def at(page, across, up):
    """A place in the diagram, as shares of its canvas."""
    box = page.locator("#diagram canvas").bounding_box()
    return box["x"] + across * box["width"], box["y"] + up * box["height"]


def table(page, name):
    """A table of names and values as the page shows it."""
    found = page.locator(f"{name} tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )
    return dict(found)


def hover(page, across, up):
    page.mouse.move(*at(page, across, up))
    page.wait_for_selector("#card:not([hidden])")
    return table(page, "#card")


def opened(page, key):
    page.wait_for_selector(f'html[data-opened="{key}"]')


def mean(store, column, **settings):
    frame = store.to_pandas()
    for name, value in settings.items():
        frame = frame[frame[name] == value]
    return frame[column].mean()


def test_hovering_shows_the_numbers_of_a_cell(page, store):
    card = hover(page, 0.35, 0.3)
    p, r = float(card["sparsity p"]), float(card["compression rate r = n/d"])
    expected = mean(store, "localization", sparsity=p, rate=r, init="random")
    shown = card["localization ⟨Σⱼ Bᵢⱼ⁴⟩ᵢ"].split(" ± ")
    assert float(shown[0]) == pytest.approx(expected, rel=1e-3)
    assert card["cells"] == "2"
    page.mouse.move(1, 1)
    page.wait_for_selector("#card", state="hidden")


def test_clicking_opens_the_cell_with_its_encoder_curve_and_command(page, store):
    card = hover(page, 0.85, 0.3)
    page.mouse.click(*at(page, 0.85, 0.3))
    p, r = float(card["sparsity p"]), float(card["compression rate r = n/d"])
    frame = store.to_pandas()
    chosen = frame[(frame["sparsity"] == p) & (frame["rate"] == r) & (frame["init"] == "random")]
    page.select_option("#cell-seed", "1")
    key = chosen[chosen["seed"] == 1]["cell_key"].item()
    opened(page, key)
    expected = details(store, [key])[key]
    assert page.get_attribute("#picture", "src") == expected["encoder"]["picture"]
    encoder = sort_encoder(store.minimizer(key)["encoder"])
    assert page.evaluate("[picture.naturalWidth, picture.naturalHeight]") == [encoder.shape[1], encoder.shape[0]]
    assert "Encoder B of cell" in page.get_attribute("#picture", "alt")
    assert page.inner_text("#curve-text") == "Training curve, 0.5 to 0.25 in 2 steps."
    assert page.locator("#curve canvas").is_visible()
    assert page.inner_text("#replay") == f"explorer replay {store.files.name} {key}"
    settings = table(page, "#settings")
    assert (settings["start"], settings["seed"], settings["sparsity p"]) == ("random", "1", f"{p:g}")
    assert float(table(page, "#numbers")["loss E ‖x−x̂‖²/d"]) == pytest.approx(
        chosen[chosen["seed"] == 1]["loss"].item(), rel=1e-5
    )


def test_switches_change_what_is_drawn(page, store):
    first = page.locator("#diagram canvas").screenshot()
    drawn(page, lambda: page.select_option("#value", "loss"))
    assert page.inner_text("#scale-title") == "loss E ‖x−x̂‖²/d, mean over seeds"
    second = page.locator("#diagram canvas").screenshot()
    assert first != second
    drawn(page, lambda: page.get_by_label("start", exact=True).select_option("identity"))
    card = hover(page, 0.2, 0.3)
    p, r = float(card["sparsity p"]), float(card["compression rate r = n/d"])
    assert float(card["loss E ‖x−x̂‖²/d"].split(" ")[0]) == pytest.approx(
        mean(store, "loss", sparsity=p, rate=r, init="identity"), rel=1e-3
    )
    drawn(page, lambda: page.select_option("#seed", "1"))
    card = hover(page, 0.2, 0.3)
    assert float(card["loss E ‖x−x̂‖²/d"]) == pytest.approx(
        mean(store, "loss", sparsity=p, rate=r, init="identity", seed=1), rel=1e-3
    )
    drawn(page, lambda: page.select_option("#x", "rate"))
    assert page.input_value("#y") == "sparsity"  # the axes change places
    drawn(page, lambda: page.select_option("#y", "init"))
    assert page.get_by_label("sparsity p", exact=True).count() == 1
    assert page.locator("#cell-y option").all_inner_texts() == ["identity", "random"]


def test_boundaries_and_theory_are_in_the_table_and_in_the_legend(page):
    lines = page.locator("#boundaries tbody tr").count()
    assert lines == 4
    assert page.locator("#legend li:visible").count() == 3
    assert "0.6366" in page.inner_text("#boundaries")
    drawn(page, lambda: page.select_option("#x", "init"))
    drawn(page, lambda: page.select_option("#y", "rate"))
    assert page.locator("#legend li:visible").count() == 0  # no axis along which they lie


def test_no_mark_hides_the_numbers(page):
    seen = []
    for down in (0.3, 0.34):
        for share in range(116, 140):
            page.mouse.move(*at(page, share / 200, down))
            seen.append(page.evaluate("() => card.hidden ? '' : card.innerText"))
    assert all(seen)
    assert any(text.startswith(("switch", "crossing", "theory")) for text in seen)


def test_a_cell_is_chosen_by_keyboard_alone(page, store):
    page.focus("#diagram")
    before = table(page, "#settings")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("before => settings.textContent !== before", arg="".join(k + v for k, v in before.items()))
    after = table(page, "#settings")
    assert float(after["sparsity p"]) == pytest.approx(float(before["sparsity p"]) + 0.1)
    page.focus("#cell-x")
    page.keyboard.press("End")
    frame = store.to_pandas()
    rate = float(page.input_value("#cell-y"))
    same = frame[(frame["sparsity"] == 0.8) & (frame["rate"] == rate) & (frame["init"] == "random")]
    page.wait_for_function(
        "keys => keys.includes(document.documentElement.dataset.opened)", arg=same["cell_key"].tolist()
    )
    assert page.evaluate("document.activeElement.id") == "cell-x"


def test_the_command_is_copied(visit, address):
    page = visit(address)
    page.wait_for_selector(DRAWN)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#copy")
    page.wait_for_selector("#copy:has-text('Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == page.inner_text("#replay")


def test_everything_has_a_name_and_a_place(page):
    assert page.get_attribute("html", "lang") == "en"
    unnamed = "nodes => nodes.filter(n => !n.labels.length || !n.labels[0].textContent.trim()).length"
    assert page.locator("select").evaluate_all(unnamed) == 0
    assert page.locator("main").count() == page.locator("h1").count() == 1
    assert page.locator("th:not([scope])").count() == page.locator("table:not(:has(caption))").count() == 0
    assert page.get_attribute("#detail", "aria-live") == "polite"
    ids = page.locator("[id]").evaluate_all("nodes => nodes.map(n => n.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [1280, 420])
def test_nothing_is_wider_than_the_window(visit, address, width):
    page = visit(address, width=width)
    page.wait_for_selector(DRAWN)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A store whose every text would run, if any did."""
    chosen = members(rate=1.0, init="random", base=("rademacher",))
    written = []
    for number, cell in enumerate(chosen):
        base = HOSTILE[number % len(HOSTILE)]
        bad = number % 4 == 3
        [row] = rows([cell], status="failed" if bad else "converged", error=HOSTILE[1] if bad else None)
        written.append({**row, "base": base, "host": HOSTILE[0]})
    study = f"name: '{HOSTILE[0]}'\n# {HOSTILE[1].replace(chr(39), '')}\n"
    return publish(tmp_path_factory.mktemp("store"), chosen, written, study, traceback=HOSTILE[0])


def test_hostile_texts_are_shown_as_text(visit, hostile, tmp_path):
    write_report(hostile, tmp_path / "report.html", View(x="sparsity", y="base"))
    page = visit(f"file://{tmp_path}/report.html")
    page.wait_for_selector(DRAWN)
    assert page.inner_text("h1") == HOSTILE[0]
    for up in (0.2, 0.4, 0.6, 0.8):
        page.mouse.move(*at(page, 0.5, up))
    levels = page.locator("#cell-y option").all_inner_texts()
    assert set(levels) == {*HOSTILE[:3], HOSTILE[4], "a\\u2028b"}
    for level in levels:
        page.select_option("#cell-y", level)
    assert HOSTILE[1] in page.inner_text("body")
    assert HOSTILE[0] in page.locator("#failures").inner_text()
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("({}).polluted") is None
    assert page.locator("script").count() == 8  # three of data, the library, four of the page
    assert page.locator("img").count() == 1


@pytest.mark.parametrize(
    ("chosen", "status", "said"),
    [
        (cells(0.5, 1.0, init="random", seed=0), "converged", ""),
        (cells(rate=1.0, init="random"), "converged", ""),
        (cells(rate=(0.5, 1.0)), "failed", "No cell has a result."),
        (cells(sparsity=(0.01, 0.1, 1.0), rate=1.0, samples=(100.0, float("inf"))), "converged", ""),
    ],
    ids=["one cell", "one axis", "all failed", "logarithmic"],
)
def test_sparse_stores_draw_without_complaint(visit, tmp_path, chosen, status, said):
    write_report(make(tmp_path / "store", chosen, status=status), tmp_path / "report.html")
    page = visit(f"file://{tmp_path}/report.html")
    page.wait_for_selector(DRAWN)
    assert page.inner_text("#nothing") == said if said else not page.locator("#nothing").is_visible()
    assert page.locator("#diagram canvas").count() == 1


def test_cells_without_a_finite_value_are_marked(visit, tmp_path):
    chosen = members(seed=0, init="random")

    def wild(cell):
        return {
            **outcome(cell),
            "loss": float("inf"),
            "localization": float("nan") if cell.settings["rate"] == 1.0 else 0.5,
        }

    write_report(publish(tmp_path / "store", chosen, rows(chosen, wild)), tmp_path / "report.html")
    page = visit(f"file://{tmp_path}/report.html")
    page.wait_for_selector(DRAWN)
    assert page.locator("#legend li[data-mark=empty]").is_visible()
    assert hover(page, 0.5, 0.2)["localization ⟨Σⱼ Bᵢⱼ⁴⟩ᵢ"] == "—"


# Of every visible node with text of its own: the contrast to the nearest background, as WCAG 2 defines it, and the text.
CONTRASTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => numbers(colour).slice(0, 3).map((v) => v / 255)
    .reduce((sum, v, i) => sum + [0.2126, 0.7152, 0.0722][i] * (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4), 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor, alpha = numbers(colour)[3] ?? 1;
      if (alpha === 1) return colour;
      if (alpha > 0) throw new Error(`half a background: ${colour}`);
    }
    throw new Error("no background");
  };
  const own = (node) => [...node.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
  return [...document.body.querySelectorAll("*")].filter((node) => own(node) && node.checkVisibility()).map((node) => {
    const [a, b] = [getComputedStyle(node).color, behind(node)].map(light);
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.textContent.slice(0, 40)];
  });
}"""
# The mean brightness, 0 to 255, of what is painted left of the diagram: the labels of its axis.
LABELS = """() => {
  const canvas = document.querySelector("#diagram canvas");
  const { data } = canvas.getContext("2d").getImageData(0, canvas.height / 4, 30, canvas.height / 2);
  let sum = 0, weight = 0;
  for (let i = 0; i < data.length; i += 4) { sum += data[i + 3] * (data[i] + data[i + 1] + data[i + 2]) / 3; weight += data[i + 3]; }
  return sum / weight;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(visit, tmp_path, scheme):
    bad = members(rate=1.5, init="random", sparsity=(0.3, 0.4))
    publish(tmp_path / "store", members())
    failed = rows(bad, status="failed", error="RuntimeError: no", pack="bad")
    write_report(publish(tmp_path / "store", bad, failed, pack="bad", traceback="no"), tmp_path / "report.html")
    page = visit(f"file://{tmp_path}/report.html", scheme=scheme)
    page.wait_for_selector(DRAWN)
    page.locator("#studies details").evaluate("box => { box.open = true; }")
    page.select_option("#cell-y", "1.5")
    page.wait_for_selector("#error:not([hidden])")
    hover(page, 0.35, 0.3)
    found = page.evaluate(CONTRASTS)
    assert {"known", "Study", "RuntimeError: no", "sparsity p"} <= {text for _, text in found}
    assert [(ratio, text) for ratio, text in found if ratio < 4.5] == []
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == scheme


def test_the_diagram_follows_the_scheme_and_paper_stays_light(page):
    def follows(scheme, bright):
        drawn(page, lambda: page.emulate_media(color_scheme=scheme))
        assert (page.evaluate(LABELS) > 128) == bright

    assert page.evaluate(LABELS) < 128
    follows("dark", bright=True)
    colours = printed(page.pdf(print_background=True))
    assert {"1b1b1b", "d55e00"} <= colours
    assert not colours & {"e6e4df", "17191b"}
    page.wait_for_function(f"() => ({LABELS})() > 128")
    follows("light", bright=False)


def printed(pdf):
    """The colours that the pages of a PDF fill and stroke with."""
    found = set()
    for part in pdf.split(b"stream\n")[1::2] + pdf.split(b"stream\r\n")[1::2]:
        try:
            text = zlib.decompressobj().decompress(part)
        except zlib.error:
            continue
        for colour in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) (?:rg|RG)\b", text):
            found.add("".join(f"{round(float(band) * 255):02x}" for band in colour))
    return found


# Fonts differ between machines: no text is painted, and all of it is laid out as if each letter were as wide as the others.
NO_FONTS = """
  const plain = CanvasRenderingContext2D.prototype;
  plain.fillText = plain.strokeText = () => {};
  plain.measureText = (text) => ({ width: 6 * text.length });
"""


def test_the_diagram_looks_as_it_did(visit, address, tmp_path):
    """Small differences of edges are allowed: of blocks of four by four pixels the means are compared."""
    image = pytest.importorskip("PIL.Image")
    page = visit(address, width=1000, height=800, script=NO_FONTS)
    page.wait_for_selector(DRAWN)
    taken = tmp_path / "reference.png"
    picture = image.open(io.BytesIO(page.locator("#diagram canvas").screenshot())).convert("RGB")
    picture.quantize(64).save(taken, optimize=True)
    if os.environ.get("EXPLORER_KEEP_REFERENCE"):
        REFERENCE.write_bytes(taken.read_bytes())
    then = image.open(REFERENCE).convert("RGB")
    said = f"if it is meant to look so, run this test with EXPLORER_KEEP_REFERENCE=1; the picture is {taken}"
    assert np.allclose(picture.size, then.size, atol=2), said
    size = (then.width // 4, then.height // 4)
    blocks = [np.asarray(each.resize(size, image.Resampling.BOX), dtype=float) / 255 for each in (picture, then)]
    apart = np.abs(blocks[0] - blocks[1]).max(axis=2)
    assert (apart > 0.15).mean() < 0.0005, said


def test_the_command_writes_the_page(store, tmp_path):
    from typer.testing import CliRunner

    done = CliRunner().invoke(app, ["report", store.files.name, "--out", str(tmp_path / "report.html")])
    assert done.exit_code == 0
    assert (tmp_path / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")
    refused = CliRunner().invoke(
        app, ["report", store.files.name, "--x", "sparsty", "--out", str(tmp_path / "no.html")]
    )
    assert refused.exit_code == 2
