//! Figures in rows.

/// What was measured in the rounds of one side.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was done.
    pub what: String,
    /// In these units.
    pub unit: &'static str,
    /// Our figure.
    pub ours: f64,
    /// The other's.
    pub theirs: f64,
    /// Ours is to be at most so many times theirs.
    pub limit: f64,
}

impl Samples {
    /// One more.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Many more.
    pub fn extend(&mut self, values: impl IntoIterator<Item = f64>) {
        self.0.extend(values);
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        self.part(0.5)
    }

    /// Only one of a hundred is above.
    pub fn p99(&self) -> f64 {
        self.part(0.99)
    }

    fn part(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let index = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
        sorted.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// The heading.
impl Row {
    /// Above the rows.
    pub fn heading(theirs: &str) -> String {
        format!(
            "{:<58} {:>10} {:>10} {:>7} {:>7}",
            "", "manx", theirs, "ratio", "at most"
        )
    }

    /// Whether the target is met.
    pub fn holds(&self) -> bool {
        self.ours <= self.theirs * self.limit
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = format!("{}, {}", self.what, self.unit);
        let (ratio, limit) = (self.ours / self.theirs, self.limit);
        let held = if self.holds() { "" } else { "  missed" };
        write!(
            f,
            "{what:<58} {:>10.2} {:>10.2} {ratio:>7.2} {limit:>7.2}{held}",
            self.ours, self.theirs
        )
    }
}

/// A line of medians.
pub fn row(what: &str, unit: &'static str, sides: [&Samples; 2], limit: f64) -> Row {
    Row {
        what: what.to_owned(),
        unit,
        ours: sides[0].median(),
        theirs: sides[1].median(),
        limit,
    }
}
