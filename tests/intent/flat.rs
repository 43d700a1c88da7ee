//! The flat index against a plain search over the full vectors.

use std::collections::BTreeMap;

use causal_vault::{ErrorKind, FlatIndex, FlatMatches, Result, StoreError, UnitVector};
use proptest::prelude::*;

/// The vectors by position, searched the plain way.
#[derive(Default)]
struct Naive(BTreeMap<u64, UnitVector>);

impl Naive {
    fn nearest(&self, query: &UnitVector, k: usize, up_to: u64, keep: impl Fn(u64) -> bool) -> Vec<(u64, u32)> {
        let mut found: Vec<(u64, f32)> = self
            .0
            .range(..=up_to)
            .filter(|(position, _)| keep(**position))
            .map(|(position, vector)| (*position, query.similarity(vector).unwrap()))
            .collect();
        found.sort_by(|left, right| right.1.partial_cmp(&left.1).unwrap().then(left.0.cmp(&right.0)));
        found.into_iter().take(k).map(|(position, similarity)| (position, similarity.to_bits())).collect()
    }

    fn read(&self, position: u64, row: &mut [f32]) -> Result<()> {
        let vector = self.0.get(&position).ok_or(StoreError::NotFound { what: "row", name: position.to_string() })?;
        row.copy_from_slice(vector.values());
        Ok(())
    }
}

fn plain(found: &FlatMatches) -> Vec<(u64, u32)> {
    found.rows.iter().map(|row| (row.position, row.similarity.to_bits())).collect()
}

/// Vectors as they come: alike, far apart, the same, in one corner, or with one value far above the others.
fn vector(dimension: usize) -> impl Strategy<Value = UnitVector> {
    let value = prop_oneof![6 => -1.0f32..1.0, 1 => Just(0.0), 1 => -100.0f32..100.0];
    let random = prop::collection::vec(value, dimension);
    let alike = (0..dimension, -1e-3f32..1e-3).prop_map(move |(at, by)| {
        let mut values = vec![1.0; dimension];
        values[at] += by;
        values
    });
    let coarse = prop::collection::vec(prop_oneof![Just(-1.0f32), Just(1.0)], dimension);
    prop_oneof![3 => random, 2 => alike, 1 => coarse].prop_filter_map("zero", |values| UnitVector::new(&values).ok())
}

#[derive(Clone, Debug)]
enum Step {
    Push(u64, UnitVector),
    Replace(usize, UnitVector),
    RetainNotMultiplesOf(u64),
    Search { query: UnitVector, k: usize, up_to: u64, keep: u64 },
}

fn steps(dimension: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (1..4u64, vector(dimension)).prop_map(|(gap, vector)| Step::Push(gap, vector)),
        2 => (any::<prop::sample::Index>(), vector(dimension)).prop_map(|(at, vector)| Step::Replace(at.index(400), vector)),
        1 => (2..9u64).prop_map(Step::RetainNotMultiplesOf),
        4 => (vector(dimension), prop_oneof![0..12usize, Just(usize::MAX)], prop_oneof![0..400u64, Just(u64::MAX)], 1..4u64)
            .prop_map(|(query, k, up_to, keep)| Step::Search { query, k, up_to, keep }),
    ];
    prop::collection::vec(step, 1..250)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_answer_is_that_of_a_plain_search((dimension, steps) in (1..70usize).prop_flat_map(|dimension| (Just(dimension), steps(dimension)))) {
        let mut index = FlatIndex::new(dimension).unwrap();
        let mut naive = Naive::default();
        for step in steps {
            match step {
                Step::Push(gap, vector) => {
                    let position = index.last_position().unwrap_or_default() + gap;
                    index.push(position, &vector).unwrap();
                    naive.0.insert(position, vector);
                }
                Step::Replace(position, vector) => {
                    let known = naive.0.get_mut(&(position as u64));
                    prop_assert_eq!(index.replace(position as u64, &vector).unwrap(), known.is_some());
                    if let Some(known) = known {
                        *known = vector;
                    }
                }
                Step::RetainNotMultiplesOf(factor) => {
                    index.retain(|position| position % factor != 0);
                    naive.0.retain(|position, _| position % factor != 0);
                }
                Step::Search { query, k, up_to, keep } => {
                    let keep = |position| position % keep == 0;
                    let found = index.nearest(&query, k, up_to, keep, |position, row| naive.read(position, row)).unwrap();
                    prop_assert_eq!(plain(&found), naive.nearest(&query, k, up_to, keep));
                    prop_assert!(found.read >= found.rows.len() && found.read <= naive.0.len());
                }
            }
            prop_assert_eq!(index.len(), naive.0.len());
        }
    }
}

