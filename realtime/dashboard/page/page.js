// The page's own part: it asks for the state, draws it, and sends what the camera sees.

import {FRAME_INTERVAL_MS, closeCamera, sendFrame} from "./camera.js";
import {paused, redrawChart, showPictures, since, takeLive} from "./live.js";
import {drawPhoto, sendPhoto} from "./photo.js";
import {address, connect, connected, refresh} from "./server.js";
import {cancelUpload, drawVideo, sendVideo} from "./video.js";

const HIDDEN_STATE_INTERVAL_MS = 10_000;
let begun = false;

function begin(token) {
  if (!token) return;
  connect(token, {since, take, ended: closeCamera});
  if (begun) return;  // Gradio has connected anew
  begun = true;
  startTimers();
  showPictures();
}

function take(state) {
  takeLive(state.run, state.live);
  drawVideo(state.video, state.upload);
  drawPhoto(state.photo);
}

// Timers of a hidden page run once a minute at most; those of a worker do not.
function startTimers() {
  const code = `setInterval(() => postMessage("state"), ${HIDDEN_STATE_INTERVAL_MS}); setInterval(() => postMessage("frame"), ${FRAME_INTERVAL_MS});`;
  const worker = new Worker(URL.createObjectURL(new Blob([code], {type: "text/javascript"})));
  worker.onmessage = event => {
    if (event.data === "frame") sendFrame(paused());
    else if (document.hidden) refresh();
  };
}

// The parts of a tab come into being when it is first opened, so the document listens for them.
function listenForFiles() {
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
    if (event.target.closest("#ms-cancel")) cancelUpload();
  });
}

listenForFiles();
addEventListener("pagehide", () => { if (connected()) navigator.sendBeacon(address("bye")); });
addEventListener("pageshow", () => refresh());
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
addEventListener("resize", () => redrawChart());
window.moodstream = {begin, refresh};
// Gradio fetches this script while the page is already at work: the ticket may have come before it.
begin(window.moodstreamTicket);
