//! The allocator's settings. On etcd they lie under two keys that Calico does not keep in step:
//! `/calico/ipam/v2/config`, which its allocator reads, and the IPAMConfiguration resource, which people apply.
//!
//! The key rules for every field it contains. Of the resource only what the key leaves out or has as 0 is taken
//! (maxBlocksPerHost, ipCooldownSeconds), and all of it where the key is missing. See [`Settings::of`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Stored;
use super::key::Plural;
use super::meta::{Other, Resource, Spec, nullable};

/// `/calico/ipam/v2/config`. An absent flag is false.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IPAMConfig {
    /// No host takes addresses out of another's block.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_false")]
    pub strict_affinity: bool,
    /// Whether new blocks may be claimed.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "is_false")]
    pub auto_allocate_blocks: bool,
    /// 0 is the default.
    #[serde(rename = "maxBlocksPerHost", default, skip_serializing_if = "Option::is_none")]
    pub max_blocks_per_host: Option<u32>,
    /// "Enabled" or "Disabled".
    #[serde(
        rename = "kubeVirtVMAddressPersistence",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub vm_persistence: Option<String>,
    /// How long a released address rests.
    #[serde(
        rename = "ipCooldownSeconds",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub cooldown: Option<u32>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// The resource `default` of this kind.
pub type IPAMConfiguration = Resource<IPAMConfigurationSpec>;

/// What people apply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IPAMConfigurationSpec {
    /// See [`IPAMConfig::strict_affinity`].
    #[serde(rename = "strictAffinity", default, skip_serializing_if = "Option::is_none")]
    pub strict_affinity: Option<bool>,
    /// See [`IPAMConfig::max_blocks_per_host`].
    #[serde(rename = "maxBlocksPerHost", default, skip_serializing_if = "Option::is_none")]
    pub max_blocks_per_host: Option<u32>,
    /// See [`IPAMConfig::auto_allocate_blocks`].
    #[serde(
        rename = "autoAllocateBlocks",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub auto_allocate_blocks: Option<bool>,
    /// See [`IPAMConfig::vm_persistence`].
    #[serde(
        rename = "kubeVirtVMAddressPersistence",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub vm_persistence: Option<String>,
    /// See [`IPAMConfig::cooldown`].
    #[serde(
        rename = "ipCooldownSeconds",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub cooldown: Option<u32>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

impl Stored for IPAMConfig {}

impl Spec for IPAMConfigurationSpec {
    const KIND: &'static str = "IPAMConfiguration";
    const PLURAL: Plural = Plural::IpamConfigurations;
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `/calico/ipam/v2/config`.
    Key,
    /// The IPAMConfiguration.
    Resource,
    /// Neither names it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Key => "/calico/ipam/v2/config",
            Source::Resource => "IPAMConfiguration default",
            Source::Default => "default",
        })
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// What holds.
    pub value: T,
    /// Because of this.
    pub source: Source,
}

/// What the allocator goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// No host takes addresses out of another's block.
    pub strict_affinity: Setting<bool>,
    /// Whether new blocks may be claimed.
    pub auto_allocate: Setting<bool>,
    /// Blocks per host and family; 0 is [`Settings::limit`]'s default.
    pub max_blocks_per_host: Setting<u32>,
    /// Seconds a released address rests.
    pub cooldown: Setting<u32>,
    /// "Enabled" or "Disabled"; shown, not used.
    pub vm_persistence: Setting<String>,
}

impl Settings {
    /// What holds under these two objects.
    pub fn of(key: Option<&IPAMConfig>, resource: Option<&IPAMConfiguration>) -> Self {
        let spec = resource.map(|resource| &resource.spec);
        let vm = match key {
            Some(key) => key
                .vm_persistence
                .clone()
                .map(|value| setting(value, Source::Key)),
            None => spec
                .and_then(|spec| spec.vm_persistence.clone())
                .map(|value| setting(value, Source::Resource)),
        };
        Self {
            strict_affinity: flag(
                key.map(|key| key.strict_affinity),
                spec.and_then(|spec| spec.strict_affinity),
                false,
            ),
            auto_allocate: flag(
                key.map(|key| key.auto_allocate_blocks),
                spec.and_then(|spec| spec.auto_allocate_blocks),
                true,
            ),
            max_blocks_per_host: number(
                key.and_then(|key| key.max_blocks_per_host),
                spec.and_then(|spec| spec.max_blocks_per_host),
            ),
            cooldown: number(
                key.and_then(|key| key.cooldown),
                spec.and_then(|spec| spec.cooldown),
            ),
            vm_persistence: vm.unwrap_or_else(|| setting("Enabled".to_owned(), Source::Default)),
        }
    }

    /// How many blocks of this many addresses a host may hold: without a setting Calico's 20, or what makes
    /// 1280 addresses where blocks are small.
    pub fn limit(&self, addresses: u64) -> u64 {
        match self.max_blocks_per_host.value {
            0 => 1280u64.div_ceil(addresses.max(1)).max(20),
            set => u64::from(set),
        }
    }
}

fn flag(own: Option<bool>, applied: Option<bool>, default: bool) -> Setting<bool> {
    match (own, applied) {
        (Some(value), _) => setting(value, Source::Key),
        (None, Some(value)) => setting(value, Source::Resource),
        (None, None) => setting(default, Source::Default),
    }
}

fn number(own: Option<u32>, applied: Option<u32>) -> Setting<u32> {
    let set = |value: &u32| *value > 0;
    match (own.filter(set), applied.filter(set)) {
        (Some(value), _) => setting(value, Source::Key),
        (None, Some(value)) => setting(value, Source::Resource),
        (None, None) => setting(0, Source::Default),
    }
}

fn setting<T>(value: T, source: Source) -> Setting<T> {
    Setting { value, source }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(spec: &str) -> IPAMConfiguration {
        IPAMConfiguration {
            spec: serde_json::from_str(spec).unwrap(),
            ..IPAMConfiguration::default()
        }
    }

    #[test]
    fn without_both_the_defaults_hold() {
        let settings = Settings::of(None, None);
        assert!(settings.auto_allocate.value && !settings.strict_affinity.value);
        assert_eq!([64, 1, 4, 4096].map(|n| settings.limit(n)), [20, 1280, 320, 20]);
    }

    #[test]
    fn the_key_rules_and_the_resource_fills_what_it_leaves_out() {
        let applied = resource(r#"{"strictAffinity":true,"maxBlocksPerHost":20,"autoAllocateBlocks":true}"#);
        let key = IPAMConfig::from_bytes(br#"{"auto_allocate_blocks":true,"ipCooldownSeconds":9}"#).unwrap();
        let settings = Settings::of(Some(&key), Some(&applied));
        assert_eq!(settings.strict_affinity, setting(false, Source::Key));
        assert_eq!(settings.max_blocks_per_host, setting(20, Source::Resource));
        assert_eq!(settings.cooldown, setting(9, Source::Key));
        let settings = Settings::of(None, Some(&applied));
        assert_eq!(settings.strict_affinity, setting(true, Source::Resource));
        assert_eq!(settings.limit(64), 20);
    }

    #[test]
    fn a_present_but_empty_key_forbids_new_blocks_as_in_calico() {
        let key = IPAMConfig::from_bytes(b"{}").unwrap();
        assert_eq!(
            Settings::of(Some(&key), None).auto_allocate,
            setting(false, Source::Key)
        );
    }
}
