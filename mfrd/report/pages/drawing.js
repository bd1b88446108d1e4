"use strict";

/*
What the page shows of an answer of solver.js: the encoder between its source and its codewords, the point on the curve
R(D) with its tangent, and the budgets with their prices. The curves are solved point by point while nothing else is to do.
*/

const SOURCES = JSON.parse(document.getElementById("sources").textContent);
const BLUE = "#0173b2", GREEN = "#029e73", INK = "#222", GREY = "#8a8a8a", PALE = "#d9d9d9";
const POINTS = 23; // of each curve; between them it is a cubic, for the slope is known
const IDLE = 1e-6; // bits that a whole budget is worth, below which it does not bind
const SEEN = 1e-6; // weight from which a codeword is drawn
const MAIN = { x0: 38, x1: 340, y0: 78, y1: 366 }, PLANE = { x0: 38, x1: 410, y0: 10, y1: 366 };

const byId = (id) => document.getElementById(id);
const state = { curves: {}, work: [] };

// An element of SVG in a parent, with its attributes and text.
function draw(parent, name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  for (const [k, part] of text.split("_").entries()) { // what stands between underscores is slanted
    if (k % 2) draw(made, "tspan", { "font-style": "italic" }, part);
    else made.append(part);
  }
  return parent.appendChild(made);
}

// A number as in print, with that many digits: a true minus, powers of ten raised.
function printed(v, digits = 3) {
  if (v === 0) return "0";
  const power = Math.floor(Math.log10(Math.abs(v)) + 1e-12);
  if (power >= -4 && power < 5) return v.toFixed(Math.max(0, digits - 1 - power)).replace("-", "−");
  const raised = String(power).replace("-", "⁻").replace(/\d/g, (d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]);
  return `${(v / 10 ** power).toFixed(Math.max(0, digits - 1)).replace("-", "−")} × 10${raised}`;
}
const outward = (bits, digits, round) => (round(bits * 10 ** digits) / 10 ** digits).toFixed(digits);
const plain = (v) => String(Number(v.toPrecision(3))); // what a slider stands at

// Round numbers on a logarithmic scale, about 100 a decade, from low to high.
function scale(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
    for (let k = 100; k < 1000; k += k < 200 ? 2 : k < 500 ? 5 : 10) found.push(Number(`${k}e${power - 2}`));
  }
  return found.filter((v) => low <= v && v <= high);
}
const nearestIndex = (values, v) => values.reduce((best, u, k) => (Math.abs(u - v) < Math.abs(values[best] - v) ? k : best), 0);

// What is on the sliders: { D, Dcore, edge }, and the problem that they pose, without the subset's budget if not `core`.
function asked() {
  const value = (name) => state.source.scales[name][byId(name).value];
  return { D: value("D"), Dcore: value("Dcore"), edge: value("edge") };
}
function posed({ D, Dcore, edge }, core = true) {
  const { x, p, y } = state.source, on = x.map((v) => Math.abs(v) < edge);
  return { x, p, y, budgets: [{ name: "D", D }, ...(core ? [{ name: "D′", D: Dcore, on }] : [])] };
}

// Make a source the one in use: its sliders and what of the pictures does not move.
function choose(name, start = {}) {
  const { x, p, y, D, Dcore, edge, step } = SOURCES[name], mean = sum(x.length, (i) => p[i] * x[i]);
  const variance = sum(x.length, (i) => p[i] * (x[i] - mean) ** 2), { rows, nearest } = saddle({ x, p, y, budgets: [{ D: Infinity }] });
  const ends = x[x.length - 1], edges = Array.from({ length: Math.round(ends / step) }, (_, k) => Number(((k + 1) * step).toFixed(4)));
  const scales = { D: scale(0.7 * rows[0].least, 1.25 * variance), Dcore: scale(1e-4 * variance, 0.5 * variance), edge: edges.slice(2) };
  const q = y.map((_, j) => sum(x.length, (i) => (nearest[i] === j ? p[i] : 0)));
  const top = Math.ceil(2 * sum(q.length, (j) => (q[j] > 0 ? -q[j] * Math.log2(q[j]) : 0))) / 2;
  state.source = { name, x, p, y, scales, top, least: rows[0].least, ends, low: scales.D[0], high: scales.D[scales.D.length - 1] };
  state.curves = {};
  for (const [id, value] of Object.entries({ D, Dcore, edge, ...start })) {
    byId(id).max = scales[id].length - 1;
    byId(id).value = nearestIndex(scales[id], value);
  }
  byId(`source-${name}`).checked = true;
  frames();
}

