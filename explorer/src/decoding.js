// The decoder as the page uses it: built when first needed, and the panel with sliders, classes, draws and the walk.
import { outputs, paintImage } from "./cells.js";
import { Decoder } from "./decoder.js";
import { button, canvas, h } from "./dom.js";
import { number } from "./format.js";
import { rowName } from "./payload.js";
import { draw, middle, range } from "./prior.js";

const SLIDERS = 12; // shown at first; more on request
const STEPS = 8; // pictures of a walk
const DRAWS = 8;

export class Decoding {
  // `spec` is the decoder of the payload; use `Decoding.of`, which says why there is none.
  static of(data) {
    const spec = data.decoder;
    if (!spec) return { error: data.map ? "This model has no decoder that the page can run." : null };
    if (spec.error) return { error: spec.error };
    try {
      return { decoding: new Decoding(data, new Decoder(spec)) };
    } catch (error) {
      return { error: `The page cannot run this decoder: ${error.message}.` };
    }
  }

  constructor(data, decoder) {
    this.data = data;
    this.decoder = decoder;
    this.output = decoder.output;
  }

  code(row) {
    const { codes, codeWidth } = this.data;
    return codes ? codes.subarray(row * codeWidth, (row + 1) * codeWidth) : null;
  }

  // The latents of a row before they are merged, if the page has them.
  latents(row) {
    if (this.decoder.plain) return this.code(row);
    const { latentCodes, latentWidth } = this.data;
    return latentCodes ? latentCodes.subarray(row * latentWidth, (row + 1) * latentWidth) : null;
  }

  ofRow(row) {
    const code = this.code(row);
    return code && code.every(Number.isFinite) ? this.decoder.decode(code) : null;
  }
}

export class DecoderPanel {
  constructor(page, decoding) {
    Object.assign(this, { page, decoding, decoder: decoding.decoder, state: page.state });
    this.values = this.decoder.latents.flatMap((latent) => middle(latent));
    this.direct = null; // a merged code that was set as a whole, on the map
    this.result = h("div", { class: decoding.output.type === "image" ? "result" : "result cells" });
    this.strip = h("div", {});
    this.walkBox = h("div", {});
    this.controls = this.decoder.latents.map((latent) => (latent.kind === "category" ? this._classes(latent) : this._sliders(latent)));
    this.fromRow = button("From this row", () => this.useRow());
    this.element = h("div", { class: "decoder" },
      h("div", { class: "decoder-top" }, this.result, h("div", { class: "controls" }, this.controls.map((control) => control.element))),
      h("div", { class: "buttons" }, [this.fromRow,
        button("Reset", () => this._set(this.decoder.latents.flatMap((latent) => middle(latent)))),
        this.decoder.latents.every((latent) => latent.prior) ? button("Draw from the prior", () => this.drawPrior()) : null]),
      this.strip, this.walkBox);
    this.state.on("walk", () => this._showWalk());
    this.state.on("focus", () => this._focused());
    this._enable();
    this._show();
    this._showWalk();
  }

  // The decoder follows the row in focus, when it is next seen.
  _focused() {
    this._enable();
    this.behind = true;
    if (!this.element.closest("[hidden]")) this.follow();
  }

  follow() {
    if (this.behind) this.useRow();
    this.behind = false;
  }

  _enable() {
    this.fromRow.disabled = this.state.focused < 0 || !this.decoding.latents(this.state.focused);
  }

  _sliders(latent) {
    const element = h("fieldset", {}, h("legend", { text: `Code ${latent.name}` }));
    const rows = Array.from({ length: latent.dim }, (_, k) => {
      const [low, high] = range(latent, k);
      const name = latent.dim > 1 ? `${latent.name}${k + 1}` : latent.name;
      const shown = h("output", { class: "count" });
      const slider = h("input", { type: "range", min: low, max: high, step: (high - low) / 200 || 0.01, "aria-label": name,
        oninput: () => { this.values[latent.start + k] = Number(slider.value); this._show(); } });
      return { slider, shown, element: h("label", { class: "slider" }, h("span", { text: name }), slider, shown), low, high };
    });
    element.append(...rows.slice(0, SLIDERS).map((row) => row.element));
    if (rows.length > SLIDERS) {
      element.append(h("details", {}, h("summary", { text: `${rows.length - SLIDERS} more` }), rows.slice(SLIDERS).map((row) => row.element)));
    }
    const show = () => rows.forEach(({ slider, shown, low, high }, k) => {
      const value = this.values[latent.start + k];
      [slider.min, slider.max] = [Math.min(low, value), Math.max(high, value)]; // a row may lie further out
      slider.value = value;
      shown.textContent = number(value, 2);
    });
    return { element, show };
  }

