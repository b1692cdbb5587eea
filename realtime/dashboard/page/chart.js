// The last minutes of a live view: stacked areas, with the mood written into each one that has room.

import {clock} from "./dom.js";

const HEIGHT_PX = 190, FOOT_PX = 20, LABEL_HALF_PX = 32, LABEL_ROOM_PX = 22;
const MIN_SPAN_S = 30, MAX_GAP_S = 3;

// rows: [seconds, shares of the moods or null, …]; the element's data tells the moods' colours,
// in the order in which they are stacked.
export function drawChart(at, rows, shifts, on) {
  if (!at?.clientWidth) return;
  const width = Math.max(at.clientWidth, 200), drawn = `${rows.at(-1)?.[0]},${width},${on}`;
  if (at.dataset.last === drawn) return;
  at.dataset.last = drawn;
  if (!rows.some(row => row[1])) {
    at.innerHTML = `<p class="ms-soft">${on ? "No distribution yet." : "Nothing yet."}</p>`;
    return;
  }
  const colours = JSON.parse(at.dataset.colours), moods = Object.keys(colours);
  const start = rows[0][0], end = Math.max(rows.at(-1)[0], start + MIN_SPAN_S);
  const x = t => (width - 1) * (t - start) / (end - start), y = v => (HEIGHT_PX - FOOT_PX) * (1 - v);
  const parts = [], labels = [];
  for (const stretch of stretches(rows)) {
    const below = stretch.map(() => 0);
    for (const [k, mood] of moods.entries()) {
      const shares = stretch.map(row => row[1][k]), over = below.map((v, i) => v + shares[i]);
      const edge = values => values.map((v, i) => `${x(stretch[i][0]).toFixed(1)},${y(v).toFixed(1)}`);
      parts.push(`<polygon fill="${colours[mood]}" points="${edge(over).concat(edge(below).reverse()).join(" ")}"/>`);
      labels.push(label(mood, stretch.map(row => x(row[0])), shares, below, y));
      over.forEach((v, i) => { below[i] = v; });
    }
  }
  for (const shift of shifts)
    if (shift.t > start && shift.status !== "withdrawn") parts.push(`<line class="ms-mark" x1="${x(shift.t).toFixed(1)}" x2="${x(shift.t).toFixed(1)}" y1="0" y2="${HEIGHT_PX - FOOT_PX}"/>`);
  const ticks = [0, 1 / 3, 2 / 3, 1].map(part => start + part * (end - start)).map((t, i) =>
    `<text class="ms-tick" text-anchor="${["start", "middle", "middle", "end"][i]}" x="${x(t).toFixed(0)}" y="${HEIGHT_PX - 4}">${clock(Math.round(t))}</text>`);
  at.innerHTML = `<svg width="${width}" height="${HEIGHT_PX}" viewBox="0 0 ${width} ${HEIGHT_PX}" aria-hidden="true">${parts.join("")}<g class="ms-labels">${labels.join("")}</g>${ticks.join("")}</svg>`;
}

// The name of a mood where its area is highest; nothing where that is not high or wide enough.
function label(mood, across, shares, below, y) {
  const top = shares.reduce((best, share, i) => share > shares[best] ? i : best, 0);
  const left = across[0] + LABEL_HALF_PX, right = across.at(-1) - LABEL_HALF_PX;
  if ((HEIGHT_PX - FOOT_PX) * shares[top] <= LABEL_ROOM_PX || left >= right) return "";
  return `<text x="${Math.min(Math.max(across[top], left), right).toFixed(0)}" y="${(y(below[top] + shares[top] / 2) + 4).toFixed(0)}">${mood}</text>`;
}

// The rows with a distribution, apart where there is a gap between them.
function stretches(rows) {
  const all = [];
  let open = null, last = null;
  for (const row of rows) {
    if (!row[1] || (last !== null && row[0] - last > MAX_GAP_S)) open = null;
    last = row[0];
    if (!row[1]) continue;
    if (!open) all.push(open = []);
    open.push(row);
  }
  return all.filter(stretch => stretch.length > 1);
}
