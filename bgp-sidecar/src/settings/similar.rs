//! "Did you mean": the known name nearest to an unknown one.

/// The nearest, if it is near.
pub(super) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let all = known.map(|name| (distance(unknown, name), name));
    let (distance, name) = all.min()?;
    (distance <= 2.max(unknown.len() / 4)).then_some(name)
}

/// Letters to insert, delete or replace.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], line + 1);
        for (column, b) in other.iter().enumerate() {
            let above = row[column + 1];
            row[column + 1] = (corner + usize::from(a != *b))
                .min(above + 1)
                .min(row[column] + 1);
            corner = above;
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        for (one, other, wanted) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("kitten", "sitting", 3),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(one, other), wanted, "{one} {other}");
        }
    }

    #[test]
    fn what_is_far_is_not_meant() {
        let known = ["hold_time", "router_id"];
        assert_eq!(nearest("holdtime", known.into_iter()), Some("hold_time"));
        assert_eq!(nearest("kubernetes", known.into_iter()), None);
    }
}
