//! The house rules, held by `cargo test`: who may name whom (the table of ARCHITECTURE.md), where SQL, the time and name
//! look-ups live, how long a file and a function may be, and that the documents tell the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[path = "tidy/sealed.rs"]
mod sealed;
#[path = "tidy/threats.rs"]
mod threats;

/// The longest file, in lines.
const FILE_LINES_MAX: usize = 500;

/// The longest function, in lines from its name to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// The longest ARCHITECTURE.md, in lines.
const ARCHITECTURE_LINES_MAX: usize = 250;

/// How the files of browser tests end.
const BROWSER_TEST: &str = ".test.mjs";

/// A Rust file with its text in three shapes; all three have the same lines.
struct Source {
    /// Its path from the root of the repository.
    path: String,
    /// As it is.
    text: String,
    /// With its comments blanked.
    uncommented: String,
    /// With its comments and the insides of its strings blanked.
    code: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files under a folder, by their paths from the root, without what is built, fetched or git's own.
fn files_under(folder: &str) -> Vec<String> {
    let mut folders = vec![root().join(folder)];
    let mut files: Vec<String> = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for path in entries.map(|entry| entry.expect("a folder can be read to its end").path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // What is built lies in `target` at the root; a module may be called so too.
            let is_built = name == "target" && path.parent() == Some(root());
            if is_built || [".git", "node_modules", "__pycache__"].contains(&name) {
                continue;
            } else if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                files.push(from_root(&path));
            }
        }
    }
    files.sort();
    files
}

fn from_root(path: &Path) -> String {
    path.strip_prefix(root()).expect("the path is under the root").to_str().expect("paths are UTF-8").to_owned()
}

/// The Rust files under these folders.
fn sources(folders: &[&str]) -> Vec<Source> {
    let files = folders.iter().flat_map(|folder| files_under(folder));
    let files = files.filter(|path| path.ends_with(".rs"));
    files
        .map(|path| {
            let text = read(&path);
            let (uncommented, code) = (blank(&text, false), blank(&text, true));
            Source { path, text, uncommented, code }
        })
        .collect()
}

/// Blanks comments, and if asked the insides of strings and characters; lines stay where they are.
fn blank(text: &str, strings_too: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let (length, hide) = token(rest, before);
        let (token, tail) = rest.split_at(length);
        match hide {
            Hide::Comment => out.extend(token.chars().map(spaced)),
            Hide::Text if strings_too => out.extend(token.chars().map(spaced)),
            Hide::Text | Hide::Nothing => out.push_str(token),
        }
        before = token.chars().last().unwrap_or(next);
        rest = tail;
    }
    out
}

fn spaced(character: char) -> char {
    if character == '\n' { '\n' } else { ' ' }
}

enum Hide {
    Comment,
    Text,
    Nothing,
}

/// The length of the token that `rest` begins with, and whether it is a comment or a text.
fn token(rest: &str, before: char) -> (usize, Hide) {
    let in_word = before.is_alphanumeric() || before == '_';
    if rest.starts_with("//") {
        (rest.find('\n').unwrap_or(rest.len()), Hide::Comment)
    } else if rest.starts_with("/*") {
        (rest.find("*/").map_or(rest.len(), |end| end + 2), Hide::Comment)
    } else if rest.starts_with('"') {
        (quoted(rest, '"'), Hide::Text)
    } else if !in_word && (rest.starts_with("r\"") || rest.starts_with("r#") || rest.starts_with("br")) {
        raw_string(rest).map_or((1, Hide::Nothing), |length| (length, Hide::Text))
    } else if let Some(inner) = rest.strip_prefix('\'') {
        let mut characters = inner.chars();
        let first = characters.next().unwrap_or(' ');
        let is_character = first == '\\' || characters.next() == Some('\'');
        if is_character { (quoted(rest, '\''), Hide::Text) } else { (1, Hide::Nothing) }
    } else {
        (rest.chars().next().map_or(1, char::len_utf8), Hide::Nothing)
    }
}

/// The length of a text with escapes, its quotes included.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        if !escaped && character == quote {
            return index + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    rest.len()
}

/// The length of a raw string, if this is one.
fn raw_string(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r')?;
    let hashes: String = after.chars().take_while(|character| *character == '#').collect();
    let body = after.strip_prefix(&hashes)?.strip_prefix('"')?;
    let end = format!("\"{hashes}");
    let start = rest.len() - body.len();
    Some(body.find(&end).map_or(rest.len(), |index| start + index + end.len()))
}

