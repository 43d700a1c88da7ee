//! Which colour of the palette each intent has: as far as possible from the next of its colour.

use crate::layout::{Layout, WIDTH};
use crate::neighbours::Point;
use crate::story::Story;

/// The colours of the page's palettes.
pub(crate) const COLOURS: usize = 10;

/// The number of a colour for each intent, the largest first served.
pub(crate) fn colours(story: &Story, layout: &Layout) -> Vec<usize> {
    let homes = homes(story, layout);
    let mut order: Vec<usize> = (0..homes.len()).collect();
    order.sort_by_key(|intent| std::cmp::Reverse(story.intents[*intent].events));
    let mut colours = vec![0; homes.len()];
    let mut used: [Vec<Point>; COLOURS] = Default::default();
    for (turn, intent) in order.into_iter().enumerate() {
        let [x, y] = homes[intent];
        let room = |colour: &usize| {
            let near = used[*colour].iter().map(|[a, b]| (a - x).hypot(b - y));
            near.fold(2.0 * WIDTH, f32::min)
        };
        // In turn where they are equally far, so that all of them are used.
        let colour = (0..COLOURS).map(|step| (turn + step) % COLOURS).rev().max_by(|a, b| room(a).total_cmp(&room(b)));
        colours[intent] = colour.unwrap_or(0);
        used[colours[intent]].push([x, y]);
    }
    colours
}

/// Where the events that an intent ever had stand, on average.
fn homes(story: &Story, layout: &Layout) -> Vec<Point> {
    let mut sums = vec![([0.0; 2], 0.0f32); story.intents.len()];
    for (event, point) in story.events.iter().zip(&layout.events) {
        for (_, intent) in &event.path {
            let (sum, count) = &mut sums[*intent];
            *sum = [sum[0] + point[0], sum[1] + point[1]];
            *count += 1.0;
        }
    }
    sums.iter().map(|(sum, count)| sum.map(|value| value / count.max(1.0))).collect()
}
