//! What the tasks and the listeners report, as events.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::connection::{Name, Note, What};
use super::{Net, NetEvent};

impl Net {
    /// The next event. Nothing is lost when this future is dropped.
    pub(crate) async fn next(&mut self) -> NetEvent {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Another one that is there already.
    pub(crate) fn more(&mut self) -> Option<NetEvent> {
        if let Some(event) = self.ready.pop_front() {
            return Some(event);
        }
        loop {
            let note = self.notes.1.try_recv().ok()?;
            if let Some(event) = self.note(note) {
                return Some(event);
            }
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<NetEvent> {
        if let Some(event) = self.ready.pop_front() {
            return Poll::Ready(event);
        }
        self.accepts = !self.accepts;
        let accepts = self.accepts;
        let first = if accepts {
            self.poll_accept(cx)
        } else {
            self.poll_notes(cx)
        };
        match first {
            Poll::Ready(event) => Poll::Ready(event),
            Poll::Pending if accepts => self.poll_notes(cx),
            Poll::Pending => self.poll_accept(cx),
        }
    }

    fn poll_notes(&mut self, cx: &mut Context<'_>) -> Poll<NetEvent> {
        loop {
            match self.notes.1.poll_recv(cx) {
                Poll::Ready(Some(note)) => {
                    if let Some(event) = self.note(note) {
                        return Poll::Ready(event);
                    }
                }
                // We hold a sender ourselves.
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// `None` for what was closed meanwhile.
    fn note(&mut self, note: Note) -> Option<NetEvent> {
        let Name {
            key,
            side,
            generation,
        } = note.name;
        let (current, _) = self.connections.get(&(key, side))?;
        if *current != generation {
            return None;
        }
        Some(match note.what {
            What::Connected(stream) => {
                self.open(key, side, stream);
                NetEvent::Connected(key)
            }
            What::Failed((failure, trouble)) => {
                self.close(key, side);
                self.troubles.extend(
                    trouble
                        .filter(|_| self.dials.contains_key(&key))
                        .map(|text| (key, text)),
                );
                NetEvent::Failed(key, failure)
            }
            What::Octets(octets) => NetEvent::Octets(key, side, octets),
            What::Taken => NetEvent::Taken(key, side),
            What::Closed(failure) => {
                self.close(key, side);
                NetEvent::Closed(key, side, failure)
            }
        })
    }
}
