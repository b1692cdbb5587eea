// What the page asks the server: its state twice a second, and addresses under its secret token.

import {notice} from "./dom.js";

const STATE_INTERVAL_MS = 500;
export const UNSENT = "the file could not be sent: the connection broke off, or it is too large";
let token = null, polling = null, owner = null, looping = false;

export const connected = () => token !== null;
export const address = path => `/moodstream/s/${token}/${path}`;

// The owner has since() → seconds up to which it knows the state, take(state), and ended().
export function connect(secret, page) {
  token = secret;
  owner = page;
  if (!looping) loop();
}

export function refresh() {
  polling ??= poll().finally(() => { polling = null; });
  return polling;
}

export async function problemOf(response) {
  try { return (await response.json()).problem; } catch { return `the server answered ${response.status}`; }
}

async function loop() {
  looping = true;
  if (!document.hidden) await refresh();
  setTimeout(loop, STATE_INTERVAL_MS);
}

async function poll() {
  if (!token) return;
  try {
    const response = await fetch(address(`state?since=${owner.since()}`));
    if (!response.ok) {
      if (response.status === 404) {
        const line = await problemOf(response);
        token = null;
        owner.ended();
        notice("ms-message", line);
      }
      return;
    }
    notice("ms-message", null);
    owner.take(await response.json());
  } catch {
    notice("ms-message", "The server cannot be reached; trying again …");
  }
}
