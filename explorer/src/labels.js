// The labels that are given in the page: undo, the browser's storage, labels.csv.
import { readCsv, textOf, writeCsv } from "./csv.js";
import { rowName } from "./payload.js";

// A name without what is not seen at its ends, as the reader of labels files takes it.
export const tidy = (name) => name.replace(/^[\s\u200b]+|[\s\u200b]+$/g, "");
const folded = (name) => name.normalize("NFKC").toLowerCase().replace(/[\s_-]+/g, "");

// Whether two names differ by one letter added, left out, changed or swapped. Digits count as meant: run 1, run 2.
function oneLetterApart(a, b) {
  if (Math.min(a.length, b.length) < 5 || Math.abs(a.length - b.length) > 1) return false;
  if (a.replace(/\D/g, "") !== b.replace(/\D/g, "")) return false;
  let start = 0, end = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start++;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const [x, y] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  return Math.max(x.length, y.length) < 2 || (x.length === 2 && x[0] === y[1] && x[1] === y[0]);
}

export class Labels {
  constructor(data, storage) {
    this.data = data;
    this.storage = storage;
    this.name = `aae-labels:${data.storage}`;
    this.classes = [];
    this.keyOf = new Map(); // digit of a class
    this.given = new Map(); // row -> name of the class
    this.elsewhere = new Map(); // key of a row that this page does not show -> name
    this.steps = []; // for undo: lists of [row, name before or undefined]
    this.kept = true; // whether the browser keeps them
    this.rowOf = new Map(data.keys.map((key, row) => [String(key), row])); // exact: a file's name may end with a space;
    // A class whose name is a digit has that key; the others take the free ones in order.
    for (const name of data.classes) if (/^\d$/.test(name)) this.keyOf.set(name, name);
    for (const name of data.classes) this.addClass(name);
    this.seen = []; // labels files whose labels the browser has
    this.ofVisit = 0; // labels of an earlier visit that are not those of the labels file
    this.replaced = []; // rows to which the labels file gives another label than an earlier visit
    const file = new Map(data.given.labels.map(([key, name]) => [String(key), name]));
    const visit = this._restored();
    // What was changed after the page had the file counts; a file that the browser has not seen is newer than a visit.
    const changed = this.seen.includes(data.given.id);
    for (const [key, name] of visit) {
      if (file.get(key) === name) continue;
      if (file.has(key) && !changed) this.replaced.push([key, name, file.get(key)]);
      else this.ofVisit += 1;
    }
    for (const [key, name] of changed ? [...file, ...visit] : [...visit, ...file]) this._put(key, name);
    if (data.given.id && !changed) this.seen.push(data.given.id);
  }

  addClass(name) {
    if (this.classes.includes(name)) return;
    this.classes.push(name);
    if (this.keyOf.has(name)) return;
    const taken = new Set(this.keyOf.values());
    const free = (/^\d$/.test(name) ? [name] : []).concat([..."1234567890"]).find((key) => !taken.has(key));
    if (free) this.keyOf.set(name, free);
  }

  classOfKey(key) {
    return this.classes.find((name) => this.keyOf.get(name) === key);
  }

  // A known class that a typed name may be another spelling of, or null.
  similar(name, classes = this.classes) {
    if (classes.includes(name)) return null;
    const plain = folded(name);
    return classes.find((known) => folded(known) === plain)
      ?? classes.find((known) => oneLetterApart(folded(known), plain)) ?? null;
  }

  // Whether a name stands for "no label" rather than a class, unless there is such a class.
  isMark(name) {
    const plain = name.normalize("NFKC").replace(/[\u2010-\u2015\u2212]/g, "-").toLowerCase().replace(/^-1\.0*$/, "-1");
    return !this.classes.includes(name) && this.data.marks.includes(plain);
  }

  // The label of a row in the data themselves, or null.
  ofData(row) {
    return this.data.label[row] >= 0 ? this.data.classes[this.data.label[row]] : null;
  }

  set(rows, name) {
    this.addClass(name);
    this.steps.push(rows.map((row) => [row, this.given.get(row)]));
    for (const row of rows) this.given.set(row, name);
    this._save();
  }

  // How many there are, those of rows that this page does not show among them.
  get count() {
    return this.given.size + this.elsewhere.size;
  }

