// The data, and who stood where as of an event.
const story = JSON.parse(document.getElementById("data").textContent);
const count = story.text.length;
const lower = story.text.map((text) => text.toLowerCase());
const chosen = { asOf: count, intent: null, event: null, matches: null };

/** The intent of each event as of the n-th one; -1 for those that had not come. */
function labelled(n) {
  const until = story.position[n - 1];
  const labels = new Int32Array(count).fill(-1);
  for (let event = 0; event < n; event++) {
    const path = story.path[event];
    let at = path.length;
    while (at > 1 && path[at - 2] > until) at -= 2;
    labels[event] = path[at - 1];
  }
  return labels;
}

/** What each intent was as of then: how many events it had, the first and last of them, and their middle on the map. */
function summed(labels) {
  const sums = new Map();
  for (let event = 0; event < chosen.asOf; event++) {
    const intent = labels[event];
    let sum = sums.get(intent);
    if (!sum) sums.set(intent, (sum = { intent, events: 0, x: 0, y: 0, first: event, last: event }));
    sum.events += 1;
    sum.x += story.x[event];
    sum.y += story.y[event];
    sum.last = event;
  }
  for (const sum of sums.values()) {
    sum.x /= sum.events;
    sum.y /= sum.events;
  }
  return sums;
}

const nameOf = (intent) => story.intents[intent].label;
const number = (value) => value.toLocaleString("en");
const plural = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

/** Events that hold words which begin as the wanted ones do: those that hold more and rarer ones come first. */
function find(query) {
  const words = query.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  if (!words.length) return null;
  const scores = new Float64Array(count);
  for (const word of new Set(words)) {
    const begins = new RegExp(`(?<![\\p{L}\\p{N}])${word}`, "u");
    const holders = [];
    lower.forEach((text, event) => {
      if (text.includes(word) && begins.test(text)) holders.push(event);
    });
    for (const event of holders) scores[event] += 1 + Math.log(count / holders.length);
  }
  const events = [...scores.keys()].filter((event) => scores[event] > 0);
  const best = events.reduce((most, event) => Math.max(most, scores[event]), 0);
  // What holds but the most frequent of several words is not meant.
  const kept = events.filter((event) => scores[event] > best * 0.6);
  kept.sort((left, right) => scores[right] - scores[left] || right - left);
  return { words, events: kept, is: new Set(kept) };
}
