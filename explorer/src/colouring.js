// What the map can be coloured by: each way gives every row a group, and groups names and colours.
import { categoryColour, categoryShape, stepColour } from "./colours.js";
import { cell, percent, wholeDay } from "./format.js";
import { confidence } from "./payload.js";

const STEPS = 7;

function categories(names, index, none = "none") {
  return { names, index, none, colour: categoryColour, shape: categoryShape };
}

// Groups of equal width between the 1st and the 99th percentile of a number; `whole` rounds where they meet.
function steps(values, text, { whole = (value) => value, ends = ["below", "or more"] } = {}) {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  const low = sorted[Math.floor(0.01 * (sorted.length - 1))] ?? 0;
  const high = sorted[Math.ceil(0.99 * (sorted.length - 1))] ?? 0;
  const edges = [...new Set(Array.from({ length: STEPS + 1 }, (_, k) => whole(low + ((high - low) * k) / STEPS)))];
  const count = Math.max(1, edges.length - 1);
  const index = Int16Array.from(values, (value) => {
    if (!Number.isFinite(value)) return -1;
    const above = edges.findIndex((edge, k) => k > 0 && value < edge);
    return above < 0 ? count - 1 : above - 1;
  });
  const names = Array.from({ length: count }, (_, k) => {
    if (count === 1) return high > low ? `${text(low)} to ${text(high)}` : text(low);
    if (k === 0) return `${ends[0]} ${text(edges[1])}`;
    return k === count - 1 ? `${text(edges[k])} ${ends[1]}` : `${text(edges[k])} to ${text(edges[k + 1])}`;
  });
  return { names, index, none: "empty", colour: (k) => stepColour(k, count), shape: () => "disc", ranges: true };
}

function ofColumn(column) {
  if (column.kind === "text" || !column.values) {
    const names = [...new Set(column.texts)].slice(0, 200);
    const place = new Map(names.map((name, k) => [name, k]));
    return categories(names, Int16Array.from(column.texts, (text) => place.get(text) ?? -1), "other");
  }
  if (column.levels && column.kind !== "number") {
    return categories(column.levels, Int16Array.from(column.values, (v) => (Number.isFinite(v) ? v : -1)), "empty or unknown");
  }
  const text = (value) => cell(column, value);
  if (column.kind !== "date") return steps(column.values, text);
  const ends = ["before", "or later"];
  return column.clock === false ? steps(column.values.map(wholeDay), text, { whole: wholeDay, ends }) : steps(column.values, text, { ends });
}

// The ways there are for these data: [{key, title, groups()}].
export function colourings(data, labels) {
  const ways = [];
  const add = (key, title, groups) => ways.push({ key, title, groups });
  if (data.label.some((label) => label >= 0)) add("class", "Class", () => categories(data.classes, data.label, "no label"));
  if (data.prediction) add("prediction", "Predicted class", () => categories(data.classes, data.prediction));
  if (data.cluster) {
    const names = Array.from({ length: data.cluster.count }, (_, k) => `cluster ${k}`);
    add("cluster", "Cluster", () => categories(names, data.cluster.values));
  }
  add("given", "Your labels", () => {
    const place = new Map(labels.classes.map((name, k) => [name, k]));
    const index = new Int16Array(data.count).fill(-1);
    for (const [row, name] of labels.given) index[row] = place.get(name);
    return categories([...labels.classes], index, "not labelled here");
  });
  if (data.confidence || data.probabilities) {
    add("confidence", "Confidence", () => steps(Float32Array.from(data.keys, (_, row) => confidence(data, row)), percent));
  }
  if (data.prediction && data.label.some((label) => label >= 0)) {
    add("correct", "Right or wrong", () => categories(["right", "wrong"],
      Int16Array.from(data.label, (label, row) => (label < 0 ? -1 : Number(label !== data.prediction[row]))), "no label"));
  }
  if (data.part.some((part) => part !== data.part[0])) {
    add("part", "Test or training row", () => categories(["test", "training"], Int16Array.from(data.part)));
  }
  data.columns.forEach((column, k) => add(`column-${k}`, column.name, () => ofColumn(column)));
  return ways;
}
