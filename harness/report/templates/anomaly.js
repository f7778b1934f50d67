"use strict";
// First what is pure: plain values in, plain values out (it runs under node, for tests). Below it,
// `start` draws and listens. Text only ever becomes text: nothing here parses HTML.

const LEFT = 142, RIGHT = 10, AXIS = 18, STATES = 46, NAMES = 16, LETTER = 6.7;

// A scale in straight pieces: times to 0..1 and back.
function scaleOf(times, places) {
  const find = (list, it) => {
    let low = 0, high = list.length - 2;
    while (low < high) { const mid = (low + high + 1) >> 1; if (list[mid] <= it) low = mid; else high = mid - 1; }
    return low;
  };
  const map = (from, to) => it => {
    const i = find(from, it), wide = from[i + 1] - from[i];
    return wide > 0 ? to[i] + (it - from[i]) / wide * (to[i + 1] - to[i]) : to[i];
  };
  return { to: map(times, places), from: map(places, times) };
}

// Where lanes lie: those of the story are tall, the others slim unless all are to be read; a thread is
// left of those that did nothing then.
function rowsOf(lanes, full, top) {
  let y = top;
  const rows = lanes.map(lane => {
    const height = lane.core === 2 ? 50 : full || lane.core === 1 ? 34 : lane.near ? 9 : 3;
    const row = { y, height, bar: lane.core === 2 ? 21 : full || lane.core === 1 ? 19 : lane.near ? 6 : 2 };
    row.barY = y + height - row.bar - (height > 12 ? 11 : height > 6 ? 2 : 0);
    y += height;
    return row;
  });
  return { rows, bottom: y };
}

// Bars in a view from u0 to u1 of the scale, `width` pixels wide, and where their words go.
function barsOf(ops, rows, x, width, full, endless) {
  const last = new Map();  // lane -> where its last words above bars end
  const next = [], first = new Map();  // of each operation the one after it in its lane
  for (let i = ops.length - 1; i >= 0; i--) { next[i] = first.get(ops[i].lane); first.set(ops[i].lane, ops[i]); }
  return ops.map((op, i) => {
    const row = rows[op.lane];
    let x0 = x(op.start), x1 = op.end === null ? endless : x(op.end);
    const least = op.core === 2 ? 6 : 3;
    if (x1 - x0 < least) { const mid = (x0 + x1) / 2; x0 = mid - least / 2; x1 = mid + least / 2; }
    const shown = x1 >= LEFT && x0 <= width - RIGHT;
    const bar = { x: x0, y: row.barY, width: x1 - x0, height: row.bar, shown, words: "", textX: 0, textY: 0 };
    if (!shown || row.bar < 12) return bar;
    const a = Math.max(x0, LEFT), b = Math.min(x1, width - RIGHT), need = op.text.length * LETTER + 8;
    if (need <= b - a && !(next[i] && x(next[i].start) < a + need)) {
      bar.words = op.text; bar.textX = a + 4; bar.textY = row.barY + row.bar - 5.5;
    } else if (op.core === 2) {
      const start = Math.max(Math.min(a, width - RIGHT - need), last.get(op.lane) ?? LEFT);
      if (start + need <= width + 2) { bar.words = op.text; bar.textX = start; bar.textY = row.barY - 5; bar.beside = true; last.set(op.lane, start + need); }
    }
    return bar;
  });
}

// Round times for an axis: at most `most` of them.
function ticksOf(from, to, most) {
  const raw = Math.max((to - from) / Math.max(most, 1), 1), power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(n => n * power).find(s => s >= raw);
  const found = [];
  for (let t = Math.ceil(from / step) * step; t <= to && found.length < 60; t += step) found.push(t);
  return { found, step };
}

function timeWords(t, step, most = 1e9) {
  if (most < 1e9 && step < 1e9) return (t / 1e6).toFixed(step >= 1e6 ? 0 : Math.min(6, Math.ceil(-Math.log10(step / 1e6)))) + " ms";
  const size = step >= 1e9 ? 0 : Math.min(9, Math.ceil(-Math.log10(step / 1e9)));
  return (t / 1e9).toFixed(size) + " s";
}