/// Fails with every complaint at once.
#[track_caller]
fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// The lines of `text` that hold one of these words, as complaints.
fn lines_with(path: &str, text: &str, words: &[&str], why: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let found = lines.filter_map(|(index, line)| Some((index, words.iter().find(|word| line.contains(**word))?)));
    found.map(|(index, word)| format!("{path}:{}: {word}: {why}", index + 1)).collect()
}

/// The table of ARCHITECTURE.md: module, and which modules it may name.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let document = read("ARCHITECTURE.md");
    let block = document.split("```edges\n").nth(1).expect("ARCHITECTURE.md has a block of edges");
    let block = block.split("```").next().expect("the block ends");
    let line = |line: &str| {
        let (from, to) = line.split_once("->").unwrap_or_else(|| panic!("not an edge: {line}"));
        let to = to.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        (from.trim().to_owned(), to.collect())
    };
    block.lines().filter(|text| !text.trim().is_empty()).map(line).collect()
}

/// The module path of a file under src: `src/engine/sender.rs` is `["engine", "sender"]`.
fn module_path(path: &str) -> Vec<&str> {
    let inner = path.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")).expect("a file under src");
    inner.strip_suffix("/mod").unwrap_or(inner).split('/').collect()
}

/// The names that come right after a path to the root of the crate, with their lines.
fn named_from_root(source: &Source) -> Vec<(usize, String)> {
    let depth = module_path(&source.path).len();
    let climb = "super::".repeat(depth);
    let mut named = Vec::new();
    for start in ["crate::", "cornet::", climb.as_str()] {
        if start == "cornet::" && source.path != "src/main.rs" {
            continue;
        }
        for (index, _) in source.code.match_indices(start) {
            let before = source.code[..index].chars().last().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || before == ':' {
                continue;
            }
            let line = source.code[..index].matches('\n').count() + 1;
            let after = &source.code[index + start.len()..];
            named.extend(first_names(after).into_iter().map(|name| (line, name)));
        }
    }
    named
}

