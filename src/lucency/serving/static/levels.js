// From what the service sends to numbers: grey levels, and the heat map over them.

const PALE = [255, 196, 64];
const DEEP = [230, 30, 20];

// Uint16Array of height * width grey levels, 0..65535, row by row.
export async function greyLevels(view) {
  const packed = Uint8Array.from(atob(view.levels), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const levels = new Uint16Array(await new Response(stream).arrayBuffer());
  if (levels.length !== view.height * view.width) throw new Error("The film came back damaged.");
  return levels;
}

// Float32Array of height * width logits, or null: as Placement.to_source lays the map over the film.
export function evidenceOver(view) {
  if (!view.heatmap) return null;
  const rows = view.heatmap.length;
  const columns = view.heatmap[0].length;
  const { top, left, height, width, input_height: inHeight, input_width: inWidth } = view.covers;
  const across = weights(columns, (left * columns) / inWidth, ((left + width) * columns) / inWidth, view.width);
  const down = weights(rows, (top * rows) / inHeight, ((top + height) * rows) / inHeight, view.height);
  const wide = view.heatmap.map((row) => across.map(([first, parts]) => sum(parts, (n) => row[first + n])));
  const found = new Float32Array(view.height * view.width);
  down.forEach(([first, parts], y) => {
    for (let x = 0; x < view.width; x += 1) {
      found[y * view.width + x] = sum(parts, (n) => wide[first + n][x]);
    }
  });
  return found;
}

function sum(parts, value) {
  let total = 0;
  for (let n = 0; n < parts.length; n += 1) total += parts[n] * value(n);
  return total;
}

// For each of `size` places the first cell and the shares of the cells from there on: a triangle between the centres of
// cells, wider where cells are finer than places.
function weights(cells, from, to, size) {
  const step = (to - from) / size;
  const reach = Math.max(1, step);
  return Array.from({ length: size }, (_, place) => {
    const centre = from + (place + 0.5) * step;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const last = Math.min(cells, Math.floor(centre + reach + 0.5));
    const parts = [];
    for (let cell = first; cell < last; cell += 1) {
      parts.push(Math.max(0, 1 - Math.abs((cell + 0.5 - centre) / reach)));
    }
    const whole = parts.reduce((total, part) => total + part, 0);
    return [first, parts.map((part) => part / whole)];
  });
}

// Paints levels and evidence into the pixels of an ImageData. `window` and `level` are shares of the whole range.
export function paint(pixels, levels, evidence, { window, level, opacity, scale }) {
  const shades = new Uint8ClampedArray(65536);
  for (let value = 0; value < 65536; value += 1) {
    shades[value] = 255 * ((value / 65535 - level) / window + 0.5);
  }
  for (let place = 0, at = 0; place < levels.length; place += 1, at += 4) {
    const grey = shades[levels[place]];
    const strength = evidence && opacity > 0 ? Math.min(1, evidence[place] / scale) : 0;
    pixels[at + 3] = 255;
    if (strength > 0) {
      const share = opacity * strength;
      for (let colour = 0; colour < 3; colour += 1) {
        const tint = PALE[colour] + (DEEP[colour] - PALE[colour]) * strength;
        pixels[at + colour] = Math.round(grey * (1 - share) + tint * share);
      }
    } else {
      pixels[at] = pixels[at + 1] = pixels[at + 2] = grey;
    }
  }
}
