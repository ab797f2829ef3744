// What the page does: switches to diagram, a chosen cell to its details, tables. Text enters as text alone.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const parsed = (id) => JSON.parse($(id).textContent);
  const POLL_MILLISECONDS = 3000, SERIF = getComputedStyle(document.documentElement).fontFamily;
  let page = slices.read(parsed("page-data"));
  let view = null, drawing = 0, shown = null;
  const details = new Map(Object.entries(page.details ?? {}));
  const choice = { ...page.opening, fixed: new Map(Object.entries(page.opening.fixed)), seed: "", cell: null };
  choice.x ??= ""; choice.y ??= "";

  const { made, select, replace, rows, number } = pieces;

  // A specification whose colours, named as in the style, are those of the scheme now.
  function specified(id) {
    const style = getComputedStyle(document.documentElement);
    return JSON.parse($(id).textContent, (_, said) => (typeof said === "string" && said.startsWith("--") ? style.getPropertyValue(said).trim() : said));
  }

  // ---- switches

  function controls() {
    const axes = page.settings.filter((s) => s.role === "axis");
    const named = axes.map((s) => [s.label, s.name]), none = [["none", ""]];
    const axis = (which, other) => (name) => {
      if (name === choice[other] && name !== "") choice[other] = choice[which];
      choice[which] = name;
      changed(name);
    };
    replace($("shown"), [
      select("value", "Colour", page.values.map((v) => [v.label, v.name]), choice.value, (name) => { choice.value = name; changed(); }),
      select("x", "Across", [...named, ...none], choice.x, axis("x", "y")),
      select("y", "Up", [...named, ...none], choice.y, axis("y", "x")),
    ]);
    const seed = page.settings.find((s) => s.role === "seed");
    replace($("filters"), [
      ...slices.filters(page, choice).map(({ setting: s }) => select(`filter-${page.settings.indexOf(s)}`, s.label,
        s.levels.map((text) => [text, text]), choice.fixed.get(s.name), (text) => { choice.fixed.set(s.name, text); changed(s.name); }, s.meaning)),
      ...(seed ? [select("seed", "Seed", [["mean over seeds", ""], ...seed.levels.map((t) => [t, t])], choice.seed,
        (text) => { choice.seed = text; if (choice.cell && text) choice.cell.seed = text; changed(); })] : []),
    ]);
  }

  // Settings that have no chosen level yet take their first; a choice that no cell has moves to one that some have.
  function settle(name) {
    for (const { setting: s, code } of slices.filters(page, choice)) if (code < 0) choice.fixed.set(s.name, s.levels[0]);
    view = slices.points(page, choice);
    if (view.points.length === 0 && page.keys.length) {
      slices.nearest(page, choice, name);
      view = slices.points(page, choice);
    }
  }

  function changed(name) {
    settle(name);
    controls();
    keep();
    draw();
    open();
  }

  // ---- the diagram

  function axisOf(name, scale, setting, other) {
    const few = scale.present.length <= 10, values = scale.present.map(scale.at);
    const title = setting.name ? setting.label : null;
    const axis = { ...other, title, labelOverlap: true };
    if (scale.named) return { ...axis, values, labels: setting.name !== "", ticks: setting.name !== "", labelExpr: `${name}Texts[datum.value]` };
    return { ...axis, labelExpr: "format(datum.value, '.6~g')", ...(few ? { values } : { tickCount: 7 }) };
  }

  async function draw() {
    const turn = ++drawing, { points, xs, ys, x, y } = view, value = slices.value(page, choice.value);
    const empty = points.length === 0 || !value;
    $("nothing").hidden = !empty;
    $("nothing").textContent = page.keys.length === 0 ? "No cells yet." : points.length === 0 ? "No cell has these settings." : "No cell has a result.";
    $("scale-title").textContent = value ? `${value.label}, ${choice.seed === "" ? "mean over seeds" : `seed ${choice.seed}`}` : "";
    const marks = slices.marks(page, choice, view);
    const there = { crossing: marks.found.some((f) => f.estimator === "crossing"), switch: marks.found.some((f) => f.estimator === "switch"),
      theory: marks.theory.length > 0, empty: points.some((p) => p.mean === null) };
    for (const item of $("legend").children) item.hidden = !there[item.dataset.mark];
    const furthest = Math.max(...marks.found.map((f) => f.row.extrapolated ?? 0), 0);
    $("crossing-text").textContent = `equal loss of rotation and identity, 95 % interval${furthest > 0 ? `; a branch continued by up to ${number(furthest, 2)}` : ""}`;
    $("diagram").hidden = points.length === 0;
    if (points.length === 0) return;
    const spec = specified("diagram-spec");
    spec.height = Math.min(400, Math.max(110, ys.present.length * 85));
    spec.params[0].value = xs.texts;
    spec.params[1].value = ys.texts;
    for (const [name, scale, setting] of [["x", xs, x], ["y", ys, y]]) {
      const channel = spec.encoding[name];
      channel.scale = scale.log ? { type: "log", nice: false, domain: scale.domain } : { ...channel.scale, domain: scale.domain };
      channel.axis = axisOf(name, scale, setting, channel.axis);
    }
    const cells = spec.layer[0].encoding;
    if (value) cells.color.scale.domain = value.colours;
    else cells.color = { value: cells.color.condition.value };
    spec.config.font = SERIF;
    const data = { points: points.map(({ cells, sum, squares, ...p }) => p), found: marks.found, theory: marks.theory, chosen: chosenPoint() };
    const frame = JSON.stringify(spec);
    if (shown?.frame === frame) {
      for (const [name, rows] of Object.entries(data)) shown.view.data(name, rows);
      await shown.view.runAsync();
      document.documentElement.dataset.drawn = String(turn);
      return;
    }
    spec.datasets = data;
    const result = await vegaEmbed("#diagram", spec, { actions: false, ast: true, defaultStyle: false, renderer: "canvas", tooltip: false });
    if (turn !== drawing) { result.finalize(); return; }
    shown?.finalize();
    shown = { view: result.view, frame, finalize: () => result.finalize() };
    result.view.addEventListener("pointermove", hovered);
    result.view.addEventListener("click", (event) => { const point = under(event); if (point) choose(point); });
    document.documentElement.dataset.drawn = String(turn);
  }

  const chosenPoint = () => { const p = pointOfCell(); return p ? [{ x0: p.x0, x1: p.x1, y0: p.y0, y1: p.y1 }] : []; };

  // The point under the pointer, also where a marker lies over it.
  function under(event) {
    const box = shown.view.container().querySelector("canvas").getBoundingClientRect(), [left, top] = shown.view.origin();
    const at = [["x", event.clientX - box.left - left], ["y", event.clientY - box.top - top]].map(([s, v]) => shown.view.scale(s).invert(v));
    const within = (v, a, b) => v >= Math.min(a, b) && v <= Math.max(a, b);
    return view.points.find((p) => within(at[0], p.x0, p.x1) && within(at[1], p.y0, p.y1));
  }

  // The numbers of the marker under the pointer, else of the cell, whatever else lies over it.
  function hovered(event, item) {
    const card = $("card"), what = item?.tooltip, datum = what ? item.datum : under(event);
    card.hidden = !datum;
    if (!datum) return;
    const body = made("tbody");
    rows(body, what === "theory" ? [["theory", number(datum.critical)]] : what ? boundaryOf(datum) : numbersOf(datum));
    const inner = made("table");
    inner.append(body);
    card.replaceChildren(inner);
    const box = card.getBoundingClientRect();
    card.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 4))}px`;
    card.style.top = `${event.clientY + 14 + box.height > innerHeight ? event.clientY - 14 - box.height : event.clientY + 14}px`;
  }

  $("diagram").addEventListener("pointerleave", () => { $("card").hidden = true; });

  function numbersOf(point) {
    const value = slices.value(page, choice.value), all = view.points.find((p) => p.xi === point.xi && p.yi === point.yi);
    const bad = all.cells.filter((i) => ["failed", "diverged"].includes(page.statuses[page.status[i]])).length;
    return [
      ...[[view.x, point.xi], [view.y, point.yi]].filter(([s]) => s.name).map(([s, c]) => [s.label, s.levels[c]]),
      ...(value ? [[value.label, number(point.mean) + (point.se !== null ? ` ± ${number(point.se, 2)}` : "")]] : []),
      ...(choice.value !== "loss" && slices.value(page, "loss") ? [["loss", number(meanOf("loss", all.cells))]] : []),
      ["cells", `${all.cells.length}${bad ? `, ${bad} failed or diverged` : ""}`],
    ];
  }

  function meanOf(name, cells) {
    const seed = page.settings.find((s) => s.role === "seed"), column = slices.value(page, name).column;
    const used = cells.filter((i) => (choice.seed === "" || seed.levels[seed.codes[i]] === choice.seed) && Number.isFinite(column[i]));
    return used.length ? used.reduce((sum, i) => sum + column[i], 0) / used.length : null;
  }

  const interval = (row) => number(row.critical) + (row.low !== null ? ` [${number(row.low)}, ${number(row.high)}]` : "");
  const boundaryOf = ({ row, text }) => [[row.estimator, interval(row)], ...(text ? [["at", text]] : []), ["seeds", String(row.seeds)], ...(row.note ? [["note", row.note]] : [])];

  // ---- the chosen cell

  const levelOf = (setting, code) => setting.levels[code];

  function pointOfCell() {
    if (!choice.cell || !view) return null;
    return view.points.find((p) => levelOf(view.x, p.xi) === choice.cell.x && levelOf(view.y, p.yi) === choice.cell.y) ?? null;
  }

  function choose(point) {
    choice.cell = { x: levelOf(view.x, point.xi), y: levelOf(view.y, point.yi), seed: choice.seed || (choice.cell?.seed ?? "") };
    shown?.view.data("chosen", chosenPoint()).runAsync();
    open();
  }

  // The cell of a point: that of the chosen seed, else the first with a result.
  function cellOf(point) {
    const seed = page.settings.find((s) => s.role === "seed");
    const wanted = seed && choice.cell.seed !== "" ? point.cells.find((i) => seed.levels[seed.codes[i]] === choice.cell.seed) : undefined;
    return wanted ?? point.cells.find((i) => !["failed", "diverged"].includes(page.statuses[page.status[i]])) ?? point.cells[0];
  }

  // A chosen cell that is not in view gives way to one that is.
  function keep() {
    if (pointOfCell()) return;
    const point = view.points.find((p) => p.mean !== null) ?? view.points[0];
    choice.cell = point ? { x: levelOf(view.x, point.xi), y: levelOf(view.y, point.yi), seed: choice.seed } : null;
  }

  function open() {
    const point = pointOfCell();
    $("detail").hidden = $("cell").hidden = !point;
    if (!point) return;
    const cell = cellOf(point), seed = page.settings.find((s) => s.role === "seed");
    const pick = (which, scale, setting) => select(`cell-${which}`, setting.label, scale.texts.map((t) => [t, t]), choice.cell[which], (text) => {
      choice.cell[which] = text;
      if (!pointOfCell()) { const near = nearestPoint(which, text); choice.cell.x = levelOf(view.x, near.xi); choice.cell.y = levelOf(view.y, near.yi); }
      shown?.view.data("chosen", chosenPoint()).runAsync();
      open();
    });
    replace($("chooser"), [
      ...(view.x.name ? [pick("x", view.xs, view.x)] : []),
      ...(view.y.name ? [pick("y", view.ys, view.y)] : []),
      ...(seed ? [select("cell-seed", "Seed", point.cells.map((i) => seed.levels[seed.codes[i]]).map((t) => [t, t]), seed.levels[seed.codes[cell]],
        (text) => { choice.cell.seed = text; open(); })] : []),
    ]);
    describe(cell);
    detailOf(page.keys[cell]).then((detail) => { if (pointOfCell() && page.keys[cellOf(pointOfCell())] === page.keys[cell]) illustrate(cell, detail); });
  }

  function nearestPoint(which, text) {
    const code = which === "x" ? "xi" : "yi", setting = which === "x" ? view.x : view.y;
    return view.points.find((p) => levelOf(setting, p[code]) === text) ?? view.points[0];
  }

  function describe(cell) {
    const key = page.keys[cell];
    $("opened").textContent = `Cell ${key}, ${page.statuses[page.status[cell]]}`;
    $("replay").textContent = `${page.replay} ${key}`;
    rows($("numbers").tBodies[0], page.values.map((v) => [v.label, number(v.column[cell], 6), v.meaning]));
    const own = page.settings.map((s) => [s.label, levelOf(s, s.codes[cell]), s.meaning]).filter(([, text]) => text !== "—");
    rows($("settings").tBodies[0], [...own, ...page.fixed.map(([name, text]) => [name.replaceAll("_", " "), text])]);
  }

  async function detailOf(key) {
    if (details.has(key) || !page.live) return details.get(key);
    const answer = await fetch(`cell/${encodeURIComponent(key)}`).catch(() => null);
    if (answer?.ok) details.set(key, await answer.json());
    return details.get(key);
  }

  function illustrate(cell, detail) {
    const encoder = detail?.encoder, key = page.keys[cell];
    const absent = detail || page.live ? "is kept in the store" : `is in this file; explorer serve ${page.store} shows it where it is kept`;
    $("error").hidden = !detail?.error;
    $("error").textContent = detail?.error ?? "";
    $("picture").hidden = !encoder;
    if (encoder) {
      $("picture").src = encoder.picture;
      $("picture").alt = `Encoder B of cell ${key}: ${encoder.rows} rows, ${encoder.columns} columns; blue is negative, brown positive.`;
    }
    $("picture-text").textContent = encoder ? `Encoder B, ${encoder.rows} × ${encoder.columns}, blue −${encoder.limit} to brown ${encoder.limit}`
      + `${encoder.sorted ? "; rows and columns sorted, signs turned, which are symmetries" : ""}${encoder.pooled ? "; of each block the largest entry" : ""}.` : `No encoder of this cell ${absent}.`;
    const points = (detail?.curve?.step ?? []).map((step, i) => ({ step, loss: detail.curve.loss[i] })).filter((p) => p.loss !== null);
    $("curve").hidden = points.length === 0;
    $("curve-text").textContent = points.length ? `Training curve, ${number(points[0].loss)} to ${number(points[points.length - 1].loss)} in ${points[points.length - 1].step} steps.` : `No training curve of this cell ${absent}.`;
    if (points.length) {
      $("curve").setAttribute("aria-label", $("curve-text").textContent);
      const spec = specified("curve-spec");
      spec.data.values = points;
      spec.config.font = SERIF;
      if (points.every((p) => p.loss > 0)) spec.encoding.y.scale.type = "log";
      else spec.encoding.y.scale.zero = false;
      vegaEmbed("#curve", spec, { actions: false, ast: true, defaultStyle: false, renderer: "canvas", tooltip: false });
    }
    const made = Object.entries(detail?.made ?? {}).map(([name, text]) => [name.replaceAll("_", " "), text]);
    rows($("numbers").tBodies[0], [...page.values.map((v) => [v.label, number(v.column[cell], 6), v.meaning]), ...made]);
    document.documentElement.dataset.opened = key;
  }

  // ---- keyboard

  $("diagram").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key], from = pointOfCell();
    if (!step || !from) return;
    event.preventDefault();
    const ahead = view.points.filter((p) => (step[0] ? (p.px - from.px) * step[0] > 0 && p.yi === from.yi : (p.py - from.py) * step[1] > 0 && p.xi === from.xi));
    const away = (p) => Math.abs(p.px - from.px) + Math.abs(p.py - from.py);
    if (ahead.length) choose(ahead.reduce((a, b) => (away(b) < away(a) ? b : a)));
  });

  $("copy").addEventListener("click", async () => {
    let done = true;
    try { await navigator.clipboard.writeText($("replay").textContent); } catch { done = false; getSelection().selectAllChildren($("replay")); }
    $("copy").textContent = done ? "Copied" : "Selected";
    setTimeout(() => { $("copy").textContent = "Copy"; }, 1500);
  });

  // ---- the scheme of colours: that of the reader, light on paper; printing begins once no promise is left

  function repaint() {
    draw();
    open();
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  for (const [name, printed] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(name, () => { document.documentElement.toggleAttribute("data-printed", printed); repaint(); });
  }

  for (const id of ["controls", "cell"]) $(id).addEventListener("submit", (event) => event.preventDefault());

  // ---- live: new cells join what is there, and the choice stays

  async function asked(path) {
    const answer = await fetch(path, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  }

  async function poll() {
    try {
      const { mark, news } = await asked("status.json");
      if (mark !== page.mark) await grow(await asked(`data.json?since=${encodeURIComponent(page.mark)}`));
      $("news").textContent = news;
    } catch {
      $("news").textContent = "The server does not answer; this is what was there.";
    }
    setTimeout(poll, POLL_MILLISECONDS);
  }

  async function grow(data) {
    const next = slices.grown(page, data) ?? slices.read(await asked("data.json"));
    const unfolded = [...$("studies").children].map((box) => box.open), { opening } = next;
    for (const key of next.since === page.mark ? data.keys : details.keys()) details.delete(key);
    page = next;
    choice.value ??= opening.value;
    if (!choice.x && !choice.y) Object.assign(choice, { x: opening.x ?? "", y: opening.y ?? "" });
    for (const [name, level] of Object.entries(opening.fixed)) if (!choice.fixed.has(name)) choice.fixed.set(name, level);
    tables.show(page);
    [...$("studies").children].forEach((box, i) => { box.open = unfolded[i] ?? false; });
    changed();
  }

  tables.show(page);
  changed();
  $("news").textContent = page.news ?? "";
  if (page.live) setTimeout(poll, POLL_MILLISECONDS);
})();
