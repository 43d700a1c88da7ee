use causal_vault::{Anchor, TailVerdict, Vault};

/// Found by the attack suite: the tree head of a new vault, kept as an anchor, made the untouched vault a truncated one.
#[test]
fn an_anchor_of_an_empty_vault_is_kept_by_an_empty_vault() {
    let vault = Vault::in_memory().unwrap();
    let anchor: Anchor = vault.tree_head().unwrap().into();
    let report = vault.verify(&[anchor]).unwrap();
    assert_eq!(report.tail, TailVerdict::Consistent { anchored: 0 });
    assert!(report.is_intact());
    let elsewhere = Anchor { size: 0, root: [1; 32] };
    assert_eq!(vault.verify(&[elsewhere]).unwrap().tail, TailVerdict::Diverged { at: 0 });
}
