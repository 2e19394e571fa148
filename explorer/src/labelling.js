// Giving labels: classes as buttons and keys, new classes, undo, labels.csv; the same in both kinds of page.
import { ask, button, h } from "./dom.js";
import { count } from "./format.js";
import { tidy } from "./labels.js";
import { rowName } from "./payload.js";

const NAMED = 5; // rows and names that a sentence lists

const listed = (texts) => texts.slice(0, NAMED).join(", ") + (texts.length > NAMED ? ", …" : "");

export class Labelling {
  // `advance` moves to the next row after a label.
  constructor(page, { advance }) {
    Object.assign(this, { page, labels: page.labels, state: page.state, advance });
    this.said = h("p", { class: "said", role: "status" });
    this.buttons = h("div", { class: "buttons classes", role: "group", "aria-label": "Classes" });
    this.input = h("input", { type: "text", id: "new-class", list: "class-names", autocomplete: "off", maxlength: "200", placeholder: "New class" });
    this.names = h("datalist", { id: "class-names" });
    this.form = h("form", { class: "new-class", onsubmit: (event) => { event.preventDefault(); this._typed(); } },
      h("label", { class: "sr", for: "new-class", text: "New or other class" }), this.input, this.names, h("button", { type: "submit", text: "Label" }));
    this.file = h("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv", class: "sr", tabindex: "-1", "aria-label": "Labels file", onchange: () => this._load() });
    this.undoButton = button("Undo", () => this.undo(), { title: "Backspace" });
    this.download = button("Download labels.csv", () => this.save(), { class: "main" });
    this.actions = h("div", { class: "buttons" }, button("Skip", () => this.skip(), { title: "Space" }), this.undoButton,
      h("span", { class: "gap" }), button("Load labels…", () => this.file.click()), this.download, this.file);
    this.elements = [this.buttons, h("div", { class: "actions" }, this.form, this.actions), this.said];
    this.state.on("labels", () => this._show());
    this.state.on("focus selection", () => this._mark());
    this._show();
    this._greet();
    this._warn();
  }

  _say(text) {
    this.said.textContent = text;
  }

  // Says which labels are here before any is given.
  _greet() {
    const { count: kept, elsewhere, ofVisit, replaced } = this.labels;
    if (!kept) return;
    const { file, labels } = this.page.data.given;
    const parts = [labels.length && `${count(labels.length, "label")} of ${file}`, ofVisit && `${count(ofVisit, "label")} of an earlier visit`].filter(Boolean);
    const away = elsewhere.size ? `, ${elsewhere.size === kept ? "" : `${elsewhere.size.toLocaleString("en-GB")} of them `}of rows that are not in this page` : "";
    const other = replaced.map(([name, before, label]) => `${name} (${before} → ${label})`);
    this._say(`${parts.join(" and ")} ${kept === 1 ? "is" : "are"} ${labels.length ? "" : "still "}here${away}${labels.length ? "; labels.csv will hold them, too" : ""}.`
      + (other.length ? ` ${count(other.length, "row had", "rows had")} another label from an earlier visit: ${listed(other)}.` : ""));
  }

  _warn() {
    if (!this.labels.kept) this._say("This browser does not keep the labels: download labels.csv before you leave the page.");
  }

  _show() {
    const counts = this.labels.counts();
    this.buttons.replaceChildren(...this.labels.classes.map((name) => {
      const key = this.labels.keyOf.get(name);
      const each = button("", () => this.give(name), { class: "class", "data-class": name, "aria-keyshortcuts": key ?? null });
      // A class named by its own key is shown as the key; the mark tells a count from both.
      each.append(key === name ? h("kbd", { class: "name", text: name }) : h("span", { class: "name", text: name, title: name }));
      if (key && key !== name) each.append(h("kbd", { text: key }));
      if (counts.get(name)) each.append(h("span", { class: "count", text: `✓ ${counts.get(name).toLocaleString("en-GB")}`, title: "labels given here" }));
      return each;
    }));
    if (!this.labels.classes.length) {
      this.buttons.append(h("p", { class: "hint" }, "No class yet. Press ", h("kbd", { text: "N" }), " and type one; from then on its key is enough."));
    }
    this.names.replaceChildren(...this.labels.classes.map((value) => h("option", { value })));
    this.undoButton.disabled = !this.labels.steps.length;
    const number = this.labels.count;
    this.download.disabled = !number;
    this.download.textContent = number ? `Download labels.csv (${number.toLocaleString("en-GB")})` : "Download labels.csv";
    this._mark();
  }

  _mark() {
    const given = this.labels.given.get(this.state.focused);
    for (const each of this.buttons.querySelectorAll("button")) each.setAttribute("aria-pressed", String(!this.state.selection.size && each.dataset.class === given));
  }

  // Labels the selected rows, or the row in focus.
  give(name) {
    const rows = this.state.targets();
    if (!rows.length) return this._say("Choose a row or select some first.");
    const other = rows.filter((row) => this.labels.ofData(row) !== null && this.labels.ofData(row) !== name);
    this.labels.set(rows, name);
    const what = rows.length === 1 ? rowName(this.page.data, rows[0]) : count(rows.length, "row");
    let text = `${what}: ${name}.`;
    if (rows.length === 1 && other.length) text += ` In the data its label is ${this.labels.ofData(rows[0])}; yours counts in labels.csv.`;
    else if (other.length) text += ` ${count(other.length, "of them has", "of them have")} another label in the data; yours counts in labels.csv.`;
    this._say(text);
    const selected = this.state.selection.size > 0;
    if (selected) this.state.select([]);
    this.state.emit("labels");
    if (!selected) this.advance();
    this._warn();
  }

  key(digit) {
    const name = this.labels.classOfKey(digit);
    if (name === undefined) this._say(`No class has the key ${digit}; type a new one with N.`);
    else this.give(name);
  }

  skip() {
    this.advance(true);
  }

  undo() {
    const rows = this.labels.undo();
    if (!rows) return this._say("There is nothing to undo.");
    if (!rows.length) this._say("Taken back: the labels of the file.");
    else this._say(`Taken back: ${rows.length === 1 ? rowName(this.page.data, rows[0]) : count(rows.length, "row")}.`);
    this.state.emit("labels");
    if (rows.length === 1) this.state.focus(rows[0]);
    else if (rows.length) this.state.select(rows);
  }

  async _typed() {
    const name = tidy(this.input.value).replace(/\s+/g, " ");
    if (!name) return this._say("Type the name of a class first, or leave the row without a label with Skip.");
    if (this.labels.isMark(name)) return this._say(`“${name}” stands for “no label”, so it is not taken as a class: leave the row without a label with Skip, or give the class another name.`);
    const chosen = await this._meant(name, this.labels.similar(name));
    if (chosen === null) return;
    this.input.value = "";
    this.input.blur(); // so that keys label again
    if (!this.state.targets().length) {
      this.labels.addClass(chosen);
      this.state.emit("labels");
      return this._say(`Class ${chosen} added.`);
    }
    this.give(chosen);
  }

  // The class that is meant by a name that looks like another spelling of a known one; null: none.
  async _meant(name, known) {
    if (!known) return name;
    return ask(`There is a class “${known}”. Is “${name}” the same?`, [[`Yes, use “${known}”`, known], [`No, “${name}” is another class`, name], ["Cancel", null]]);
  }

  save() {
    const link = h("a", { href: URL.createObjectURL(new Blob([this.labels.csv()], { type: "text/csv" })), download: "labels.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    this._say(`labels.csv holds ${count(this.labels.count, "label")}.`);
  }

  async _load() {
    const [file] = this.file.files;
    if (!file) return;
    const text = await file.text();
    this.file.value = "";
    await this.take(text);
  }

  async take(text) {
    const read = this.labels.read(text);
    if (read.error) return this._say(read.error);
    if (!read.found.size && !read.foreign.size) return this._say("This file holds no labels.");
    const meant = new Map();
    for (const [name, known] of read.spellings) {
      const chosen = await this._meant(name, known);
      if (chosen === null) return this._say("Nothing was taken.");
      meant.set(name, chosen);
    }
    const passed = await this._withoutMarks(read);
    if (passed === null) return this._say("Nothing was taken.");
    const changed = this.labels.take(read, meant);
    this.state.emit("labels");
    this._say(`${this._told(read, changed)} ${passed}`.trim());
    this._warn();
  }

  // Leaves out the rows of a file whose label means "no label"; a sentence on them, or null if nothing is to be taken.
  async _withoutMarks(read) {
    let passed = 0;
    for (const mark of read.marks) {
      const chosen = await ask(`The file has the label “${mark}”. Does it mean “no label”?`, [["Yes, leave these rows without a label", "none"], [`No, “${mark}” is a class`, "class"], ["Cancel", null]]);
      if (chosen === null) return null;
      if (chosen === "class") continue;
      for (const rows of [read.found, read.foreign]) {
        for (const [row, name] of [...rows]) passed += name === mark && rows.delete(row);
      }
    }
    return passed ? `${count(passed, "row is", "rows are")} left without a label.` : "";
  }

  _told(read, changed) {
    const parts = read.found.size ? [`${count(read.found.size, "label")} taken.`] : [];
    if (changed.length) {
      const rows = changed.map(([name, before, label]) => `${name} (${before} → ${label})`);
      parts.push(`${count(changed.length, "row")} had another label: ${listed(rows)}.`);
    }
    if (read.twice.length) parts.push(`${count(read.twice.length, "row")} occurred with two labels, the later one counts: ${listed(read.twice)}.`);
    if (read.foreign.size) {
      const names = listed([...read.foreign.keys()]);
      parts.push(read.foreign.size === 1 ? `1 row of this file is not in this page (${names}); its label is kept and saved with yours.`
        : `${count(read.foreign.size, "row")} of this file are not in this page (${names}); their labels are kept and saved with yours.`);
    }
    return parts.join(" ");
  }
}