// Where numbers lie in the pictures.
const across = (v) => MAIN.x0 + ((v + state.source.ends) / (2 * state.source.ends)) * (MAIN.x1 - MAIN.x0);
const up = (v) => MAIN.y1 - ((v + state.source.ends) / (2 * state.source.ends)) * (MAIN.y1 - MAIN.y0);
const atD = (D) => PLANE.x0 + (Math.log(D / state.source.low) / Math.log(state.source.high / state.source.low)) * (PLANE.x1 - PLANE.x0);
const atBits = (bits) => PLANE.y1 - (bits / state.source.top) * (PLANE.y1 - PLANE.y0);
const path = (points) => points.map(([a, b], k) => `${k ? "L" : "M"}${a.toFixed(2)} ${b.toFixed(2)}`).join("");

// Axes, ticks and the source: the parts of both pictures that stay while sliders move.
function frames() {
  const { x, p, y, ends, low, high, top } = state.source;
  const axis = (svg, box) => draw(svg, "path", { d: `M${box.x0} ${box.y0}V${box.y1}H${box.x1}`, fill: "none", stroke: INK, "stroke-width": 0.8 });
  const label = (svg, at, v, text, anchor = "middle", turn = "") => draw(svg, "text", { x: at, y: v, "text-anchor": anchor, transform: turn }, text);
  const code = byId("encoder"), plane = byId("curve");
  for (const svg of [code, plane]) {
    svg.replaceChildren();
    svg.setAttribute("viewBox", "0 0 420 402");
    svg.moving = [draw(svg, "g", {}), null];
  }
  axis(code, MAIN);
  for (let v = -ends; v <= ends + 1e-9; v += ends / (ends > 4 ? 4 : 3)) {
    draw(code, "path", { d: `M${across(v)} ${MAIN.y1}v4M${MAIN.x0} ${up(v)}h-4`, stroke: INK, "stroke-width": 0.8 });
    label(code, across(v), MAIN.y1 + 17, printed(Math.round(v), 1));
    label(code, MAIN.x0 - 7, up(v) + 4, printed(Math.round(v), 1), "end");
  }
  label(code, (MAIN.x0 + MAIN.x1) / 2, 398, "letter _x_");
  label(code, 0, 0, "codeword _y_", "middle", `translate(12 ${(MAIN.y0 + MAIN.y1) / 2}) rotate(-90)`);
  const most = Math.max(...p), height = (v) => 70 - 60 * (v / most);
  draw(code, "path", { d: `M${across(x[0])} 70${path(x.map((v, i) => [across(v), height(p[i])])).replace("M", "L")}V70Z`, fill: PALE });
  draw(code, "path", { d: path(x.map((v, i) => [across(v), height(p[i])])), fill: "none", stroke: GREY, "stroke-width": 1 });
  draw(code, "path", { d: y.map((v) => `M346 ${up(v).toFixed(2)}h3`).join(""), stroke: GREY, "stroke-width": 0.6 });
  axis(plane, PLANE);
  for (let power = Math.ceil(Math.log10(low)); 10 ** power <= high; power++) {
    draw(plane, "path", { d: `M${atD(10 ** power)} ${PLANE.y1}v4`, stroke: INK, "stroke-width": 0.8 });
    label(plane, atD(10 ** power), PLANE.y1 + 17, power < 0 ? (10 ** power).toFixed(-power) : String(10 ** power));
  }
  for (let bits = 0; bits <= top; bits++) {
    draw(plane, "path", { d: `M${PLANE.x0} ${atBits(bits)}h-4`, stroke: INK, "stroke-width": 0.8 });
    label(plane, PLANE.x0 - 7, atBits(bits) + 4, String(bits), "end");
  }
  label(plane, (PLANE.x0 + PLANE.x1) / 2, 398, "budget _D_ on all letters");
  label(plane, 0, 0, "rate, bits a letter", "middle", `translate(12 ${(PLANE.y0 + PLANE.y1) / 2}) rotate(-90)`);
  for (const svg of [code, plane]) svg.moving[1] = draw(svg, "g", {});
}

