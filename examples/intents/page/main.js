// What is chosen, and who changes it.
const byId = (id) => document.getElementById(id);
const tip = byId("tip");
const slider = byId("asof");
let isDue = false;
let player = null;

function redraw() {
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    drawMap();
    drawGrowth();
  });
}

/** Shows everything anew, after something else was chosen. */
function show() {
  labels = labelled(chosen.asOf);
  sums = summed(labels);
  slider.value = chosen.asOf;
  slider.setAttribute("aria-valuetext", `event ${chosen.asOf} of ${count}`);
  byId("now").textContent = number(story.position[chosen.asOf - 1]);
  if (chosen.matches) showFound();
  else showTable();
  byId("found").textContent = told();
  markFacts();
  redraw();
}

function told() {
  if (!chosen.matches) {
    const then = chosen.asOf < count ? ", as they were labelled then" : "";
    return `${plural(chosen.asOf, "event")} in ${plural(sums.size, "intent")}${then}`;
  }
  const where = new Map();
  const here = chosen.matches.events.filter((event) => labels[event] >= 0);
  for (const event of here) where.set(labels[event], (where.get(labels[event]) ?? 0) + 1);
  const first = [...where].sort((left, right) => right[1] - left[1]).slice(0, 2);
  const names = first.map(([intent, events]) => `${nameOf(intent)} (${number(events)})`).join(", ");
  return `${plural(here.length, "event")} in ${plural(where.size, "intent")}${names && `: ${names}`}`;
}

function choose(intent) {
  chosen.intent = chosen.intent === intent ? null : intent;
  chosen.event = null;
  hideTip();
  const wasInList = list.contains(document.activeElement);
  show();
  if (wasInList) list.querySelector(`[data-intent="${intent}"]`)?.focus();
  byId("said").textContent = chosen.intent === null ? "every intent" : nameOf(chosen.intent);
}

function goTo(event) {
  chosen.asOf = Math.min(Math.max(event, 1), count);
  chosen.event = null;
  hideTip();
  show();
}

function hideTip() {
  tip.hidden = true;
}

/** Tells of an event, beside it. */
function showTip(event) {
  chosen.event = event;
  drawRing();
  if (event === null) return hideTip();
  const now = labels[event];
  const then = story.path[event][0];
  const lines = [element("p", "", story.text[event]), element("p", "", swatch(now), nameOf(now))];
  lines[1].style.fontWeight = "600";
  if (then !== now) lines.push(element("p", "where", "when it came: ", swatch(then), nameOf(then)));
  lines.push(element("p", "where", `event ${number(story.position[event])} · ${story.writers[story.writer[event]]}`));
  tip.replaceChildren(...lines);
  tip.hidden = false;
  const frame = map.getBoundingClientRect();
  const [x, y] = place(event);
  const left = frame.left + x + 14;
  tip.style.left = `${left + tip.offsetWidth > innerWidth - 8 ? left - tip.offsetWidth - 28 : left}px`;
  tip.style.top = `${Math.max(8, Math.min(frame.top + y + 12, innerHeight - tip.offsetHeight - 8))}px`;
}

/** Brings an event into view, and tells of it. */
function visit(event) {
  if (labels[event] < 0) goTo(event + 1);
  const [x, y] = place(event);
  if (x < 20 || y < 20 || x > map.clientWidth - 20 || y > map.clientHeight - 20) {
    view.x += map.clientWidth / 2 - x;
    view.y += map.clientHeight / 2 - y;
    redraw();
  }
  showTip(event);
  byId("said").textContent = tip.textContent;
}

/** Goes to the next event, or the one before, of those that stand out. */
function walk(step) {
  let event = chosen.event ?? (step > 0 ? -1 : chosen.asOf);
  do event += step;
  while (event >= 0 && event < chosen.asOf && !stands(event));
  if (event >= 0 && event < chosen.asOf) visit(event);
}

function search(query) {
  chosen.matches = find(query);
  show();
}

function play() {
  if (player) return stop();
  if (chosen.asOf === count) goTo(1);
  byId("play").textContent = "❚❚";
  byId("play").setAttribute("aria-label", "Stop");
  const step = Math.max(1, Math.round(count / 360));
  player = setInterval(() => {
    goTo(chosen.asOf + step);
    if (chosen.asOf === count) stop();
  }, 50);
}

function stop() {
  clearInterval(player);
  player = null;
  byId("play").textContent = "▶";
  byId("play").setAttribute("aria-label", "Play the stream from its beginning");
}

