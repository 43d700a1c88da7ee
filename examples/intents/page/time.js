// Growth: a ridge for each of the largest intents along the stream, and under them what was merged and split.
const growth = document.getElementById("growth");
const pen = growth.getContext("2d");
const edges = { left: 178, right: 12, lane: 40 };
const ROWS = 12;

/** The largest intents as we see them now, the one that began first on top. */
function ridges() {
  const last = labelled(count);
  const living = [...story.intents.keys()].filter((intent) => story.intents[intent].events > 0);
  living.sort((left, right) => story.intents[right].events - story.intents[left].events);
  const rows = living.slice(0, ROWS);
  if (chosen.intent !== null && story.intents[chosen.intent].events > 0 && !rows.includes(chosen.intent)) {
    rows.pop();
    rows.push(chosen.intent);
  }
  rows.sort((left, right) => story.intents[left].first - story.intents[right].first);
  return { rows, heights: rows.map((intent) => smooth(last, intent)) };
}

/** How many events of an intent fall around each of some places of the stream. */
function smooth(last, intent) {
  const places = 160;
  const width = 0.016;
  const heights = new Float64Array(places);
  for (let event = 0; event < count; event++) {
    if (last[event] !== intent) continue;
    const at = event / Math.max(count - 1, 1);
    const [from, to] = [Math.floor((at - 4 * width) * places), Math.ceil((at + 4 * width) * places)];
    for (let place = Math.max(from, 0); place < Math.min(to, places); place++) {
      heights[place] += Math.exp(-0.5 * ((place / (places - 1) - at) / width) ** 2);
    }
  }
  return heights;
}

const along = (event) => edges.left + ((growth.clientWidth - edges.left - edges.right) * event) / Math.max(count - 1, 1);
const eventOf = new Map(story.position.map((position, event) => [position, event]));
let drawn = null;

function drawGrowth() {
  const [wide, high] = fit(growth, pen);
  if (!drawn || drawn.intent !== chosen.intent) drawn = { ...ridges(), intent: chosen.intent };
  const { rows, heights } = drawn;
  const top = 20;
  const step = (high - edges.lane - top) / Math.max(rows.length, 1);
  const most = Math.max(1e-9, ...heights.map((row) => Math.max(...row)));
  const now = along(chosen.asOf - 1);
  pen.textBaseline = "middle";
  rows.forEach((intent, row) => {
    const base = top + (row + 1) * step;
    const isFaint = chosen.intent !== null && chosen.intent !== intent;
    const ridge = new Path2D();
    heights[row].forEach((height, place) => {
      const x = edges.left + ((wide - edges.left - edges.right) * place) / (heights[row].length - 1);
      ridge.lineTo(x, base - (height / most) * step * 1.55);
    });
    const area = new Path2D(ridge);
    area.lineTo(wide - edges.right, base);
    area.lineTo(edges.left, base);
    // What is yet to come is but an outline.
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, now, high);
    pen.clip();
    pen.globalAlpha = isFaint ? 0.15 : 0.72;
    pen.fillStyle = colourOf(intent);
    pen.fill(area);
    pen.restore();
    pen.globalAlpha = isFaint ? 0.3 : 1;
    pen.lineWidth = 1.2;
    pen.strokeStyle = colourOf(intent);
    pen.stroke(ridge);
    pen.textAlign = "right";
    pen.font = `${chosen.intent === intent ? 700 : 500} 12px system-ui, "Liberation Sans", sans-serif`;
    pen.fillStyle = colours.ink;
    pen.fillText(clipped(nameOf(intent), edges.left - 30), edges.left - 22, base - 5);
    pen.beginPath();
    pen.fillStyle = colourOf(intent);
    pen.arc(edges.left - 12, base - 5, 4.5, 0, 7);
    pen.fill();
  });
  pen.globalAlpha = 1;
  drawJoins(rows, (row) => top + (row + 1) * step);
  drawLane(wide, high);
  drawMarks(high, now);
}

function clipped(text, room) {
  if (pen.measureText(text).width <= room) return text;
  let end = text.length;
  while (end > 1 && pen.measureText(`${text.slice(0, end)}…`).width > room) end--;
  return `${text.slice(0, end)}…`;
}

/** Where something became part of a ridge: a dot of the colour that it had, and a line from where it was. */
function drawJoins(rows, baseOf) {
  const until = story.position[chosen.asOf - 1];
  for (const fact of story.facts) {
    if (fact.at > until) break;
    const x = along(eventOf.get(fact.at) ?? count - 1);
    const from = rows.indexOf(fact.from);
    for (const intent of fact.into) {
      const into = rows.indexOf(intent);
      if (into < 0 || into === from) continue;
      if (chosen.intent !== null && chosen.intent !== fact.from && chosen.intent !== intent) continue;
      pen.lineWidth = 1.2;
      pen.strokeStyle = colourOf(fact.from);
      if (from >= 0) {
        const bend = Math.min(18, 4 + 3 * Math.abs(from - into));
        pen.beginPath();
        pen.moveTo(x, baseOf(from));
        pen.bezierCurveTo(x + bend, baseOf(from), x + bend, baseOf(into), x, baseOf(into));
        pen.stroke();
      }
      pen.beginPath();
      pen.arc(x, baseOf(into), 3, 0, 7);
      pen.fillStyle = colourOf(fact.from);
      pen.fill();
      pen.strokeStyle = colours.panel;
      pen.stroke();
    }
  }
}

/** A triangle up for what was merged at an event, and one down for what was split, larger where it was more. */
function drawLane(wide, high) {
  const base = high - edges.lane + 20;
  const at = new Map();
  for (const fact of story.facts) {
    const counts = at.get(fact.at) ?? [0, 0];
    counts[Number(fact.kind === "intent.split")] += 1;
    at.set(fact.at, counts);
  }
  pen.strokeStyle = colours.line;
  pen.lineWidth = 1;
  pen.strokeRect(edges.left, base, wide - edges.left - edges.right, 0);
  pen.font = '500 12px system-ui, "Liberation Sans", sans-serif';
  pen.textAlign = "right";
  pen.fillStyle = colours.soft;
  pen.fillText("▲ merged   ▼ split", edges.left - 12, base);
  for (const [position, counts] of at) {
    const x = along(eventOf.get(position) ?? count - 1);
    counts.forEach((changes, split) => {
      if (!changes) return;
      const size = Math.min(4 + Math.sqrt(changes) * 1.3, 13);
      const up = split ? 1 : -1;
      pen.beginPath();
      pen.moveTo(x - size * 0.62, base + up * 2);
      pen.lineTo(x + size * 0.62, base + up * 2);
      pen.lineTo(x, base + up * (2 + size));
      pen.fillStyle = split ? colours.palette[1] : colours.palette[0];
      pen.globalAlpha = position <= story.position[chosen.asOf - 1] ? 1 : 0.35;
      pen.fill();
    });
  }
  pen.globalAlpha = 1;
}

function drawMarks(high, now) {
  if (chosen.matches) {
    pen.fillStyle = colours.mark;
    pen.globalAlpha = 0.7;
    for (const event of chosen.matches.events) pen.fillRect(along(event) - 0.75, 4, 1.5, 8);
    pen.globalAlpha = 1;
  }
  pen.strokeStyle = colours.mark;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(now, 2);
  pen.lineTo(now, high - 2);
  pen.stroke();
}
