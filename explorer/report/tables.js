// What does not depend on the switches: the boundary table, failures, provenance.
"use strict";
const tables = (() => {
  const $ = (id) => document.getElementById(id);

  function show(page) {
    const { along, by, rows: found, note } = page.boundaries, most = 300;
    const levels = by.map((name) => slices.setting(page, name));
    $("title").textContent = page.title;
    const said = (name, before = "") => page.facts.filter(([n]) => n === name).map(([, text]) => before + text);
    $("summary").textContent = [...said("cells", "cells: "), ...said("seeds", "seeds: "), ...said("trained", "trained ")].join("; ");
    $("boundary-note").textContent = [note, found.length > most ? `The first ${most} of ${found.length} rows; explorer boundary gives all.` : ""].join(" ").trim() || (found.length ? "" : "No boundaries.");
    pieces.table("boundaries", along ? `Where the phase changes along ${slices.setting(page, along).label}; intervals are 95 %, from resampling seeds` : "", [
      ...levels.map((s, i) => ({ title: s.symbol, of: (r) => s.levels[r.at[i]] })),
      { title: "estimator", of: (r) => r.estimator },
      ...["critical", "low", "high", "width", "theory"].map((n) => ({ title: n, number: true, of: (r) => (r[n] === null ? "—" : r[n].toPrecision(4)) })),
      { title: "seeds", number: true, of: (r) => String(r.seeds) }, { title: "note", text: true, of: (r) => r.note },
    ], found.slice(0, most));
    $("failure-note").textContent = page.failures.length ? "" : "No cell failed, and none diverged.";
    pieces.table("failures", page.failures.length ? "Kinds of failure in the whole store, with an example of each" : "", [
      { title: "status", of: (r) => r.status }, { title: "kind", text: true, of: (r) => r.kind }, { title: "cells", number: true, of: (r) => String(r.cells) },
      { title: "shared by them", text: true, of: (r) => r.shared }, { title: "example", of: (r) => r.cell_key }, { title: "its error", text: true, of: (r) => r.text },
    ], page.failures);
    pieces.rows($("facts").tBodies[0], page.facts);
    $("left-out").textContent = page.left_out ?? "";
    $("studies").replaceChildren(...page.studies.map((text, i) => {
      const box = pieces.made("details");
      box.append(pieces.made("summary", page.studies.length > 1 ? `Study ${i + 1}` : "Study"), pieces.made("pre", text, { tabindex: "0" }));
      return box;
    }));
  }

  return { show };
})();
