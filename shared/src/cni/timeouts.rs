//! How long a call may take in all: netconf `timeouts`, in seconds.
//!
//! | field | default |
//! |---|---|
//! | `timeouts.add` | 25 |
//! | `timeouts.del` | 4 |
//! | `timeouts.check`, `timeouts.gc` | 10 |

use std::time::Duration;

use super::config::NetConf;
use super::error::{CniError, Code};
use super::request::Env;

/// The longest that may be asked for: a runtime gives up long before.
const LONGEST: f64 = 3600.0;

/// How long a plugin's caller may still wait for it, in milliseconds: `cni-net` tells `cni-ipam`.
pub const TIME_LEFT: &str = "MANX_TIME_LEFT_MS";

impl Env {
    /// Takes what was spent from the time that the caller has left.
    pub fn spend(&mut self, spent: Duration) {
        let left = self.get(TIME_LEFT).and_then(|left| left.parse::<u64>().ok());
        if let Some(left) = left.map(Duration::from_millis) {
            let left = left.saturating_sub(spent).as_millis().to_string();
            self.0.insert(TIME_LEFT.to_owned(), left);
        }
    }
}

/// The limit of each verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// ADD.
    pub add: Duration,
    /// DEL.
    pub del: Duration,
    /// CHECK and STATUS.
    pub check: Duration,
    /// GC.
    pub gc: Duration,
}

impl Timeouts {
    /// Reads the section; what it leaves out is the default.
    pub fn of(conf: &NetConf) -> Result<Self, CniError> {
        Ok(Self {
            add: seconds(conf, "timeouts.add", 25)?,
            del: seconds(conf, "timeouts.del", 4)?,
            check: seconds(conf, "timeouts.check", 10)?,
            gc: seconds(conf, "timeouts.gc", 10)?,
        })
    }
}

fn seconds(conf: &NetConf, path: &str, default: u64) -> Result<Duration, CniError> {
    match conf.field::<f64>(path)? {
        None => Ok(Duration::from_secs(default)),
        Some(given) if given > 0.0 && given <= LONGEST => Ok(Duration::from_secs_f64(given)),
        Some(given) => {
            let text = format!("{path} {given}: seconds, more than 0 and at most {LONGEST}");
            Err(CniError::new(Code::InvalidConfig, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(timeouts: &str) -> Result<Timeouts, CniError> {
        let conf = format!(r#"{{"cniVersion":"1.0.0","name":"net","type":"t","timeouts":{timeouts}}}"#);
        Timeouts::of(&NetConf::parse(conf.as_bytes())?)
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        let given = of(r#"{"add":2.5,"del":null}"#).unwrap();
        assert_eq!(given.add, Duration::from_millis(2500));
        assert_eq!(given.del, Duration::from_secs(4));
        assert_eq!(of("null").unwrap().gc, Duration::from_secs(10));
    }

    #[test]
    fn a_time_that_is_none_is_named() {
        for wrong in [
            r#"{"add":0}"#,
            r#"{"add":-1}"#,
            r#"{"add":1e9}"#,
            r#"{"add":"5"}"#,
        ] {
            let error = of(wrong).unwrap_err();
            assert_eq!(error.code, Code::InvalidConfig, "{wrong}");
            assert!(error.msg.contains("timeouts.add"), "{}", error.msg);
        }
    }

    #[test]
    fn what_was_spent_is_not_left_and_nothing_is_told_where_nothing_was() {
        let left = |left: &str, spent: u64| {
            let mut env = Env([(TIME_LEFT.to_owned(), left.to_owned())].into());
            env.spend(Duration::from_millis(spent));
            env.get(TIME_LEFT).map(str::to_owned)
        };
        assert_eq!(left("700", 250).as_deref(), Some("450"));
        assert_eq!(left("700", 900).as_deref(), Some("0"));
        assert_eq!(left("soon", 1).as_deref(), Some("soon"));
        let mut env = Env::default();
        env.spend(Duration::from_secs(1));
        assert_eq!(env, Env::default());
    }
}
