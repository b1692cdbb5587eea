// Elements by their id, and how figures are written.

export const $ = id => document.getElementById(id);
export const known = value => value !== null && value !== undefined;
export const percent = value => known(value) ? Math.round(100 * value) + " %" : "–";
export const put = (id, text) => { const at = $(id); if (at && at.textContent !== text) at.textContent = text; };
export const show = (id, on) => { const at = $(id); if (at) at.hidden = !on; };
export const enable = (id, on) => { const at = button(id); if (at) at.disabled = !on; };

// Gradio gives the id to the button or to what is around it.
export function button(id) {
  const at = $(id);
  return at?.tagName === "BUTTON" ? at : at?.querySelector("button");
}

export function element(kind, text = "", set = {}) {
  const made = Object.assign(document.createElement(kind), set);
  if (text) made.textContent = text;
  return made;
}

// A line that is shown only where there is something to say.
export function notice(id, line) {
  put(id, line ?? "");
  show(id, Boolean(line));
}

export function clock(seconds) {
  if (!known(seconds)) return "–";
  const s = Math.floor(seconds), two = n => String(n).padStart(2, "0");
  return (s >= 3600 ? Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) : Math.floor(s / 60)) + ":" + two(s % 60);
}

// An interval of a share in words, its ends in per cent.
export const between = ends => `${Math.round(100 * ends[0])} to ${Math.round(100 * ends[1])} %`;
export const intervalTitle = ends => ends ? `90 % interval: ${between(ends)}` : "";

// A bar that is filled to a share of its length, with a whisker where there is an interval.
export function bar(share, colour, ends = null) {
  const made = element("span", "", {className: "ms-bar"}), fill = element("i"), whisker = element("b");
  Object.assign(fill.style, {width: 100 * share + "%", background: colour});
  made.append(fill, whisker);
  stretch(whisker, ends);
  return made;
}

export function stretch(whisker, ends) {
  whisker.hidden = !ends;
  if (ends) Object.assign(whisker.style, {left: 100 * ends[0] + "%", right: 100 - 100 * ends[1] + "%"});
}

// The list of mood shifts; with `seek`, each is a button that calls it with the shift's seconds.
export function drawShifts(id, shifts, seek = null) {
  const at = $(id), text = JSON.stringify(shifts);
  if (!at || at.dataset.text === text) return;
  at.dataset.text = text;
  const none = element("li", seek ? "none: the mood stayed much the same" : "none so far", {className: "ms-soft"});
  at.replaceChildren(...(shifts.length ? shifts.map(shift => {
    const doubt = shift.status && shift.status !== "confirmed" ? `, ${shift.status}` : "";
    const line = `${clock(Math.round(shift.t))}  ${shift.from} → ${shift.to}${doubt}`, item = element("li", seek ? "" : line);
    if (seek) item.append(element("button", line, {type: "button", className: "ms-link", onclick: () => seek(shift.t)}));
    return item;
  }) : [none]));
}
