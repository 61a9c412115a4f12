//! From a request line to a [`Question`].

use std::net::{IpAddr, SocketAddr};

use super::{Direction, Question, Response, Whom};

/// Where somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The socket of this node's root: everything.
    Socket,
    /// TCP: what says nothing of single routes.
    Tcp,
}

/// The question, or the refusal. `target` is the path with its query.
pub fn read(door: Door, method: &str, target: &str) -> Result<Question, Response> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let question = match (door, path) {
        (_, "/metrics") => Ok(Question::Metrics),
        (_, "/readyz") => Ok(Question::Ready),
        (_, "/livez") => Ok(Question::Live),
        (Door::Socket, "/v1/peers") => Ok(Question::Peers),
        (Door::Socket, "/v1/routes") => routes(query),
        (Door::Socket, "/v1/state") => Ok(Question::State),
        (Door::Socket, _) => Err(unknown(
            path,
            "/v1/peers, /v1/routes, /v1/state, /metrics, /readyz and /livez",
        )),
        (Door::Tcp, _) => Err(unknown(
            path,
            "/metrics, /readyz and /livez; the rest on the socket in run_dir",
        )),
    };
    match (question, method) {
        (Ok(_) | Err(Response { status: 400, .. }), other) if other != "GET" => Err(Response::text(
            405,
            format_args!("{other} is not for {path}: use GET"),
        )),
        (question, _) => question,
    }
}

fn unknown(path: &str, known: &str) -> Response {
    Response::text(404, format_args!("there is no {path}, only {known}"))
}

fn routes(query: &str) -> Result<Question, Response> {
    let (mut whom, mut direction) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        match name {
            "peer" => whom = Some(peer(&value).ok_or_else(|| wrong_peer(&value))?),
            "dir" => direction = Some(way(&value)?),
            _ => return Err(wrong(&format!("{name:?} is not known: give peer and dir"))),
        }
    }
    match (whom, direction) {
        (Some(whom), Some(direction)) => Ok(Question::Routes(whom, direction)),
        (None, _) => Err(wrong("peer is missing: give peer=ADDRESS or peer=ADDRESS:PORT")),
        (_, None) => Err(wrong("dir is missing: give dir=received or dir=advertised")),
    }
}

fn way(value: &str) -> Result<Direction, Response> {
    match value {
        "received" => Ok(Direction::Received),
        "advertised" => Ok(Direction::Advertised),
        _ => Err(wrong(&format!(
            "dir {value:?} is neither received nor advertised"
        ))),
    }
}

fn wrong(text: &str) -> Response {
    Response::text(400, text)
}

fn wrong_peer(value: &str) -> Response {
    wrong(&format!(
        "peer {value:?} is no address: write 10.0.0.1, 10.0.0.1:1179, fd00::1 or [fd00::1]:1179"
    ))
}

fn peer(value: &str) -> Option<Whom> {
    if let Ok(address) = value.parse::<IpAddr>() {
        let port = None;
        return Some(Whom { address, port });
    }
    let both: SocketAddr = value.parse().ok()?;
    Some(Whom {
        address: both.ip(),
        port: Some(both.port()),
    })
}

/// Percent-encoding undone (RFC 3986 §2.1); what is none stays.
fn decoded(value: &str) -> String {
    let mut parts = value.split('%');
    let mut octets = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|two| u8::from_str_radix(two, 16).ok());
        match code {
            Some(octet) => {
                octets.push(octet);
                octets.extend(&part.as_bytes()[2..]);
            }
            None => {
                octets.push(b'%');
                octets.extend(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(door: Door, method: &str, target: &str) -> u16 {
        read(door, method, target).map_or_else(|refusal| refusal.status, |_| 200)
    }

    #[test]
    fn single_routes_are_not_shown_over_tcp() {
        for path in ["/v1/peers", "/v1/state", "/v1/routes?peer=10.0.0.1&dir=received"] {
            assert_eq!(status(Door::Socket, "GET", path), 200);
            assert_eq!(status(Door::Tcp, "GET", path), 404);
        }
        for path in ["/metrics", "/readyz?x=y", "/livez"] {
            assert_eq!(
                [Door::Socket, Door::Tcp].map(|door| status(door, "GET", path)),
                [200, 200]
            );
        }
    }

    #[test]
    fn what_is_not_there_and_what_is_not_get_are_refused_with_the_way_out() {
        assert_eq!(status(Door::Socket, "POST", "/v1/peers"), 405);
        assert_eq!(status(Door::Socket, "POST", "/v1/routes"), 405);
        assert_eq!(status(Door::Socket, "POST", "/nothing"), 404);
        let refusal = read(Door::Tcp, "GET", "/").unwrap_err();
        assert_eq!(
            refusal.body,
            "there is no /, only /metrics, /readyz and /livez; the rest on the socket in run_dir\n"
        );
    }

    #[test]
    fn a_peer_is_an_address_with_or_without_a_port() {
        let ask = |peer: &str| match read(
            Door::Socket,
            "GET",
            &format!("/v1/routes?dir=advertised&peer={peer}"),
        ) {
            Ok(Question::Routes(whom, Direction::Advertised)) => Some((whom.address.to_string(), whom.port)),
            _ => None,
        };
        let found = |address: &str, port| Some((address.to_owned(), port));
        assert_eq!(ask("10.0.0.1"), found("10.0.0.1", None));
        assert_eq!(ask("10.0.0.1:1179"), found("10.0.0.1", Some(1179)));
        assert_eq!(ask("fd00::1"), found("fd00::1", None));
        assert_eq!(ask("%5Bfd00%3A%3A1%5D%3A1179"), found("fd00::1", Some(1179)));
        assert_eq!(ask("tor1"), None);
        assert_eq!(ask("%"), None);
    }

    #[test]
    fn a_query_that_lacks_something_says_what() {
        for (query, says) in [
            ("", "peer is missing"),
            ("peer=10.0.0.1", "dir is missing"),
            ("peer=10.0.0.1&dir=in", "dir \"in\" is neither"),
            ("peer=1&dir=received", "peer \"1\" is no address"),
            ("peer=10.0.0.1&dir=received&x", "\"x\" is not known"),
        ] {
            let refusal = read(Door::Socket, "GET", &format!("/v1/routes?{query}")).unwrap_err();
            assert_eq!(refusal.status, 400);
            assert!(refusal.body.contains(says), "{}", refusal.body);
        }
    }
}
