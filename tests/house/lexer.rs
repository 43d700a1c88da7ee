//! Enough of Rust's lexical grammar to tell code, comments and string literals apart.

/// One file's code and string literals, each with its line number.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    /// The lines with comments taken out and string literals emptied.
    pub(super) lines: Vec<(usize, String)>,
    /// What stands between the quotes.
    pub(super) strings: Vec<(usize, String)>,
}

pub(super) fn lex(text: &str) -> Lexed {
    let mut lexed = Lexed::default();
    let mut code = String::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some((open, close)) = raw_string(rest).filter(|_| !ends_in_word(&code)) {
            string(&mut lexed, &mut code, line, rest, open, raw_end(rest, open, &close))
        } else if next == '"' {
            string(&mut lexed, &mut code, line, rest, 1, quoted_end(rest))
        } else if let Some(length) = char_literal(rest) {
            code.push_str("' '");
            length
        } else if next == '\n' {
            lexed.lines.push((line, std::mem::take(&mut code)));
            line += 1;
            rest = &rest[1..];
            continue;
        } else {
            code.push(next);
            next.len_utf8()
        };
        let newlines = rest[..length].matches('\n').count();
        for _ in 0..newlines {
            lexed.lines.push((line, std::mem::take(&mut code)));
            line += 1;
        }
        rest = &rest[length..];
    }
    lexed.lines.push((line, code));
    lexed
}

/// Notes a literal whose text ends at `end`, and returns the length of the whole literal.
fn string(lexed: &mut Lexed, code: &mut String, line: usize, rest: &str, open: usize, end: (usize, usize)) -> usize {
    lexed.strings.push((line, rest[open..end.0].to_owned()));
    code.push_str("\"\"");
    end.1
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of `r##"` and the `"##` that closes it.
fn raw_string(rest: &str) -> Option<(usize, String)> {
    let hashes = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let count = hashes.len() - hashes.trim_start_matches('#').len();
    hashes[count..].starts_with('"').then(|| {
        let open = rest.len() - hashes.len() + count + 1;
        (open, format!("\"{}", "#".repeat(count)))
    })
}

fn raw_end(rest: &str, open: usize, close: &str) -> (usize, usize) {
    let end = rest[open..].find(close).map_or(rest.len(), |at| open + at);
    (end, (end + close.len()).min(rest.len()))
}

fn quoted_end(rest: &str) -> (usize, usize) {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return (at, at + 1),
            _ => {}
        }
    }
    (rest.len(), rest.len())
}

/// The length of `'x'` or `'\x'`; a lifetime has no closing quote after its first character.
fn char_literal(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    if let Some(escape) = inner.strip_prefix('\\') {
        let after = escape.chars().next()?.len_utf8();
        return escape[after..].find('\'').map(|at| 1 + 1 + after + at + 1);
    }
    let length = inner.chars().next()?.len_utf8();
    inner[length..].starts_with('\'').then_some(length + 2)
}

fn ends_in_word(code: &str) -> bool {
    code.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

#[test]
fn comments_are_dropped_and_strings_are_set_apart_from_code() {
    let lexed = lex("let a = \"x // y\"; // note \"z\"\n/* /* b */ \n */ let c = r#\"d\"e\"#; let f = '\"';\n");
    let code: Vec<&str> = lexed.lines.iter().map(|(_, line)| line.trim()).collect();
    assert_eq!(code, ["let a = \"\";", "", "let c = \"\"; let f = ' ';", ""]);
    assert_eq!(lexed.strings, [(1, "x // y".to_owned()), (3, "d\"e".to_owned())]);
}

#[test]
fn a_string_over_several_lines_keeps_the_count_of_lines() {
    let lexed = lex("let sql = \"SELECT \\\" \\\n  FROM x\";\nfn b<'a>(c: &'a str, d: char) { d == '\\'' }");
    assert_eq!(lexed.strings, [(1, "SELECT \\\" \\\n  FROM x".to_owned())]);
    assert_eq!(lexed.lines.last().unwrap(), &(3, "fn b<'a>(c: &'a str, d: char) { d == ' ' }".to_owned()));
}
