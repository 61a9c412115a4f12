//! The command line.

/// The parts there are.
const PARTS: [&str; 4] = ["day", "erosion", "sessions", "latency"];

/// What is to be simulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// How many nodes.
    pub nodes: u32,
    /// How many pods each of them has.
    pub pods: u32,
    /// How many nodes stand in a rack.
    pub rack: u32,
    /// Prefix length of the blocks of the day.
    pub block: u8,
    /// Whether nodes keep to their own blocks on that day.
    pub strict: bool,
    /// From what chance is made.
    pub seed: u64,
    /// Only this part.
    pub only: Option<String>,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            nodes: 500,
            pods: 110,
            rack: 40,
            block: 26,
            strict: false,
            seed: 1,
            only: None,
        }
    }
}

impl Words {
    /// Reads it.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut words = Self::default();
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{flag}: its value is missing"));
            match flag.as_str() {
                "--nodes" => words.nodes = number(flag, value()?, 2)?,
                "--pods-per-node" => words.pods = number(flag, value()?, 1)?,
                "--rack" => words.rack = number(flag, value()?, 1)?,
                "--block-size" => words.block = number(flag, value()?, 20)?,
                "--seed" => words.seed = number(flag, value()?, 0)?,
                "--strict" => words.strict = true,
                "--only" => words.only = Some(part(value()?)?),
                _ => return Err(format!("{flag}: no such flag; {}", usage())),
            }
        }
        if words.block > 32 {
            return Err(format!("--block-size {}: 32 is the longest", words.block));
        }
        Ok(words)
    }

    /// Whether this part is wanted.
    pub fn part(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }
}

fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    flag: &str,
    text: &str,
    least: T,
) -> Result<T, String> {
    let number: Option<T> = text.parse().ok();
    number
        .filter(|number| *number >= least)
        .ok_or_else(|| format!("{flag} {text}: a number is wanted, {least} or more"))
}

fn part(name: &str) -> Result<String, String> {
    if PARTS.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!("--only {name}: the parts are {}", PARTS.join(", ")))
}

fn usage() -> String {
    "there are --nodes N, --pods-per-node N, --rack N, --block-size N, --strict, --seed N, --only PART"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Words, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Words::parse(&arguments)
    }

    #[test]
    fn what_is_said_is_understood_and_what_is_not_a_number_is_named() {
        let words = parsed("--nodes 5000 --pods-per-node 110 --strict --only day").unwrap();
        assert_eq!((words.nodes, words.pods, words.strict), (5000, 110, true));
        assert!(words.part("day") && !words.part("erosion"));
        for (line, says) in [
            ("--nodes", "missing"),
            ("--nodes 1", "2 or more"),
            ("--block-size 33", "32 is the longest"),
            ("--only all", "day, erosion"),
            ("--node 3", "there are --nodes"),
        ] {
            let error = parsed(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }
}
