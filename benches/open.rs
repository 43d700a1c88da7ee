//! Opening a vault, small and large.

mod shared;

use causal_vault::{Durability, Vault};
use shared::{Folder, filled, is_quick};

fn main() {
    let mut criterion = shared::criterion();
    let mut group = criterion.benchmark_group("open");
    let sizes: &[u64] = if is_quick() { &[1_000] } else { &[1_000, 1_000_000] };
    for events in sizes.iter().copied() {
        let folder = Folder::new();
        let path = folder.file("vault");
        drop(filled::vault(&path, events));
        group.bench_function(format!("{events} events"), |bencher| {
            bencher.iter(|| Vault::builder().durability(Durability::Fast).open(&path).unwrap());
        });
        group.bench_function(format!("{events} events, and the tree head"), |bencher| {
            bencher.iter(|| assert_eq!(Vault::open(&path).unwrap().tree_head().unwrap().size, events));
        });
    }
    group.finish();
    criterion.final_summary();
}
