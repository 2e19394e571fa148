// What the parts of the page share: the row in focus, the selected rows, what is shown, and who wants to know.

export class State {
  constructor(data) {
    this.data = data;
    this.focused = -1;
    this.selection = new Set();
    this.visible = new Uint8Array(data.count).fill(1);
    this.queue = null; // rows in the order in which labelling goes through them; null: all rows that are shown
    this.walk = [-1, -1];
    this.listeners = {};
  }

  on(names, listener) {
    for (const name of names.split(" ")) (this.listeners[name] ??= []).push(listener);
  }

  emit(name) {
    for (const listener of this.listeners[name] ?? []) listener();
  }

  focus(row) {
    if (row === this.focused) return;
    this.focused = row;
    this.emit("focus");
  }

  select(rows, add = false) {
    this.selection = add ? new Set([...this.selection, ...rows]) : new Set(rows);
    this.emit("selection");
  }

  toggle(row) {
    if (!this.selection.delete(row)) this.selection.add(row);
    this.emit("selection");
  }

  show(visible) {
    this.visible = visible;
    this.emit("filter");
  }

  setWalk(end, row) {
    this.walk[end] = row;
    this.emit("walk");
  }

  // The rows that a label goes to.
  targets() {
    if (this.selection.size) return [...this.selection];
    return this.focused >= 0 ? [this.focused] : [];
  }

  // The row after the one in focus: in the open list if the row is in it, else among the rows that are shown.
  next(wanted = () => true) {
    const queue = this.queue?.includes(this.focused) || (this.queue?.length && this.focused < 0) ? this.queue : null;
    const length = queue ? queue.length : this.data.count;
    const start = queue ? queue.indexOf(this.focused) : this.focused;
    for (let step = 1; step <= length; step++) {
      const at = (start + step + length) % length;
      const row = queue ? queue[at] : at;
      if (this.visible[row] && row !== this.focused && wanted(row)) return row;
    }
    return this.focused;
  }
}
