// The film on a canvas: window and level, zoom and place, colours, and the way back to the original.

import { button, element } from "./dom.js";
import { evidenceOver, greyLevels, paint } from "./levels.js";

const USUAL = { window: 1, level: 0.5, opacity: 0.65 };
const HELP =
  "Arrows move the film, plus and minus zoom, 0 fits it, w and s change the window, d and a the level, h hides the " +
  "colours, o shows the original.";

export class Viewer {
  constructor() {
    this.look = { ...USUAL };
    this.zoom = 1;
    this.centre = { x: 0.5, y: 0.5 };
    this.original = false;
    this.moving = false;
    this.pointers = new Map();
    this.film = document.createElement("canvas");
    this.canvas = element("canvas", { tabindex: 0, role: "img", "aria-describedby": "viewer-help" });
    this.sliders = {
      window: slider("Window (contrast)", 5, 200, (value) => (this.look.window = value / 100)),
      level: slider("Level (brightness)", 0, 100, (value) => (this.look.level = value / 100)),
      opacity: slider("Heat map opacity", 0, 100, (value) => (this.look.opacity = value / 100)),
    };
    for (const one of Object.values(this.sliders)) one.input.addEventListener("input", () => this.altered());
    this.flip = button("Original", () => this.showOriginal(!this.original), { "aria-pressed": "false" });
    this.grip = button("Move", () => this.grab(!this.moving), {
      "aria-pressed": "false",
      title: "When pressed, dragging moves the film; else it changes window and level",
    });
    this.place = element(
      "div",
      { class: "viewer" },
      element("div", { class: "stage" }, this.canvas),
      element(
        "div",
        { class: "tools", role: "group", "aria-label": "Film" },
        button("−", () => this.zoomBy(1 / 1.25), { "aria-label": "Zoom out" }),
        button("+", () => this.zoomBy(1.25), { "aria-label": "Zoom in" }),
        button("Fit", () => this.fit()),
        this.grip,
        this.flip,
        button("Reset", () => this.reset()),
      ),
      element("div", { class: "sliders" }, ...Object.values(this.sliders).map((one) => one.label)),
      element(
        "p",
        { id: "viewer-help", class: "quiet" },
        element("span", { class: "for-mouse" }, "Drag: window and level. Wheel: zoom. Keys work too."),
        element("span", { class: "for-touch" }, "Two fingers: zoom; then drag to move the film."),
        element("span", { class: "unseen" }, ` ${HELP}`),
      ),
    );
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    this.reset();
  }

  async show(view, scale, name) {
    this.clear();
    this.wanted = view;
    const levels = await greyLevels(view);
    // Another film may have been asked for meanwhile.
    if (this.wanted !== view) return;
    this.levels = levels;
    this.evidence = evidenceOver(view);
    this.scale = scale;
    this.film.width = view.width;
    this.film.height = view.height;
    this.pixels = new ImageData(view.width, view.height);
    const coloured = this.evidence?.some((value) => value > 0);
    this.canvas.setAttribute("aria-label", `Film ${name}${coloured ? ", with colours where the model sees evidence" : ""}`);
    this.canvas.style.aspectRatio = `${Math.max(view.width, view.height * 0.75)} / ${view.height}`;
    this.sliders.opacity.input.disabled = !this.evidence;
    this.reset();
  }

  // No picture may stand beside the answer for another film.
  clear() {
    this.wanted = this.levels = this.evidence = this.pixels = null;
    for (const canvas of [this.film, this.canvas]) canvas.width = canvas.height = 1;
    this.canvas.setAttribute("aria-label", "No film yet");
  }

  reset() {
    this.look = { ...USUAL };
    this.showOriginal(false);
    this.fit();
    this.followSliders();
    this.changed();
  }

  fit() {
    this.zoom = 1;
    this.centre = { x: 0.5, y: 0.5 };
    this.draw();
  }

  showOriginal(wanted) {
    this.original = wanted;
    this.flip.setAttribute("aria-pressed", String(wanted));
    this.changed();
  }

  grab(wanted) {
    this.moving = wanted;
    this.grip.setAttribute("aria-pressed", String(wanted));
    this.canvas.classList.toggle("moving", wanted);
  }

  set(name, value) {
    const limits = { window: [0.05, 2], level: [0, 1], opacity: [0, 1] }[name];
    this.look[name] = Math.min(limits[1], Math.max(limits[0], value));
    this.followSliders();
    this.altered();
  }

  // What is set is to be seen, also where the original was shown.
  altered() {
    if (this.original) this.showOriginal(false);
    else this.changed();
  }

  followSliders() {
    for (const [name, one] of Object.entries(this.sliders)) one.set(100 * this.look[name]);
  }

