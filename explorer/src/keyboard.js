// Keys that work everywhere on the page, and the list of all keys.
import { button, h } from "./dom.js";

const typing = (target) => target.matches?.("textarea, select, input:not([type=range])");
const pressed = (target) => target.matches?.("button, summary, a");

export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (typing(target)) {
      if (key === "Escape") target.blur();
      return;
    }
    if ((key === " " || key === "Enter") && pressed(target)) return;
    const action = actions[key] ?? actions[key.toLowerCase?.()] ?? (/^\d$/.test(key) && actions.digit);
    if (!action) return;
    event.preventDefault();
    action(key);
  });
}

// A button that shows the keys, and what `?` does.
export function help(keys) {
  const close = button("Close", () => dialog.close());
  const dialog = h("dialog", { "aria-labelledby": "keys-title", class: "keys" }, h("h2", { id: "keys-title", text: "Keys" }),
    h("table", {}, h("tbody", {}, keys.map(([names, text]) => h("tr", {},
      h("th", { scope: "row" }, names.split(" ").flatMap((name, k) => [k ? " " : null, h("kbd", { text: name })])), h("td", { text }))))), close);
  document.body.append(dialog);
  const open = () => { dialog.showModal(); close.focus(); };
  return { open, button: button("Keys ?", open, { class: "quiet", "aria-haspopup": "dialog" }) };
}