function lengthWords(t) {
  for (const [size, unit] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]])
    if (Math.abs(t) >= size) return `${Number((t / size).toPrecision(4))} ${unit}`;
  return `${t} ns`;
}

// Of the operations that had returned before this one was called those after which none of them was.
function before(ops, op) {
  const past = ops.filter(o => o.end !== null && o.end < op.start);
  const latest = Math.max(...past.map(o => o.start));
  return past.filter(o => o.end >= latest);
}

// What an order says of an operation, in short lines: [text, is it a refusal].
function saidOf(order, number, index) {
  const said = [];
  const step = order.steps.findIndex(s => s.op === index);
  if (step >= 0) {
    const s = order.steps[step];
    const change = s.before === s.after ? `${s.before}, and stays so` : `${s.before} → ${s.after}`;
    said.push([`step ${step + 1} of order ${number}: ${change}`, false]);
  }
  for (const [op, why, place] of order.refusals) {
    if (op !== index) continue;
    const where = place === order.steps.length ? `cannot come next, at the end of order ${number}` : `could not come after step ${place}`;
    said.push([`${where}: ${why}`, true]);
  }
  if (!said.length) said.push([`not in order ${number}`, false]);
  return said;
}

// The state over time in an order: cells from one change to the next, and where it stops.
function cellsOf(order, ops) {
  const cells = [{ from: null, state: order.start }];
  for (const s of order.steps) {
    const last = cells[cells.length - 1];
    if (s.after !== last.state) { last.to = s.point; cells.push({ from: s.point, state: s.after }); }
  }
  const goal = order.refusals.length ? ops.find(o => o.index === order.refusals[0][0]) : undefined;
  const point = order.steps.length ? order.steps[order.steps.length - 1].point : -Infinity;
  const end = cells[cells.length - 1];
  if (!goal) { end.to = null; return { cells, stop: null }; }
  const from = Math.max(goal.start, point), to = goal.end === null ? from : Math.max(goal.end, from);
  end.to = (from + to) / 2;
  return { cells, stop: { op: goal, point: end.to, why: order.refusals[0][1] } };
}

function zoomed(view, factor, middle) {
  const wide = Math.min(1, Math.max(1e-7, (view[1] - view[0]) * factor));
  const part = (middle - view[0]) / (view[1] - view[0]);
  return moved([middle - part * wide, middle + (1 - part) * wide], 0);
}

function moved(view, by) {
  const wide = view[1] - view[0], from = Math.min(Math.max(view[0] + by, 0), 1 - wide);
  return [from, from + wide];
}

