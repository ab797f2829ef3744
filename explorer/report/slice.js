// The cells in view: columns decoded, the chosen settings picked out, seeds averaged, and each point given its place on the axes.
"use strict";
const slices = (() => {
  const KINDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };
  const ONE = { name: "", label: "", levels: [""], numbers: null, scale: "names", role: "axis", refined: false };

  function decoded(column, kind) {
    const text = atob(column.data);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return new kind(bytes.buffer);
  }

  function read(page) {
    const count = page.keys.length;
    for (const setting of page.settings) setting.codes = decoded(setting, KINDS[setting.bytes]);
    for (const value of page.values) value.column = decoded(value, Float32Array);
    page.status = decoded(page.status, KINDS[page.status.bytes]);
    page.one = { ...ONE, codes: new Uint8Array(count) };
    return page;
  }

  // A page with what is new: cells that came or changed, in the order of their keys, without those that are gone; what is kept of a cell
  // has moved codes. Null where the news are those of another page.
  function grown(page, data) {
    if (data.since === undefined) return read(data);
    if (data.since !== page.mark) return null;
    const fresh = read(data), out = new Set([...fresh.keys, ...fresh.gone]), cells = [];
    page.keys.forEach((key, old) => { if (!out.has(key)) cells.push({ key, old, now: -1 }); });
    fresh.keys.forEach((key, now) => cells.push({ key, old: -1, now }));
    if (cells.length !== fresh.count) return null;
    cells.sort((a, b) => (a.key < b.key ? -1 : 1));
    const joined = (kind, before, now) => kind.from(cells, (cell) => (cell.old < 0 ? now[cell.now] : before(cell.old)));
    for (const s of fresh.settings) {
      const { codes } = setting(page, s.name);
      s.codes = joined(Uint32Array, (old) => s.moved[codes[old]], s.codes);
    }
    for (const v of fresh.values) {
      const column = value(page, v.name)?.column;
      v.column = joined(Float32Array, (old) => (column ? column[old] : NaN), v.column);
    }
    const status = joined(Uint8Array, (old) => page.status[old], fresh.status);
    return { ...page, ...fresh, keys: cells.map((cell) => cell.key), status, one: { ...ONE, codes: new Uint8Array(cells.length) } };
  }

  const setting = (page, name) => page.settings.find((s) => s.name === name) ?? page.one;
  const value = (page, name) => page.values.find((v) => v.name === name);

  // The settings that are neither axis nor seed, with the code of the level that is chosen; -1 where no cell has it.
  const filters = (page, choice) => page.settings
    .filter((s) => s.role === "axis" && s.name !== choice.x && s.name !== choice.y)
    .map((s) => ({ setting: s, code: s.levels.indexOf(choice.fixed.get(s.name)) }));

  // The points in view; of each the cells, and the mean, its standard error and the number of the finite values.
  function points(page, choice) {
    const x = setting(page, choice.x), y = setting(page, choice.y), seed = page.settings.find((s) => s.role === "seed");
    const column = value(page, choice.value)?.column, fixed = filters(page, choice);
    const only = seed && choice.seed !== "" ? seed.levels.indexOf(choice.seed) : -1;
    const found = new Map();
    for (let i = 0; i < page.keys.length; i++) {
      if (!fixed.every(({ setting: s, code }) => s.codes[i] === code)) continue;
      const at = x.codes[i] * y.levels.length + y.codes[i];
      if (!found.has(at)) found.set(at, { xi: x.codes[i], yi: y.codes[i], cells: [], sum: 0, squares: 0, n: 0 });
      const point = found.get(at);
      point.cells.push(i);
      if (only >= 0 && seed.codes[i] !== only) continue;
      const v = column ? column[i] : NaN;
      if (Number.isFinite(v)) { point.sum += v; point.squares += v * v; point.n += 1; }
    }
    const list = [...found.values()].sort((a, b) => a.yi - b.yi || a.xi - b.xi);
    for (const p of list) {
      p.mean = p.n ? p.sum / p.n : null;
      const spread = p.n > 1 ? Math.max(p.squares - p.n * p.mean * p.mean, 0) / (p.n - 1) : 0;
      p.se = p.n > 1 ? Math.sqrt(spread / p.n) : null;
    }
    return place(list, x, y);
  }

  // Each point's place and edges: half-way between neighbours, on the axis's own scale; names stand in order at 0, 1, 2.
  function place(list, x, y) {
    const xs = scaleOf(list, x, "xi"), ys = scaleOf(list, y, "yi");
    for (const p of list) {
      p.px = xs.at(p.xi); p.py = ys.at(p.yi);
      [p.x0, p.x1] = xs.edges(p.xi); [p.y0, p.y1] = ys.edges(p.yi);
    }
    if (x.refined && x.numbers) narrow(list, xs, "yi", "px", "x");
    else if (y.refined && y.numbers) narrow(list, ys, "xi", "py", "y");
    return { points: list, xs, ys, x, y };
  }

  function scaleOf(list, axis, code) {
    const present = [...new Set(list.map((p) => p[code]))].sort((a, b) => a - b);
    const log = axis.scale === "log", named = axis.numbers === null;
    const order = new Map(present.map((c, i) => [c, i]));
    const at = (c) => named ? (order.has(c) ? order.get(c) : NaN) : axis.numbers[c];
    const ends = edgesOf(present.map(at), log);
    return {
      present, log, named, at, texts: present.map((c) => axis.levels[c]), domain: [ends[0], ends[ends.length - 1]],
      edges: (c) => [ends[order.get(c)], ends[order.get(c) + 1]], has: (c) => order.has(c), order,
    };
  }

  function edgesOf(centres, log) {
    const way = log ? Math.log : (v) => v, back = log ? Math.exp : (v) => v;
    const c = centres.map(way);
    if (c.length === 0) return [0, 1];
    if (c.length === 1) { const half = log ? 0.05 : 0.05 * Math.abs(c[0]) || 0.5; return [back(c[0] - half), back(c[0] + half)]; }
    const middle = c.slice(1).map((v, i) => (v + c[i]) / 2), last = c.length - 1;
    return [2 * c[0] - middle[0], ...middle, 2 * c[last] - middle[last - 1]].map(back);
  }

  // A refined axis has other values in each row: edges are then half-way between the row's own.
  function narrow(list, scale, row, at, edge) {
    const rows = new Map();
    for (const p of list) { if (!rows.has(p[row])) rows.set(p[row], []); rows.get(p[row]).push(p); }
    for (const points of rows.values()) {
      points.sort((a, b) => a[at] - b[at]);
      const ends = edgesOf(points.map((p) => p[at]), scale.log);
      points.forEach((p, i) => { [p[`${edge}0`], p[`${edge}1`]] = [Math.max(ends[i], scale.domain[0]), Math.min(ends[i + 1], scale.domain[1])]; });
    }
  }

  // Boundaries and theory in view, as segments: the interval along its axis, or the edges of its row; none where no axis is theirs.
  function marks(page, choice, view) {
    const { along, by, rows, theory } = page.boundaries;
    const empty = { found: [], theory: [] };
    if (!along || (choice.x !== along && choice.y !== along)) return empty;
    const flat = choice.x === along, across = flat ? view.y : view.x, scale = flat ? view.ys : view.xs;
    const where = by.map((name) => ({ other: name === across.name, setting: setting(page, name), code: setting(page, name).levels.indexOf(choice.fixed.get(name)) }));
    const seen = (row) => where.every(({ other, code }, i) => other ? scale.has(row.at[i]) : row.at[i] === code);
    const codeOf = (row) => { const i = where.findIndex((w) => w.other); return i < 0 ? (scale.present[0] ?? 0) : row.at[i]; };
    const turn = (a0, a1, b0, b1) => flat ? { x0: a0, x1: a1, y0: b0, y1: b1 } : { x0: b0, x1: b1, y0: a0, y1: a1 };
    const found = rows.filter((row) => row.critical !== null && seen(row)).map((row) => {
      const c = codeOf(row), at = scale.at(c), ends = turn(row.low ?? row.critical, row.high ?? row.critical, at, at);
      return { ...ends, px: flat ? row.critical : at, py: flat ? at : row.critical, order: at, estimator: row.estimator, row,
        line: scale.named ? `${row.estimator} ${c}` : row.estimator, text: across.name ? `${across.symbol} = ${across.levels[c]}` : "" };
    });
    const lines = theory.filter(seen).map((row) => {
      const [low, high] = scale.edges(codeOf(row));
      return { ...turn(row.critical, row.critical, low, high), critical: row.critical };
    });
    return { found, theory: lines };
  }

  // The choice with other settings as near as they go, where no cell has those that are chosen: that of `name` is kept.
  function nearest(page, choice, name) {
    const fixed = filters(page, choice), kept = fixed.find((f) => f.setting.name === name);
    let best = -1, most = -1;
    for (let i = 0; i < page.keys.length; i++) {
      if (kept && kept.setting.codes[i] !== kept.code) continue;
      const same = fixed.filter(({ setting: s, code }) => s.codes[i] === code).length;
      if (same > most) { most = same; best = i; }
    }
    if (best >= 0) for (const { setting: s } of fixed) choice.fixed.set(s.name, s.levels[s.codes[best]]);
  }

  return { read, grown, setting, value, points, marks, nearest, filters };
})();
