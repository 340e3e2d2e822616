// Elements, made without HTML in strings: no name of a file can become markup.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function button(words, act, attributes = {}) {
  return element("button", { type: "button", onclick: act, ...attributes }, words);
}

// Gradio builds its page after this script has started.
export async function placeOf(id) {
  for (;;) {
    const found = document.getElementById(id);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
