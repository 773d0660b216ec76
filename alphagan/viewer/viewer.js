
"use strict";

const { volumes, scans } = JSON.parse(document.getElementById("content").textContent);
const PLANES = [
  { name: "Sagittal", through: 0, across: 1, up: 2 },
  { name: "Coronal", through: 1, across: 0, up: 2 },
  { name: "Axial", through: 2, across: 0, up: 1 },
];
const MARGIN_MM = 11; // around each plane, for its letters
const WIDE = 700; // pixels from which planes stand side by side
const [CAPTION, SLIDER, FOOT, LEAST] = [75, 30, 80, 420]; // pixels: of each in height, and of the stage at least
const DIRECTIONS = { L: "left", R: "right", P: "back", A: "front", I: "bottom", S: "top", "?": "unknown" };
const find = (id) => document.getElementById(id);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

// `place` is the crosshair, as shares of the three axes; `level` and `width` count in units of a volume's first window;
// `plane` was used last, `alone` is shown alone.
const state = { number: 0, place: [0.5, 0.5, 0.5], level: 0.5, width: 1, radiological: true, plane: 2, alone: null };
let rows = []; // what is shown: volume, voxels, panes and caption of each

// ---- voxels

/** Levels of a volume as Uint8Array, unpacked once. */
function unpack(volume) {
  volume.unpacking ??= (async () => {
    const packed = Uint8Array.from(atob(volume.levels), (character) => character.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  })();
  return volume.unpacking;
}

const stride = ({ shape }, axis) => [shape[1] * shape[2], shape[2], 1][axis];
const extent = (volume, axis) => volume.shape[axis] * volume.sizes[axis];
const indexAt = (volume, axis) => Math.min(volume.shape[axis] - 1, Math.floor(state.place[axis] * volume.shape[axis]));
const inUnits = ({ intensity: [low, high] }, level) => low + (level * (high - low)) / 255;

function written(number) {
  const size = Math.abs(number);
  const digits = size >= 100 || Number.isInteger(number) ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return (size && size < 0.001 ? number.toExponential(1) : number.toFixed(digits)).replace("-", "−");
}

/** Black and white, as levels. */
function windowOf({ window: [black, white] }) {
  const unit = white - black;
  return [black + (state.level - state.width / 2) * unit, black + (state.level + state.width / 2) * unit];
}

/** Slice of a plane through the crosshair, one pixel a voxel, as a canvas. */
function slice({ volume, voxels }, { through, across, up }) {
  const [black, white] = windowOf(volume);
  const shades = Uint32Array.from({ length: 256 }, (_, level) => {
    const grey = Math.round(clamp((255 * (level - black)) / (white - black), 0, 255));
    return (0xff000000 | (grey << 16) | (grey << 8) | grey) >>> 0;
  });
  const [width, height] = [volume.shape[across], volume.shape[up]];
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const start = indexAt(volume, through) * stride(volume, through);
  for (let y = 0, pixel = 0; y < height; y++) {
    const row = start + (height - 1 - y) * stride(volume, up);
    for (let x = 0; x < width; x++) {
      pixels[pixel++] = shades[voxels[row + (state.radiological ? width - 1 - x : x) * stride(volume, across)]];
    }
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// ---- drawing

/** Where the picture of a plane lies in its canvas, in pixels, and pixels per mm. */
function frame({ volume }, { canvas, plane, scale }) {
  const [width, height] = [extent(volume, plane.across) * scale, extent(volume, plane.up) * scale];
  return { left: (canvas.width - width) / 2, top: (canvas.height - height) / 2, width, height };
}

/** Letters at the left, right, top and bottom of a plane. */
function letters({ ends }, { across, up }) {
  const [left, right] = state.radiological ? [1, 0] : [0, 1];
  return [ends[across][left], ends[across][right], ends[up][1], ends[up][0]];
}

function drawPane(row, pane) {
  const { canvas, plane, scale } = pane;
  const { volume } = row;
  const context = canvas.getContext("2d");
  const { left, top, width, height } = frame(row, pane);
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = find("smooth").checked;
  context.imageSmoothingQuality = "high";
  context.drawImage(slice(row, plane), left, top, width, height);
  const pixel = canvas.width / canvas.clientWidth || 1;
  if (find("crosshair").checked) drawCrosshair(context, row, pane, pixel);

  const margin = Math.max((MARGIN_MM * scale) / 2, 8 * pixel);
  context.fillStyle = "#ffb454";
  context.font = `600 ${13 * pixel}px system-ui, "Liberation Sans", Arial, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const [atLeft, atRight, atTop, atBottom] = letters(volume, plane);
  context.fillText(atLeft, margin, canvas.height / 2);
  context.fillText(atRight, canvas.width - margin, canvas.height / 2);
  context.fillText(atTop, canvas.width / 2, margin);
  context.fillText(atBottom, canvas.width / 2, canvas.height - margin);

  context.fillRect(margin, canvas.height - margin, 50 * scale, 1.5 * pixel);
  context.font = `${11 * pixel}px system-ui, "Liberation Sans", Arial, sans-serif`;
  context.textAlign = "left";
  context.textBaseline = "bottom";
  context.fillText("5 cm", margin, canvas.height - margin);

  const position = `${indexAt(volume, plane.through) + 1} of ${volume.shape[plane.through]}`;
  const sides = letters(volume, plane).map((letter) => DIRECTIONS[letter]);
  canvas.setAttribute("aria-label",
    `${plane.name} plane, slice ${position}; the picture's left is ${sides[0]}, its right ${sides[1]}`);
  if (pane.slider) {
    pane.slider.max = volume.shape[plane.through] - 1;
    pane.slider.value = indexAt(volume, plane.through);
    pane.slider.setAttribute("aria-valuetext", position);
    pane.label.textContent = `${plane.name} ${position}`;
  }
}

/** Lines through the middle of a voxel, which they leave open. */
function drawCrosshair(context, row, pane, pixel) {
  const { left, top, width, height } = frame(row, pane);
  const { across, up } = pane.plane;
  const share = (axis) => (indexAt(row.volume, axis) + 0.5) / row.volume.shape[axis];
  const x = left + width * (state.radiological ? 1 - share(across) : share(across));
  const y = top + height * (1 - share(up));
  const gap = Math.max(7 * pixel, 0.75 * pane.scale * Math.max(row.volume.sizes[across], row.volume.sizes[up]));
  context.strokeStyle = "#5fd0ff";
  context.lineWidth = pixel;
  context.beginPath();
  for (const way of [-1, 1]) {
    context.moveTo(x + way * gap, y);
    context.lineTo(way < 0 ? left : left + width, y);
    context.moveTo(x, y + way * gap);
    context.lineTo(x, way < 0 ? top : top + height);
  }
  context.stroke();
}

/** Value and position under the crosshair, in words. */
function reading({ volume, voxels }) {
  const index = [0, 1, 2].map((axis) => indexAt(volume, axis));
  const level = voxels[sum(index.map((i, axis) => i * stride(volume, axis)))];
  const cut = level === 0 ? "≤ " : level === 255 ? "≥ " : "";
  const mm = volume.affine.map(([x, y, z, origin]) => x * index[0] + y * index[1] + z * index[2] + origin);
  const ways = volume.unknown ? ["x", "y", "z"].map((axis) => [axis, axis]) : ["RL", "AP", "SI"];
  const position = mm.map((value, axis) => {
    const shown = volume.unknown ? value : Math.abs(value);
    return `${ways[axis][value < 0 ? 1 : 0]} ${shown.toFixed(1).replace("-", "−")}`;
  });
  return `${cut}${written(inUnits(volume, level))} at ${position.join(" · ")} mm`;
}

function draw() {
  if (!rows.length) return;
  for (const row of rows) {
    row.panes.forEach((pane) => drawPane(row, pane));
    row.output.textContent = reading(row);
  }
  const { volume } = rows[0];
  const [black, white] = windowOf(volume);
  find("level").value = state.level;
  find("width").value = state.width;
  find("level").nextSibling.textContent = written(inUnits(volume, (black + white) / 2));
  find("width").nextSibling.textContent = written(inUnits(volume, white) - inUnits(volume, black));
  find("convention").textContent = state.radiological ? "Radiological" : "Neurological";
  find("sides").textContent = volume.unknown
    ? `Left and right are unknown, as ${volume.unknown}; the axes are taken for R, A and S.`
    : state.radiological
      ? "Radiological: pictures have the patient's right, and in sagittal ones the front, on their left."
      : "Neurological: pictures have the patient's right, and in sagittal ones the front, on their right.";
}

let waiting = false;
function redraw() {
  if (!waiting) requestAnimationFrame(() => { waiting = false; draw(); });
  waiting = true;
}

// ---- what stands where

const made = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

function makeRow(volume, voxels, first, words) {
  const output = made("output");
  const notes = [words, ...volume.notes].filter(Boolean).join(". ");
  const said = made("span", { className: "words", textContent: notes });
  const caption = made("p", { className: "caption" }, volume.title, said, output);
  const row = { volume, voxels, caption, output };
  row.panes = PLANES.map((plane) => {
    const canvas = made("canvas", { tabIndex: 0 });
    canvas.setAttribute("role", "img");
    const pane = { canvas, plane, figure: made("figure", {}, canvas) };
    if (first) {
      pane.label = made("span");
      pane.slider = made("input", { type: "range", min: 0, step: 1 });
      pane.slider.setAttribute("aria-label", `${plane.name} slice`);
      pane.slider.addEventListener("input", () => goTo(plane.through, Number(pane.slider.value)));
      pane.figure.append(made("figcaption", {}, pane.label, pane.slider));
    }
    listen(row, pane);
    return pane;
  });
  return row;
}

/**
 * Ways to arrange the planes, in mm: a row for each volume; two by two, which leaves room for words; or a column for
 * each volume. `lines` are rows of planes, each with a slider below, `captions` rows of words.
 */
function arrangements([x, y, z], wide) {
  const width = [y, x, x];
  const height = [z, z, y];
  const alone = state.alone;
  if (!wide || alone !== null) {
    const mm = alone === null ? Math.max(x, y) : width[alone];
    return [{
      columns: rows.map(() => mm), lines: alone === null ? height : [height[alone]], captions: 1,
      caption: (r) => `1 / ${r + 1}`, pane: (r, p) => [`${p + 2} / ${r + 1}`, mm, height[p]],
    }];
  }
  return [{
    columns: width, lines: rows.map(() => Math.max(y, z)), captions: rows.length,
    caption: (r) => `${2 * r + 1} / 1 / auto / span 3`,
    pane: (r, p) => [`${2 * r + 2} / ${p + 1}`, width[p], Math.max(y, z)],
  }, {
    columns: rows.flatMap(() => [y, x]), lines: [z, y], captions: 0,
    caption: (r) => `2 / ${2 * r + 1}`, words: "start",
    pane: (r, p) => [`${p === 2 ? 2 : 1} / ${2 * r + (p ? 2 : 1)}`, width[p], height[p]],
  }];
}

/** Every plane of every volume at one scale, as large as the window allows. */
function layout() {
  const stage = find("stage");
  const all = [...volumes, ...scans];
  const sides = [0, 1, 2].map((axis) => Math.max(...all.map((volume) => extent(volume, axis))) + 2 * MARGIN_MM);
  const wide = stage.clientWidth >= WIDE;
  const gap = parseFloat(getComputedStyle(stage).columnGap);
  const room = Math.max(LEAST, window.innerHeight - stage.getBoundingClientRect().top - window.scrollY - FOOT);
  const scaleOf = ({ columns, lines, captions }) => {
    const across = (stage.clientWidth - gap * (columns.length - 1)) / sum(columns);
    return wide ? Math.min(across, (room - CAPTION * captions - SLIDER * lines.length) / sum(lines)) : across;
  };
  const best = arrangements(sides, wide).reduce((one, other) => (scaleOf(other) > scaleOf(one) ? other : one));
  const scale = scaleOf(best);
  const pixel = window.devicePixelRatio || 1;
  stage.style.gridTemplateColumns = best.columns.map((column) => `${column * scale}px`).join(" ");
  rows.forEach((row, r) => {
    row.caption.style.gridArea = best.caption(r);
    row.caption.style.alignSelf = best.words ?? "end";
    row.panes.forEach((pane, p) => {
      const [area, width, height] = best.pane(r, p);
      pane.figure.hidden = state.alone !== null && state.alone !== p;
      pane.figure.style.gridArea = area;
      Object.assign(pane.canvas.style, { width: `${width * scale}px`, height: `${height * scale}px` });
      pane.canvas.width = Math.round(width * scale * pixel);
      pane.canvas.height = Math.round(height * scale * pixel);
      pane.scale = scale * pixel;
    });
  });
  draw();
}

async function show(number) {
  state.number = clamp(number, 0, volumes.length - 1);
  const volume = volumes[state.number];
  find("volume").value = state.number;
  find("count").textContent = `${state.number + 1} of ${volumes.length}`;
  find("previous").disabled = state.number === 0;
  find("next").disabled = state.number === volumes.length - 1;
  const wanted = [volume];
  if (volume.beside !== null && find("beside").checked) wanted.push(scans[volume.beside]);
  const voxels = await Promise.all(wanted.map(unpack));
  if (volume !== volumes[state.number]) return; // another one was chosen meanwhile
  const focused = rows.flatMap(({ panes }) => panes.map(({ canvas }) => canvas)).indexOf(document.activeElement);
  rows = wanted.map((each, r) => makeRow(each, voxels[r], r === 0, r ? volume.words : ""));
  find("stage").replaceChildren(...rows.flatMap(({ caption, panes }) => [caption, ...panes.map(({ figure }) => figure)]));
  layout();
  if (focused >= 0) rows[Math.min(rows.length - 1, Math.floor(focused / 3))].panes[focused % 3].canvas.focus();
}

// ---- what people do

function goTo(axis, index) {
  const n = rows[0].volume.shape[axis];
  state.place[axis] = (clamp(index, 0, n - 1) + 0.5) / n;
  redraw();
}

const step = (axis, by) => goTo(axis, indexAt(rows[0].volume, axis) + by);

function contrast(level, width) {
  state.level = clamp(level, -0.5, 1.5);
  state.width = clamp(width, 0.02, 2);
  redraw();
}

function listen(row, pane) {
  const { canvas, plane } = pane;
  let held = null; // the button, and where it was pressed
  let turned = 0;

  function moveTo(event) {
    const { left, top, width, height } = frame(row, pane);
    const box = canvas.getBoundingClientRect();
    const pixel = canvas.width / box.width;
    const x = clamp(((event.clientX - box.left) * pixel - left) / width, 0, 0.999999);
    const y = clamp(((event.clientY - box.top) * pixel - top) / height, 0, 0.999999);
    state.place[plane.across] = state.radiological ? 0.999999 - x : x;
    state.place[plane.up] = 0.999999 - y;
    redraw();
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 && event.button !== 2) return;
    held = { right: event.button === 2, x: event.clientX, y: event.clientY, level: state.level, width: state.width };
    canvas.setPointerCapture(event.pointerId);
    if (!held.right) moveTo(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) return;
    const [x, y] = [event.clientX - held.x, event.clientY - held.y];
    if (held.right) contrast(held.level + y / 300, held.width + x / 300);
    else moveTo(event);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
  canvas.addEventListener("dblclick", () => enlarge());
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("focus", () => { state.plane = PLANES.indexOf(plane); });
  canvas.addEventListener("wheel", (event) => {
    if (event.ctrlKey) return; // the browser's zoom
    event.preventDefault();
    turned += event.deltaY * (event.deltaMode ? 50 : 1); // in pixels, a few at a time on a touch pad
    if (Math.abs(turned) < 50) return;
    step(plane.through, turned > 0 ? -1 : 1);
    turned = 0;
  }, { passive: false });
}

/** Show the plane that was used last alone, or all again. */
function enlarge() {
  state.alone = state.alone === null ? state.plane : null;
  layout();
}

const toggle = (id) => () => find(id).click();
const KEYS = {
  n: () => show(state.number + 1), p: () => show(state.number - 1),
  r: toggle("reset"), c: toggle("convention"), s: toggle("smooth"), x: toggle("crosshair"), b: toggle("beside"),
  z: enlarge,
};
const along = (axis, by) => () => step(PLANES[state.plane][axis], axis === "across" && state.radiological ? -by : by);
const IN_A_PLANE = {
  ArrowLeft: along("across", -1), ArrowRight: along("across", 1), ArrowDown: along("up", -1), ArrowUp: along("up", 1),
  Home: () => { state.place = [0.5, 0.5, 0.5]; redraw(); },
};
const IN_FOCUS = { PageDown: along("through", -1), PageUp: along("through", 1) };

document.addEventListener("keydown", (event) => {
  if (!rows.length || event.ctrlKey || event.metaKey || event.altKey) return;
  const inCanvas = event.target instanceof HTMLCanvasElement;
  const isFree = inCanvas || event.target === document.body;
  const known = event.target.matches("select") ? undefined
    : (KEYS[event.key] ?? (isFree ? IN_A_PLANE[event.key] : undefined) ?? (inCanvas ? IN_FOCUS[event.key] : undefined));
  if (!known) return;
  event.preventDefault();
  known();
});

find("volume").append(...volumes.map(({ title }, number) => made("option", { value: number, textContent: title })));
find("volume").addEventListener("change", (event) => show(Number(event.target.value)));
find("previous").addEventListener("click", KEYS.p);
find("next").addEventListener("click", KEYS.n);
find("level").addEventListener("input", (event) => contrast(Number(event.target.value), state.width));
find("width").addEventListener("input", (event) => contrast(state.level, Number(event.target.value)));
find("reset").addEventListener("click", () => contrast(0.5, 1));
find("convention").addEventListener("click", () => { state.radiological = !state.radiological; redraw(); });
for (const id of ["smooth", "crosshair"]) find(id).addEventListener("change", redraw);
find("beside").addEventListener("change", () => show(state.number));
find("beside-label").hidden = !scans.length;
find("nearest").hidden = !volumes.some(({ words }) => words);
window.addEventListener("resize", () => rows.length && layout());

show(0).catch((error) => {
  find("trouble").textContent = `The volumes cannot be shown: ${error.message}. A browser of 2023 or later is needed.`;
  find("trouble").hidden = false;
});
