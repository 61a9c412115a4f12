//! Messages written out in hex.

mod accepted;
mod malformed;
mod others;

use super::*;

const ORIGIN: &str = "40010100";
/// AS 64513 in four octets.
const AS_PATH: &str = "40020602010000fc01";
const NEXT_HOP: &str = "400304 0a000002";
const LOCAL_PREF: &str = "400504 00000064";
/// 10.1.0.0/16
const NLRI: &str = "10 0a01";
/// 2001:db8::/32 by way of 2001:db8::2.
const MP_REACH: &str = "800e1a 0002 01 10 20010db8000000000000000000000002 00 20 20010db8";

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|digit| *digit != b' ').collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

fn framed(code: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).unwrap().to_be_bytes();
    [&[0xFF; 16][..], &length, &[code], body].concat()
}

fn session(internal: bool) -> Negotiated {
    Negotiated {
        families: Family::ALL.into(),
        as4: true,
        internal,
        ..Negotiated::default()
    }
}

fn on(session: &Negotiated, attributes: &[&str], nlri: &str) -> Result<Update, Notification> {
    let attributes = octets(&attributes.concat());
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    let body = [&[0, 0][..], &length, &attributes, &octets(nlri)].concat();
    let Message::Update(update) = decode(&framed(kind::UPDATE, &body), session)? else {
        panic!("no UPDATE");
    };
    Ok(update)
}

/// From an internal peer, beside all that is mandatory.
fn beside(attribute: &str) -> Result<Update, Notification> {
    on(
        &session(true),
        &[ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF, attribute],
        NLRI,
    )
}

fn external(attribute: &str) -> Result<Update, Notification> {
    on(&session(false), &[ORIGIN, AS_PATH, NEXT_HOP, attribute], NLRI)
}

#[track_caller]
fn withdraws(update: Result<Update, Notification>) {
    let update = update.unwrap();
    assert_eq!(
        (update.withdrawn.len(), update.announced.len()),
        (1, 0),
        "{:?}",
        update.faults
    );
    assert_eq!(update.faults.len(), 1, "{:?}", update.faults);
}

/// What the route still has.
#[track_caller]
fn discards(update: Result<Update, Notification>) -> crate::wire::Attributes {
    let mut update = update.unwrap();
    assert_eq!(
        (update.withdrawn.len(), update.announced.len()),
        (0, 1),
        "{:?}",
        update.faults
    );
    assert_eq!(update.faults.len(), 1, "{:?}", update.faults);
    update.announced.remove(0).attributes
}

#[track_caller]
fn resets<T: std::fmt::Debug>(result: Result<T, Notification>, code: u8, subcode: u8) -> Vec<u8> {
    let error = result.unwrap_err();
    assert_eq!((error.code, error.subcode), (code, subcode));
    error.data
}
