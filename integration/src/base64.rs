//! The encoding of bytes in etcd's JSON gateway.

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Text to the form in which etcd's gateway wants it.
pub(crate) fn to64(text: &str) -> String {
    let group = |bytes: &[u8]| {
        let number = (0..3).fold(0_usize, |number, at| {
            number << 8 | usize::from(*bytes.get(at).unwrap_or(&0))
        });
        let letter = |at: usize| match at <= bytes.len() {
            true => char::from(LETTERS[number >> (18 - 6 * at) & 63]),
            false => '=',
        };
        (0..4).map(letter).collect::<String>()
    };
    text.as_bytes().chunks(3).map(group).collect()
}

/// And back.
pub(crate) fn from64(text: &str) -> String {
    let digit = |byte: u8| LETTERS.iter().position(|letter| *letter == byte);
    let digits: Vec<usize> = text.bytes().filter_map(digit).collect();
    let group = |some: &[usize]| {
        let number = (0..4).fold(0_usize, |number, at| number << 6 | some.get(at).unwrap_or(&0));
        (1..some.len())
            .map(move |at| (number >> (24 - 8 * at) & 255) as u8)
            .collect::<Vec<_>>()
    };
    String::from_utf8_lossy(&digits.chunks(4).flat_map(group).collect::<Vec<_>>()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{from64, to64};

    #[test]
    fn text_survives_the_gateways_encoding() {
        for text in ["", "a", "ab", "abc", "/calico/ü", "{\"x\":1}"] {
            assert_eq!(from64(&to64(text)), text);
        }
        assert_eq!(to64("ab"), "YWI=");
    }
}
