//! Tables on a terminal or in a pipe: columns as wide as their widest cell. It does not know what is in them.

use super::shown;

/// Between two columns.
const GAP: &str = "  ";

/// Lines of aligned columns; the last column is as long as it is.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["ID", "NAME", "WHY"]), row(["1", "Zoë\u{1b}[2J", ""]), row(["22", "x", "a b"])];
        assert_eq!(aligned(&rows), "ID  NAME     WHY\n1   Zoë\u{fffd}[2J\n22  x        a b");
    }
}
