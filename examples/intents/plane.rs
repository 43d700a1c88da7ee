//! The plane in which vectors differ most: their two principal components, by power iteration.

use crate::neighbours::Point;
use crate::story::product;

const ROUNDS: usize = 24;

/// Where each vector lies in that plane, seen from their mean.
pub(crate) fn principal(vectors: &[&[f32]]) -> Vec<Point> {
    let Some(dimension) = vectors.first().map(|vector| vector.len()) else { return Vec::new() };
    let mut mean = vec![0.0; dimension];
    for vector in vectors {
        mean.iter_mut().zip(*vector).for_each(|(mean, value)| *mean += value / vectors.len() as f32);
    }
    let centred: Vec<Vec<f32>> =
        vectors.iter().map(|vector| vector.iter().zip(&mean).map(|(value, mean)| value - mean).collect()).collect();
    let first = component(&centred, &[]);
    let second = component(&centred, &first);
    centred.iter().map(|vector| [product(vector, &first), product(vector, &second)]).collect()
}

/// The direction in which centred vectors scatter most, at right angles to another.
fn component(centred: &[Vec<f32>], other: &[f32]) -> Vec<f32> {
    let dimension = centred.first().map_or(0, Vec::len);
    // Any start will do that is not at right angles to what is sought: the vector that lies farthest out hardly is.
    let mut direction = centred
        .iter()
        .map(|vector| without(vector.clone(), other))
        .max_by(|left, right| product(left, left).total_cmp(&product(right, right)))
        .unwrap_or_default();
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; dimension];
        for vector in centred {
            let along = product(vector, &direction);
            next.iter_mut().zip(vector).for_each(|(next, value)| *next += along * value);
        }
        direction = without(next, other);
        let length = product(&direction, &direction).sqrt();
        if length < 1e-12 {
            return vec![0.0; dimension];
        }
        direction.iter_mut().for_each(|value| *value /= length);
    }
    direction
}

fn without(mut vector: Vec<f32>, other: &[f32]) -> Vec<f32> {
    let along = product(&vector, other);
    vector.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
    vector
}