  // Paints the film anew, at most once for each picture of the screen.
  changed() {
    if (!this.levels || this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = 0;
      if (!this.levels) return;
      const look = this.original ? { ...USUAL, opacity: 0 } : this.look;
      paint(this.pixels.data, this.levels, this.evidence, { ...look, scale: this.scale });
      this.film.getContext("2d").putImageData(this.pixels, 0, 0);
      this.draw();
    });
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!this.levels || !width || !height) return;
    const dense = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * dense);
    this.canvas.height = Math.round(height * dense);
    const brush = this.canvas.getContext("2d");
    const ratio = this.ratio() * dense;
    brush.imageSmoothingEnabled = ratio < 4;
    brush.imageSmoothingQuality = "high";
    brush.setTransform(ratio, 0, 0, ratio, this.canvas.width / 2, this.canvas.height / 2);
    brush.drawImage(this.film, -this.centre.x * this.film.width, -this.centre.y * this.film.height);
    this.canvas.style.touchAction = this.zoom > 1 || this.moving ? "none" : "pan-y";
  }

  // Pixels of the page for one of the film.
  ratio() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return this.zoom * Math.min(width / this.film.width, height / this.film.height);
  }

  // Keeps the point of the film under (x, y), pixels from the middle of the canvas, where it is.
  zoomBy(factor, x = 0, y = 0) {
    if (!this.levels) return;
    const before = this.ratio();
    this.zoom = Math.min(16, Math.max(1, this.zoom * factor));
    const after = this.ratio();
    this.moveBy(x / after - x / before, y / after - y / before);
  }

  // Moves the film by pixels of its own.
  moveBy(x, y) {
    if (!this.levels) return;
    const { width, height } = this.film;
    const ratio = this.ratio();
    const hold = (value, size, shown) => {
      const half = Math.min(0.5, shown / ratio / size / 2);
      return Math.min(1 - half, Math.max(half, value));
    };
    this.centre.x = hold(this.centre.x - x / width, width, this.canvas.clientWidth);
    this.centre.y = hold(this.centre.y - y / height, height, this.canvas.clientHeight);
    this.draw();
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button === 2) return;
      this.pointers.set(event.pointerId, event);
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => this.dragged(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.pointers.delete(event.pointerId));
    }
    canvas.addEventListener("wheel", (event) => {
      // Where there is nothing to zoom out of, the wheel scrolls the page.
      if (event.deltaY > 0 && this.zoom === 1) return;
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
      this.zoomBy(1.0015 ** -event.deltaY, x, y);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.typed(event));
  }

  dragged(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const [x, y] = [event.clientX - before.clientX, event.clientY - before.clientY];
    if (this.pointers.size === 2) {
      const other = [...this.pointers.values()].find((one) => one.pointerId !== event.pointerId);
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
      this.zoomBy(apart(event) / apart(before));
      this.moveBy(x / 2 / this.ratio(), y / 2 / this.ratio());
    } else if (this.moving || event.shiftKey || event.buttons === 4 || (event.pointerType === "touch" && this.zoom > 1)) {
      this.moveBy(x / this.ratio(), y / this.ratio());
    } else if (event.pointerType !== "touch") {
      const whole = Math.max(200, this.canvas.clientWidth);
      this.set("window", this.look.window + x / whole);
      this.set("level", this.look.level + y / whole);
    }
    this.pointers.set(event.pointerId, event);
  }

  typed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 40 / this.ratio();
    const deeds = {
      ArrowLeft: () => this.moveBy(step, 0),
      ArrowRight: () => this.moveBy(-step, 0),
      ArrowUp: () => this.moveBy(0, step),
      ArrowDown: () => this.moveBy(0, -step),
      "+": () => this.zoomBy(1.25),
      "=": () => this.zoomBy(1.25),
      "-": () => this.zoomBy(1 / 1.25),
      0: () => this.fit(),
      w: () => this.set("window", this.look.window - 0.05),
      s: () => this.set("window", this.look.window + 0.05),
      d: () => this.set("level", this.look.level - 0.03),
      a: () => this.set("level", this.look.level + 0.03),
      h: () => this.set("opacity", this.look.opacity > 0 ? 0 : USUAL.opacity),
      o: () => this.showOriginal(!this.original),
    };
    const deed = deeds[event.key];
    // Arrows scroll the page while the whole film is to be seen.
    if (!deed || (event.key.startsWith("Arrow") && this.zoom === 1)) return;
    event.preventDefault();
    deed();
  }
}

function slider(words, least, most, act) {
  const input = element("input", { type: "range", min: least, max: most, step: 1 });
  const shown = element("output", {});
  input.addEventListener("input", () => {
    act(Number(input.value));
    shown.value = `${input.value} %`;
  });
  return {
    input,
    label: element("label", {}, element("span", {}, words), input, shown),
    set(value) {
      input.value = value;
      shown.value = `${input.value} %`;
    },
  };
}
