// The browser's camera: its pictures go to the server as JPEGs, as fast as the server takes them.

import {$} from "./dom.js";
import {address, connected} from "./server.js";

export const FRAME_INTERVAL_MS = 1000 / 15;
const MAX_SIDE_PX = 640, JPEG_QUALITY = 0.85, MAX_UNANSWERED = 2;
const PROBLEMS = {
  NotFoundError: "There is no camera here that this browser can use.",
  NotAllowedError: "The camera was not allowed. Allow it beside the address of this page, then press Start.",
  NotReadableError: "The camera is in use by something else.",
  SecurityError: "Browsers give a camera only to pages on this machine (localhost) or over https.",
  Ended: "The camera was taken away.",
};
let camera = null, opening = false, sentAt = 0, problem = null, onFailure = () => {};

export const cameraProblem = () => problem;
export const cameraStream = () => camera?.stream ?? null;

// Open the camera where it is wanted, close it where it is not; `failed` is called once it is lost.
export function wantCamera(wanted, failed) {
  onFailure = failed;
  if (wanted && !camera && !opening) open();
  if (!wanted) closeCamera();
}

export function closeCamera() {
  if (!camera) return;
  camera.stream.getTracks().forEach(track => track.stop());
  camera.video.srcObject = null;
  camera = null;
  const preview = $("ms-preview");
  if (preview) { preview.srcObject = null; preview.hidden = true; }
}

export async function sendFrame(paused) {
  const now = performance.now();
  if (!camera || !connected() || camera.unanswered >= MAX_UNANSWERED || camera.encoding || paused) return;
  if (now - sentAt < FRAME_INTERVAL_MS / 2 || camera.video.readyState < 2) return;
  const mine = camera, {video, canvas} = mine;
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(video.videoWidth, video.videoHeight, 1));
  const width = Math.round(video.videoWidth * scale), height = Math.round(video.videoHeight * scale);
  if (!width || !height) return;
  sentAt = now;
  mine.encoding = true;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
  canvas.getContext("2d", {alpha: false}).drawImage(video, 0, 0, width, height);
  const blob = await new Promise(done => canvas.toBlob(done, "image/jpeg", JPEG_QUALITY));
  mine.encoding = false;
  if (!blob || camera !== mine) return;
  mine.unanswered += 1;
  try {
    await fetch(address("frame"), {method: "POST", body: blob});
  } catch { /* the state loop reports that the server is away */ }
  mine.unanswered -= 1;
}

async function open() {
  opening = true;
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    const stream = await navigator.mediaDevices.getUserMedia({
      video: {width: {ideal: 1280}, height: {ideal: 720}, facingMode: "user"}, audio: false,
    });
    const video = document.createElement("video");
    Object.assign(video, {srcObject: stream, muted: true, playsInline: true});
    await video.play();
    camera = {stream, video, canvas: document.createElement("canvas"), unanswered: 0, encoding: false};
    stream.getVideoTracks()[0].addEventListener("ended", () => fail({name: "Ended"}));
    problem = null;
  } catch (error) {
    fail(error);
  } finally {
    opening = false;
  }
}

function fail(error) {
  problem = PROBLEMS[error.name] ?? "The camera cannot be opened.";
  closeCamera();
  onFailure();
}
