//! Carrying changes out.

use super::encode::{self, Links};
use super::socket::Socket;
use super::{Kernel, Onlink};
use crate::fib::{Kind, Op, Route};

/// Changes in one datagram: with 16 next hops each they fit into a socket's buffer of the usual size.
const WINDOW: usize = 128;

impl Kernel {
    /// Carries changes out, in order; answers with those that were refused, each with its reason.
    pub(crate) async fn apply(&self, ops: &[Op]) -> Vec<(Op, String)> {
        let onlink = self.onlink();
        let mut socket = self.changes.lock().await;
        let links = links(&mut socket, ops).await;
        let mut refused = Vec::new();
        for window in ops.chunks(WINDOW) {
            refused.extend(carry_out(&mut socket, window, &links, &onlink).await);
            // The daemon has peers to talk to meanwhile.
            tokio::task::yield_now().await;
        }
        refused
    }
}

/// Asked for anew each time, few as they are: a number that was kept may be another link's by now.
async fn links(socket: &mut Socket, ops: &[Op]) -> Links {
    let mut links = Links::new();
    for op in ops {
        let Op::Replace(Route {
            kind: Kind::Via(hops),
            ..
        }) = op
        else {
            continue;
        };
        for name in hops.iter().filter_map(|hop| hop.interface.as_ref()) {
            if !links.contains_key(name) {
                let index = number(socket, name).await;
                links.insert(name.clone(), index);
            }
        }
    }
    links
}

async fn number(socket: &mut Socket, name: &str) -> Result<u32, String> {
    match socket.get(encode::link(name)).await {
        Ok(answer) => {
            let link = super::decode::link(&answer).map(|link| link.index);
            link.ok_or_else(|| format!("interface {name}: no number"))
        }
        Err(refusal) => Err(format!("interface {name}: {}", refusal.text)),
    }
}

async fn carry_out(socket: &mut Socket, ops: &[Op], links: &Links, onlink: &Onlink) -> Vec<(Op, String)> {
    let mut refused = Vec::new();
    let (mut sent, mut changes) = (Vec::new(), Vec::new());
    for op in ops {
        match encode::op(op, links, onlink) {
            Ok(change) => {
                sent.push(op);
                changes.push(change);
            }
            Err(why) => refused.push((op.clone(), why)),
        }
    }
    match socket.change(changes).await {
        Ok(refusals) => {
            let refusals = refusals.into_iter().filter_map(|(place, refusal)| {
                let op = *sent.get(place)?;
                (!is_gone(op, refusal.errno)).then(|| (op.clone(), refusal.text))
            });
            refused.extend(refusals);
        }
        Err(refusal) => {
            let unknown = format!("whether it was done is not known: {}", refusal.text);
            refused.extend(sent.into_iter().map(|op| (op.clone(), unknown.clone())));
        }
    }
    refused
}

/// Somebody was quicker.
fn is_gone(op: &Op, errno: i32) -> bool {
    matches!(op, Op::Delete(_)) && [libc::ESRCH, libc::ENOENT].contains(&errno)
}