// Q as a picture of n by m dots, the first codeword at the bottom.
function dots(Q, n, m) {
  const canvas = document.createElement("canvas"), context = canvas.getContext("2d");
  [canvas.width, canvas.height] = [n, m];
  const image = context.createImageData(n, m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      const at = 4 * ((m - 1 - j) * n + i);
      image.data.set([1, 115, 178, 255 * Math.sqrt(Q[i * m + j])], at);
    }
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

// The encoder, and the weights of its codewords.
function showEncoder(answer, { edge }) {
  const [under, over] = byId("encoder").moving, { x, y, ends } = state.source, n = x.length, m = y.length;
  under.replaceChildren();
  over.replaceChildren();
  const [left, right] = [across(-Math.min(edge, ends)), across(Math.min(edge, ends))];
  draw(under, "rect", { x: left, y: 8, width: right - left, height: MAIN.y1 - 8, fill: GREEN, opacity: 0.13 });
  if (answer.status !== "optimal") return;
  const [dx, dy] = [(MAIN.x1 - MAIN.x0) / (n - 1), (MAIN.y1 - MAIN.y0) / (m - 1)]; // a dot is centred on its letter and codeword
  draw(under, "image", {
    href: dots(answer.Q, n, m), x: MAIN.x0 - dx / 2, y: MAIN.y0 - dy / 2, width: n * dx, height: m * dy,
    preserveAspectRatio: "none", style: "image-rendering: pixelated",
  });
  const most = Math.max(...answer.q);
  answer.q.forEach((q, j) => {
    if (q < SEEN) return;
    draw(over, "path", { d: `M346 ${up(y[j])}h${(60 * q) / most}`, stroke: BLUE, "stroke-width": 2 });
    draw(over, "circle", { cx: 346 + (60 * q) / most, cy: up(y[j]), r: 2.6, fill: BLUE });
  });
}

// A curve through points (D, bits) of known price, a cubic between two of them.
function smooth(points) {
  const slope = ({ D, price }) => -price * D; // of bits against log D
  return points.map((b, k) => {
    const [at, bits] = [Math.log(b.D), b.bits];
    if (!k) return `M${atD(b.D)} ${atBits(bits)}`;
    const a = points[k - 1], third = (at - Math.log(a.D)) / 3;
    const ends = [[a.D * Math.exp(third), a.bits + slope(a) * third], [b.D * Math.exp(-third), bits - slope(b) * third], [b.D, bits]];
    return `C${ends.map(([D, v]) => `${atD(D).toFixed(2)} ${atBits(Math.max(v, 0)).toFixed(2)}`).join(" ")}`;
  }).join("");
}

// The point, its tangent, and the curves as far as they are known.
function showCurve(answer, { D }) {
  const [under, over] = byId("curve").moving, { low, high, top } = state.source;
  under.replaceChildren();
  over.replaceChildren();
  if (answer.status === "optimal") {
    const grid = Array.from({ length: 121 }, (_, k) => low * (high / low) ** (k / 120));
    const bound = grid.map((v) => [atD(v), atBits(Math.min(top, Math.max(0, answer.lowerBound - answer.prices[0] * (v - D))))]);
    draw(under, "path", { d: `${path(bound)}V${PLANE.y1}H${PLANE.x0}Z`, fill: PALE, opacity: 0.55 });
    draw(under, "path", { d: path(bound), fill: "none", stroke: INK, "stroke-width": 0.9, "stroke-dasharray": "4 3" });
  }
  const { without, within, stale } = state.curves;
  if (without) draw(under, "path", { d: smooth(without), fill: "none", stroke: GREY, "stroke-width": 1.3 });
  if (within) draw(under, "path", { d: smooth(within), fill: "none", stroke: GREEN, "stroke-width": 1.8, opacity: stale ? 0.3 : 1 });
  if (answer.status !== "optimal") return;
  draw(over, "circle", { cx: atD(D), cy: atBits(answer.rate), r: 5, fill: BLUE, stroke: "#fff", "stroke-width": 1.2 });
}

// The numbers: rate, bound and gap, a line a budget, and what there is to say.
function showNumbers(answer, values) {
  const { D, Dcore, edge } = values, solved = answer.status === "optimal";
  byId("rate").textContent = solved ? outward(answer.rate, 6, Math.ceil) : "—";
  byId("bound").textContent = solved ? outward(answer.lowerBound, 6, Math.floor) : "—";
  byId("gap").textContent = solved ? printed(answer.gap, 1) : "—";
  byId("anywhere").textContent = solved ? "…" : "—";
  byId("numbers").dataset.answer = JSON.stringify({ ...values, ...answer, q: undefined, Q: undefined, dual: undefined });
  const budgets = [D, Dcore], prices = solved ? answer.prices : [0, 0];
  const binding = prices.map((price, r) => price * budgets[r] > IDLE), most = Math.max(...prices);
  byId("S").textContent = plain(edge);
  budgets.forEach((budget, r) => {
    const [level, spent, price, bar] = ["level", "spent", "price", "bar"].map((name) => byId(`${name}-${r}`));
    level.textContent = plain(budget);
    spent.textContent = solved ? printed(answer.spent[r], 4) : "—";
    price.textContent = !solved ? "—" : binding[r] ? printed(prices[r]) : "0, idle";
    bar.style.width = binding[r] ? `${(100 * prices[r]) / most}%` : "0";
  });
  const said = { D: "on all letters", "D′": `in the subset |x| < ${plain(edge)}` }, idle = solved && answer.rate > 0 && !binding[1];
  byId("status").classList.toggle("failure", !solved);
  byId("status").textContent = !solved
    ? `No encoder: ${answer.name} = ${plain(answer.D)} is not above ${printed(answer.least, 4)}, the least that these codewords reach ${said[answer.name]}. Raise ${answer.name}.`
    : answer.rate === 0 ? "One codeword keeps both budgets for all letters: the rate is zero."
    : idle ? "The subset’s budget is idle: the other one keeps it unasked, and its price is zero." : "";
}

// Solve what the sliders pose, show it, and queue the curves that it changes.
function update() {
  const start = performance.now(), values = asked();
  for (const [name, value] of Object.entries(values)) {
    byId(`${name}-value`).textContent = plain(value);
    byId(name).setAttribute("aria-valuetext", plain(value));
  }
  const answer = solve(posed(values)), key = `${values.Dcore} ${values.edge}`;
  if (state.curves.key !== key) Object.assign(state.curves, { key, stale: true });
  showEncoder(answer, values);
  showCurve(answer, values);
  showNumbers(answer, values);
  byId("time").textContent = `${(performance.now() - start).toFixed(0)} ms`;
  state.shown = { answer, values };
  clearTimeout(state.later);
  state.later = setTimeout(elsewhere, 60);
}

// The bound that holds for every codebook on the line, then the curves.
function elsewhere() {
  const { answer, values } = state.shown;
  if (answer.status === "optimal")
    byId("anywhere").textContent = outward(lowerBound(posed(values), ...answer.dual, true), 4, Math.floor);
  trace(null, []);
}

// One more point of the curve that is missing, then the next; a move of a slider begins anew.
function trace(kind, points) {
  const { curves, source } = state, wanted = kind || (!curves.without ? "without" : curves.stale ? "within" : null);
  if (!wanted) return;
  const most = source.high / source.least - 1, D = source.least * (1 + 0.02 * (most / 0.02) ** (points.length / (POINTS - 1)));
  const answer = solve(posed({ ...state.shown.values, D }, wanted === "within"));
  const solved = answer.status === "optimal", next = [...points, { D, bits: answer.rate, price: solved ? answer.prices[0] : 0 }];
  const done = next.length === POINTS || !solved;
  if (done) {
    curves[wanted] = solved ? next : null;
    if (wanted === "within") curves.stale = false;
    showCurve(state.shown.answer, state.shown.values);
  }
  state.later = setTimeout(trace, 0, done ? null : wanted, done ? [] : next);
}

// What the address asks for, #source=gaussian&D=0.3&Dcore=0.02&edge=0.5, and what is shown, as such an address.
function fromAddress() {
  const wanted = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const name = wanted.source in SOURCES ? wanted.source : Object.keys(SOURCES)[0], start = {};
  for (const id of ["D", "Dcore", "edge"]) if (Number(wanted[id]) > 0) start[id] = Number(wanted[id]);
  choose(name, start);
  update();
}
function toAddress() {
  history.replaceState(null, "", `#${new URLSearchParams({ source: state.source.name, ...asked() })}`);
}

for (const input of document.querySelectorAll("#controls input[type=range]")) input.addEventListener("input", update);
for (const input of document.querySelectorAll("#controls input[type=radio]")) {
  input.addEventListener("change", () => {
    choose(input.value);
    update();
  });
}
byId("controls").addEventListener("change", toAddress);
byId("controls").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", fromAddress);
fromAddress();
