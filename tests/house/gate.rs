//! The recipes, the hook, the workflow and CI run the same steps, and what a step does is written once.

use std::collections::BTreeSet;

use super::{File, assert_clean, assert_complains, find_word, is_packaged, repository};

const STEPS: &str = ".ci/steps";
const CALLERS: &[&str] = &["justfile", ".ci/run", ".githooks/pre-push", ".github/workflows/ci.yml"];

fn stray_steps(files: &[File]) -> Vec<String> {
    let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let Some(script) = text(STEPS) else { return vec![format!("{STEPS}: is missing")] };
    let steps: BTreeSet<&str> =
        script.lines().filter_map(|line| line.strip_prefix("step_")?.split("()").next()).collect();
    let gate: Vec<&str> = script
        .lines()
        .find_map(|line| line.strip_prefix("GATE=\"")?.strip_suffix('"'))
        .map(|names| names.split(' ').collect())
        .unwrap_or_default();
    let mut complaints: Vec<String> = gate
        .iter()
        .filter(|name| !steps.contains(*name))
        .map(|name| format!("{STEPS}: the gate names the step {name}, which is not there"))
        .collect();
    for path in CALLERS {
        let Some(text) = text(path) else {
            complaints.push(format!("{path}: is missing"));
            continue;
        };
        let calls = calls(text);
        if calls.is_empty() {
            complaints.push(format!("{path}: calls no step"));
        }
        for name in calls.iter().filter(|name| !steps.contains(name.as_str())) {
            complaints.push(format!("{path}: calls the step {name}, which is not in {STEPS}"));
        }
        if *path == ".github/workflows/ci.yml" {
            for name in gate.iter().filter(|name| !calls.contains(**name)) {
                complaints.push(format!("{path}: does not run the step {name} of the gate"));
            }
        }
        if *path == "justfile" {
            complaints.extend(recipes(text, &steps));
        }
        for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim_start().starts_with('#')) {
            let own = ["build", "fmt", "test", "clippy", "doc", "bench", "check", "run"]
                .into_iter()
                .find(|verb| find_word(text, &format!("cargo {verb}")).is_some());
            if let Some(verb) = own.filter(|_| !text.contains("--version")) {
                complaints.push(format!("{path}:{line}: runs cargo {verb} by itself; make it a step"));
            }
        }
    }
    complaints
}

/// The names that follow `.ci/steps`.
fn calls(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.match_indices(STEPS).map(|(at, found)| &line[at + found.len()..]))
        .map(|rest| rest.trim_start_matches('"').split_whitespace().next().unwrap_or_default().to_owned())
        .collect()
}

/// Every recipe calls the step of its own name and nothing else, and every step has a recipe.
fn recipes(text: &str, steps: &BTreeSet<&str>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut without = steps.clone();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with([' ', '#'])) else { continue };
        // What follows the name is handed on.
        let (name, arguments) = match name.split_once(" *") {
            Some((name, arguments)) => (name, format!(" {{{{{arguments}}}}}")),
            None => (name, String::new()),
        };
        without.remove(name);
        let mut body = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
            body.push(line.trim());
        }
        if body != [format!("@bash {STEPS} {name}{arguments}")] {
            complaints.push(format!("justfile: the recipe {name} does more or less than `@bash {STEPS} {name}`"));
        }
    }
    complaints.extend(without.iter().map(|name| format!("justfile: the step {name} has no recipe")));
    complaints
}

#[test]
fn recipes_hook_workflow_and_ci_call_steps_that_exist() {
    if !is_packaged() {
        assert_clean(&stray_steps(&repository()));
    }
}

#[test]
fn a_step_that_is_misnamed_missing_or_written_twice_is_caught() {
    let tooling = |change: (&str, &str)| {
        [
            (STEPS, "GATE=\"fmt\"\nstep_fmt() {\n}\nstep_check() {\n}\n"),
            ("justfile", "# All.\ncheck:\n    @bash .ci/steps check\nfmt:\n    @bash .ci/steps fmt\n"),
            (".ci/run", "exec bash .ci/steps check\n"),
            (".githooks/pre-push", "exec bash \"$top/.ci/steps\" check\n"),
            (".github/workflows/ci.yml", "steps:\n  - run: bash .ci/steps fmt\n"),
        ]
        .map(|(path, text)| File::new(path, if path == change.0 { change.1 } else { text }))
    };
    let changed = |path, text| stray_steps(&tooling((path, text)));
    assert_clean(&changed("", ""));
    assert_complains(&changed(".ci/run", "bash .ci/steps chek\n"), "calls the step chek");
    assert_complains(&changed(".ci/run", "bash .ci/steps check\ncargo test\n"), ".ci/run:2: runs cargo test by itself");
    assert_complains(&changed(".githooks/pre-push", "# bash .ci/steps check\n"), "calls no step");
    assert_complains(&changed(".github/workflows/ci.yml", "run: .ci/steps check\n"), "does not run the step fmt");
    assert_complains(&changed("justfile", "check:\n    @bash .ci/steps check\n"), "the step fmt has no recipe");
    let two = "check:\n    @bash .ci/steps check\nfmt:\n    @bash .ci/steps check\n";
    assert_complains(&changed("justfile", two), "the recipe fmt does more or less");
    let [handed_on, kept] = [" {{files}}", ""]
        .map(|files| format!("check:\n    @bash .ci/steps check\nfmt *files:\n    @bash .ci/steps fmt{files}\n"));
    assert_clean(&changed("justfile", &handed_on));
    assert_complains(&changed("justfile", &kept), "the recipe fmt does more or less");
    let gate = "GATE=\"fmt lint\"\nstep_fmt() {\n}\nstep_check() {\n}\n";
    let complaints = changed(STEPS, gate);
    assert!(complaints.iter().any(|complaint| complaint.contains("the gate names the step lint")), "{complaints:?}");
    assert_complains(&stray_steps(&[]), ".ci/steps: is missing");
}

/// A Python that can make no environment, found before every other.
#[cfg(unix)]
#[test]
fn bundles_are_left_out_where_there_is_no_python_for_them_and_fail_in_continuous_integration() {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;
    if is_packaged() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("python3");
    write(&python, "#!/bin/sh\nexit 1\n").unwrap();
    set_permissions(&python, Permissions::from_mode(0o755)).unwrap();
    let path = [folder.path().display().to_string(), std::env::var("PATH").unwrap()].join(":");
    let said = |ci: &str| {
        let mut bash = Command::new("bash");
        bash.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(STEPS)).arg("bundle");
        let output = bash.env("PATH", &path).env("CI", ci).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let ((alone, words), (judged, failed)) = (said(""), said("true"));
    assert!(alone && !judged, "{words}{failed}");
    assert!(words.starts_with("bundle: SKIPPED, ") && failed.contains("bundle: FAILED, "), "{words}{failed}");
}
