//! Two layouts of text, both Calico's: columns as Go's text/tabwriter sets them (`get`), and boxes as go-pretty
//! draws them (`ipam show`). Pure: nothing is printed here.

/// Room after the widest cell of a column.
const PADDING: usize = 3;
/// No column is narrower.
const NARROWEST: usize = 5;

/// Columns as `calicoctl get` shows them: every cell is followed by blanks, a whole table by an empty line.
#[derive(Clone, Debug)]
pub struct Grid {
    header: Vec<String>,
    widths: Vec<usize>,
}

impl Grid {
    /// With these titles.
    pub fn new(header: Vec<String>) -> Self {
        let widths = header.iter().map(|title| width(title)).collect();
        Self { header, widths }
    }

    /// Makes room for the rows.
    pub fn fit(&mut self, rows: &[Vec<String>]) {
        for row in rows {
            for (room, cell) in self.widths.iter_mut().zip(row) {
                *room = (*room).max(width(cell));
            }
        }
    }

    /// The titles' line.
    pub fn titles(&self) -> String {
        self.line(&self.header)
    }

    /// A row's line. A cell that is wider than its column moves the others on.
    pub fn line(&self, row: &[String]) -> String {
        let mut text = String::new();
        for (cell, room) in row.iter().zip(&self.widths) {
            let room = (*room).max(width(cell));
            text.push_str(&format!("{cell:<room$}"));
        }
        text.push('\n');
        text
    }

    /// The whole table.
    pub fn of(mut self, rows: &[Vec<String>]) -> String {
        self.fit(rows);
        let lines = rows.iter().map(|row| self.line(row));
        std::iter::once(self.titles())
            .chain(lines)
            .chain(std::iter::once("\n".to_owned()))
            .collect()
    }
}

/// What a cell takes in its column.
fn width(cell: &str) -> usize {
    NARROWEST.max(cell.chars().count() + PADDING)
}

/// A boxed table; cells from column `right` on stand to the right, titles always to the left.
pub fn boxed(header: &[&str], rows: &[Vec<String>], right: usize) -> String {
    let widths = widths(header, rows);
    let rule: String = widths
        .iter()
        .map(|width| format!("+{}", "-".repeat(width + 2)))
        .collect();
    let rule = format!("{rule}+\n");
    let titles: String = header
        .iter()
        .zip(&widths)
        .map(|(title, width)| format!("| {title:<width$} "))
        .collect();
    let mut text = format!("{rule}{titles}|\n{rule}");
    for row in rows {
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let cell = if at < right {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            };
            text.push_str(&format!("| {cell} "));
        }
        text.push_str("|\n");
    }
    text.push_str(&rule);
    text
}

/// Characters of the widest cell of each column.
fn widths(header: &[&str], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<usize> = header.iter().map(|title| title.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

/// A number as Go's `%.5g` writes it: five digits, an exponent where they do not suffice.
pub fn five_digits(number: f64) -> String {
    let scientific = format!("{number:.4e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let power: i32 = exponent.parse().unwrap_or(0);
    if !(-4..5).contains(&power) {
        let sign = if power < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(digits), power.abs());
    }
    let decimals = usize::try_from(4 - power).unwrap_or(0);
    without_zeros(&format!("{number:.decimals$}")).to_owned()
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        return digits.trim_end_matches('0').trim_end_matches('.');
    }
    digits
}

/// `n (p%)` of a whole, as `calicoctl ipam show` writes it.
pub fn share(part: f64, whole: f64) -> String {
    let percent = if whole > 0.0 { 100.0 * part / whole } else { 0.0 };
    format!("{} ({percent:.0}%)", five_digits(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (number, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (64.0, "64"),
            (100.0, "100"),
            (65536.0, "65536"),
            (65529.0, "65529"),
            (99_999.6, "1e+05"),
            (100_000.0, "1e+05"),
            (1_048_576.0, "1.0486e+06"),
            (1_208_925_819_614_629_174_706_176.0, "1.2089e+24"),
            (0.5, "0.5"),
        ] {
            assert_eq!(five_digits(number), text);
        }
    }

    #[test]
    fn a_share_is_rounded_to_whole_percents() {
        assert_eq!(share(3.0, 65536.0), "3 (0%)");
        assert_eq!(share(65529.0, 65536.0), "65529 (100%)");
        assert_eq!(share(62.0, 64.0), "62 (97%)");
        assert_eq!(share(0.0, 0.0), "0 (0%)");
    }

    #[test]
    fn columns_are_three_apart_and_five_wide_and_end_in_blanks() {
        let rows = vec![vec!["a".to_owned(), "1".to_owned()]];
        let grid = |titles: &[&str]| Grid::new(titles.iter().map(|&title| title.to_owned()).collect());
        assert_eq!(grid(&["N", "ASN"]).of(&rows), "N    ASN   \na    1     \n\n");
        assert_eq!(grid(&["NAME"]).of(&[]), "NAME   \n\n");
        let mut later = grid(&["N", "ASN"]);
        later.fit(&rows);
        assert_eq!(
            later.line(&["longer".to_owned(), "2".to_owned()]),
            "longer   2     \n"
        );
    }

    #[test]
    fn a_box_without_rows_keeps_both_rules() {
        assert_eq!(
            boxed(&["IP", "T"], &[], 2),
            "+----+---+\n| IP | T |\n+----+---+\n+----+---+\n"
        );
    }
}
