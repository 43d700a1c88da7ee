// What stands beside the map: the table of intents or what was found, and the merges and splits.
const list = document.getElementById("list");
const facts = document.getElementById("facts");
const LONGEST = 400;
let order = "events";

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function swatch(intent) {
  const made = element("span", "swatch");
  made.style.background = colourOf(intent);
  return made;
}

/** The name of an intent, which chooses it. */
function nameButton(intent) {
  const button = element("button", "name", swatch(intent), nameOf(intent));
  button.type = "button";
  button.title = `${nameOf(intent)} · ${story.intents[intent].id}`;
  button.setAttribute("aria-pressed", String(chosen.intent === intent));
  button.dataset.intent = intent;
  return button;
}

function showTable() {
  const rows = [...sums.values()];
  const by = { events: (a, b) => b.events - a.events, first: (a, b) => a.first - b.first, last: (a, b) => b.last - a.last };
  const isChosen = (sum) => Number(sum.intent === chosen.intent);
  rows.sort((a, b) => isChosen(b) - isChosen(a) || by[order](a, b) || a.intent - b.intent);
  const head = element("tr", "", element("th", "", "Intent"));
  for (const name of ["events", "first", "last"]) {
    const button = element("button", "", name);
    button.type = "button";
    button.dataset.order = name;
    const cell = element("th", "", button);
    if (name === order) cell.setAttribute("aria-sort", name === "first" ? "ascending" : "descending");
    head.append(cell);
  }
  const body = element("tbody", "");
  for (const sum of rows.slice(0, LONGEST)) body.append(...tableRows(sum));
  list.replaceChildren(element("table", "", element("thead", "", head), body));
}

/** An intent's numbers, and under them the events that are most like all of it. */
function tableRows(sum) {
  const className = sum.intent === chosen.intent ? "chosen" : "";
  const cell = (value) => element("td", "", number(value));
  const [first, last] = [story.position[sum.first], story.position[sum.last]];
  const name = element("td", "", nameButton(sum.intent));
  const like = element("td", "");
  like.colSpan = 4;
  for (const event of story.intents[sum.intent].exemplars) {
    like.append(element("span", "like", `“${story.text[event]}”`));
  }
  return [
    element("tr", className, name, cell(sum.events), cell(first), cell(last)),
    element("tr", className, like),
  ];
}

function showFound() {
  const { events, words } = chosen.matches;
  const items = element("ol", "");
  for (const event of events.slice(0, LONGEST)) {
    const text = element("div", "");
    highlight(text, story.text[event], words);
    const intent = labels[event] < 0 ? story.path[event][0] : labels[event];
    const where = element("span", "where", `event ${number(story.position[event])} · ${story.writers[story.writer[event]]}`);
    const item = element("li", labels[event] < 0 ? "later" : "", nameButton(intent), text, where);
    item.dataset.event = event;
    items.append(item);
  }
  list.replaceChildren(items);
}

function highlight(into, text, words) {
  const wanted = new RegExp(`(?<![\\p{L}\\p{N}])(${words.join("|")})`, "giu");
  text.split(wanted).forEach((part, at) => into.append(at % 2 ? element("mark", "", part) : part));
}

function showFacts() {
  const items = element("ol", "");
  for (const fact of story.facts) {
    const isMerge = fact.kind === "intent.merged";
    const others = fact.into.filter((intent) => intent !== fact.from);
    const lives = others.length < fact.into.length;
    const verb = isMerge ? "▲ merged into" : lives ? "▼ gave a part to" : "▼ split into";
    const line = element("div", "change", nameButton(fact.from), element("span", "where", verb), ...others.map(nameButton));
    const item = element("li", "", element("span", "at", number(fact.at)), line);
    item.dataset.at = fact.at;
    items.append(item);
  }
  facts.replaceChildren(items);
  const merged = story.facts.filter((fact) => fact.kind === "intent.merged").length;
  document.getElementById("changed").textContent = 
    `What became what: ${plural(merged, "merge")}, ${plural(story.facts.length - merged, "split")}`;
}

/** Which changes lie ahead of the slider, and which concern the chosen intent. */
function markFacts() {
  const until = story.position[chosen.asOf - 1];
  const items = facts.querySelectorAll("li");
  story.facts.forEach((fact, at) => {
    const concerns = chosen.intent !== null && (fact.from === chosen.intent || fact.into.includes(chosen.intent));
    items[at].className = `${fact.at > until ? "later " : ""}${concerns ? "chosen" : ""}`;
    items[at].hidden = chosen.intent !== null && !concerns;
  });
}
