//! A plane in which what is alike lies together: t-distributed stochastic neighbour embedding (van der Maaten and Hinton,
//! 2008), exact, and from a given start instead of a random one.

/// How many neighbours a point listens to, at most.
const PERPLEXITY: f32 = 8.0;
const ROUNDS: usize = 600;
/// Rounds in which what attracts is exaggerated, and by what.
const EARLY: usize = 150;
const EXAGGERATION: f32 = 6.0;

pub(crate) type Point = [f32; 2];

/// Moves points to where those that are alike are near; `distance` is that of two of them, squared.
pub(crate) fn embed(start: Vec<Point>, distance: impl Fn(usize, usize) -> f32) -> Vec<Point> {
    let count = start.len();
    if count < 4 {
        return start;
    }
    let affinities = affinities(count, distance);
    let mut points = start;
    let mut speeds = vec![[0.0f32; 2]; count];
    let mut gains = vec![[1.0f32; 2]; count];
    let rate = (count as f32 / EXAGGERATION).max(10.0);
    for round in 0..ROUNDS {
        let (pull, inertia) = if round < EARLY { (EXAGGERATION, 0.5) } else { (1.0, 0.8) };
        let gradients = gradients(&points, &affinities, pull);
        for (((point, speed), gain), gradient) in points.iter_mut().zip(&mut speeds).zip(&mut gains).zip(gradients) {
            for axis in 0..2 {
                let is_turn = (gradient[axis] > 0.0) == (speed[axis] > 0.0);
                gain[axis] = if is_turn { (gain[axis] * 0.8).max(0.01) } else { gain[axis] + 0.2 };
                speed[axis] = inertia * speed[axis] - rate * gain[axis] * gradient[axis];
                point[axis] += speed[axis];
            }
        }
    }
    points
}

/// How much each point listens to each other, both ways; all of it together is 1.
fn affinities(count: usize, distance: impl Fn(usize, usize) -> f32) -> Vec<Vec<f32>> {
    let perplexity = PERPLEXITY.min((count - 1) as f32 / 3.0).max(1.5);
    let rows: Vec<Vec<f32>> = (0..count)
        .map(|own| row(own, &(0..count).map(|other| distance(own, other)).collect::<Vec<_>>(), perplexity))
        .collect();
    let both = |own: usize, other: usize| (rows[own][other] + rows[other][own]) / (2 * count) as f32;
    (0..count).map(|own| (0..count).map(|other| both(own, other)).collect()).collect()
}

/// A Gaussian over the distances from one point, as narrow as makes the number of its neighbours the perplexity.
fn row(own: usize, distances: &[f32], perplexity: f32) -> Vec<f32> {
    let others = || distances.iter().enumerate().filter(|(other, _)| *other != own).map(|(_, distance)| *distance);
    let least = others().fold(f32::INFINITY, f32::min);
    let (mut low, mut high, mut narrow) = (0.0f32, f32::INFINITY, 1.0f32);
    for _ in 0..50 {
        let (mut total, mut mean) = (0.0f32, 0.0f32);
        for distance in others() {
            let weight = (-(distance - least) * narrow).exp();
            total += weight;
            mean += weight * (distance - least);
        }
        let entropy = total.ln() + narrow * mean / total;
        if entropy > perplexity.ln() {
            low = narrow;
            narrow = if high.is_finite() { f32::midpoint(low, high) } else { narrow * 2.0 };
        } else {
            high = narrow;
            narrow = f32::midpoint(low, high);
        }
    }
    let mut weights: Vec<f32> = distances.iter().map(|distance| (-(distance - least) * narrow).exp()).collect();
    weights[own] = 0.0;
    let total: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
    weights
}

/// Which way each point is to go, reversed.
fn gradients(points: &[Point], affinities: &[Vec<f32>], pull: f32) -> Vec<Point> {
    let near = |a: &Point, b: &Point| 1.0 / (1.0 + (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2));
    let all: f32 = points.iter().map(|a| points.iter().map(|b| near(a, b)).sum::<f32>() - 1.0).sum();
    let gradient = |(own, affinities): (&Point, &Vec<f32>)| {
        let mut gradient = [0.0; 2];
        for (other, affinity) in points.iter().zip(affinities) {
            let near = near(own, other);
            let force = 4.0 * (pull * affinity - near / all) * near;
            gradient[0] += force * (own[0] - other[0]);
            gradient[1] += force * (own[1] - other[1]);
        }
        gradient
    };
    points.iter().zip(affinities).map(gradient).collect()
}