function start(document, window) {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = id => document.getElementById(id), SVG = "http://www.w3.org/2000/svg";
  const byIndex = new Map(data.ops.map(op => [op.index, op]));
  const flat = scaleOf(data.span, [0, 1]), bent = scaleOf(data.knots[0], data.knots[1]);
  const bends = data.knots[0].length > 2;
  const at = t => data.timed ? (t < 1e9 ? lengthWords(t) : timeWords(t, 1e6)) : `place ${t} in the file`;
  const now = { squeeze: data.squeeze, full: false, order: data.orders.length ? 0 : -1, view: [0, 1], pinned: null, step: -1, width: 1000 };
  document.body.classList.add("scripted");

  function make(name, attributes, parent, text) {
    const made = document.createElementNS(SVG, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }
  function html(name, className, text, parent) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  const scale = () => now.squeeze ? bent : flat;
  const x = t => LEFT + (scale().to(t) - now.view[0]) / (now.view[1] - now.view[0]) * (now.width - LEFT - RIGHT);
  const u = px => now.view[0] + (px - LEFT) / (now.width - LEFT - RIGHT) * (now.view[1] - now.view[0]);

  const svg = make("svg", { role: "group" }, $("lanes"));
  const clip = make("clipPath", { id: "plot" }, make("defs", {}, svg));
  const clipBox = make("rect", { x: LEFT, y: 0 }, clip);
  const layer = (name, clipped = true) => make("g", clipped ? { class: name, "clip-path": "url(#plot)" } : { class: name }, svg);
  const shades = layer("shades"), axis = layer("axis", false), states = layer("states"), labels = layer("labels", false);
  const path = layer("path"), bars = layer("bars"), links = layer("links"), line = layer("line");
  const drawn = data.ops.map(op => {
    const cls = `op ${op.outcome} c${op.core}${op.index === data.at ? " at" : ""}`;
    const g = make("g", { class: cls, "data-op": op.index, role: "button", "aria-label": op.text }, bars);
    if (op.core) g.setAttribute("tabindex", "0");
    return { g, rect: make("rect", { rx: 3 }, g), text: make("text", {}, g), op };
  });

  function place() {
    const order = data.orders[now.order], plot = now.width - RIGHT;
    const top = AXIS + (data.shades.length ? NAMES : 0) + (order ? STATES : 0);
    const { rows, bottom } = rowsOf(data.lanes, now.full, top + 4);
    const height = bottom + 6;
    svg.setAttribute("width", now.width); svg.setAttribute("height", height);
    clipBox.setAttribute("width", Math.max(plot - LEFT, 1)); clipBox.setAttribute("height", height);
    svg.classList.toggle("full", now.full);
    for (const group of [shades, axis, states, labels, path, links, line]) group.replaceChildren();
    drawShades(height); drawAxis(top, height); drawLabels(rows);
    const places = barsOf(data.ops, rows, x, now.width, now.full, plot + 20);
    places.forEach((bar, i) => {
      const { g, rect, text } = drawn[i];
      g.style.display = bar.shown ? "" : "none";
      if (!bar.shown) return;
      for (const key of ["x", "y", "width", "height"]) rect.setAttribute(key, bar[key]);
      text.textContent = bar.words; text.setAttribute("x", bar.textX); text.setAttribute("y", bar.textY);
      text.setAttribute("class", bar.beside ? "beside" : "");
    });
    if (order) drawOrder(order, top, rows);
    drawLinks(rows);
    drawStrip();
    $("scale").textContent = now.squeeze
      ? "Not to scale: long pauses are squeezed (key s)."
      : data.timed ? "To scale." : "The history has no times: the order of its lines is shown.";
  }

  function drawShades(height) {
    const y = AXIS;
    let free = -Infinity;
    for (const shade of data.shades) {
      const x0 = Math.max(x(shade.start), LEFT), x1 = Math.min(x(shade.end), now.width - RIGHT);
      if (x1 <= LEFT || x0 >= now.width - RIGHT) continue;
      make("rect", { class: "shade", x: x0, y, width: Math.max(x1 - x0, 2), height: height - y, fill: shade.colour }, shades);
      if (x0 > free) { make("text", { class: "shade-name", x: x0 + 3, y: y + 12 }, shades, shade.label); free = x0 + shade.label.length * 6.2; }
    }
  }

  function drawAxis(top, height) {
    const from = scale().from(now.view[0]), to = scale().from(now.view[1]);
    let { found, step } = ticksOf(from, to, (now.width - LEFT) / 110);
    if (now.squeeze) {
      found = []; let free = -Infinity;
      for (const t of data.knots[0]) if (t >= from && t <= to && x(t) > free) { found.push(t); free = x(t) + 84; }
      step = Math.max(Math.min(...found.slice(1).map((t, i) => t - found[i]), to - from), 1);
    }
    for (const t of found) {
      make("line", { class: "rule", x1: x(t), x2: x(t), y1: AXIS - 3, y2: height }, axis);
      const words = data.timed ? timeWords(t, step, to) : String(Math.round(t));
      make("text", { class: "tick", x: Math.min(x(t) + 3, now.width - words.length * 6.5), y: AXIS - 5 }, axis, words);
    }
  }

  function drawLabels(rows) {
    data.lanes.forEach((lane, i) => {
      const row = rows[i];
      make("line", { class: "rule", x1: 0, x2: now.width, y1: row.y + row.height, y2: row.y + row.height, opacity: row.bar < 12 ? .35 : 1 }, labels);
      if (row.bar >= 12) {
        const words = lane.label.length > 19 ? lane.label.slice(0, 18) + "…" : lane.label;
        make("text", { class: "lane" + (lane.core === 2 ? " core" : ""), x: 2, y: row.barY + row.bar - 6 }, labels, words);
      }
    });
  }

  function drawOrder(order, top, rows) {
    const { cells, stop } = cellsOf(order, data.ops), y = top - STATES + 3, right = now.width - RIGHT;
    make("text", { class: "lane core", x: 2, y: y + 16 }, labels, `state, order ${now.order + 1}`);
    const need = stop ? stop.why.length * 6.9 : 0, sx = stop ? x(stop.point) : 0;
    const onRight = sx + need + 12 < right;
    for (const cell of cells) {
      const x0 = cell.from === null ? LEFT : Math.max(x(cell.from), LEFT);
      const x1 = cell.to === null || cell.to === undefined ? right : Math.min(x(cell.to), right);
      if (x1 <= x0) continue;
      make("rect", { class: "cell", x: x0, y, width: x1 - x0, height: STATES - 25, rx: 3 }, states);
      const room = Math.floor((x1 - x0 - 8) / 7.4);
      const words = cell.state.length <= room ? cell.state : room > 2 ? cell.state.slice(0, room - 1) + "…" : "";
      if (words) make("text", { class: "value", x: (x0 + x1) / 2, y: y + 15, "text-anchor": "middle" }, states, words);
    }
    const middle = op => { const row = rows[op.lane]; return row.barY + row.bar + (row.height > 12 ? 1 : -row.bar / 2); };
    const spots = order.steps.filter(s => byIndex.has(s.op)).map(s => [x(s.point), middle(byIndex.get(s.op))]);
    if (spots.length) make("polyline", { class: "order", points: spots.map(s => s.join()).join(" ") }, path);
    if (stop) {
      const sy = middle(stop.op);
      const from = spots.length ? spots[spots.length - 1] : [sx, y + STATES - 25];
      make("polyline", { class: "order stop", points: `${from.join()} ${sx},${sy}` }, path);
      make("text", { class: "cross", x: sx, y: sy + 7 }, line, "✗");
      make("line", { class: "order stop", x1: sx, x2: sx, y1: y - 2, y2: y + STATES - 12 }, states);
      if (sx > LEFT && sx < right) make("text", { class: "value bad", x: onRight ? sx + 6 : sx - 6, y: y + STATES - 12, "text-anchor": onRight ? "start" : "end" }, states, stop.why);
    }
    order.steps.forEach((s, i) => {
      if (!byIndex.has(s.op)) return;
      const g = make("g", { class: "point" + (i === now.step ? " now" : "") }, line);
      make("circle", { cx: x(s.point), cy: middle(byIndex.get(s.op)), r: 8 }, g);
      make("text", { x: x(s.point), y: middle(byIndex.get(s.op)) + 3.5 }, g, i + 1);
    });
  }

  function drawLinks(rows) {
    const op = now.pinned === null ? null : byIndex.get(now.pinned);
    const first = new Set(op ? before(data.ops, op).map(o => o.index) : []);
    for (const one of drawn) {
      one.g.classList.toggle("pinned", op === one.op);
      one.g.classList.toggle("before", first.has(one.op.index));
      if (!first.has(one.op.index)) continue;
      const [a, b] = [rows[one.op.lane], rows[op.lane]];
      const x0 = x(one.op.end), y0 = a.barY + a.bar / 2, x1 = x(op.start), y1 = b.barY + b.bar / 2, bend = Math.min(60, (x1 - x0) / 2 + 12);
      make("path", { class: "link", d: `M${x0},${y0} C${x0 + bend},${y0} ${x1 - bend},${y1} ${x1},${y1}` }, links);
    }
  }

  const strip = make("svg", { height: 44 }, $("strip"));
  function drawStrip() {
    const { start: a, end: b } = data.whole, wide = now.width - LEFT - RIGHT, bins = data.whole.ok.length;
    const sx = t => LEFT + (t - a) / (b - a) * wide, most = Math.max(1, ...data.whole.ok.map((n, i) => n + data.whole.info[i] + data.whole.fail[i]));
    strip.setAttribute("width", now.width); strip.replaceChildren();
    make("text", { class: "lane", x: 2, y: 26 }, strip, "whole history");
    for (const shade of data.shades) make("rect", { class: "shade", x: sx(shade.start), y: 0, width: Math.max(sx(shade.end) - sx(shade.start), 1), height: 40, fill: shade.colour }, strip);
    for (let i = 0; i < bins; i++) {
      let y = 40;
      const total = (data.whole.ok[i] + data.whole.info[i] + data.whole.fail[i]) / most;
      for (const name of ["ok", "info", "fail"]) {
        const tall = total > 0 ? data.whole[name][i] / most / Math.sqrt(total) * 36 : 0;
        if (tall > 0) make("rect", { class: `b-${name}`, x: LEFT + i / bins * wide, y: y -= tall, width: wide / bins, height: tall }, strip);
      }
    }
    make("rect", { class: "held", x: sx(data.span[0]), y: 0, width: Math.max(sx(data.span[1]) - sx(data.span[0]), 2), height: 40 }, strip);
    const from = sx(scale().from(now.view[0])), to = sx(scale().from(now.view[1]));
    make("rect", { class: "view", x: from, y: 1, width: Math.max(to - from, 3), height: 39, rx: 2 }, strip);
    const error = byIndex.get(data.at);
    if (error) make("line", { class: "err", x1: sx(error.start), x2: sx(error.start), y1: 0, y2: 44 }, strip);
  }
  strip.addEventListener("click", event => {
    const px = event.clientX - strip.getBoundingClientRect().left;
    const t = data.whole.start + (px - LEFT) / (now.width - LEFT - RIGHT) * (data.whole.end - data.whole.start);
    const half = (now.view[1] - now.view[0]) / 2, mid = scale().to(Math.min(Math.max(t, data.span[0]), data.span[1]));
    show(moved([mid - half, mid + half], 0));
  });

  let asked = false;
  function show(view) {
    if (view) now.view = view;
    if (asked) return;
    asked = true;
    window.requestAnimationFrame(() => { asked = false; place(); });
  }
  function fit(from, to) {
    const [a, b] = [scale().to(from), scale().to(to)], pad = Math.max((b - a) * .05, 1e-6);
    show([Math.max(a - pad, 0), Math.min(b + pad, 1)]);
  }
  const fitCore = () => fit(data.window[0], data.window[1]);
  function bring(op) {
    const from = scale().to(op.start), to = op.end === null ? from : scale().to(op.end), [a, b] = now.view;
    if (from < a || to > b) show(moved(now.view, (from + to) / 2 - (a + b) / 2)); else show();
  }

  function tell(op, into, whole) {
    into.replaceChildren();
    html(whole ? "h3" : "b", "", op.text, into);
    const order = data.orders[now.order];
    if (order) for (const [text, bad] of saidOf(order, now.order + 1, op.index)) html(whole ? "p" : "div", whole ? "said" + (bad ? " bad" : "") : bad ? "bad" : "", text, into);
    const until = op.end === null || at(op.end) === at(op.start) ? "" : ` to ${at(op.end)}`;
    const took = op.end === null ? `called at ${at(op.start)}, outcome unknown` : at(op.start) + until + (data.timed ? `, for ${lengthWords(op.end - op.start)}` : "");
    if (!whole) { html("div", "soft", `${data.lanes[op.lane].label} · ${took}`, into); return; }
    html("p", "soft", took, into);
    const list = html("dl", "", undefined, into);
    for (const [name, value] of op.facts) { html("dt", "", name, list); html("dd", "", value, list); }
    for (const [source, target, kind, label] of data.edges) {
      if (source !== op.index && target !== op.index) continue;
      const other = byIndex.get(source === op.index ? target : source);
      if (other) link(other, `${source === op.index ? "must come before" : "must come after"} ${other.text} (${label})`, into);
    }
    const past = before(data.ops, op);
    if (past.length) html("p", "soft", "returned last before it was called:", into);
    for (const other of past.slice(0, 8)) link(other, `${other.text} (${data.lanes[other.lane].label}${data.timed ? `, ${lengthWords(op.start - other.end)} before` : ""})`, into);
    if (past.length > 8) html("p", "soft", `and ${past.length - 8} more`, into);
  }
  function link(op, text, into) { html("button", "", text, into).addEventListener("click", () => pin(op)); }

  function pin(op) {
    now.pinned = op ? op.index : null;
    $("empty").hidden = !!op;
    if (op) { tell(op, $("facts"), true); bring(op); } else { $("facts").replaceChildren(); show(); }
    $("detail").firstElementChild.textContent = op ? "Pinned (Esc lets go)" : "An operation";
    for (const row of document.querySelectorAll("tr[data-op]")) row.classList.toggle("now", !!op && Number(row.dataset.op) === op.index && !!row.closest("article.shown"));
  }
  function hover(op, px, py) {
    const tip = $("tip");
    tip.hidden = !op;
    if (!op) { if (now.pinned === null) { $("facts").replaceChildren(); $("empty").hidden = false; } return; }
    tell(op, tip, false);
    tip.style.left = Math.max(4, Math.min(px + 14, window.innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = (py + 18 + tip.offsetHeight > window.innerHeight ? py - tip.offsetHeight - 10 : py + 18) + "px";
    if (now.pinned === null) { $("empty").hidden = true; tell(op, $("facts"), true); }
  }
  function choose(number) {
    if (!data.orders[number]) return;
    now.order = number; now.step = -1;
    const { whole, steps } = data.orders[number];
    if (whole && !now.full) toggle("full", $("all"));
    if (whole) fit(Math.min(...steps.map(s => byIndex.get(s.op).start), data.window[0]), data.window[1]);
    for (const tab of document.querySelectorAll("#tabs button")) tab.setAttribute("aria-pressed", Number(tab.dataset.order) === number);
    for (const one of document.querySelectorAll("#orders article")) one.classList.toggle("shown", Number(one.dataset.order) === number);
    pin(now.pinned === null ? null : byIndex.get(now.pinned));
  }
  function step(by) {
    const order = data.orders[now.order];
    if (!order) return;
    const last = order.steps.length;  // the place after the last step: what is refused there
    now.step = Math.min(Math.max(now.step + by, 0), last);
    const index = now.step < last ? order.steps[now.step].op : (order.refusals[0] || [])[0];
    if (byIndex.has(index)) pin(byIndex.get(index));
  }
  function firstError() {
    const op = byIndex.get(data.at);
    if (!op) return;
    const s = scale(), from = s.to(op.start), to = op.end === null ? from : s.to(op.end);
    const wide = Math.min(1, Math.max((to - from) * 6, (s.to(data.window[1]) - s.to(data.window[0])) / 6, 1e-6)), mid = (from + to) / 2;
    now.view = moved([mid - wide / 2, mid + wide / 2], 0);
    pin(op);
    $("lanes").scrollIntoView({ block: "nearest" });
  }
  function toggle(name, button) { now[name] = !now[name]; button.setAttribute("aria-pressed", now[name]); }
  function all() { toggle("full", $("all")); show(); }
  function squeeze() {
    if (!bends) return;
    const [a, b] = now.view.map(scale().from);
    toggle("squeeze", $("squeeze"));
    show([scale().to(a), scale().to(b)]);
  }
  function help() { $("keys").hidden = !$("keys").hidden; $("help").setAttribute("aria-expanded", !$("keys").hidden); }
  const middle = () => (now.view[0] + now.view[1]) / 2;
  const zoom = factor => show(zoomed(now.view, factor, middle()));
  const go = part => show(moved(now.view, part * (now.view[1] - now.view[0])));

  const keys = {
    f: firstError, a: all, s: squeeze, n: () => step(1), p: () => step(-1), "?": help, "0": fitCore, w: () => show([0, 1]),
    "+": () => zoom(.6), "=": () => zoom(.6), "-": () => zoom(1 / .6), ArrowLeft: () => go(-.2), ArrowRight: () => go(.2), Escape: () => pin(null),
  };
  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const focus = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.op : undefined;
    if ((event.key === "Enter" || event.key === " ") && focus !== undefined && document.activeElement.closest("#lanes")) { event.preventDefault(); pin(byIndex.get(Number(focus))); return; }
    if (/^[1-9]$/.test(event.key)) { choose(Number(event.key) - 1); return; }
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  for (const [id, act] of [["first", firstError], ["all", all], ["squeeze", squeeze], ["in", keys["+"]], ["out", keys["-"]], ["fit", fitCore], ["help", help]]) $(id).addEventListener("click", act);
  for (const tab of document.querySelectorAll("#tabs button")) tab.addEventListener("click", () => choose(Number(tab.dataset.order)));
  for (const one of document.querySelectorAll(".node, tr[data-op]")) {
    const op = byIndex.get(Number(one.dataset.op));
    if (!op) continue;
    one.addEventListener("click", () => { if (one.dataset.step) now.step = Number(one.dataset.step); pin(op); });
    one.addEventListener("mousemove", event => hover(op, event.clientX, event.clientY));
    one.addEventListener("mouseleave", () => hover(null));
  }

  const box = $("lanes");
  const under = event => { const g = event.target.closest && event.target.closest(".op"); return g ? byIndex.get(Number(g.dataset.op)) : null; };
  let drag = null;
  box.addEventListener("pointerdown", event => { drag = { x: event.clientX, view: now.view, far: false }; });
  window.addEventListener("pointermove", event => {
    if (!drag) return;
    const by = event.clientX - drag.x;
    drag.far = drag.far || Math.abs(by) > 4;
    if (drag.far) { hover(null); show(moved(drag.view, -by / (now.width - LEFT - RIGHT) * (drag.view[1] - drag.view[0]))); }
  });
  window.addEventListener("pointerup", event => {
    if (drag && !drag.far && box.contains(event.target)) { const op = under(event); if (op) pin(op); }
    drag = null;
  });
  box.addEventListener("mousemove", event => { if (!drag || !drag.far) hover(under(event), event.clientX, event.clientY); });
  box.addEventListener("mouseleave", () => hover(null));
  box.addEventListener("focusin", event => { const op = under(event); if (op) { bring(op); if (now.pinned === null) { $("empty").hidden = true; tell(op, $("facts"), true); } } });
  box.addEventListener("wheel", event => {
    if (event.ctrlKey || event.shiftKey) {
      event.preventDefault();
      const px = event.clientX - box.getBoundingClientRect().left, by = event.deltaY || event.deltaX;
      show(zoomed(now.view, by > 0 ? 1.25 : .8, u(Math.max(px, LEFT))));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) { event.preventDefault(); go(event.deltaX / 600); }
  }, { passive: false });
  const fresh = () => { now.width = Math.max(box.clientWidth, 300); show(); };
  if (window.ResizeObserver) new window.ResizeObserver(fresh).observe(box); else window.addEventListener("resize", fresh);
  now.width = Math.max(box.clientWidth, 300);
  $("squeeze").setAttribute("aria-pressed", now.squeeze);
  $("squeeze").hidden = !bends;  // nothing to squeeze where all can be seen
  choose(0); fitCore();
}

if (typeof module !== "undefined") module.exports = { scaleOf, rowsOf, barsOf, ticksOf, timeWords, lengthWords, before, saidOf, cellsOf, zoomed, moved };
else start(document, window);
