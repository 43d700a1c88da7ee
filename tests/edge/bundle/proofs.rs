//! Bundles whose proofs are too long, too short, or of something else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use causal_vault::{Filter, Vault};

use super::file::{File, field};
use super::limits::{at_position, prove};
use super::{at, export, full};

/// Each with whether it is good, where it is not the crate alone that says so.
pub(super) fn all() -> Vec<(String, Vec<u8>, Option<bool>)> {
    let mut all = ranges(&full(), 9);
    all.extend(paths());
    all
}

/// Ranges between every two positions, and with edges that are not theirs.
fn ranges(vault: &Vault, size: u64) -> Vec<(String, Vec<u8>, Option<bool>)> {
    let mut all = Vec::new();
    for up_to in 0..=size {
        for after in 0..=up_to {
            let name = format!("behind {after} up to {up_to} of {size}");
            let good = export(vault, Filter::all().after(at(vault, after)).up_to(at(vault, up_to)));
            let file = File::open(&good);
            // Realm, tenant, timeline, size, root, contents, after, up to, stream and writer stand before the edges.
            let left = 32 + 8 + 5 + 8 + 32 + 1 + 8 + 8 + 2;
            if file.records[0].1[85] == 1 {
                let peaks = usize::from(file.records[0].1[left]);
                let right = left + 1 + 32 * peaks;
                let nodes = usize::from(file.records[0].1[right]);
                let mut spoil = |what: String, change: &dyn Fn(&mut Vec<u8>)| {
                    all.push((format!("{name}, {what}"), file.with(0, |body| change(body)).seal(), Some(false)));
                };
                for (edge, count, at) in [("left", peaks, left), ("right", nodes, right)] {
                    for node in 0..count {
                        spoil(format!("{edge} {node} another"), &|body| body[at + 1 + 32 * node] ^= 1);
                    }
                    spoil(format!("{edge} one more"), &|body| {
                        body[at] += 1;
                        let end = at + 1 + 32 * count;
                        body.splice(end..end, [0; 32]);
                    });
                    if count > 0 {
                        spoil(format!("{edge} one less"), &|body| {
                            body[at] -= 1;
                            body.drain(at + 1..at + 33);
                        });
                        spoil(format!("{edge} none"), &|body| {
                            body[at] = 0;
                            body.drain(at + 1..at + 1 + 32 * count);
                        });
                    }
                }
            }
            all.extend(noted(vault, &name, &file, (after, up_to, size)));
            all.push((name, good, Some(true)));
        }
    }
    all
}

/// With a checkpoint of a tree that the bundle shows, or does not.
fn noted(
    vault: &Vault,
    name: &str,
    file: &File,
    (after, up_to, size): (u64, u64, u64),
) -> Vec<(String, Vec<u8>, Option<bool>)> {
    let mut all = Vec::new();
    let header = &file.records[0].1;
    let named = u64::from_be_bytes(header[45..53].try_into().unwrap());
    if header[85] != 1 || header.windows(5).any(|part| part == b"vault") {
        return all;
    }
    for noted in (0..=size).filter(|noted| noted.abs_diff(after) < 2 || noted.abs_diff(up_to) < 2 || *noted == named) {
        let root = vault.tree_head_at(at(vault, noted)).unwrap().root;
        for (root, is_right) in [(root, true), ([9; 32], false)] {
            let (origin, root) = (vault.origin("vault.example").unwrap(), STANDARD.encode(root));
            let note = format!("{origin}\n{noted}\n{root}\n\n\u{2014} vault.example AAAAAAA=\n");
            let is_shown = noted == named || (after..=up_to).contains(&noted);
            let bytes = file.with(0, |body| body.extend(note.as_bytes())).seal();
            all.push((format!("{name}, a note of {noted}, {is_right}"), bytes, Some(is_shown && is_right)));
        }
    }
    all
}

/// Proofs that are too long, too short, or of something else.
fn paths() -> Vec<(String, Vec<u8>, Option<bool>)> {
    let mut all = Vec::new();
    for size in 2..10 {
        for position in 2..=size {
            let file = File::open(&at_position(position, size));
            let nodes = prove([0; 32], position, size).0.len();
            let mut spoil = |what: &str, change: &dyn Fn(&mut Vec<u8>, usize)| {
                let path = field(&file.records[2].1, "path").start;
                let spoilt = file.with(2, |body| change(body, path)).seal();
                all.push((format!("the proof of {position} in {size}, {what}"), spoilt, Some(false)));
            };
            spoil("one more at its end", &|body, path| {
                body[path - 1] += 1;
                body.splice(path + 32 * nodes..path + 32 * nodes, [0; 32]);
            });
            spoil("one more at its beginning", &|body, path| {
                body[path - 1] += 1;
                body.splice(path..path, [0; 32]);
            });
            spoil("one less", &|body, path| {
                body[path - 1] -= 1;
                body.drain(path..path + 32);
            });
            for other in (1..=size + 1).filter(|other| *other != position) {
                let moved = file.with(2, |body| body[7] = u8::try_from(other).unwrap()).seal();
                all.push((format!("the proof of {position} in {size} for {other}"), moved, None));
            }
            for other in (2..12).filter(|other| *other != size) {
                let grown = file.with(0, |body| {
                    body[52] = u8::try_from(other).unwrap();
                    body[101] = body[52];
                });
                all.push((format!("the proof of {position} in {size} in {other}"), grown.seal(), None));
            }
        }
    }
    all
}
