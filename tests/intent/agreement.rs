//! The measures of agreement are those of scikit-learn 1.9.1, whose values stand here.

use crate::suite::agreement::{adjusted_information, adjusted_rand};

#[track_caller]
fn assert_agree(left: &[usize], right: &[usize], information: f64, rand: f64) {
    for (left, right) in [(left, right), (right, left)] {
        let found = (adjusted_information(left, right), adjusted_rand(left, right));
        assert!((found.0 - information).abs() < 1e-9, "{} is not {information}", found.0);
        assert!((found.1 - rand).abs() < 1e-12, "{} is not {rand}", found.1);
    }
}

#[test]
fn small_groupings_agree_as_far_as_scikit_learn_says() {
    assert_agree(&[0, 0, 1, 1, 2, 2], &[0, 0, 1, 2, 2, 2], 0.5023607027202738, 0.4444444444444444);
    assert_agree(&[0, 0, 0, 1, 1, 1], &[1, 1, 1, 0, 0, 0], 1.0, 1.0);
    assert_agree(&[0, 1, 2, 3], &[0, 0, 0, 0], 0.0, 0.0);
    assert_agree(&[0, 0, 1, 1], &[0, 1, 0, 1], -0.5, -0.5);
}

#[test]
fn groupings_that_say_nothing_agree() {
    assert_agree(&[0, 0, 0, 0], &[1, 1, 1, 1], 1.0, 1.0);
    assert_agree(&[0, 1, 2, 3], &[3, 2, 1, 0], 1.0, 1.0);
    assert_agree(&[], &[], 1.0, 1.0);
    assert_agree(&[5], &[9], 1.0, 1.0);
}

#[test]
fn larger_groupings_agree_as_far_as_scikit_learn_says() {
    let (left, right): (Vec<_>, Vec<_>) = (0..200).map(|i| (i % 7, i * i % 11)).unzip();
    assert_agree(&left, &right, -0.039651939745211584, -0.024016487998094974);
    let (left, right): (Vec<_>, Vec<_>) = (0..300).map(|i| (i / 10, i / 13)).unzip();
    assert_agree(&left, &right, 0.7685201387358834, 0.6007905138339921);
}
