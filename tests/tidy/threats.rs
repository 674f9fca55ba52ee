//! The page about security: a row for every threat, and in each a test that exists, or the reason why there is none.

use super::{has_test, none, read, sources, spans};

/// The rows of the table of threats: a letter for each part, and the numbers in it that there are.
const THREATS: [(char, &str); 12] = [
    ('A', "1-14 16 17 19 21 23-32 34-45"),
    ('B', "1-4 6-9 11 12"),
    ('C', "1-11 13 15-18 20-30"),
    ('D', "1-17"),
    ('E', "1-10"),
    ('F', "1-11 13-18 21-28"),
    ('G', "1-5 7-18"),
    ('H', "1 2 4 7-9"),
    ('I', "1-10 12-18"),
    ('J', "1-15"),
    ('K', "1-6 8-10"),
    ('L', "1-5 7 8"),
];

/// The numbers of a part, as its rows are called.
fn rows_of(part: char, numbers: &str) -> Vec<String> {
    let number = |text: &str| text.parse::<u32>().expect("a number");
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        (number(first), number(last))
    };
    let ranges = numbers.split(' ').map(range);
    ranges.flat_map(|(first, last)| (first..=last).map(|number| format!("{part}{number:02}"))).collect()
}

#[test]
fn every_threat_is_in_the_table_and_the_tests_it_names_exist() {
    let sources = sources(&["src", "tests"]);
    let document = read("docs/security.md");
    let table = document.split("## Row by row").nth(1).expect("a table of all rows");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let rows: Vec<(&str, &str)> = rows.filter(|(number, _)| *number != "Row").collect();
    let expected: Vec<String> = THREATS.iter().flat_map(|(part, numbers)| rows_of(*part, numbers)).collect();
    assert_eq!(rows.iter().map(|(number, _)| (*number).to_owned()).collect::<Vec<_>>(), expected);
    let mut complaints = Vec::new();
    for (number, rest) in rows {
        let proofs = rest.rsplit(" | ").next().unwrap_or_default().trim_end_matches(" |");
        let is_said = |proof: &str| proof.starts_with("Open: ") || proof.starts_with("Does not apply: ");
        for proof in proofs.split("; ").filter(|proof| !proof.is_empty()) {
            let named = spans(proof);
            match named.as_slice() {
                [name, file] if has_test(&sources, file, name) => {}
                _ if is_said(proof) => {}
                _ => complaints.push(format!("docs/security.md: {number}: {proof:?} is neither a test nor a reason")),
            }
        }
        if proofs.is_empty() {
            complaints.push(format!("docs/security.md: {number}: nothing is said"));
        }
    }
    none(complaints);
}
