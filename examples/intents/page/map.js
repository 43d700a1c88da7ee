// The map: dots on islands, names on top, and what the pointer is on.
const map = document.getElementById("map");
const brush = map.getContext("2d");
const view = { scale: 1, x: 0, y: 0, wide: 0, high: 0, ratio: 1 };
let colours = { palette: [] };
let labels = labelled(count);
let sums = summed(labels);

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  colours = { palette: [...Array(10).keys()].map((colour) => read(`c${colour}`)) };
  for (const name of ["panel", "land", "line", "ink", "soft", "mark"]) colours[name] = read(name);
}

const colourOf = (intent) => colours.palette[story.intents[intent].colour];

/** Fits a canvas to its place, in the pixels of the screen. */
function fit(canvas, context) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: wide, clientHeight: high } = canvas;
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, wide, high);
  return [wide, high];
}

function showWhole() {
  const [wide, high] = [map.clientWidth, map.clientHeight];
  view.scale = Math.max(Math.min((wide - 28) / story.width, high - 56), 1);
  view.x = (wide - story.width * view.scale) / 2;
  view.y = (high - 12 - view.scale) / 2;
  view.whole = view.scale;
}

function zoom(factor, x = map.clientWidth / 2, y = map.clientHeight / 2) {
  const scale = Math.min(Math.max(view.scale * factor, view.whole * 0.8), view.whole * 40);
  view.x = x - ((x - view.x) * scale) / view.scale;
  view.y = y - ((y - view.y) * scale) / view.scale;
  view.scale = scale;
  redraw();
}

const place = (event) => [view.x + story.x[event] * view.scale, view.y + story.y[event] * view.scale];
const dot = () => Math.min(Math.max(0.3 * Math.sqrt(story.land * story.width / count) * view.scale, 1.3), 7);

/** Whether an event stands out where something is chosen or sought. */
function stands(event) {
  if (chosen.matches) return chosen.matches.is.has(event);
  return chosen.intent === null || labels[event] === chosen.intent;
}

function drawMap() {
  const [wide, high] = fit(map, brush);
  brush.fillStyle = colours.land;
  for (const { island } of story.intents) {
    if (!island) continue;
    brush.beginPath();
    brush.arc(view.x + island[0] * view.scale, view.y + island[1] * view.scale, island[2] * view.scale, 0, 7);
    brush.fill();
  }
  const dots = [false, true].map(() => colours.palette.map(() => new Path2D()));
  const radius = dot();
  for (let event = 0; event < chosen.asOf; event++) {
    const [x, y] = place(event);
    if (x < -9 || y < -9 || x > wide + 9 || y > high + 9) continue;
    const path = dots[Number(stands(event))][story.intents[labels[event]].colour];
    if (radius < 1.5) {
      // So small a disc looks like a square, which is drawn faster.
      path.rect(x - 0.85 * radius, y - 0.85 * radius, 1.7 * radius, 1.7 * radius);
    } else {
      path.moveTo(x + radius, y);
      path.arc(x, y, radius, 0, 7);
    }
  }
  const isPlain = !chosen.matches && chosen.intent === null;
  for (const [which, alpha] of [[0, 0.13], [1, isPlain ? 0.88 : 1]]) {
    brush.globalAlpha = alpha;
    dots[which].forEach((path, colour) => {
      brush.fillStyle = colours.palette[colour];
      brush.fill(path);
    });
  }
  brush.globalAlpha = 1;
  ringExemplars(radius);
  drawNames(wide, high);
  drawRing();
}

/** A ring around the event that is told of: not on the canvas, so that nothing is drawn again as the pointer moves. */
function drawRing() {
  const ring = document.getElementById("ring");
  ring.hidden = chosen.event === null;
  if (ring.hidden) return;
  const [x, y] = place(chosen.event);
  const radius = dot() + 4;
  Object.assign(ring.style, { left: `${x - radius}px`, top: `${y - radius}px`, width: `${2 * radius}px`, height: `${2 * radius}px` });
}

function ringExemplars(radius) {
  if (chosen.intent === null || chosen.matches) return;
  brush.lineWidth = 1.5;
  brush.strokeStyle = colours.ink;
  for (const event of story.intents[chosen.intent].exemplars) {
    if (labels[event] !== chosen.intent) continue;
    brush.beginPath();
    brush.arc(...place(event), radius + 2.5, 0, 7);
    brush.stroke();
  }
}

/** The names of the largest intents, as far as none covers another. */
function drawNames(wide, high) {
  const taken = [[wide - 116, 0, wide, 44]];
  const unit = (story.land * story.width) / count / Math.PI;
  const inIntent = new Map();
  if (chosen.matches) {
    for (const event of chosen.matches.events) inIntent.set(labels[event], (inIntent.get(labels[event]) ?? 0) + 1);
  }
  const weight = (sum) => (sum.intent === chosen.intent ? count : 0) + (chosen.matches ? inIntent.get(sum.intent) ?? 0 : sum.events);
  const order = [...sums.values()].filter((sum) => weight(sum) > 0).sort((left, right) => weight(right) - weight(left));
  brush.textAlign = "center";
  brush.textBaseline = "middle";
  brush.lineJoin = "round";
  for (const sum of order.slice(0, 400)) {
    const isFaint = chosen.intent !== null && !chosen.matches && sum.intent !== chosen.intent;
    const size = sum.events * 40 > chosen.asOf ? 14 : 12;
    const [homeX, homeY, home] = homeOf(sum, unit);
    const [x, y] = [view.x + homeX * view.scale, view.y + homeY * view.scale];
    if (x < 0 || y < 0 || x > wide || y > high) continue;
    brush.font = `600 ${size}px system-ui, "Liberation Sans", sans-serif`;
    const half = brush.measureText(nameOf(sum.intent)).width / 2;
    const middle = Math.min(Math.max(x, half + 4), wide - half - 4);
    const reach = home * view.scale;
    const box = [y - reach, y + reach, y].map((line) => [middle - half - 6, line - size * 0.75, middle + half + 6, line + size * 0.75]);
    const free = box.find((box) => box[1] > 0 && box[3] < high - 28 && !taken.some((other) => covers(box, other)));
    if (!free) continue;
    taken.push(free);
    const line = (free[1] + free[3]) / 2;
    brush.globalAlpha = isFaint ? 0.25 : 1;
    brush.lineWidth = 4;
    brush.strokeStyle = colours.panel;
    brush.strokeText(nameOf(sum.intent), middle, line);
    brush.fillStyle = colours.ink;
    brush.fillText(nameOf(sum.intent), middle, line);
  }
  brush.globalAlpha = 1;
}

/** Where an intent is named: on its island, or amid its events while they stand elsewhere. */
function homeOf(sum, unit) {
  const { island } = story.intents[sum.intent];
  if (island && Math.hypot(sum.x - island[0], sum.y - island[1]) < island[2]) return island;
  return [sum.x, sum.y, Math.sqrt(sum.events * unit)];
}

const covers = (box, other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3];

/** The event nearest to a point of the screen, if one is near. */
function under(x, y) {
  let [nearest, least] = [null, (dot() + 6) ** 2];
  for (let event = 0; event < chosen.asOf; event++) {
    const [ex, ey] = place(event);
    const distance = (ex - x) ** 2 + (ey - y) ** 2;
    if (distance < least) [nearest, least] = [event, distance];
  }
  return nearest;
}
