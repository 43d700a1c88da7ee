//! Where everything stands on the map: an island for each intent, and its events on it.

use std::f32::consts::{PI, TAU};

use crate::neighbours::{Point, embed};
use crate::plane::principal;
use crate::story::{Event, Story, centroid, product};

/// The map is so wide, and 1 high.
pub(crate) const WIDTH: f32 = 1.9;
/// The part of it that is land.
pub(crate) const LAND: f32 = 0.42;
/// The water between two islands, if there is but one; with many it is less, by the root of their number.
const WATER: f32 = 0.12;
const ROUNDS: usize = 400;

/// The map.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Where each event stands.
    pub(crate) events: Vec<Point>,
    /// The island of each intent that there is now: its middle and its radius.
    pub(crate) islands: Vec<Option<(Point, f32)>>,
}

impl Layout {
    pub(crate) fn of(story: &Story) -> Self {
        let mut members = vec![Vec::new(); story.intents.len()];
        for (place, event) in story.events.iter().enumerate() {
            members[event.now()].push(place);
        }
        let living: Vec<usize> = (0..members.len()).filter(|intent| !members[*intent].is_empty()).collect();
        let vectors = |intent: &usize| members[*intent].iter().map(|place| story.events[*place].embedding.values());
        let centroids: Vec<Vec<f32>> = living.iter().map(|intent| centroid(vectors(intent))).collect();
        let sizes: Vec<usize> = living.iter().map(|intent| members[*intent].len()).collect();
        let radii = radii(&sizes);
        let middles = stretched(apart(spread(&centroids), &radii), &radii);

        let mut layout = Self { events: vec![[0.0; 2]; story.events.len()], islands: vec![None; members.len()] };
        for (((intent, middle), radius), centroid) in living.iter().zip(middles).zip(radii).zip(&centroids) {
            layout.islands[*intent] = Some((middle, radius));
            settle(&story.events, &members[*intent], centroid, (middle, radius), &mut layout.events);
        }
        layout
    }
}

/// Radii of discs with an area for each event, which together are the land.
fn radii(sizes: &[usize]) -> Vec<f32> {
    let areas: Vec<f32> = sizes.iter().map(|size| *size as f32 + 1.0).collect();
    let unit = WIDTH * LAND / areas.iter().sum::<f32>();
    areas.iter().map(|area| (area * unit / PI).sqrt().min(0.24)).collect()
}

/// Middles in the box of the map, those of like centroids near each other.
fn spread(centroids: &[Vec<f32>]) -> Vec<Point> {
    let rows: Vec<&[f32]> = centroids.iter().map(Vec::as_slice).collect();
    let start = principal(&rows).into_iter().map(|point| point.map(|value| value * 1e-2)).collect();
    let points = embed(start, |a, b| (2.0 - 2.0 * product(&centroids[a], &centroids[b])).max(0.0));
    let mut turned: Vec<Point> = principal(&points.iter().map(|point| point.as_slice()).collect::<Vec<_>>());
    for (axis, size) in [(0, WIDTH), (1, 1.0)] {
        let low = turned.iter().map(|point| point[axis]).fold(f32::INFINITY, f32::min);
        let high = turned.iter().map(|point| point[axis]).fold(f32::NEG_INFINITY, f32::max);
        for point in &mut turned {
            let share = if high > low { (point[axis] - low) / (high - low) } else { 0.5 };
            point[axis] = size * (0.1 + 0.8 * share);
        }
    }
    turned
}

/// Pushes islands apart until there is water between any two, and none leaves the map.
fn apart(mut middles: Vec<Point>, radii: &[f32]) -> Vec<Point> {
    let water = WATER / (radii.len().max(1) as f32).sqrt();
    for _ in 0..ROUNDS {
        for left in 0..middles.len() {
            for right in 0..left {
                let [dx, dy] = [0, 1].map(|axis| middles[left][axis] - middles[right][axis]);
                let distance = dx.hypot(dy);
                let overlap = radii[left] + radii[right] + water - distance;
                if overlap > 0.0 {
                    let [dx, dy] = if distance > 0.0 { [dx / distance, dy / distance] } else { [1.0, 0.0] };
                    // The smaller one gives way.
                    let share = radii[right].powi(2) / (radii[left].powi(2) + radii[right].powi(2));
                    for (axis, along) in [(0, dx), (1, dy)] {
                        middles[left][axis] += overlap * along * share;
                        middles[right][axis] -= overlap * along * (1.0 - share);
                    }
                }
            }
        }
        for (middle, radius) in middles.iter_mut().zip(radii) {
            middle[0] = middle[0].clamp(*radius, (WIDTH - radius).max(*radius));
            middle[1] = middle[1].clamp(*radius, (1.0 - radius).max(*radius));
        }
    }
    middles
}

/// Moves islands outwards until one reaches the edge of the map on either axis.
fn stretched(mut middles: Vec<Point>, radii: &[f32]) -> Vec<Point> {
    for (axis, size) in [(0, WIDTH), (1, 1.0)] {
        let shore = |side: f32| middles.iter().zip(radii).map(move |(middle, radius)| side * middle[axis] + radius);
        let [west, east] = [-1.0, 1.0].map(|side| shore(side).fold(f32::MIN, f32::max));
        let centre = f32::midpoint(-west, east);
        let room = middles
            .iter()
            .zip(radii)
            .map(|(middle, radius)| (size / 2.0 - radius) / (middle[axis] - centre).abs().max(f32::MIN_POSITIVE));
        let factor = room.fold(3.0, f32::min).max(1.0);
        for middle in &mut middles {
            middle[axis] = size / 2.0 + (middle[axis] - centre) * factor;
        }
    }
    middles
}

/// Puts the events of an intent onto its island, on the seeds of a sunflower: the nearer to the centroid the nearer to the
/// middle, and on each ring those that differ from it alike on the same side.
fn settle(events: &[Event], members: &[usize], centroid: &[f32], island: (Point, f32), points: &mut [Point]) {
    let vectors: Vec<&[f32]> = members.iter().map(|place| events[*place].embedding.values()).collect();
    let nearness: Vec<f32> = vectors.iter().map(|vector| product(vector, centroid)).collect();
    let sides: Vec<f32> = principal(&vectors).iter().map(|[x, y]| y.atan2(*x).rem_euclid(TAU)).collect();
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|a, b| nearness[*b].total_cmp(&nearness[*a]));

    let ([x, y], radius) = island;
    let golden = PI * (3.0 - 5.0f32.sqrt());
    let angle = |seed: usize| (seed as f32 * golden).rem_euclid(TAU);
    let mut first = 0;
    for ring in (1..).step_by(2) {
        let mut seeds: Vec<usize> = (first..members.len().min(first + 3 * ring)).collect();
        let Some(ring) = order.get_mut(first..first + seeds.len()).filter(|ring| !ring.is_empty()) else { break };
        first += seeds.len();
        seeds.sort_by(|a, b| angle(*a).total_cmp(&angle(*b)));
        ring.sort_by(|a, b| sides[*a].total_cmp(&sides[*b]));
        for (seed, member) in seeds.into_iter().zip(ring) {
            let distance = 0.92 * radius * ((seed as f32 + 0.5) / members.len() as f32).sqrt();
            points[members[*member]] = [x + distance * angle(seed).cos(), y + distance * angle(seed).sin()];
        }
    }
}
