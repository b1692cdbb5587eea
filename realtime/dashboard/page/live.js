// The Live tab: the annotated picture, the group now, its last minutes and mood shifts.

import {cameraProblem, cameraStream, wantCamera} from "./camera.js";
import {drawChart} from "./chart.js";
import {$, between, button, clock, drawShifts, enable, intervalTitle, known, percent, put, show, stretch} from "./dom.js";
import {address, connected} from "./server.js";

const CHART_SPAN_S = 180, EMPTY_NOTICE_AFTER_MS = 2000;
const IDLE_RETRY_MS = 200, REFUSED_RETRY_MS = 500, UNREACHABLE_RETRY_MS = 1000;
let live = null, run = 0, picture = 0, history = [], emptySince = null, privacy = null;

// Seconds up to which the history of this run is known here.
export const since = () => history.length ? history.at(-1)[0] : -1;
export const paused = () => Boolean(live?.paused);

export function takeLive(number, state) {
  if (number !== run) {
    run = number;
    picture = 0;
    history = [];
  }
  live = state;
  if (live?.privacy === "group" && privacy !== "group") history = [];
  privacy = live?.privacy;
  if (live) history.push(...live.history.filter(row => row[0] > since()));
  while (history.length && history[0][0] < since() - CHART_SPAN_S) history.shift();
  draw();
  wantCamera(Boolean(live && live.browser && !live.over), () => button("ms-stop")?.click());
}

export function redrawChart() {
  drawChart($("ms-chart"), history, live?.shifts ?? [], Boolean(live) && !live.over);
}

// Fetch and show the newest picture, for as long as the page is open.
export async function showPictures() {
  for (;;) {
    if (!connected() || document.hidden || !live || live.over || !$("ms-picture")?.offsetParent && picture) {
      await pause(IDLE_RETRY_MS);
      continue;
    }
    const of = run;
    try {
      const response = await fetch(address(`picture?after=${picture}`));
      if (response.status === 200 && Number(response.headers.get("X-Run")) === of) {
        picture = Number(response.headers.get("X-Number"));
        await showPicture(await response.blob());
      } else if (response.status !== 204) {
        await pause(REFUSED_RETRY_MS);
      }
    } catch {
      await pause(UNREACHABLE_RETRY_MS);
    }
  }
}

const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds));

async function showPicture(blob) {
  const at = $("ms-picture");
  if (!at || !live) return;
  const before = at.src, url = URL.createObjectURL(blob);
  at.src = url;
  try { await at.decode(); } catch { /* the next one will do */ }
  at.hidden = false;
  at.dataset.number = picture;
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
}

function draw() {
  const on = Boolean(live) && !live.over;
  enable("ms-start", !on);
  enable("ms-pause", on);
  enable("ms-stop", on);
  const label = button("ms-pause"), word = paused() ? "Go on" : "Pause";
  if (label && label.textContent.trim() !== word) label.textContent = word;
  if (!on) {
    const at = $("ms-picture");
    if (at && !at.hidden) { at.hidden = true; URL.revokeObjectURL(at.src); at.removeAttribute("src"); }
  }
  drawPreview(on);
  const line = hint(on);
  put("ms-hint", line);
  show("ms-hint", !on || !picture || Boolean(line));
  drawFigures(on ? live.source : null);
  redrawChart();
  drawShifts("ms-shifts", live?.shifts?.slice().reverse() ?? []);
}

function drawPreview(on) {
  const preview = $("ms-preview"), stream = cameraStream();
  if (!preview) return;
  preview.hidden = !on || !stream || live.privacy !== "off";
  if (stream && preview.srcObject !== stream) { preview.srcObject = stream; preview.play().catch(() => {}); }
}

function hint(on) {
  if (cameraProblem() && !on) return cameraProblem();
  if (live?.problem) return live.problem;
  if (live?.over) return live.ended === "ended" ? "The source has come to its end." : live.source.detail ?? "Stopped.";
  if (!on) return "Choose a source and press Start.";
  const status = live.source.status;
  if (status === "connecting") return live.browser ? "Waiting for your camera: the browser asks whether it may be used …" : "Connecting …";
  if (status === "no signal" || status === "failed") return live.source.detail ?? "No signal.";
  if (status === "paused") return "Paused.";
  emptySince = live.source.people === 0 ? emptySince ?? Date.now() : null;
  if (emptySince && Date.now() - emptySince > EMPTY_NOTICE_AFTER_MS) return "No face in view.";
  return "";
}

function drawFigures(source) {
  put("ms-mood", source?.dominant ? `${source.dominant} ${percent(source.probs[source.dominant])}` : "–");
  put("ms-mood-more", likely(source));
  put("ms-span", source ? `over the last ${live.window} s` : "");
  put("ms-people", known(source?.people) ? String(source.people) : "–");
  put("ms-diversity", percent(source?.entropy_share));
  drawBars($("ms-bars"), source?.probs, source?.interval);
  put("ms-few", live?.privacy === "group" ? "Group only: fewer than three people show no distribution." : "One or two faces prove nothing about a group.");
  const few = $("ms-few");
  if (few) few.style.visibility = known(source?.people) && source.people < Number(few.dataset.minGroup) ? "visible" : "hidden";
  put("ms-fresh", source ? freshness(source).join(" · ") : "");
  put("ms-signal", source ? `${source.name} · ${clock(source.t)}` : "");
}

// The interval of the mood shown; that of one face is wide, and says so.
function likely(source) {
  const ends = source?.interval?.[source.dominant];
  return ends ? (source.effective_people < 1.5 ? "one face: " : "90 % interval: ") + between(ends) : "";
}

function freshness(source) {
  const parts = [source.status];
  if (known(source.fps_in)) parts.push(`${source.fps_in.toFixed(1)} pictures/s in, ${source.fps_shown.toFixed(1)} shown`);
  if (known(source.latency_p50_ms)) parts.push(`delay ${Math.round(source.latency_p50_ms)} ms`);
  if (known(source.refresh_hz)) parts.push(`each face read ${source.refresh_hz.toFixed(1)} × a second`);
  if (known(source.oldest_s)) parts.push(`oldest reading ${source.oldest_s.toFixed(1)} s`);
  parts.push(`${source.dropped} dropped`);
  if (source.reconnects) parts.push(`reconnected ${source.reconnects} ×`);
  return parts;
}

function drawBars(list, shares, intervals) {
  for (const row of list?.children ?? []) {
    const share = shares?.[row.dataset.mood];
    row.querySelector(".ms-figure").textContent = percent(share);
    row.querySelector("i").style.width = 100 * (share ?? 0) + "%";
    stretch(row.querySelector("b"), intervals?.[row.dataset.mood]);
    row.title = intervalTitle(intervals?.[row.dataset.mood]);
  }
}