/// The first name of a path, or of each path in a group in braces.
fn first_names(after: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = after.strip_prefix('{') else { return vec![name(after)] };
    let (mut names, mut level, mut start) = (Vec::new(), 0_i32, 0);
    for (index, character) in group.char_indices() {
        match character {
            '{' => level += 1,
            '}' if level == 0 => {
                names.push(name(&group[start..index]));
                break;
            }
            '}' => level -= 1,
            ',' if level == 0 => {
                names.push(name(&group[start..index]));
                start = index + 1;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn modules_name_only_what_the_table_allows() {
    let edges = edges();
    let mut complaints = Vec::new();
    for source in sources(&["src"]) {
        let module = module_path(&source.path)[0];
        if module == "lib" {
            continue;
        }
        let Some(allowed) = edges.get(module) else {
            complaints.push(format!("{}: the module {module} is not in the table of ARCHITECTURE.md", source.path));
            continue;
        };
        for (line, name) in named_from_root(&source) {
            if edges.contains_key(&name) && name != module && !allowed.contains(&name) {
                complaints.push(format!("{}:{line}: {module} may not name {name}", source.path));
            }
        }
    }
    none(complaints);
}

#[test]
fn the_table_has_no_circle_and_no_stranger() {
    let mut left = edges();
    let known: BTreeSet<String> = left.keys().cloned().collect();
    let strangers = left.values().flatten().filter(|name| !known.contains(*name));
    none(strangers.map(|name| format!("{name} is named in the table but has no line of its own")).collect());
    while !left.is_empty() {
        let free: Vec<String> = left
            .iter()
            .filter(|(_, to)| to.iter().all(|name| !left.contains_key(name)))
            .map(|(from, _)| from.clone())
            .collect();
        assert!(!free.is_empty(), "a circle among {:?}", left.keys());
        free.iter().for_each(|name| drop(left.remove(name)));
    }
}

#[test]
fn every_file_says_what_it_is_and_is_short() {
    let mut complaints = Vec::new();
    for source in sources(&["src", "tests"]) {
        if !source.text.starts_with("//!") {
            complaints.push(format!("{}: does not open with //!", source.path));
        }
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            complaints.push(format!("{}: {lines} lines; a noun is missing", source.path));
        }
    }
    none(complaints);
}

#[test]
fn functions_are_short() {
    let sources = sources(&["src", "tests"]);
    none(sources.iter().flat_map(long_functions).collect());
}

/// Complaints about the functions of a file that are too long.
fn long_functions(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, _) in source.code.match_indices("fn ") {
        let before = source.code[..index].chars().last().unwrap_or(' ');
        let after = &source.code[index..];
        let open = after.find(['{', ';']).filter(|open| after[*open..].starts_with('{'));
        let (false, Some(open)) = (before.is_alphanumeric() || before == '_', open) else { continue };
        let mut level = 0;
        let end = after[open..].char_indices().find(|(_, character)| {
            level += i32::from(*character == '{') - i32::from(*character == '}');
            level == 0
        });
        let body = end.map_or(after, |(end, _)| &after[..open + end]);
        let lines = body.matches('\n').count() + 1;
        if lines > FUNCTION_LINES_MAX {
            let line = source.code[..index].matches('\n').count() + 1;
            let name: String = after[3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            complaints.push(format!("{}:{line}: {name} has {lines} lines", source.path));
        }
    }
    complaints
}

#[test]
fn sql_is_only_in_store() {
    let words = ["SELECT ", "INSERT INTO", "DELETE FROM", "CREATE TABLE", "PRAGMA ", "BEGIN IMMEDIATE", " SET "];
    let strangers = sources(&["src"]).into_iter().filter(|source| !source.path.starts_with("src/store/"));
    none(
        strangers.flat_map(|source| lines_with(&source.path, &source.uncommented, &words, "SQL is in store")).collect(),
    );
}

#[test]
fn the_time_is_asked_only_in_clock() {
    let words = ["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now", "Utc::now"];
    let strangers = sources(&["src"]).into_iter().filter(|source| source.path != "src/clock.rs");
    none(strangers.flat_map(|source| lines_with(&source.path, &source.code, &words, "ask the Clock")).collect());
}

#[test]
fn names_are_looked_up_only_in_the_resolver() {
    let words = ["lookup_host", "ToSocketAddrs", "to_socket_addrs", "hickory_resolver"];
    let strangers = sources(&["src"]).into_iter().filter(|source| !source.path.starts_with("src/engine/resolver"));
    none(strangers.flat_map(|source| lines_with(&source.path, &source.code, &words, "ask the resolver")).collect());
}

#[test]
fn the_domain_knows_no_async_no_database_and_no_http() {
    let words = ["tokio", "hyper", "axum", "rusqlite", "http::", "async ", ".await", "Serialize", "Deserialize"];
    let domain = sources(&["src/domain"]).into_iter();
    none(domain.flat_map(|source| lines_with(&source.path, &source.code, &words, "not in domain")).collect());
}

#[test]
fn nothing_is_left_half_done() {
    let words = [
        concat!("to", "do!("),
        concat!("db", "g!("),
        concat!("un", "implemented!("),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    none(repository_lines_with(&words, "finish it"));
}

#[test]
fn nothing_is_pinned_to_a_work_place() {
    let places = [concat!("/wo", "rk/"), concat!("/tmp/", "wt"), concat!("/ro", "ot/"), concat!("../sha", "red")];
    let hosts = [
        concat!("pypi", ".org"),
        concat!("pythonhosted", ".org"),
        concat!("npmjs", ".org"),
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("deb.debian", ".org"),
    ];
    none(repository_lines_with(&[places.as_slice(), &hosts].concat(), "name no work place and no registry host"));
}

/// Complaints about lines of any text file of the repository.
fn repository_lines_with(words: &[&str], why: &str) -> Vec<String> {
    let files = files_under("").into_iter().filter(|path| path != "Cargo.lock");
    let texts = files.filter_map(|path| Some((fs::read_to_string(root().join(&path)).ok()?, path)));
    texts.flat_map(|(text, path)| lines_with(&path, &text, words, why)).collect()
}

/// The code spans of a line of Markdown.
fn spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// The public constants of src: name and value as written.
fn constants() -> BTreeMap<String, String> {
    let sources = sources(&["src"]);
    let lines = sources.iter().flat_map(|source| source.uncommented.split("pub const ").skip(1));
    let constant = |text: &str| {
        let (name, rest) = text.split_once(':')?;
        let value = rest.split_once('=')?.1.split_once(';')?.0;
        Some((name.trim().to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
    };
    lines.filter_map(constant).collect()
}

#[test]
fn the_limits_in_the_documents_are_those_of_the_code() {
    let constants = constants();
    let document = read("docs/limits.md");
    let mut listed = BTreeSet::new();
    let mut complaints = Vec::new();
    for line in document.lines() {
        let &[name, value, ..] = spans(line).as_slice() else { continue };
        if !name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') {
            continue;
        }
        listed.insert(name.to_owned());
        if constants.get(name).map(String::as_str) != Some(value) {
            complaints.push(format!("docs/limits.md: {name} is {value}, in the code {:?}", constants.get(name)));
        }
    }
    let unlisted = constants.keys().filter(|name| name.ends_with("_MAX") && !listed.contains(*name));
    complaints.extend(unlisted.map(|name| format!("docs/limits.md: {name} is missing")));
    none(complaints);
}

#[test]
fn the_documents_name_only_files_that_exist() {
    let documents = files_under("").into_iter().filter(|path| path.ends_with(".md"));
    let mut complaints = Vec::new();
    for document in documents {
        let text = read(&document);
        for span in text.lines().flat_map(spans) {
            let path = span.split(['#', ':', ' ']).next().unwrap_or_default();
            let ours = ["src/", "tests/", "docs/", "migrations/"].iter().any(|folder| path.starts_with(folder));
            if ours && !path.contains(['*', '<', '…', '{']) && !root().join(path).exists() {
                complaints.push(format!("{document}: {path} does not exist"));
            }
        }
    }
    none(complaints);
}

/// Whether a file has a test of this name; that of a browser test may go on, with how the test is run.
fn has_test(sources: &[Source], file: &str, name: &str) -> bool {
    if file.ends_with(BROWSER_TEST) {
        let text = if root().join(file).exists() { read(file) } else { String::new() };
        return ['"', '`'].iter().any(|quote| text.contains(&format!("test({quote}{name}")));
    }
    let source = sources.iter().find(|source| source.path == file);
    source.is_some_and(|source| source.code.contains(&format!("fn {name}(")))
}

/// Whether a test's name begins with this number, by itself or within a range: `A1, A3–A5: …`.
fn tells_of(name: &str, number: &str) -> bool {
    let numbers = name.split_once(": ").map_or("", |(numbers, _)| numbers);
    let parsed = |text: &str| Some((text.chars().next()?, text.get(1..)?.parse::<u32>().ok()?));
    numbers.split(", ").any(|range| {
        let (first, last) = range.split_once('–').unwrap_or((range, range));
        parsed(number).is_some_and(|number| (parsed(first)..=parsed(last)).contains(&Some(number)))
    })
}

#[test]
fn every_number_of_the_seeds_is_in_the_table_and_the_tests_it_names_exist() {
    let sources = sources(&["src", "tests"]);
    let document = read("docs/seeds.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rows: Vec<(&str, &str)> = rows.filter(|(number, _)| *number != "Number").collect();
    let expected = [("A", 44), ("B", 32), ("C", 54), ("D", 8)];
    let expected = expected.iter().flat_map(|(part, last)| (1..=*last).map(move |number| format!("{part}{number}")));
    assert_eq!(rows.iter().map(|(number, _)| (*number).to_owned()).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let mut complaints = Vec::new();
    for (number, rest) in rows {
        let named = spans(rest);
        for (at, name) in named.iter().enumerate().filter(|(_, name)| !name.contains(['.', '/'])) {
            let file = named.get(at + 1).copied().unwrap_or_default();
            if !has_test(&sources, file, name) {
                complaints.push(format!("docs/seeds.md: {number}: there is no test {name} in {file:?}"));
            }
            if file.ends_with(BROWSER_TEST) && !tells_of(name, number) {
                complaints.push(format!("docs/seeds.md: {number}: the name of {name:?} does not tell of it"));
            }
        }
        let where_it_is = rest.rsplit(" | ").next().unwrap_or_default().trim_end_matches(" |");
        for place in where_it_is.split("; ").filter(|place| !place.contains('`')) {
            complaints.push(format!("docs/seeds.md: {number}: {place:?} is neither a test nor a document"));
        }
    }
    none(complaints);
}

#[test]
fn the_documents_a_newcomer_needs_are_there() {
    let readme = read("README.md");
    for word in ["cargo run --release", "./test", "ARCHITECTURE.md", "SECURITY.md"] {
        assert!(readme.contains(word), "README.md does not mention {word}");
    }
    let changelog = read("CHANGELOG.md");
    assert!(
        changelog.contains(env!("CARGO_PKG_VERSION")) || changelog.contains("Unreleased"),
        "CHANGELOG.md is behind"
    );
    assert!(read("LICENSE").contains("Apache License"));
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(lines <= ARCHITECTURE_LINES_MAX, "ARCHITECTURE.md has {lines} lines");
}
