// What is said about a row in a few words, and rows as small buttons.
import { button, h } from "./dom.js";
import { percent } from "./format.js";
import { confidence, rowName } from "./payload.js";

// A label as it counts: the page's own, else that of the data.
export function labelOf(labels, row) {
  return labels.given.get(row) ?? labels.ofData(row);
}

export function predictionOf(data, row) {
  return data.prediction && data.prediction[row] >= 0 ? data.classes[data.prediction[row]] : null;
}

// [term, text] pairs about a row.
export function facts(data, labels, row) {
  const pairs = [];
  const [given, own, predicted] = [labels.given.get(row), labels.ofData(row), predictionOf(data, row)];
  if (given !== undefined) pairs.push(["Your label", given]);
  if (own !== null) pairs.push([given === undefined ? "Label" : "Label in the data", own]);
  if (predicted !== null) {
    const sure = confidence(data, row);
    pairs.push(["Prediction", Number.isFinite(sure) ? `${predicted} (${percent(sure)})` : predicted]);
  }
  if (data.cluster) pairs.push(["Cluster", String(data.cluster.values[row])]);
  return pairs;
}

// A row as a small picture (or its name) that moves the focus to it.
export function rowButton({ data, state, labels, thumbnails }, row, attributes = {}) {
  const predicted = predictionOf(data, row);
  const label = labelOf(labels, row);
  const wrong = predicted !== null && label !== null && predicted !== label;
  const caption = wrong ? `${label} → ${predicted}` : label ?? (predicted === null ? "" : `${predicted}?`);
  const title = [rowName(data, row), label && `label ${label}`, predicted && `predicted ${predicted}`].filter(Boolean).join(", ");
  // The spoken name holds the visible text, so that voice control finds the button.
  const said = `${rowName(data, row)} ${caption}${wrong ? " (label → prediction)" : caption.endsWith("?") ? " (predicted)" : ""}`;
  const element = button("", () => state.focus(row), { class: wrong ? "tile wrong" : "tile", "aria-label": said, title, ...attributes });
  if (thumbnails.any) {
    const picture = thumbnails.element("", { role: null, "aria-hidden": "true", "aria-label": null });
    thumbnails.draw(picture, row);
    element.append(picture);
  } else element.append(h("span", { class: "name", text: String(data.keys[row]) }));
  element.append(" ", h("span", { class: "caption", text: caption }));
  element.dataset.at = row;
  if (labels.given.has(row)) element.classList.add("given");
  return element;
}

// The label that shows beside the pointer on the map.
export class Tooltip {
  constructor(page) {
    this.page = page;
    this.picture = page.thumbnails.any ? page.thumbnails.element("", { role: null, "aria-label": null }) : null;
    this.text = h("span", {});
    this.element = h("div", { class: "tooltip", "aria-hidden": "true", hidden: true }, this.picture, this.text);
  }

  show(row, x, y, width) {
    const { data, labels, thumbnails } = this.page;
    if (this.picture) thumbnails.draw(this.picture, row);
    const lines = [rowName(data, row), ...facts(data, labels, row).map(([term, text]) => `${term}: ${text}`)];
    this.text.textContent = lines.join("\n");
    this.element.hidden = false;
    const left = x > width / 2;
    this.element.style.left = left ? "" : `${x + 14}px`;
    this.element.style.right = left ? `${width - x + 14}px` : "";
    this.element.style.top = `${Math.max(0, y - 12)}px`;
  }

  hide() {
    this.element.hidden = true;
  }
}
