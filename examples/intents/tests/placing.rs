use super::{stream, week};
use crate::colour::{COLOURS, colours};
use crate::layout::{Layout, WIDTH};
use crate::neighbours::embed;
use crate::plane::principal;
use crate::story::Story;

fn distance(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Every event on its island, every island on the map, and water between any two.
#[track_caller]
fn assert_sound(story: &Story) -> Layout {
    let layout = Layout::of(story);
    let islands: Vec<_> = layout.islands.iter().flatten().copied().collect();
    for (event, point) in story.events.iter().zip(&layout.events) {
        let (middle, radius) = layout.islands[event.now()].unwrap();
        assert!(distance(*point, middle) <= radius, "{point:?} is not on {middle:?}");
    }
    for (place, (middle, radius)) in islands.iter().enumerate() {
        for (value, size) in middle.iter().zip([WIDTH, 1.0]) {
            assert!((radius - 1e-3..=size - radius + 1e-3).contains(value), "{middle:?} {radius}");
        }
        for (other, size) in &islands[..place] {
            assert!(distance(*middle, *other) > radius + size - 1e-3, "{middle:?} {radius}, {other:?} {size}");
        }
    }
    layout
}

#[test]
fn events_stand_on_islands_that_do_not_touch() {
    let story = week();
    let layout = assert_sound(story);
    assert_eq!(layout.events, Layout::of(story).events);
    assert!(layout.islands.iter().flatten().count() >= 8);
}

#[test]
fn a_stream_of_one_text_or_of_the_same_again_has_a_map() {
    assert_sound(&Story::of(stream(["once"])).unwrap());
    assert_sound(&Story::of(stream(["the same again"; 40])).unwrap());
    let apart = (0..60).map(|number| format!("w{number}"));
    assert_sound(&Story::of(stream(apart)).unwrap());
}

#[test]
fn the_plane_is_the_one_that_points_lie_in() {
    // On a plane in four dimensions, longer than wide, away from the middle.
    let points = [[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]];
    let vectors = points.map(|[x, y]: [f32; 2]| [5.0 + 0.6 * x, 0.8 * x - 7.0, y, 1.0]);
    let found = principal(&vectors.each_ref().map(|vector| vector.as_slice()));
    for (found, point) in found.iter().zip(points) {
        assert!((found[0].abs() - point[0].abs()).abs() < 1e-4, "{found:?} {point:?}");
        assert!((found[1].abs() - point[1].abs()).abs() < 1e-4, "{found:?} {point:?}");
    }
    assert!(found[0][0] * found[1][0] < 0.0);
    assert_eq!(principal(&[]), Vec::<[f32; 2]>::new());
    assert_eq!(principal(&[&[1.0, 2.0], &[1.0, 2.0]]), [[0.0; 2]; 2]);
}

#[test]
fn what_is_alike_comes_to_lie_together() {
    // Three families of six, shuffled: near within one, and all families equally far.
    let start = (0..18u8).map(|place| [f32::from(place % 5), f32::from(place % 7)]).collect();
    let points = embed(start, |a, b| if a % 3 == b % 3 { 0.1 } else { 2.0 });
    for (place, point) in points.iter().enumerate() {
        let nearest = (0..18).filter(|other| *other != place);
        let nearest = nearest.min_by(|a, b| distance(*point, points[*a]).total_cmp(&distance(*point, points[*b])));
        assert_eq!(nearest.unwrap() % 3, place % 3, "{points:?}");
    }
}

#[test]
fn points_without_any_difference_stay_finite() {
    let points = embed(vec![[0.0; 2]; 7], |_, _| 0.0);
    assert!(points.iter().flatten().all(|value| value.is_finite()), "{points:?}");
    let points = embed(vec![[1.0, 0.0]; 5], |a, b| if a == b { 0.0 } else { 1e30 });
    assert!(points.iter().flatten().all(|value| value.is_finite()), "{points:?}");
}

#[test]
fn the_nearest_island_has_another_colour_and_every_colour_is_used() {
    let story = week();
    let layout = Layout::of(story);
    let colours = colours(story, &layout);
    let living: Vec<usize> = (0..colours.len()).filter(|intent| layout.islands[*intent].is_some()).collect();
    let middle = |intent: usize| layout.islands[intent].unwrap().0;
    for own in &living {
        let others = living.iter().filter(|other| *other != own);
        let near = |other: &&usize| distance(middle(*own), middle(**other));
        let nearest = others.min_by(|a, b| near(a).total_cmp(&near(b))).unwrap();
        assert_ne!(colours[*own], colours[*nearest]);
    }
    assert!((0..COLOURS).all(|colour| colours.contains(&colour)), "{colours:?}");
}
