// The Video tab: a file on its way, the analysis of it, and its results.

import {$, clock, drawShifts, element, enable, known, notice, percent, put, show} from "./dom.js";
import {UNSENT, address, connected, problemOf, refresh} from "./server.js";

const CHART_EPOCH_MS = 86_400_000;  // where the times of the charts start: outputs/report/charts.py
const STAGES = {starting: "Getting ready", reading: "Looking at", report: "Writing the report of"};
let upload = null;  // the request that sends a file
let shown = 0, asked = 0, failed = 0;  // numbers of the videos whose results, request, problem these are
let results = null, library = null;

export function sendVideo(file) {
  if (!connected() || upload) return;
  notice("ms-video-problem", null);
  const request = new XMLHttpRequest();
  upload = request;
  show("ms-video-progress", true);
  put("ms-video-name", file.name);
  request.upload.onprogress = event => {
    drawProgress(event.lengthComputable ? event.loaded / event.total : null);
    put("ms-video-stage", `Sending ${file.name}: ${percent(event.loaded / event.total)}`);
  };
  request.onload = () => {
    let line = null;
    if (request.status >= 400) try { line = JSON.parse(request.responseText).problem; } catch { line = `the server answered ${request.status}`; }
    notice("ms-video-problem", line);
  };
  request.onerror = () => notice("ms-video-problem", UNSENT);
  request.onloadend = () => { upload = null; refresh(); };
  request.onabort = () => show("ms-video-progress", false);
  request.open("POST", address("video"));
  request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
  request.send(file);
}

export function cancelUpload() {
  upload?.abort();
}

// video: the state of the analysis, or null; uploaded: the name of a file that waits for one.
export function drawVideo(video, uploaded) {
  const busy = video?.stage in STAGES, done = video?.stage === "done";
  if (!upload) {
    put("ms-video-name", busy ? "" : uploaded ?? "");
    show("ms-video-progress", busy);
    if (busy) drawStage(video);
  }
  enable("ms-analyse", Boolean(uploaded) && !busy && !upload);
  enable("ms-sample", !busy && !upload);
  enable("ms-cancel", busy || Boolean(upload));
  enable("ms-forget", done);
  if (video?.stage === "failed" && failed !== video.number) { failed = video.number; notice("ms-video-problem", video.problem); }
  if (busy) notice("ms-video-problem", null);
  if (done && shown !== video.number && asked !== video.number && $("ms-results")) {
    asked = video.number;
    loadResults(video.number);
  }
  if (!done && shown) clearResults();
  const at = $("ms-results");
  if (at && shown && at.hidden) shown = asked = 0;  // the tab was drawn anew
  if (shown && at?.offsetParent) {
    if (!at.dataset.plotted) drawPlots();
    else if (at.dataset.wide !== String(at.clientWidth)) fitPlots(at);
  }
}

function drawStage(video) {
  drawProgress(video.share);
  const left = known(video.left) ? `, about ${clock(Math.max(1, video.left))} left` : "";
  const share = known(video.share) && video.stage === "reading" ? `: ${percent(video.share)}` : " …";
  put("ms-video-stage", `${STAGES[video.stage]} ${video.name}${share}${left}`);
}

function drawProgress(share) {
  const at = $("ms-video-bar");
  if (!at) return;
  if (known(share)) at.value = share; else at.removeAttribute("value");
}

async function loadResults(number) {
  const response = await fetch(address("video"));
  if (!response.ok) { asked = 0; return notice("ms-video-problem", await problemOf(response)); }
  results = await response.json();
  shown = number;
  show("ms-results", true);
  delete $("ms-results").dataset.plotted;
  put("ms-results-name", results.name);
  $("ms-notes").replaceChildren(...notes().map(note => element("li", note)));
  $("ms-lines").replaceChildren(...results.lines.flatMap(([what, text]) => [element("dt", what), element("dd", text)]));
  drawOverlay($("ms-overlay"), number);
  drawShifts("ms-video-shifts", results.shifts, seek);
  $("ms-legend").replaceChildren(...Object.entries(results.moods).map(([mood, colour]) => {
    const item = element("li"), patch = element("i");
    patch.style.background = colour;
    item.append(patch, mood);
    return item;
  }));
  $("ms-files").replaceChildren(...results.files.map(([file, label]) =>
    element("a", label, {href: address(`files/${file}?download`), download: "", className: "ms-file"})));
  for (const name of ["group", "intervals", "context", "lanes"]) show(`ms-card-${name}`, name in results.charts);
  if ($("ms-results").offsetParent) drawPlots();
}

function notes() {
  if (results.nobody) return ["No faces were found in this video."];
  return results.small ? ["One or two faces prove nothing about a group.", ...results.notes] : results.notes;
}

function drawOverlay(overlay, number) {
  const name = overlay.dataset.file, has = results.files.some(([file]) => file === name);
  overlay.hidden = !has;
  if (has) overlay.src = address(`files/${name}?n=${number}`); else overlay.removeAttribute("src");
  show("ms-seek-hint", has);
}

function clearResults() {
  shown = asked = 0;
  results = null;
  const overlay = $("ms-overlay");
  if (overlay) { overlay.removeAttribute("src"); overlay.load(); }
  show("ms-results", false);
}

function seek(seconds) {
  const overlay = $("ms-overlay");
  if (!overlay || overlay.hidden) return;
  overlay.currentTime = Math.max(0, seconds);
  overlay.scrollIntoView({block: "nearest", behavior: "smooth"});
}

function loadPlotly() {
  library ??= new Promise((done, broken) => {
    document.head.append(element("script", "", {src: "/moodstream/plotly.js", onload: done, onerror: broken}));
  });
  return library;
}

function fitPlots(at) {
  at.dataset.wide = at.clientWidth;
  for (const plot of at.querySelectorAll(".js-plotly-plot")) Plotly.Plots.resize(plot);
}

async function drawPlots() {
  const at = $("ms-results");
  at.dataset.plotted = "yes";
  at.dataset.wide = at.clientWidth;
  await loadPlotly();
  for (const [name, {data, layout}] of Object.entries(results?.charts ?? {})) {
    const plot = $(`ms-plot-${name}`);
    layout.font = {...layout.font, family: getComputedStyle(document.body).fontFamily, color: getComputedStyle(at).color};
    layout.dragmode = false;
    await Plotly.newPlot(plot, data, layout, {displayModeBar: false});
    // not plotly_click: a stacked area has none between its points
    plot.addEventListener("click", event => {
      const axis = plot._fullLayout?.xaxis, area = plot.querySelector(".nsewdrag")?.getBoundingClientRect();
      if (!axis || !area || event.clientX < area.left || event.clientX > area.right) return;
      if (event.clientY < area.top) return;  // the names above the chart
      const [from, to] = axis.range.map(value => axis.r2c(value));
      seek((from + (to - from) * (event.clientX - area.left) / area.width - CHART_EPOCH_MS) / 1000);
    });
  }
}