/// Numbers that look like noise, from a seed.
fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut bytes = vec![0; len * 2];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes.chunks(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]]))).collect()
}

fn filled(rows: u64, dimension: usize) -> (FlatIndex, Naive) {
    let mut index = FlatIndex::new(dimension).unwrap();
    let mut naive = Naive::default();
    for position in 1..=rows {
        let vector = UnitVector::new(&noise(position, dimension)).unwrap();
        index.push(position, &vector).unwrap();
        naive.0.insert(position, vector);
    }
    (index, naive)
}

#[test]
fn few_vectors_are_read_in_full_and_only_those_that_the_filter_lets_through() {
    let (index, naive) = filled(2000, 384);
    for seed in 0..20 {
        let query = UnitVector::new(&noise(1_000_000 + seed, 384)).unwrap();
        let keep = |position: u64| position % 2 == 1;
        let read = |position, row: &mut [f32]| {
            assert_eq!(position % 2, 1, "position {position} was not to be read");
            naive.read(position, row)
        };
        let found = index.nearest(&query, 10, 1500, keep, read).unwrap();
        assert_eq!(plain(&found), naive.nearest(&query, 10, 1500, keep));
        assert!(found.read <= 40, "{} of 750 rows were read for 10", found.read);
    }
}

#[test]
fn equally_near_rows_stand_in_their_order() {
    let vector = UnitVector::new(&noise(1, 100)).unwrap();
    let mut index = FlatIndex::new(100).unwrap();
    (1..=500).for_each(|position| index.push(position * 3, &vector).unwrap());
    let read = |_, row: &mut [f32]| {
        row.copy_from_slice(vector.values());
        Ok(())
    };
    let found = index.nearest(&vector, 4, u64::MAX, |_| true, read).unwrap();
    assert_eq!(found.rows.iter().map(|row| row.position).collect::<Vec<_>>(), [3, 6, 9, 12]);
}

#[test]
fn a_store_that_hands_out_other_vectors_is_found_out() {
    let (index, naive) = filled(50, 64);
    let query = naive.0[&7].clone();
    let good = |position, row: &mut [f32]| naive.read(position, row);
    assert_eq!(index.nearest(&query, 1, u64::MAX, |_| true, good).unwrap().rows[0].position, 7);

    let swapped = |_, row: &mut [f32]| naive.read(8, row);
    let error = index.nearest(&query, 1, u64::MAX, |_| true, swapped).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("build the index again"), "{error}");
    for value in [f32::NAN, f32::INFINITY, 0.0] {
        let wrong = |_, row: &mut [f32]| {
            row.fill(value);
            Ok(())
        };
        let error = index.nearest(&query, 1, u64::MAX, |_| true, wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{value}");
    }
    let failing = |_, _: &mut [f32]| Err(StoreError::Backend("gone".into()));
    assert_eq!(index.nearest(&query, 1, u64::MAX, |_| true, failing), Err(StoreError::Backend("gone".into())));
}

#[test]
fn a_row_or_a_query_of_another_dimension_changes_nothing() {
    let (mut index, naive) = filled(3, 8);
    let other = UnitVector::new(&[1.0; 9]).unwrap();
    assert!(index.push(4, &other).is_err());
    assert!(index.replace(1, &other).is_err());
    assert!(index.nearest(&other, 1, u64::MAX, |_| true, |position, row| naive.read(position, row)).is_err());
    assert!(index.push(3, &naive.0[&1]).is_err(), "position 3 is taken");
    assert_eq!((index.len(), index.last_position()), (3, Some(3)));
    let found = index.nearest(&naive.0[&1], 3, u64::MAX, |_| true, |position, row| naive.read(position, row)).unwrap();
    assert_eq!(plain(&found), naive.nearest(&naive.0[&1], 3, u64::MAX, |_| true));
}

#[test]
fn a_thousand_rows_of_768_values_take_less_than_the_megabyte_they_are_allowed() {
    let (index, _) = filled(1000, 768);
    assert!(index.bytes() <= 1_050_000, "{} bytes", index.bytes());
}
