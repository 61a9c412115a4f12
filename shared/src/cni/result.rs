//! The result of ADD, in memory once and on the wire in the layout of each version.
//!
//! 0.3.0 to 0.4.0 say `ips[].version` and know nothing of an interface but name, MAC and sandbox. The other
//! fields of interfaces came with 1.1.0; they are printed from 1.0.0 on, as Calico does. `dns` is always there.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::error::{CniError, Code};
use super::version::{SpecVersion, spoken};

/// What ADD built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddResult {
    /// Interfaces, on the host and in the pod; an IPAM plugin names none.
    pub interfaces: Vec<Interface>,
    /// Addresses.
    pub ips: Vec<IpConfig>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Name resolution.
    pub dns: Dns,
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    #[serde(default, deserialize_with = "text")]
    pub mac: Option<String>,
    /// Its MTU.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// The namespace it is in; `None` on the host.
    #[serde(default, deserialize_with = "text")]
    pub sandbox: Option<String>,
    /// The socket that is the interface, in user space.
    #[serde(default, deserialize_with = "text")]
    pub socket_path: Option<String>,
    /// Its PCI address.
    #[serde(default, rename = "pciID", deserialize_with = "text")]
    pub pci_id: Option<String>,
}

/// An address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IpConfig {
    /// With prefix length; host bits as they came.
    pub address: IpNet,
    /// The gateway of its subnet.
    #[serde(default, deserialize_with = "address")]
    pub gateway: Option<IpAddr>,
    /// Which of the interfaces has it.
    #[serde(default)]
    pub interface: Option<usize>,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Route {
    /// The destination; host bits as they came.
    pub dst: IpNet,
    /// The next hop.
    #[serde(default, deserialize_with = "address")]
    pub gw: Option<IpAddr>,
    /// MTU along it.
    #[serde(default)]
    pub mtu: Option<u32>,
    /// Maximal segment size to advertise.
    #[serde(default)]
    pub advmss: Option<u32>,
    /// Its metric.
    #[serde(default)]
    pub priority: Option<u32>,
    /// Its table.
    #[serde(default)]
    pub table: Option<u32>,
    /// Its scope.
    #[serde(default)]
    pub scope: Option<u32>,
}

/// Name resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Dns {
    /// Servers.
    #[serde(default, deserialize_with = "nullable")]
    pub nameservers: Vec<String>,
    /// The local domain.
    #[serde(default, deserialize_with = "text")]
    pub domain: Option<String>,
    /// Search domains.
    #[serde(default, deserialize_with = "nullable")]
    pub search: Vec<String>,
    /// Options of the resolver.
    #[serde(default, deserialize_with = "nullable")]
    pub options: Vec<String>,
}

impl Route {
    /// A route to `dst` and nothing more.
    pub fn to(dst: IpNet) -> Self {
        Self {
            dst,
            gw: None,
            mtu: None,
            advmss: None,
            priority: None,
            table: None,
            scope: None,
        }
    }

    fn render(&self) -> Value {
        let mut object = Map::new();
        object.insert("dst".into(), self.dst.to_string().into());
        put(&mut object, "gw", self.gw.map(|gw| gw.to_string()));
        put(&mut object, "mtu", self.mtu);
        put(&mut object, "advmss", self.advmss);
        put(&mut object, "priority", self.priority);
        put(&mut object, "table", self.table);
        put(&mut object, "scope", self.scope);
        Value::Object(object)
    }
}

impl AddResult {
    /// The result in the layout of a version.
    pub fn render(&self, version: SpecVersion) -> Value {
        let mut object = Map::new();
        object.insert("cniVersion".into(), version.as_str().into());
        let interfaces = self.interfaces.iter().map(|entry| entry.render(version));
        list(&mut object, "interfaces", interfaces);
        list(
            &mut object,
            "ips",
            self.ips.iter().map(|entry| entry.render(version)),
        );
        list(&mut object, "routes", self.routes.iter().map(Route::render));
        object.insert("dns".into(), self.dns.render());
        Value::Object(object)
    }

