//! Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use super::real;

/// Name and value.
pub(super) type Label<'a> = (&'a str, &'a str);

/// Of every name.
const PREFIX: &str = "manx_";

/// What was written so far.
#[derive(Default)]
pub(super) struct Text(String);

/// One name; its head is written with its first sample.
pub(super) struct Metric<'a> {
    text: &'a mut String,
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    begun: bool,
}

impl Text {
    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str) -> Metric<'_> {
        self.metric(name, help, "gauge")
    }

    pub(super) fn counter(&mut self, name: &'static str, help: &'static str) -> Metric<'_> {
        self.metric(name, help, "counter")
    }

    pub(super) fn histogram(&mut self, name: &'static str, help: &'static str) -> Metric<'_> {
        self.metric(name, help, "histogram")
    }

    fn metric(&mut self, name: &'static str, help: &'static str, kind: &'static str) -> Metric<'_> {
        Metric {
            text: &mut self.0,
            name,
            help,
            kind,
            begun: false,
        }
    }

    pub(super) fn done(self) -> String {
        self.0
    }
}

impl Metric<'_> {
    pub(super) fn sample(&mut self, labels: &[Label<'_>], value: f64) {
        self.part("", labels, value);
    }

    /// A histogram: by upper bound, each with all below it; the sum of all values, and how many.
    pub(super) fn buckets(
        &mut self,
        labels: &[Label<'_>],
        buckets: impl Iterator<Item = (f64, u64)>,
        (sum, count): (f64, u64),
    ) {
        for (bound, below) in buckets {
            self.part(
                "_bucket",
                &[labels, &[("le", &bound.to_string())]].concat(),
                real(below),
            );
        }
        self.part("_bucket", &[labels, &[("le", "+Inf")]].concat(), real(count));
        self.part("_sum", labels, sum);
        self.part("_count", labels, real(count));
    }

    fn part(&mut self, suffix: &str, labels: &[Label<'_>], value: f64) {
        let (name, help, kind) = (self.name, self.help, self.kind);
        if !std::mem::replace(&mut self.begun, true) {
            let _ = write!(
                self.text,
                "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}\n"
            );
        }
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let _ = match labels.is_empty() {
            true => writeln!(self.text, "{PREFIX}{name}{suffix} {value}"),
            false => writeln!(
                self.text,
                "{PREFIX}{name}{suffix}{{{}}} {value}",
                labels.join(",")
            ),
        };
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_stands_once_and_only_before_a_sample() {
        let mut text = Text::default();
        text.gauge("never", "Nothing.");
        let mut metric = text.counter("things_total", "Things.");
        metric.sample(&[], 1.0);
        metric.sample(&[("a", "1"), ("b", "2")], 0.5);
        assert_eq!(
            text.done(),
            "# HELP manx_things_total Things.\n# TYPE manx_things_total counter\n\
             manx_things_total 1\nmanx_things_total{a=\"1\",b=\"2\"} 0.5\n"
        );
    }

    #[test]
    fn a_histogram_counts_all_below_each_bound() {
        let mut text = Text::default();
        let buckets = [(0.5, 1), (1.0, 3)].into_iter();
        text.histogram("took_seconds", "Times.")
            .buckets(&[("a", "1")], buckets, (7.5, 4));
        assert_eq!(
            text.done(),
            "# HELP manx_took_seconds Times.\n# TYPE manx_took_seconds histogram\n\
             manx_took_seconds_bucket{a=\"1\",le=\"0.5\"} 1\nmanx_took_seconds_bucket{a=\"1\",le=\"1\"} 3\n\
             manx_took_seconds_bucket{a=\"1\",le=\"+Inf\"} 4\nmanx_took_seconds_sum{a=\"1\"} 7.5\n\
             manx_took_seconds_count{a=\"1\"} 4\n"
        );
    }

    #[test]
    fn a_label_holds_any_text() {
        let mut text = Text::default();
        text.gauge("x", "X.").sample(&[("a", "\"\\\n")], 1.0);
        assert!(text.done().ends_with("manx_x{a=\"\\\"\\\\\\n\"} 1\n"));
    }
}