  _classes(latent) {
    const names = latent.names ?? Array.from({ length: latent.dim }, (_, k) => (latent.clusters ? `cluster ${k}` : String(k)));
    const buttons = names.map((name, k) => button(name, () => {
      for (let j = 0; j < latent.dim; j++) this.values[latent.start + j] = Number(j === k);
      this._show();
    }));
    const show = () => buttons.forEach((each, k) => each.setAttribute("aria-pressed", String(this.values[latent.start + k] > 0.5)));
    return { element: h("fieldset", {}, h("legend", { text: `${latent.clusters ? "Cluster" : "Class"} ${latent.name}` }), h("div", { class: "buttons many" }, buttons)), show };
  }

  _set(values) {
    this.values = Array.from(values);
    this._show();
  }

  // Puts the sliders where a row is.
  useRow(row = this.state.focused) {
    const latents = row < 0 ? null : this.decoding.latents(row);
    if (latents) this._set(latents);
  }

  // A place on a map that is the code itself.
  setPlace([x, y]) {
    const { map } = this.page.data;
    const latent = this.decoder.latents.find((each) => each.name === map.latent && each.dim === 2);
    if (latent) {
      this.values[latent.start] = x;
      this.values[latent.start + 1] = y;
      this._show();
    } else this._show([x, y]);
  }

  _show(merged = null) {
    const code = merged ?? this.decoder.merge(this.values);
    for (const control of this.controls) control.show();
    const x = this.decoder.decode(code);
    this._moveMark(code, merged);
    if (this.output.type !== "image") {
      this.result.replaceChildren(outputs(this.output, [x], ["decoded"], "Decoded row"));
      return;
    }
    const [height, width] = this.output.shape;
    if (!this.picture) {
      this.picture = canvas(width, height, "Decoded image", { class: width * height > 4096 ? "large smooth" : "large", "data-what": "decoded" });
      this.result.replaceChildren(this.picture);
    }
    paintImage(this.picture, x, this.output.shape);
    if (this.page.map) paintImage(this.page.map.lens ??= this._lens(), x, this.output.shape);
  }

  // The decoded image in a corner of the map, beside what is dragged.
  _lens() {
    const [height, width] = this.output.shape;
    const lens = canvas(width, height, "Decoded image", { class: width * height > 4096 ? "lens smooth" : "lens", role: null, "aria-label": null });
    this.page.map.frame.append(lens);
    return lens;
  }

  get output() {
    return this.decoding.output;
  }

  // Shows on the map where the decoded code lies, if the map is of the code.
  _moveMark(code, merged) {
    const { map } = this.page.data;
    if (!map?.is_code || !this.page.map) return;
    const latent = this.decoder.latents.find((each) => each.name === map.latent && each.dim === 2);
    if (latent) this.page.map.place = [this.values[latent.start], this.values[latent.start + 1]];
    else this.page.map.place = merged ?? (code.length === 2 ? [code[0], code[1]] : null);
    this.state.emit("code");
  }

  drawPrior() {
    const draws = Array.from({ length: DRAWS }, () => this.decoder.latents.flatMap((latent) => draw(latent)));
    const results = draws.map((values) => this.decoder.decode(this.decoder.merge(values)));
    const strip = outputs(this.output, results, results.map((_, k) => `draw ${k + 1}`), "Drawn from the prior");
    this.strip.replaceChildren(h("h3", { text: "Drawn from the prior" }), strip);
    this._set(draws[0]);
  }

  _showWalk() {
    const [from, to] = this.state.walk;
    if (from < 0 && to < 0) {
      this.walkBox.replaceChildren();
      return;
    }
    const title = h("h3", { text: "Walk" });
    if (from < 0 || to < 0) {
      const text = from < 0 ? "Choose the row to walk from (key [)." : "Choose the row to walk to (key ]).";
      this.walkBox.replaceChildren(title, h("p", { class: "hint", text }));
      return;
    }
    const [a, b] = [this.decoding.code(from), this.decoding.code(to)];
    const count = this.output.type === "image" ? STEPS : 5;
    const shares = Array.from({ length: count }, (_, k) => k / (count - 1));
    const results = shares.map((t) => this.decoder.decode(a.map((value, k) => value + t * (b[k] - value))));
    const captions = shares.map((t) => (t === 0 ? "A" : t === 1 ? "B" : `${Math.round(100 * t)} %`));
    const { data } = this.page;
    this.walkBox.replaceChildren(title, h("p", { class: "hint", text: `From ${rowName(data, from)} (A) to ${rowName(data, to)} (B)` }),
      outputs(this.output, results, captions, "Walk"));
  }
}