    /// Reads a result of any version that is spoken, an IPAM plugin's too. `asked` is the version of the
    /// configuration it answers.
    pub fn parse(asked: SpecVersion, result: &Value) -> Result<Self, CniError> {
        let Value::Object(object) = result else {
            let text: String = result.to_string().chars().take(80).collect();
            return Err(undecodable(format!("{text} is not an object")));
        };
        SpecVersion::declared(object).map_err(|error| {
            CniError::new(
                error.code,
                format!("result: {}; the configuration is {asked}", error.msg),
            )
            .details(format!("results of {} are understood", spoken()))
        })?;
        Ok(Self {
            interfaces: entries(object, "interfaces")?,
            ips: entries(object, "ips")?,
            routes: entries(object, "routes")?,
            dns: match object.get("dns") {
                None | Some(Value::Null) => Dns::default(),
                Some(dns) => entry("dns", dns)?,
            },
        })
    }
}

impl Interface {
    fn render(&self, version: SpecVersion) -> Value {
        let mut object = Map::new();
        object.insert("name".into(), self.name.as_str().into());
        put(&mut object, "mac", self.mac.clone());
        if !version.is_legacy() {
            put(&mut object, "mtu", self.mtu.filter(|mtu| *mtu != 0));
        }
        put(&mut object, "sandbox", self.sandbox.clone());
        if !version.is_legacy() {
            put(&mut object, "socketPath", self.socket_path.clone());
            put(&mut object, "pciID", self.pci_id.clone());
        }
        Value::Object(object)
    }
}

impl IpConfig {
    fn render(&self, version: SpecVersion) -> Value {
        let mut object = Map::new();
        if version.is_legacy() {
            let family = if self.address.addr().is_ipv4() { "4" } else { "6" };
            object.insert("version".into(), family.into());
        }
        put(&mut object, "interface", self.interface);
        object.insert("address".into(), self.address.to_string().into());
        put(
            &mut object,
            "gateway",
            self.gateway.map(|gateway| gateway.to_string()),
        );
        Value::Object(object)
    }
}

impl Dns {
    fn render(&self) -> Value {
        let mut object = Map::new();
        let texts = |list: &[String]| list.iter().cloned().map(Value::from).collect::<Vec<_>>();
        list(&mut object, "nameservers", texts(&self.nameservers).into_iter());
        put(&mut object, "domain", self.domain.clone());
        list(&mut object, "search", texts(&self.search).into_iter());
        list(&mut object, "options", texts(&self.options).into_iter());
        Value::Object(object)
    }
}

fn put<T: Into<Value>>(object: &mut Map<String, Value>, key: &str, value: Option<T>) {
    if let Some(value) = value {
        object.insert(key.into(), value.into());
    }
}

fn list(object: &mut Map<String, Value>, key: &str, entries: impl Iterator<Item = Value>) {
    let entries: Vec<Value> = entries.collect();
    put(object, key, (!entries.is_empty()).then_some(entries));
}

fn undecodable(why: String) -> CniError {
    CniError::new(Code::DecodeFailure, format!("result: {why}"))
}

fn entries<T: DeserializeOwned>(object: &Map<String, Value>, key: &str) -> Result<Vec<T>, CniError> {
    let list = match object.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(undecodable(format!("{key} is not a list"))),
    };
    let read = |(at, value)| entry(&format!("{key}[{at}]"), value);
    list.iter().enumerate().map(read).collect()
}

/// serde takes a list for a struct as well; the protocol does not.
fn entry<T: DeserializeOwned>(place: &str, value: &Value) -> Result<T, CniError> {
    if !value.is_object() {
        return Err(undecodable(format!("{place} is not an object")));
    }
    T::deserialize(value).map_err(|error| undecodable(format!("{place}: {error}")))
}

/// Go's writers print an address that is not set as `""`.
fn address<'de, D: Deserializer<'de>>(value: D) -> Result<Option<IpAddr>, D::Error> {
    text(value)?
        .map(|text| {
            text.parse()
                .map_err(|_| D::Error::custom(format!("{text:?} is not an address")))
        })
        .transpose()
}

fn text<'de, D: Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(value)?.filter(|text| !text.is_empty()))
}

fn nullable<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
