//! Embeddings of every kind: what is refused, what is kept, and that it is the same everywhere.

use causal_vault::limits::EMBEDDING_DIMENSIONS;
use causal_vault::{ErrorKind, StoreError, UnitVector};
use proptest::prelude::*;

fn reason(values: &[f32]) -> String {
    UnitVector::new(values).unwrap_err().to_string()
}

#[test]
fn what_has_no_direction_is_refused_by_the_value_that_is_wrong() {
    assert_eq!(reason(&[]), "invalid embedding: it has no dimensions; give it at least one");
    assert_eq!(reason(&[0.0, -0.0]), "invalid embedding: all of its 2 values are zero; it has no direction");
    assert_eq!(reason(&[1.0, 2.0, f32::NAN]), "invalid embedding: value 2 is NaN; give finite numbers");
    assert_eq!(reason(&[f32::NEG_INFINITY, f32::NAN]), "invalid embedding: value 0 is -inf; give finite numbers");
}

#[test]
fn dimensions_run_from_one_to_the_limit() {
    assert_eq!(UnitVector::new(&[-2.0]).unwrap().values(), [-1.0]);
    assert_eq!(UnitVector::new(&[1.0; EMBEDDING_DIMENSIONS]).unwrap().values(), [1.0 / 64.0; EMBEDDING_DIMENSIONS]);
    let error = UnitVector::new(&[1.0; EMBEDDING_DIMENSIONS + 1]).unwrap_err();
    let expected = StoreError::Limit { what: "the embedding", found: 4097, limit: 4096, unit: "dimensions" };
    assert_eq!(error, expected);
}

#[test]
fn another_models_dimension_is_told_as_such() {
    let error = UnitVector::of_dimension(&[1.0; 384], 768).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("it has 384 dimensions and 768 are expected"), "{error}");
    let (two, three) = (UnitVector::new(&[1.0; 2]).unwrap(), UnitVector::new(&[1.0; 3]).unwrap());
    assert!(two.similarity(&three).is_err());
}

#[test]
fn huge_tiny_and_mixed_values_neither_overflow_nor_vanish() {
    let unit = |values: &[f32]| UnitVector::new(values).unwrap().values().to_vec();
    assert_eq!(unit(&[f32::MAX; 4]), [0.5; 4]);
    assert_eq!(unit(&[f32::from_bits(1); 4]), [0.5; 4]);
    assert_eq!(unit(&[f32::MAX, f32::from_bits(1)]), [1.0, 0.0]);
    assert_eq!(unit(&[3e-39, -4e-39]).iter().map(|value| (value * 100.0).round()).collect::<Vec<_>>(), [60.0, -80.0]);
}

/// The bits were written down once, and every machine has to reproduce them.
#[test]
fn the_direction_has_the_same_bits_on_every_machine() {
    let values: Vec<f32> = (0..100u16).map(|index| (f32::from(index) - 41.5) / 7.0).collect();
    let bytes: Vec<u8> =
        UnitVector::new(&values).unwrap().values().iter().flat_map(|value| value.to_le_bytes()).collect();
    let digest = blake3::hash(&bytes).to_hex();
    assert_eq!(digest.as_str(), "3a86e23c99af7c6e72adab06dec058dfc6d326f5ee72e926a3742cb0a82712a6");
    let reversed: Vec<f32> = values.iter().rev().copied().collect();
    let similarity = UnitVector::new(&values).unwrap().similarity(&UnitVector::new(&reversed).unwrap()).unwrap();
    assert_eq!(similarity.to_bits(), 0xbf5b_7ac2, "computed by another program");
}

proptest! {
    #[test]
    fn any_finite_vector_comes_to_length_one(values in prop::collection::vec(any::<f32>(), 1..300)) {
        prop_assume!(values.iter().all(|value| value.is_finite()) && values.iter().any(|value| *value != 0.0));
        let unit = UnitVector::new(&values).unwrap();
        let length: f64 = unit.values().iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        prop_assert!((length - 1.0).abs() < 1e-6, "{}", length);
        prop_assert!((unit.similarity(&unit).unwrap() - 1.0).abs() < 1e-5);
        prop_assert!(unit.values().iter().zip(&values).all(|(unit, value)| *unit == 0.0 || (*unit < 0.0) == (*value < 0.0)));
    }

    #[test]
    fn bits_that_are_no_numbers_are_errors_and_never_panics(bits in prop::collection::vec(any::<u32>(), 0..40)) {
        let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
        let is_good = values.iter().all(|value| value.is_finite()) && values.iter().any(|value| *value != 0.0);
        prop_assert_eq!(UnitVector::new(&values).is_ok(), is_good);
    }
}
