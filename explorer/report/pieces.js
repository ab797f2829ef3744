// Small pieces of a document. Text enters as text alone.
"use strict";
const pieces = (() => {
  function made(kind, text, attributes = {}) {
    const node = document.createElement(kind);
    if (text !== undefined) node.textContent = text;
    for (const [name, said] of Object.entries(attributes)) node.setAttribute(name, said);
    return node;
  }

  function select(id, text, options, chosen, changed, title = "") {
    const field = made("div", undefined, { class: "field" }), box = made("select", undefined, { id });
    for (const [said, name] of options) {
      const option = made("option", said);
      option.value = name;
      box.append(option);
    }
    box.value = chosen;
    box.addEventListener("change", () => changed(box.value));
    field.append(made("label", text, { for: id, ...(title ? { title } : {}) }), box);
    return field;
  }

  // New switches in the place of the old; where they offer the same, the old ones stay, also one that is open, and take the new values.
  function replace(parent, nodes) {
    const offers = (all) => [...all].map((field) => [field.textContent, ...[...field.querySelectorAll("option")].map((o) => o.value)]);
    if (JSON.stringify(offers(parent.children)) === JSON.stringify(offers(nodes))) {
      nodes.forEach((field, i) => { parent.children[i].querySelector("select").value = field.querySelector("select").value; });
      return;
    }
    const focused = parent.contains(document.activeElement) ? document.activeElement.id : null;
    parent.replaceChildren(...nodes);
    if (focused) document.getElementById(focused)?.focus();
  }

  function rows(body, pairs) {
    body.replaceChildren(...pairs.map(([name, said, title]) => {
      const row = made("tr");
      row.append(made("th", name, { scope: "row", ...(title ? { title } : {}) }), made("td", said));
      return row;
    }));
  }

  function table(id, caption, columns, lines) {
    const node = document.getElementById(id), numeric = (c) => (c.number ? { class: "number" } : c.text ? { class: "text" } : {});
    node.hidden = lines.length === 0;
    node.caption.textContent = caption;
    const head = made("tr");
    head.append(...columns.map((c) => made("th", c.title, { scope: "col", ...numeric(c) })));
    node.tHead.replaceChildren(head);
    node.tBodies[0].replaceChildren(...lines.map((line) => {
      const row = made("tr");
      row.append(...columns.map((c) => made("td", c.of(line), numeric(c))));
      return row;
    }));
  }

  const number = (v, digits = 4) => (v === null || v === undefined || Number.isNaN(v) ? "—" : Number.isFinite(v)
    ? String(Number(v.toPrecision(digits))) : v > 0 ? "∞" : "−∞").replace("-", "−");

  return { made, select, replace, rows, table, number };
})();