  // Takes the last labelling back; returns its rows, or null if there is none.
  undo() {
    const step = this.steps.pop();
    if (!step) return null;
    if (step.elsewhere) this.elsewhere = step.elsewhere;
    for (const [row, before] of step) {
      if (before === undefined) this.given.delete(row);
      else this.given.set(row, before);
    }
    this._save();
    return step.map(([row]) => row);
  }

  counts() {
    const counts = new Map(this.classes.map((name) => [name, 0]));
    for (const name of this.given.values()) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }

  csv() {
    const rows = [...this.given].sort(([a], [b]) => a - b).map(([row, name]) => [this.data.keys[row], name]);
    return writeCsv([[this.data.key, "label"], ...rows, ...this.elsewhere]);
  }

  // Reads a labels file: {error} or what it holds, nothing is taken yet.
  read(text) {
    const [head, ...lines] = readCsv(text);
    if (!head) return { error: "The file is empty." };
    const titles = head.map((title) => title.trim());
    const key = head.includes(this.data.key) ? head.indexOf(this.data.key) : titles.indexOf(this.data.key);
    const label = titles.indexOf("label");
    if (key < 0 || label < 0) {
      const missing = key < 0 ? this.data.key : "label";
      return { error: `The file has no column “${missing}”; its columns are ${titles.slice(0, 8).join(", ")}.` };
    }
    const found = new Map(), foreign = new Map();
    const twice = [];
    for (const line of lines) {
      const [name, value] = [textOf(line[key] ?? ""), tidy(textOf(tidy(line[label] ?? "")))];
      if (!name || !value) continue;
      const row = this._rowOf(name, line.exact[key]);
      const [place, at] = row === undefined ? [foreign, name] : [found, row];
      if (place.has(at) && place.get(at) !== value) twice.push(name);
      place.set(at, value);
    }
    const spellings = [];
    const marks = [];
    const known = [...this.classes];
    for (const name of new Set([...found.values(), ...foreign.values()])) {
      if (this.isMark(name)) {
        marks.push(name);
        continue;
      }
      const other = this.similar(name, known);
      if (other) spellings.push([name, other]);
      else known.push(name);
    }
    return { found, foreign, twice, spellings, marks };
  }

  // The row that a field of a labels file names: exactly, else without the spaces around it if it has no quotes, else
  // by its number.
  _rowOf(name, exact) {
    const plain = exact ? name : name.trim();
    const row = this.rowOf.get(name) ?? this.rowOf.get(plain);
    if (row !== undefined || !plain.trim()) return row;
    const number = this.rowOf.get(String(Number(plain)));
    return typeof this.data.keys[number] === "number" ? number : undefined;
  }

  // Takes what was read; `meant` gives the class for spellings. Labels of rows that are not in this page are kept for
  // labels.csv. Returns the rows that had another label: [name, before, now].
  take(read, meant = new Map()) {
    const changed = [];
    const step = [];
    step.elsewhere = new Map(this.elsewhere);
    for (const [row, name] of read.found) {
      const label = meant.get(name) ?? name;
      this.addClass(label);
      const before = this.given.get(row) ?? this.ofData(row);
      if (before !== null && before !== label) changed.push([rowName(this.data, row), before, label]);
      step.push([row, this.given.get(row)]);
      this.given.set(row, label);
    }
    for (const [key, name] of read.foreign) {
      const label = meant.get(name) ?? name;
      this.addClass(label);
      const before = this.elsewhere.get(key) ?? label;
      if (before !== label) changed.push([key, before, label]);
      this.elsewhere.set(key, label);
    }
    this.steps.push(step);
    this._save();
    return changed;
  }

  _save() {
    const labels = Object.fromEntries([...[...this.given].map(([row, name]) => [this.data.keys[row], name]), ...this.elsewhere]);
    try {
      this.storage.setItem(this.name, JSON.stringify({ classes: this.classes, labels, files: this.seen }));
    } catch {
      this.kept = false;
    }
  }

  _put(key, name) {
    const row = this.rowOf.get(key);
    this.addClass(name);
    if (row === undefined) this.elsewhere.set(key, name);
    else this.given.set(row, name);
  }

  // The labels of an earlier visit by the names of their rows.
  _restored() {
    try {
      const saved = JSON.parse(this.storage.getItem(this.name) ?? "{}");
      for (const name of saved.classes ?? []) this.addClass(String(name));
      this.seen = saved.files ?? [];
      return new Map(Object.entries(saved.labels ?? {}).map(([key, name]) => [key, String(name)]));
    } catch {
      this.kept = false; // private windows and frames may forbid it
      return new Map();
    }
  }
}