function keys(event) {
  const order = [...sums.values()].sort((left, right) => right.events - left.events).map((sum) => sum.intent);
  const at = order.indexOf(chosen.intent);
  const moves = {
    ArrowRight: () => walk(1),
    ArrowLeft: () => walk(-1),
    ArrowDown: () => choose(order[(at + 1) % order.length]),
    ArrowUp: () => choose(order[(Math.max(at, 0) + order.length - 1) % order.length]),
    "+": () => zoom(1.4),
    "=": () => zoom(1.4),
    "-": () => zoom(1 / 1.4),
    0: () => (showWhole(), redraw()),
  };
  const move = moves[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  move();
}

function listen() {
  let grabbed = null;
  map.addEventListener("pointerdown", (event) => {
    grabbed = { x: event.clientX, y: event.clientY, moved: false };
    map.setPointerCapture(event.pointerId);
  });
  map.addEventListener("pointermove", (event) => {
    if (!grabbed) {
      const found = under(event.offsetX, event.offsetY);
      if (found !== chosen.event) showTip(found);
      return;
    }
    const [dx, dy] = [event.clientX - grabbed.x, event.clientY - grabbed.y];
    if (!grabbed.moved && Math.hypot(dx, dy) < 4) return;
    view.x += dx;
    view.y += dy;
    grabbed = { x: event.clientX, y: event.clientY, moved: true };
    map.classList.add("grabbed");
    hideTip();
    redraw();
  });
  map.addEventListener("pointerup", (event) => {
    const found = under(event.offsetX, event.offsetY);
    if (grabbed && !grabbed.moved) choose(found === null ? null : labels[found]);
    grabbed = null;
    map.classList.remove("grabbed");
  });
  map.addEventListener("pointercancel", () => (grabbed = null));
  map.addEventListener("pointerleave", () => showTip(null));
  map.addEventListener("blur", () => showTip(null));
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    hideTip();
    zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  }, { passive: false });
  map.addEventListener("keydown", keys);
  byId("nearer").addEventListener("click", () => zoom(1.6));
  byId("farther").addEventListener("click", () => zoom(1 / 1.6));
  byId("whole").addEventListener("click", () => (showWhole(), redraw()));
  byId("play").addEventListener("click", play);
  slider.addEventListener("input", () => (stop(), goTo(slider.valueAsNumber)));
  const drag = (event) => {
    const share = (event.offsetX - edges.left) / (growth.clientWidth - edges.left - edges.right);
    if (event.buttons && share > -0.02) (stop(), goTo(1 + Math.round(share * (count - 1))));
  };
  growth.addEventListener("pointerdown", (event) => (growth.setPointerCapture(event.pointerId), drag(event)));
  growth.addEventListener("pointermove", drag);
  byId("search").addEventListener("input", (event) => search(event.target.value));
  list.addEventListener("click", (event) => {
    const { order: wanted, intent } = event.target.closest("button")?.dataset ?? {};
    const item = event.target.closest("li");
    if (item) return visit(Number(item.dataset.event));
    if (wanted) (order = wanted), showTable();
    if (intent) choose(Number(intent));
  });
  facts.addEventListener("click", (event) => {
    const item = event.target.closest("li");
    if (!item) return;
    const at = eventOf.get(Number(item.dataset.at)) ?? count - 1;
    const { intent } = event.target.closest("button")?.dataset ?? {};
    if (!intent) return goTo(at + 1);
    // What is gone is shown as it was before, and what is yet to come as it was after.
    if (!sums.has(Number(intent))) goTo(at);
    if (!sums.has(Number(intent))) goTo(at + 1);
    choose(Number(intent));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== byId("search")) {
      event.preventDefault();
      byId("search").focus();
    } else if (event.key === "Escape") {
      byId("search").value = "";
      Object.assign(chosen, { intent: null, event: null, matches: null });
      hideTip();
      show();
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (readColours(), showFacts(), show()));
  new ResizeObserver(() => (showWhole(), redraw())).observe(map);
  new ResizeObserver(redraw).observe(growth);
}

slider.max = count;
byId("sentence").textContent =
  `${story.source}: each dot is one of ${plural(count, "event")}, and each island a purpose that was found as they ` +
  `arrived: ${plural(sums.size, "intent")}, without labels and without being told how many.`;
document.title = `Why things happened: ${story.source}`;
readColours();
showWhole();
showFacts();
listen();
show();
