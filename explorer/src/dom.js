// Elements without markup: every text goes through textContent, so that no name can become an element.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined));
  return element;
}

// A button that a mouse does not take the focus to: afterwards space skips a row and does not press it again.
export function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", text, onclick, onmousedown: (event) => event.preventDefault(), ...attributes });
}

export function section(title, attributes, ...children) {
  const id = `h-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return h("section", { "aria-labelledby": id, ...attributes }, h("h2", { id, text: title }), ...children);
}

// Asks a question in a dialog; resolves to the value of the button, or null if it is dismissed.
export function ask(question, answers) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-label": question }, h("p", { text: question }));
    const close = (value) => { resolve(value); dialog.close(); dialog.remove(); };
    const buttons = answers.map(([text, value]) => button(text, () => close(value)));
    dialog.append(h("div", { class: "buttons" }, buttons));
    dialog.addEventListener("cancel", () => close(null));
    document.body.append(dialog);
    dialog.showModal();
    buttons[0].focus();
  });
}

const SCROLLERS = ".scroll, .classes, .legend, .buttons.many, .panel .tiles";

// Lets boxes that scroll fade out at the bottom as long as there is more below.
export function fadeScrollers() {
  let planned = false;
  const look = () => {
    planned = false;
    for (const box of document.querySelectorAll(SCROLLERS)) box.classList.toggle("more", box.scrollHeight - box.clientHeight - box.scrollTop > 4);
  };
  const plan = () => {
    if (!planned) requestAnimationFrame(look);
    planned = true;
  };
  document.addEventListener("scroll", plan, { capture: true, passive: true });
  window.addEventListener("resize", plan);
  new MutationObserver(plan).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden"] });
  plan();
}

// A canvas for an image of `width` by `height` values; enlarged by CSS.
export function canvas(width, height, label, attributes = {}) {
  return h("canvas", { width, height, role: "img", "aria-label": label, ...attributes });
}
