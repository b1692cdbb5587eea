// The Photo tab: the annotated photo, its distributions, and what each face adds to a mood.

import {$, bar, between, element, enable, intervalTitle, notice, percent, put, show} from "./dom.js";
import {UNSENT, address, connected, problemOf, refresh} from "./server.js";

let shown = 0;  // the number of the photo that is drawn

export async function sendPhoto(file) {
  if (!connected()) return;
  notice("ms-photo-problem", null);
  put("ms-photo-name", `Looking at ${file.name} …`);
  try {
    const headers = {"X-File-Name": encodeURIComponent(file.name)};
    const response = await fetch(address("photo"), {method: "POST", body: file, headers});
    if (!response.ok) notice("ms-photo-problem", await problemOf(response));
  } catch {
    notice("ms-photo-problem", UNSENT);
  }
  put("ms-photo-name", "");
  refresh();
}

export function drawPhoto(photo) {
  enable("ms-photo-forget", Boolean(photo));
  const results = $("ms-photo-results");
  if (!results) return;
  if (!photo) { results.hidden = true; shown = 0; $("ms-photo").removeAttribute("src"); return; }
  if (photo.number === shown && !results.hidden) return;  // hidden: the tab was drawn anew
  shown = photo.number;
  results.hidden = false;
  notice("ms-photo-problem", null);
  const hidden = photo.privacy === "group", image = $("ms-photo");
  image.hidden = hidden;
  show("ms-photo-none", hidden);
  if (hidden) image.removeAttribute("src"); else image.src = address(`photo.jpg?n=${photo.number}`);
  put("ms-photo-line", summary(photo));
  drawTable($("ms-photo-table"), photo);
  put("ms-photo-bins", photo.bins ? `Face quality: ${photo.bins.high} high, ${photo.bins.mid} middling, ${photo.bins.low} low.` : "");
  show("ms-card-people", Boolean(photo.people?.length));
  const select = $("ms-photo-mood");
  select.onchange = () => drawContributions(photo, select.value);
  if (photo.dominant) select.value = photo.dominant;
  drawContributions(photo, select.value);
}

function summary(photo) {
  if (!photo.faces) return "No face was found in this photo.";
  const faces = photo.faces === 1 ? "1 face" : `${photo.faces} faces`;
  if (!photo.probs) return photo.privacy === "group" ? `${faces}; group only: fewer than three people show no distribution.` : `${faces}, none of them could be read.`;
  const few = photo.faces < Number($("ms-photo-line").dataset.minGroup) ? " One or two faces prove nothing about a group." : "";
  const ends = photo.interval?.[photo.dominant];
  return `${faces}, mostly ${photo.dominant}, ${percent(photo.probs[photo.dominant])}${ends ? ` (${between(ends)})` : ""}; diversity ${percent(photo.entropy_share)}; effective people ${photo.effective.toFixed(1)}.${few}`;
}

function drawTable(table, photo) {
  table.hidden = !photo.probs;
  table.tBodies[0].replaceChildren(...(photo.probs ? Object.entries(photo.moods).map(([mood, colour]) => {
    const row = element("tr");
    row.append(element("th", mood, {scope: "row"}), cell(photo.probs[mood], colour, photo.interval?.[mood]), element("td", percent(photo.weighted[mood])), element("td", percent(photo.unweighted[mood])));
    return row;
  }) : []));
}

function cell(share, colour, ends = null) {
  const made = element("td", "", {title: intervalTitle(ends)});
  made.append(bar(share, colour, ends), element("span", percent(share), {className: "ms-figure"}));
  return made;
}

function drawContributions(photo, mood) {
  const people = (photo.people ?? []).slice().sort((a, b) => b.adds[mood] - a.adds[mood]);
  const max = Math.max(...people.map(one => one.adds[mood]), 1e-9);
  $("ms-photo-people").replaceChildren(...people.map(one => {
    const item = element("li");
    item.append(
      element("span", `#${one.number} ${one.mood ? `${one.mood} ${percent(one.share)}` : "not read"}`, {className: "ms-word"}),
      bar(one.adds[mood] / max, photo.moods[mood]),
      element("span", `adds ${(100 * one.adds[mood]).toFixed(1)} points; quality ${one.quality.toFixed(2)} (${one.bin})`, {className: "ms-soft"}));
    return item;
  }));
}
