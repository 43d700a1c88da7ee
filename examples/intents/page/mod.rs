//! The page: a template with its style, its script and the story as data.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Outcome;
use crate::colour::colours;
use crate::layout::{LAND, Layout, WIDTH};
use crate::story::{self, Event, Story};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// In this order they are one script.
const SCRIPT: [&str; 5] = [
    include_str!("story.js"),
    include_str!("map.js"),
    include_str!("time.js"),
    include_str!("lists.js"),
    include_str!("main.js"),
];
/// Characters of a text that the page carries.
const TEXT_MAX: usize = 400;

/// What the script reads. Lists that belong to events are as long as there are events.
#[derive(Serialize)]
struct Data<'a> {
    source: &'a str,
    model: &'a str,
    /// The width of the map, which is 1 high, and the part of it that is land.
    width: f32,
    land: f32,
    writers: Vec<&'a str>,
    text: Vec<String>,
    writer: Vec<usize>,
    position: Vec<u64>,
    x: Vec<f32>,
    y: Vec<f32>,
    /// The intent at first, and then a position and the intent from there on, again and again.
    path: Vec<Vec<u64>>,
    intents: Vec<Intent<'a>>,
    facts: Vec<Fact<'a>>,
}

#[derive(Serialize)]
struct Intent<'a> {
    id: &'a str,
    label: &'a str,
    events: usize,
    first: u64,
    last: u64,
    exemplars: &'a [usize],
    colour: usize,
    /// The middle and the radius of its island.
    island: Option<[f32; 3]>,
}

#[derive(Serialize)]
struct Fact<'a> {
    at: u64,
    kind: &'a str,
    from: usize,
    into: &'a [usize],
}

/// The whole page.
pub(crate) fn render(story: &Story) -> Outcome<String> {
    let data = json(story)?;
    // The data comes last, so that nothing in it is taken for a place to fill in.
    let page = TEMPLATE.replacen("{{style}}", STYLE, 1).replacen("{{script}}", &SCRIPT.concat(), 1);
    let (before, after) = page.split_once("{{data}}").ok_or("the template has no place for the data")?;
    Ok([before, &data, after].concat())
}

/// The data, in which no text can end the tag that it stands in: JSON has `<` in strings alone, where it can be escaped.
pub(crate) fn json(story: &Story) -> Outcome<String> {
    Ok(serde_json::to_string(&data(story))?.replace('<', "\\u003c"))
}

fn data<'a>(story: &'a Story) -> Data<'a> {
    let layout = Layout::of(story);
    let colours = colours(story, &layout);
    let mut writers: BTreeMap<&str, usize> = story.events.iter().map(|event| (event.writer.as_str(), 0)).collect();
    writers.values_mut().enumerate().for_each(|(number, writer)| *writer = number);
    let axis = |axis: usize| layout.events.iter().map(|point| rounded(point[axis])).collect();
    let intents = story.intents.iter().zip(&layout.islands).zip(&colours).map(|((intent, island), colour)| Intent {
        id: intent.id.get(..12).unwrap_or(&intent.id),
        label: &intent.label,
        events: intent.events,
        first: intent.first,
        last: intent.last,
        exemplars: &intent.exemplars,
        colour: *colour,
        island: island.map(|([x, y], radius)| [x, y, radius].map(rounded)),
    });
    let fact = |fact: &'a story::Fact| Fact { at: fact.at, kind: fact.kind, from: fact.from, into: &fact.into };
    Data {
        source: &story.source,
        model: &story.model,
        width: WIDTH,
        land: LAND,
        writer: story.events.iter().map(|event| writers[event.writer.as_str()]).collect(),
        writers: writers.into_keys().collect(),
        text: story.events.iter().map(|event| shortened(&event.text)).collect(),
        position: story.events.iter().map(|event| event.position).collect(),
        x: axis(0),
        y: axis(1),
        path: story.events.iter().map(path).collect(),
        intents: intents.collect(),
        facts: story.facts.iter().map(fact).collect(),
    }
}

fn path(event: &Event) -> Vec<u64> {
    event.path.iter().flat_map(|(at, intent)| [*at, *intent as u64]).skip(1).collect()
}

/// Four digits are finer than a screen.
fn rounded(value: f32) -> f32 {
    (value * 1e4).round() / 1e4
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
