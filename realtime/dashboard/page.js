"use strict";
// The page's own part: it asks for the state, draws it, and sends what the camera sees.
window.moodstream = (() => {
  const EVERY = 500, BEAT = 10000, FRAME = 1000 / 15, SIDE = 640, SPAN = 180;
  const MOODS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];
  const STACK = ["happy", "surprise", "neutral", "fear", "disgust", "angry", "sad"];
  const DAY = 86400000;  // the charts' times start there, see report_charts
  let token = null, state = null, run = 0, picture = 0, history = [], camera = null, opening = false;
  let shownVideo = 0, shownPhoto = 0, askedFor = 0, emptySince = null, polling = null, sent = 0;
  const seen = {};

  const $ = id => document.getElementById(id);
  const known = value => value !== null && value !== undefined;
  const percent = value => known(value) ? Math.round(100 * value) + " %" : "–";
  const address = path => `/moodstream/s/${token}/${path}`;
  const put = (id, text) => { const at = $(id); if (at && at.textContent !== text) at.textContent = text; };
  const show = (id, on) => { const at = $(id); if (at) at.hidden = !on; };
  const enable = (id, on) => { const at = button(id); if (at) at.disabled = !on; };

  function button(id) {
    const at = $(id);
    return at?.tagName === "BUTTON" ? at : at?.querySelector("button");
  }

  function clock(seconds) {
    if (!known(seconds)) return "–";
    const s = Math.floor(seconds), two = n => String(n).padStart(2, "0");
    return (s >= 3600 ? Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) : Math.floor(s / 60)) + ":" + two(s % 60);
  }

  function element(kind, text = "", set = {}) {
    const made = Object.assign(document.createElement(kind), set);
    if (text) made.textContent = text;
    return made;
  }

  function tell(line) {
    put("ms-message", line ?? "");
    show("ms-message", Boolean(line));
  }

  async function problemOf(response) {
    try { return (await response.json()).problem; } catch { return `the server answered ${response.status}`; }
  }

  // --- the loop: the state twice a second, and a sign of life while nobody looks ---

  async function poll() {
    if (!token) return;
    try {
      const since = history.length ? history[history.length - 1][0] : -1;
      const response = await fetch(address(`state?since=${since}`));
      if (!response.ok) {
        if (response.status === 404) ended(await problemOf(response));
        return;
      }
      tell(null);
      take(await response.json());
    } catch {
      tell("The server cannot be reached; trying again …");
    }
  }

  async function loop() {
    if (!document.hidden) await refresh();
    setTimeout(loop, EVERY);
  }

  function refresh() {
    polling ??= poll().finally(() => { polling = null; });
    return polling;
  }

  // Timers of a hidden page run once a minute at most; those of a worker do not.
  function beat() {
    const code = `setInterval(() => postMessage("beat"), ${BEAT}); setInterval(() => postMessage("frame"), ${FRAME});`;
    const worker = new Worker(URL.createObjectURL(new Blob([code], {type: "text/javascript"})));
    worker.onmessage = event => {
      if (event.data === "frame") sendFrame();
      else if (document.hidden) refresh();
    };
  }

  function begin(secret) {
    if (!secret) return;
    const first = token === null;
    token = secret;
    if (!first) return;
    beat();
    loop();
    pictures();
  }

  function ended(line) {
    token = null;
    closeCamera();
    tell(line);
  }

  function take(found) {
    state = found;
    if (found.run !== run) {
      run = found.run;
      picture = 0;
      history = [];
    }
    const live = found.live;
    if (live?.privacy === "group" && seen.privacy !== "group") history = [];
    seen.privacy = live?.privacy;
    if (live) history.push(...live.history.filter(row => !history.length || row[0] > history[history.length - 1][0]));
    while (history.length && history[0][0] < history[history.length - 1][0] - SPAN) history.shift();
    drawLive(live);
    drawVideo(found);
    drawPhoto(found.photo);
    const wanted = Boolean(live && live.browser && !live.over);
    if (wanted && !camera && !opening) openCamera();
    if (!wanted) closeCamera();
  }

  // --- live ---

  async function openCamera() {
    opening = true;
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
      const stream = await navigator.mediaDevices.getUserMedia({
        video: {width: {ideal: 1280}, height: {ideal: 720}, facingMode: "user"}, audio: false,
      });
      const video = document.createElement("video");
      Object.assign(video, {srcObject: stream, muted: true, playsInline: true});
      await video.play();
      camera = {stream, video, canvas: document.createElement("canvas"), busy: 0};
      stream.getVideoTracks()[0].addEventListener("ended", () => cameraFailed({name: "Ended"}));
      seen.problem = null;
    } catch (error) {
      cameraFailed(error);
    } finally {
      opening = false;
    }
  }

  function cameraFailed(error) {
    seen.problem = {
      NotFoundError: "There is no camera here that this browser can use.",
      NotAllowedError: "The camera was not allowed. Allow it beside the address of this page, then press Start.",
      NotReadableError: "The camera is in use by something else.",
      SecurityError: "Browsers give a camera only to pages on this machine (localhost) or over https.",
      Ended: "The camera was taken away.",
    }[error.name] ?? "The camera cannot be opened.";
    closeCamera();
    button("ms-stop")?.click();
  }

  function closeCamera() {
    if (!camera) return;
    camera.stream.getTracks().forEach(track => track.stop());
    camera.video.srcObject = null;
    camera = null;
    const preview = $("ms-preview");
    if (preview) { preview.srcObject = null; preview.hidden = true; }
  }

  async function sendFrame() {
    const now = performance.now();
    if (!camera || !token || camera.busy >= 2 || camera.encoding || state?.live?.paused) return;
    if (now - sent < FRAME / 2 || camera.video.readyState < 2) return;
    const mine = camera, {video, canvas} = mine;
    const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight, 1));
    const width = Math.round(video.videoWidth * scale), height = Math.round(video.videoHeight * scale);
    if (!width || !height) return;
    sent = now;
    mine.encoding = true;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
    canvas.getContext("2d", {alpha: false}).drawImage(video, 0, 0, width, height);
    const blob = await new Promise(done => canvas.toBlob(done, "image/jpeg", 0.85));
    mine.encoding = false;
    if (!blob || camera !== mine) return;
    mine.busy += 1;
    try {
      await fetch(address("frame"), {method: "POST", body: blob});
    } catch { /* the state loop tells that the server is away */ }
    mine.busy -= 1;
  }

  async function pictures() {
    for (;;) {
      if (!token || document.hidden || !state?.live || state.live.over || !$("ms-picture")?.offsetParent && picture) {
        await new Promise(done => setTimeout(done, 200));
        continue;
      }
      const of = run;
      try {
        const response = await fetch(address(`picture?after=${picture}`));
        if (response.status === 200 && Number(response.headers.get("X-Run")) === of) {
          picture = Number(response.headers.get("X-Number"));
          await showPicture(await response.blob());
        } else if (response.status !== 204) {
          await new Promise(done => setTimeout(done, 500));
        }
      } catch {
        await new Promise(done => setTimeout(done, 1000));
      }
    }
  }

  async function showPicture(blob) {
    const at = $("ms-picture");
    if (!at || !state?.live) return;
    const before = at.src, url = URL.createObjectURL(blob);
    at.src = url;
    try { await at.decode(); } catch { /* the next one will do */ }
    at.hidden = false;
    at.dataset.number = picture;
    if (before.startsWith("blob:")) URL.revokeObjectURL(before);
  }

  function drawLive(live) {
    const on = Boolean(live) && !live.over, paused = Boolean(live?.paused);
    enable("ms-start", !on);
    enable("ms-pause", on);
    enable("ms-stop", on);
    const label = button("ms-pause");
    if (label && label.textContent.trim() !== (paused ? "Go on" : "Pause")) label.textContent = paused ? "Go on" : "Pause";
    if (!on) {
      const at = $("ms-picture");
      if (at && !at.hidden) { at.hidden = true; URL.revokeObjectURL(at.src); at.removeAttribute("src"); }
    }
    const preview = $("ms-preview");
    if (preview) {
      preview.hidden = !on || !camera || live.privacy !== "off";
      if (camera && preview.srcObject !== camera.stream) { preview.srcObject = camera.stream; preview.play().catch(() => {}); }
    }
    put("ms-hint", hint(live, on));
    show("ms-hint", !on || !picture || Boolean(hint(live, on)));
    figures(on ? live.source : null, live);
    chart(on);
    shifts("ms-shifts", live?.shifts?.slice().reverse() ?? [], null);
  }

  function hint(live, on) {
    if (seen.problem && !on) return seen.problem;
    if (live?.problem) return live.problem;
    if (live?.over) return live.ended === "ended" ? "The source has come to its end." : live.source.detail ?? "Stopped.";
    if (!on) return "Choose a source and press Start.";
    const status = live.source.status;
    if (status === "connecting") return live.browser ? "Waiting for your camera: the browser asks whether it may be used …" : "Connecting …";
    if (status === "no signal" || status === "failed") return live.source.detail ?? "No signal.";
    if (status === "paused") return "Paused.";
    emptySince = live.source.people === 0 ? emptySince ?? Date.now() : null;
    if (emptySince && Date.now() - emptySince > 2000) return "No face in view.";
    return "";
  }

  function figures(source, live) {
    put("ms-mood", source?.dominant ? `${source.dominant} ${percent(source.probs[source.dominant])}` : "–");
    put("ms-span", source ? `over the last ${live.window} s` : "");
    put("ms-people", known(source?.people) ? String(source.people) : "–");
    put("ms-diversity", percent(source?.entropy_share));
    drawBars($("ms-bars"), source?.probs);
    const few = known(source?.people) && source.people < 3;
    put("ms-few", live?.privacy === "group" ? "Group only: fewer than three people show no distribution." : "One or two faces prove nothing about a group.");
    if ($("ms-few")) $("ms-few").style.visibility = few ? "visible" : "hidden";
    const parts = [];
    if (source) {
      parts.push(source.status);
      if (known(source.fps_in)) parts.push(`${source.fps_in.toFixed(1)} pictures/s in, ${source.fps_shown.toFixed(1)} shown`);
      if (known(source.latency_p50_ms)) parts.push(`delay ${Math.round(source.latency_p50_ms)} ms`);
      if (known(source.refresh_hz)) parts.push(`each face read ${source.refresh_hz.toFixed(1)} × a second`);
      if (known(source.oldest_s)) parts.push(`oldest reading ${source.oldest_s.toFixed(1)} s`);
      parts.push(`${source.dropped} dropped`);
      if (source.reconnects) parts.push(`reconnected ${source.reconnects} ×`);
    }
    put("ms-fresh", parts.join(" · "));
    put("ms-signal", source ? `${source.name} · ${clock(source.t)}` : "");
  }

  function drawBars(list, shares) {
    for (const row of list?.children ?? []) {
      const share = shares?.[row.dataset.mood];
      row.querySelector(".ms-figure").textContent = percent(share);
      row.querySelector("i").style.width = 100 * (share ?? 0) + "%";
    }
  }

  // Stacked areas, with the mood written into each one that has room for it.
  function chart(on) {
    const at = $("ms-chart");
    if (!at) return;
    const width = Math.max(at.clientWidth, 200), high = 190, foot = 20, rows = history;
    if (!at.clientWidth || (at.dataset.last === `${rows.at(-1)?.[0]},${width},${on}`)) return;
    at.dataset.last = `${rows.at(-1)?.[0]},${width},${on}`;
    if (!rows.some(row => row[1])) {
      at.innerHTML = `<p class="ms-soft">${on ? "No distribution yet." : "Nothing yet."}</p>`;
      return;
    }
    const start = rows[0][0], end = Math.max(rows.at(-1)[0], start + 30);
    const x = t => (width - 1) * (t - start) / (end - start), y = v => (high - foot) * (1 - v);
    const parts = [], labels = [];
    for (const stretch of stretches(rows)) {
      const below = stretch.map(() => 0);
      for (const mood of STACK) {
        const k = MOODS.indexOf(mood), over = below.map((v, i) => v + stretch[i][1][k]);
        const edge = over.map((v, i) => `${x(stretch[i][0]).toFixed(1)},${y(v).toFixed(1)}`);
        const back = below.map((v, i) => `${x(stretch[i][0]).toFixed(1)},${y(v).toFixed(1)}`).reverse();
        parts.push(`<polygon class="ms-${mood}" points="${edge.concat(back).join(" ")}"/>`);
        const top = stretch.reduce((best, row, i) => row[1][k] > stretch[best][1][k] ? i : best, 0);
        const left = x(stretch[0][0]) + 32, right = x(stretch.at(-1)[0]) - 32;
        if ((high - foot) * stretch[top][1][k] > 22 && left < right)
          labels.push(`<text x="${Math.min(Math.max(x(stretch[top][0]), left), right).toFixed(0)}" y="${(y(below[top] + stretch[top][1][k] / 2) + 4).toFixed(0)}">${mood}</text>`);
        over.forEach((v, i) => { below[i] = v; });
      }
    }
    for (const shift of state?.live?.shifts ?? [])
      if (shift.t > start) parts.push(`<line class="ms-mark" x1="${x(shift.t).toFixed(1)}" x2="${x(shift.t).toFixed(1)}" y1="0" y2="${high - foot}"/>`);
    const ticks = [0, 1 / 3, 2 / 3, 1].map(part => start + part * (end - start)).map((t, i) =>
      `<text class="ms-tick" text-anchor="${["start", "middle", "middle", "end"][i]}" x="${x(t).toFixed(0)}" y="${high - 4}">${clock(Math.round(t))}</text>`);
    at.innerHTML = `<svg width="${width}" height="${high}" viewBox="0 0 ${width} ${high}" aria-hidden="true">${parts.join("")}<g class="ms-labels">${labels.join("")}</g>${ticks.join("")}</svg>`;
  }

  function stretches(rows) {
    const found = [];
    let open = null, last = null;
    for (const row of rows) {
      if (!row[1] || (last !== null && row[0] - last > 3)) open = null;
      last = row[0];
      if (!row[1]) continue;
      if (!open) found.push(open = []);
      open.push(row);
    }
    return found.filter(stretch => stretch.length > 1);
  }

  function shifts(id, found, act) {
    const at = $(id), text = JSON.stringify(found);
    if (!at || at.dataset.text === text) return;
    at.dataset.text = text;
    const none = element("li", act ? "none: the mood stayed much the same" : "none so far", {className: "ms-soft"});
    at.replaceChildren(...(found.length ? found.map(shift => {
      const line = `${clock(Math.round(shift.t))}  ${shift.from} → ${shift.to}`, item = element("li", act ? "" : line);
      if (act) item.append(element("button", line, {type: "button", className: "ms-link", onclick: () => act(shift.t)}));
      return item;
    }) : [none]));
  }

  // --- video ---

  function drawVideo(found) {
    const video = found.video, busy = ["starting", "reading", "report"].includes(video?.stage);
    if (!seen.uploading) {
      put("ms-video-name", busy ? "" : found.upload ?? "");
      show("ms-video-progress", busy);
      if (busy) {
        progress(video.share);
        const left = known(video.left) ? `, about ${clock(Math.max(1, video.left))} left` : "";
        const word = {starting: "Getting ready", reading: "Looking at", report: "Writing the report of"}[video.stage];
        put("ms-video-stage", `${word} ${video.name}${known(video.share) && video.stage === "reading" ? `: ${percent(video.share)}` : " …"}${left}`);
      }
    }
    enable("ms-analyse", Boolean(found.upload) && !busy && !seen.uploading);
    enable("ms-sample", !busy && !seen.uploading);
    enable("ms-cancel", busy || Boolean(seen.uploading));
    enable("ms-forget", video?.stage === "done");
    if (video?.stage === "failed" && seen.failed !== video.number) { seen.failed = video.number; problem("ms-video-problem", video.problem); }
    if (busy) { problem("ms-video-problem", null); }
    if (video?.stage === "done" && shownVideo !== video.number && askedFor !== video.number && $("ms-results")) {
      askedFor = video.number;
      loadResults(video.number);
    }
    if (video?.stage !== "done" && shownVideo) clearResults();
    const results = $("ms-results");
    if (results && shownVideo && results.hidden) { shownVideo = askedFor = 0; }  // the tab was drawn anew
    if (shownVideo && results?.offsetParent) {
      if (!results.dataset.plotted) plots();
      else if (results.dataset.wide !== String(results.clientWidth)) fit(results);
    }
  }

  function progress(share) {
    const bar = $("ms-video-bar");
    if (!bar) return;
    if (known(share)) bar.value = share; else bar.removeAttribute("value");
  }

  function problem(id, line) {
    put(id, line ?? "");
    show(id, Boolean(line));
  }

  // The parts of a tab come into being when it is first opened, so that the document listens.
  function listen() {
    const send = (drop, file) => { if (file) (drop.id === "ms-video-drop" ? sendVideo : sendPhoto)(file); };
    document.addEventListener("change", event => {
      const drop = event.target.type === "file" && event.target.closest(".ms-drop");
      if (!drop) return;
      send(drop, event.target.files[0]);
      event.target.value = "";
    });
    for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, event => {
      event.preventDefault();  // a file beside its place must not replace the page
      const drop = event.target.closest?.(".ms-drop");
      drop?.classList.toggle("ms-over", name === "dragover");
      if (name === "drop" && drop) send(drop, event.dataTransfer.files[0]);
    });
    document.addEventListener("click", event => {
      if (event.target.closest("#ms-cancel")) seen.uploading?.abort();
    });
  }

  function sendVideo(file) {
    const problemId = "ms-video-problem";
    if (!token || seen.uploading) return;
    problem(problemId, null);
    const request = new XMLHttpRequest();
    seen.uploading = request;
    show("ms-video-progress", true);
    put("ms-video-name", file.name);
    request.upload.onprogress = event => {
      progress(event.lengthComputable ? event.loaded / event.total : null);
      put("ms-video-stage", `Sending ${file.name}: ${percent(event.loaded / event.total)}`);
    };
    request.onload = () => {
      let line = null;
      if (request.status >= 400) try { line = JSON.parse(request.responseText).problem; } catch { line = `the server answered ${request.status}`; }
      problem(problemId, line);
    };
    request.onerror = () => problem(problemId, "the file could not be sent: the connection broke off, or it is too large");
    request.onloadend = () => { seen.uploading = null; refresh(); };
    request.onabort = () => show("ms-video-progress", false);
    request.open("POST", address("video"));
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.send(file);
  }

  async function loadResults(number) {
    const response = await fetch(address("video"));
    if (!response.ok) { askedFor = 0; return problem("ms-video-problem", await problemOf(response)); }
    seen.results = await response.json();
    shownVideo = number;
    const found = seen.results;
    show("ms-results", true);
    delete $("ms-results").dataset.plotted;
    put("ms-results-name", found.name);
    const notes = found.nobody ? ["No faces were found in this video."] : found.small ? ["One or two faces prove nothing about a group.", ...found.notes] : found.notes;
    $("ms-notes").replaceChildren(...notes.map(note => element("li", note)));
    $("ms-lines").replaceChildren(...found.lines.flatMap(([what, text]) => [element("dt", what), element("dd", text)]));
    const overlay = $("ms-overlay"), has = found.files.some(([file]) => file === "overlay.mp4");
    overlay.hidden = !has;
    if (has) overlay.src = address(`files/overlay.mp4?n=${number}`); else overlay.removeAttribute("src");
    show("ms-seek-hint", has);
    shifts("ms-video-shifts", found.shifts, seek);
    $("ms-legend").replaceChildren(...Object.entries(found.moods).map(([mood, colour]) => {
      const item = element("li");
      const patch = element("i");
      patch.style.background = colour;
      item.append(patch, mood);
      return item;
    }));
    $("ms-files").replaceChildren(...found.files.map(([file, label]) =>
      element("a", label, {href: address(`files/${file}?download`), download: "", className: "ms-file"})));
    for (const name of ["group", "context", "lanes"]) show(`ms-card-${name}`, name in found.charts);
    if ($("ms-results").offsetParent) plots();
  }

  function clearResults() {
    shownVideo = askedFor = 0;
    seen.results = null;
    const overlay = $("ms-overlay");
    if (overlay) { overlay.removeAttribute("src"); overlay.load(); }
    show("ms-results", false);
  }

  function seek(t) {
    const overlay = $("ms-overlay");
    if (!overlay || overlay.hidden) return;
    overlay.currentTime = Math.max(0, t);
    overlay.scrollIntoView({block: "nearest", behavior: "smooth"});
  }

  function library() {
    seen.library ??= new Promise((done, failed) => {
      document.head.append(element("script", "", {src: "/moodstream/plotly.js", onload: done, onerror: failed}));
    });
    return seen.library;
  }

  function fit(results) {
    results.dataset.wide = results.clientWidth;
    for (const at of results.querySelectorAll(".js-plotly-plot")) Plotly.Plots.resize(at);
  }

  async function plots() {
    const results = $("ms-results");
    results.dataset.plotted = "yes";
    results.dataset.wide = results.clientWidth;
    await library();
    for (const [name, {data, layout}] of Object.entries(seen.results?.charts ?? {})) {
      const at = $(`ms-plot-${name}`);
      layout.font = {...layout.font, family: getComputedStyle(document.body).fontFamily, color: getComputedStyle(results).color};
      layout.dragmode = false;
      await Plotly.newPlot(at, data, layout, {displayModeBar: false});
      // not plotly_click: a stacked area has none between its points
      at.addEventListener("click", event => {
        const axis = at._fullLayout?.xaxis, left = at.querySelector(".nsewdrag")?.getBoundingClientRect();
        if (!axis || !left || event.clientX < left.left || event.clientX > left.right) return;
        const [from, to] = axis.range.map(value => axis.r2c(value));
        seek((from + (to - from) * (event.clientX - left.left) / left.width - DAY) / 1000);
      });
    }
  }

  // --- photo ---

  async function sendPhoto(file) {
    const problemId = "ms-photo-problem";
    if (!token) return;
    problem(problemId, null);
    put("ms-photo-name", `Looking at ${file.name} …`);
    try {
      const response = await fetch(address("photo"), {method: "POST", body: file, headers: {"X-File-Name": encodeURIComponent(file.name)}});
      if (!response.ok) problem(problemId, await problemOf(response));
    } catch {
      problem(problemId, "the file could not be sent: the connection broke off, or it is too large");
    }
    put("ms-photo-name", "");
    refresh();
  }

  function drawPhoto(photo) {
    enable("ms-photo-forget", Boolean(photo));
    const results = $("ms-photo-results");
    if (!results) return;
    if (photo && shownPhoto === photo.number && results.hidden) shownPhoto = 0;  // the tab was drawn anew
    if (!photo) { results.hidden = true; shownPhoto = 0; $("ms-photo").removeAttribute("src"); return; }
    if (photo.number === shownPhoto) return;
    shownPhoto = photo.number;
    results.hidden = false;
    problem("ms-photo-problem", null);
    const alone = photo.privacy === "group", image = $("ms-photo");
    image.hidden = alone;
    show("ms-photo-none", alone);
    if (alone) image.removeAttribute("src"); else image.src = address(`photo.jpg?n=${photo.number}`);
    put("ms-photo-line", photoLine(photo));
    $("ms-photo-table").hidden = !photo.weighted;
    $("ms-photo-table").tBodies[0].replaceChildren(...(photo.weighted ? MOODS.map(mood => {
      const row = element("tr");
      row.append(element("th", mood, {scope: "row"}), share(photo.weighted[mood], photo.moods[mood]), share(photo.unweighted[mood], photo.moods[mood]));
      return row;
    }) : []));
    put("ms-photo-bins", photo.bins ? `Face quality: ${photo.bins.high} high, ${photo.bins.mid} middling, ${photo.bins.low} low.` : "");
    show("ms-card-people", Boolean(photo.people?.length));
    const select = $("ms-photo-mood");
    select.onchange = () => people(photo, select.value);
    if (photo.dominant) select.value = photo.dominant;
    people(photo, select.value);
  }

  function photoLine(photo) {
    if (!photo.faces) return "No face was found in this photo.";
    const faces = photo.faces === 1 ? "1 face" : `${photo.faces} faces`;
    if (!photo.weighted) return photo.privacy === "group" ? `${faces}; group only: fewer than three people show no distribution.` : `${faces}, none of them could be read.`;
    const few = photo.faces < 3 ? " One or two faces prove nothing about a group." : "";
    return `${faces}, mostly ${photo.dominant} (${percent(photo.weighted[photo.dominant])}); diversity ${percent(photo.entropy_share)}; effective people ${photo.effective.toFixed(1)}.${few}`;
  }

  function share(value, colour) {
    const cell = element("td"), bar = element("span", "", {className: "ms-bar"}), fill = element("i");
    Object.assign(fill.style, {width: 100 * value + "%", background: colour});
    bar.append(fill);
    cell.append(bar, element("span", percent(value), {className: "ms-figure"}));
    return cell;
  }

  function people(photo, mood) {
    const found = (photo.people ?? []).slice().sort((a, b) => b.adds[mood] - a.adds[mood]);
    const most = Math.max(...found.map(one => one.adds[mood]), 1e-9);
    $("ms-photo-people").replaceChildren(...found.map(one => {
      const item = element("li"), bar = element("span", "", {className: "ms-bar"}), fill = element("i");
      Object.assign(fill.style, {width: 100 * one.adds[mood] / most + "%", background: photo.moods[mood]});
      bar.append(fill);
      item.append(
        element("span", `#${one.number} ${one.mood ? `${one.mood} ${percent(one.share)}` : "not read"}`, {className: "ms-word"}), bar,
        element("span", `adds ${(100 * one.adds[mood]).toFixed(1)} points; quality ${one.quality.toFixed(2)} (${one.bin})`, {className: "ms-soft"}));
      return item;
    }));
  }

  listen();
  addEventListener("pagehide", () => { if (token) navigator.sendBeacon(address("bye")); });
  addEventListener("pageshow", () => refresh());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  addEventListener("resize", () => { if (state) chart(Boolean(state.live)); });
  return {begin, refresh};
})();
// Gradio fetches this script while the page is already at work: the ticket may have come before it.
window.moodstream.begin(window.moodstreamTicket);
