//! A page about one object: pairs and lines under titles, the values of all pairs in one column. Pure.

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq)]
enum Row {
    Title(String),
    Pair(String, String),
    Line(String),
}

/// Lines of a list; the others are counted.
const LONGEST: usize = 20;

impl Sheet {
    /// Begins a part.
    pub fn title(&mut self, title: impl Into<String>) -> &mut Self {
        self.rows.push(Row::Title(title.into()));
        self
    }

    /// `Name: value`.
    pub fn pair(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.rows.push(Row::Pair(name.to_owned(), value.into()));
        self
    }

    /// A line by itself.
    pub fn line(&mut self, line: impl Into<String>) -> &mut Self {
        self.rows.push(Row::Line(line.into()));
        self
    }

    /// A part with a line for each, the first of them, or that there are none.
    pub fn list(&mut self, title: &str, lines: Vec<String>) -> &mut Self {
        let count = lines.len();
        self.title(format!("{title} ({count})"));
        for line in lines.into_iter().take(LONGEST) {
            self.line(line);
        }
        if count > LONGEST {
            self.line(format!("… and {} more", count - LONGEST));
        }
        self
    }

    /// The page.
    pub fn text(&self) -> String {
        let names = self.rows.iter().map(|row| match row {
            Row::Pair(name, _) => name.chars().count(),
            Row::Title(_) | Row::Line(_) => 0,
        });
        let room = names.max().unwrap_or(0) + 3;
        let (mut out, mut indent) = (String::new(), "");
        for row in &self.rows {
            match row {
                Row::Title(title) => {
                    out.push_str(&format!("{title}\n"));
                    indent = "  ";
                }
                Row::Pair(name, value) => {
                    let name = format!("{name}:");
                    let line = format!("{indent}{name:<room$}{value}");
                    out.push_str(line.trim_end());
                    out.push('\n');
                }
                Row::Line(line) => out.push_str(&format!("{indent}{line}\n")),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_one_column_and_long_lists_are_counted() {
        let mut sheet = Sheet::default();
        sheet
            .pair("Name", "a")
            .pair("Longer name", "b")
            .list("None", Vec::new());
        let many = (0..22).map(|number| format!("line {number}")).collect();
        sheet.list("Many", many);
        let text = sheet.text();
        assert!(
            text.starts_with("Name:         a\nLonger name:  b\nNone (0)\nMany (22)\n  line 0\n"),
            "{text}"
        );
        assert!(text.ends_with("  line 19\n  … and 2 more\n"), "{text}");
    }
}
