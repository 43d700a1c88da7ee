//! Imports only point down, and name the layer that they come from.

use super::{File, assert_clean, assert_complains, repository};

/// The folders of `src` and their height. Equal heights may use each other.
const LAYERS: &[(&str, u8)] =
    &[("words", 0), ("backend", 1), ("causal", 2), ("intent", 3), ("vault", 4), ("edge", 5), ("manual", 6)];

fn height(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(layer, _)| *layer == name).map(|(_, height)| *height)
}

fn upward_imports(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.is_rust_of("src/") && file.path != "src/lib.rs") {
        let own = file.path.split('/').nth(1).unwrap_or_default();
        let Some(own_height) = height(own) else {
            complaints.push(format!("{}: stands in no layer; put it into one of {LAYERS:?}", file.path));
            continue;
        };
        for (line, code) in joined_lines(file) {
            for used in crate_paths(&code) {
                match height(&used) {
                    None => complaints.push(format!(
                        "{}:{line}: names crate::{used}, which goes through the root; name the layer",
                        file.path
                    )),
                    Some(height) if height > own_height => {
                        complaints.push(format!("{}:{line}: {own} uses crate::{used}, which lies above it", file.path))
                    }
                    Some(_) => {}
                }
            }
            for used in climbing_paths(&code).filter(|used| used != own) {
                complaints.push(format!(
                    "{}:{line}: reaches {used} by super::; write crate::{used}, so that layers can be read",
                    file.path
                ));
            }
        }
    }
    complaints
}

/// Lines of code, where a `use` that runs over several lines is one.
fn joined_lines(file: &File) -> Vec<(usize, String)> {
    let mut joined: Vec<(usize, String)> = Vec::new();
    for (line, code) in file.code().lines {
        match joined.last_mut() {
            Some((_, open)) if open.contains("crate::{") && !open.contains(';') => open.push_str(code.trim()),
            _ => joined.push((line, code)),
        }
    }
    joined
}

/// The first segment of every path from the crate's root, those of a group `crate::{a::B, c}` included.
fn crate_paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, root) in code.match_indices("crate::") {
        let path = &code[at + root.len()..];
        match path.strip_prefix('{') {
            _ if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') => {}
            Some(group) => found.extend(group_segments(group)),
            None => found.push(first_segment(path)),
        }
    }
    found
}

/// What stands first in each member of a group whose opening brace is gone.
fn group_segments(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut members = vec![String::new()];
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => members.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                members.last_mut().unwrap().push(c);
            }
        }
    }
    members.iter().map(|member| first_segment(member.trim())).filter(|segment| !segment.is_empty()).collect()
}

fn first_segment(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The layers that are named right after a `super::`.
fn climbing_paths(code: &str) -> impl Iterator<Item = String> + '_ {
    code.match_indices("super::")
        .map(|(at, found)| first_segment(&code[at + found.len()..]))
        .filter(|used| height(used).is_some())
}

#[test]
fn imports_only_point_down() {
    assert_clean(&upward_imports(&repository()));
}

#[test]
fn an_import_that_points_up_is_caught() {
    let up = |text| upward_imports(&[File::new("src/backend/value.rs", text)]);
    assert_complains(&up("use crate::causal::Entry;\n"), "value.rs:1: backend uses crate::causal");
    assert_complains(&up("use crate::{\n    words::Result,\n    vault::{Vault, Writer},\n};\n"), "crate::vault");
    assert_complains(&up("fn f() { crate::edge::export() }\n"), "crate::edge");
    assert_complains(&up("pub(in crate::vault) fn f() {}\n"), "crate::vault");
    assert_complains(&up("pub(crate) fn f(vault: &crate::vault::Vault) {}\n"), "crate::vault");
    assert_complains(&up("use super::super::causal::Entry;\n"), "reaches causal by super::");
    assert_clean(&up("use crate::words::Result;\nuse crate::backend::Value;\npub(crate) fn f() {}\n"));
}

#[test]
fn an_import_through_the_crate_root_is_caught_and_a_link_in_a_comment_is_not() {
    let root = |text| upward_imports(&[File::new("src/vault/read.rs", text)]);
    assert_complains(&root("use crate::StoreError;\n"), "goes through the root");
    assert_complains(&root("use crate::{words::Result, Value};\n"), "crate::Value");
    assert_clean(&root("/// See [`Value`](crate::Value).\nfn f() {}\n"));
}

#[test]
fn a_file_outside_every_layer_is_caught() {
    assert_complains(&upward_imports(&[File::new("src/helpers/mod.rs", "")]), "stands in no layer");
    assert_complains(&upward_imports(&[File::new("src/helpers.rs", "")]), "stands in no layer");
}
