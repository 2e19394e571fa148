// The labelling page: the rows that were proposed, one at a time, in their order.
import { button, h } from "./dom.js";
import { predictionOf, rowButton } from "./facts.js";
import { rowCell } from "./format.js";
import { help, listen } from "./keyboard.js";
import { Labelling } from "./labelling.js";
import { rowName } from "./payload.js";

const KEYS = [
  ["1 … 0", "label this row and go to the next"],
  ["Enter", "take the proposed class"],
  ["N", "type a class"],
  ["Space", "skip this row"],
  ["Backspace", "undo the last label"],
  ["← →", "to the row before, to the next row"],
];

export function labelPage(page, main, header) {
  const { data, state, labels } = page;
  const proposal = (row) => (data.proposed && data.proposed[row] >= 0 ? data.classes[data.proposed[row]] : predictionOf(data, row));
  const go = (row) => state.focus(Math.min(Math.max(row, 0), data.count - 1));
  const step = (by) => go(state.focused + by);
  const done = () => labels.given.size >= data.count;

  const labelling = new Labelling(page, {
    advance: (skipped) => {
      if (skipped) return step(1);
      const next = state.next((row) => !labels.given.has(row));
      if (!labels.given.has(next)) go(next);
      show();
    },
  });
  const stage = h("div", { class: "stage" });
  const progress = h("progress", { max: data.count, "aria-label": "Labelled rows" });
  const where = h("p", { class: "where", role: "status" });
  const tiles = h("div", { class: page.thumbnails.any ? "tiles" : "tiles wide", role: "group", "aria-label": "All rows" });
  const help_ = help(KEYS);
  header.append(help_.button);

  function accept() {
    const name = proposal(state.focused);
    if (name !== null) labelling.give(name);
  }

  function picture(row) {
    if (page.thumbnails.any) {
      const large = page.thumbnails.element(`Picture of ${rowName(data, row)}`, { class: "huge" });
      page.thumbnails.draw(large, row);
      return large;
    }
    return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cells of the row" }, h("table", {}, h("tbody", {},
      data.columns.map((column) => h("tr", {}, h("th", { scope: "row", text: column.name }), h("td", { text: rowCell(column, row) }))))));
  }

  function show() {
    const row = state.focused;
    const name = proposal(row);
    const own = labels.given.get(row);
    stage.replaceChildren(...[
      h("h2", { class: "row-name", text: rowName(data, row) }),
      picture(row),
      data.reasons?.[row] ? h("p", { class: "reason", text: data.reasons[row] }) : null,
      own === undefined ? null : h("p", { class: "reason", text: `Your label: ${own}` }),
      name !== null && own === undefined ? button("", accept, { class: "main propose" }) : null,
    ].filter(Boolean));
    stage.querySelector(".propose")?.append(h("span", { text: `Yes, ${name}` }), h("kbd", { text: "Enter" }));
    progress.value = labels.given.size;
    where.textContent = done() ? `${data.count === 1 ? "The row is" : `All ${data.count} rows are`} labelled: download labels.csv.`
      : `Row ${row + 1} of ${data.count}, ${labels.given.size} labelled`;
    for (const each of labelling.buttons.querySelectorAll("button")) each.classList.toggle("proposed", each.dataset.class === name && own === undefined);
    [...tiles.children].forEach((tile, k) => tile[k === row ? "setAttribute" : "removeAttribute"]("aria-current", "true"));
    before.disabled = row <= 0;
    after.disabled = row >= data.count - 1;
  }

  const before = button("← Previous", () => step(-1));
  const after = button("Next →", () => step(1));
  main.append(
    h("section", { class: "card stage-card", "aria-label": "Row to label" }, progress, where, stage, h("div", { class: "buttons between" }, before, after)),
    h("div", { class: "right" },
      h("section", { class: "card labels", "aria-label": "Labels" }, h("h2", { text: "What is it?" }), labelling.elements),
      h("section", { class: "card", "aria-label": "All rows" }, h("h2", { text: "All rows" }), tiles)));
  const rebuild = () => { tiles.replaceChildren(...Array.from({ length: data.count }, (_, row) => rowButton(page, row))); };
  state.on("labels", () => { rebuild(); show(); });
  state.on("focus", show);
  rebuild();
  listen({
    digit: (key) => labelling.key(key), " ": () => labelling.skip(), Backspace: () => labelling.undo(), "?": () => help_.open(),
    Enter: accept, n: () => labelling.input.focus(), ArrowLeft: () => step(-1), ArrowRight: () => step(1),
  });
  page.labelling = labelling;
  const first = [...Array(data.count).keys()].find((row) => !labels.given.has(row)) ?? 0;
  state.focus(first);
}

